/* rider-check/standin.c: just enough HTTP/1.1 to answer curl. */
#include "standin.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct standin {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    struct list lines;
    void (*serve)(void *arg, const struct standin_request *, struct standin_reply *);
    void *arg;
    char *url;
    size_t served;
};

struct line {
    struct list node;
    struct standin *standin;
    int fd;
    struct loop_watch *watch;
    struct buf in;
};

static void line_free(struct line *line)
{
    list_remove(&line->node);
    loop_watch_free(line->watch);
    close(line->fd);
    buf_finish(&line->in);
    free(line);
}

/* Answers are small, and a loopback socket's buffer takes them whole. */
static bool say(const struct line *line, const void *data, size_t len)
{
    return send(line->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer(struct line *line, const struct standin_reply *reply)
{
    auto_buf struct buf out = {0};
    const char *body = reply->body ? reply->body : "";

    switch (reply->how) {
    case STANDIN_HANG:
        return true;
    case STANDIN_CUT:
        return false;
    case STANDIN_RAW:
        say(line, body, strlen(body));
        return false;
    case STANDIN_ANSWER:
        break;
    }
    buf_printf(&out, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n%s", reply->status,
               strlen(body), reply->headers ? reply->headers : "", body);
    return say(line, out.data, out.len);
}

/* The value of a header in a head that ends in NUL, allocated; "" when it is not there. */
static char *header_of(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strstr(head, "\r\n"); at; at = strstr(at + 2, "\r\n")) {
        const char *value = at + 2 + len;
        if (!text_starts_fold(at + 2, name) || *value != ':')
            continue;
        value += 1 + strspn(value + 1, " ");
        return mem_strn(value, strcspn(value, "\r"));
    }
    return mem_str("");
}

/* 1: a request was served; 0: more bytes are needed; -1: the line is over. */
static int serve_one(struct line *line)
{
    struct standin *standin = line->standin;
    const char *end = line->in.len ? strstr(buf_text(&line->in), "\r\n\r\n") : NULL;
    auto_free char *head = NULL, *length = NULL, *authorization = NULL;
    char *method, *target, *rest = NULL;
    auto_free char *words = NULL;
    struct standin_request request;
    struct standin_reply reply = {.status = 200};
    uint64_t body_len = 0;
    size_t head_len;

    if (!end)
        return 0;
    head_len = (size_t)(end - line->in.data) + 4;
    head = mem_strn(line->in.data, head_len);
    length = header_of(head, "Content-Length");
    if (*length && !text_u64(length, &body_len))
        return -1;
    if (line->in.len - head_len < body_len)
        return 0;
    words = mem_strn(head, strcspn(head, "\r"));
    method = strtok_r(words, " ", &rest);
    target = strtok_r(NULL, " ", &rest);
    authorization = header_of(head, "Authorization");
    request = (struct standin_request){
        .method = method ? method : "",
        .target = target ? target : "",
        .authorization = authorization,
        .head = head,
        .body = {line->in.data + head_len, (size_t)body_len},
    };
    standin->served++;
    standin->serve(standin->arg, &request, &reply);
    if (!answer(line, &reply))
        return -1;
    buf_consume(&line->in, head_len + (size_t)body_len);
    return 1;
}

static void readable(void *arg, int events)
{
    struct line *line = arg;
    int r;
    ssize_t got;

    (void)events;
    got = recv(line->fd, buf_reserve(&line->in, 65536), 65536, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        line_free(line);
        return;
    }
    buf_advance(&line->in, (size_t)got);
    do
        r = serve_one(line);
    while (r > 0);
    if (r < 0)
        line_free(line);
}

static void arrived(void *arg, int events)
{
    struct standin *standin = arg;
    int fd = accept4(standin->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct line *line;

    (void)events;
    if (fd < 0)
        return;
    line = mem_new(sizeof(*line));
    line->standin = standin;
    line->fd = fd;
    list_add(&standin->lines, &line->node);
    line->watch = loop_fd_watch(standin->loop, fd, LOOP_READABLE, readable, line);
}

struct standin *standin_new(struct loop *loop,
                            void (*serve)(void *arg, const struct standin_request *,
                                          struct standin_reply *),
                            void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct standin *standin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return NULL;
    if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
        close(fd);
        return NULL;
    }
    standin = mem_new(sizeof(*standin));
    standin->loop = loop;
    standin->fd = fd;
    standin->serve = serve;
    standin->arg = arg;
    standin->url = mem_printf("http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    list_init(&standin->lines);
    standin->watch = loop_fd_watch(loop, fd, LOOP_READABLE, arrived, standin);
    return standin;
}

void standin_shut(struct standin *standin)
{
    if (standin->fd < 0)
        return;
    loop_watch_free(standin->watch);
    standin->watch = NULL;
    close(standin->fd);
    standin->fd = -1;
    while (!list_empty(&standin->lines))
        line_free(LIST_ENTRY(standin->lines.next, struct line, node));
}

void standin_free(struct standin *standin)
{
    if (!standin)
        return;
    standin_shut(standin);
    free(standin->url);
    free(standin);
}

const char *standin_url(const struct standin *standin)
{
    return standin->url;
}

size_t standin_served(const struct standin *standin)
{
    return standin->served;
}

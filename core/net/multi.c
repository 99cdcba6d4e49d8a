/* net/multi.c: libcurl's multi interface on the loop: its sockets, its timer, what has ended. */
#include "net/multi.h"

#include "base/mem.h"

#include <assert.h>

static void take_ended(struct multi *multi)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi->curl, &left)))
        if (message->msg == CURLMSG_DONE)
            multi->ended(message->easy_handle, message->data.result); /* message is gone now */
}

/* -- sockets -------------------------------------------------------------------------- */
struct multi_socket {
    struct multi *multi;
    struct loop_watch *watch;
    curl_socket_t fd;
};

static void socket_ready(void *arg, int events)
{
    struct multi_socket *sock = arg;
    struct multi *multi = sock->multi;
    int running, ready = (events & LOOP_READABLE ? CURL_CSELECT_IN : 0) |
                         (events & LOOP_WRITABLE ? CURL_CSELECT_OUT : 0);

    curl_multi_socket_action(multi->curl, sock->fd, ready, &running);
    take_ended(multi);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct multi *multi = arg;
    struct multi_socket *sock = known;
    int events =
        (what & CURL_POLL_IN ? LOOP_READABLE : 0) | (what & CURL_POLL_OUT ? LOOP_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (sock) {
            curl_multi_assign(multi->curl, fd, NULL);
            loop_watch_free(sock->watch);
            free(sock);
        }
        return 0;
    }
    if (sock) {
        loop_watch_events(sock->watch, events);
        return 0;
    }
    sock = mem_new(sizeof(*sock));
    *sock = (struct multi_socket){.multi = multi, .fd = fd};
    sock->watch = loop_fd_watch(multi->loop, fd, events, socket_ready, sock);
    assert(sock->watch); /* sockets can always be watched */
    curl_multi_assign(multi->curl, fd, sock);
    return 0;
}

/* -- the timer ------------------------------------------------------------------------ */
static void timer_fired(void *arg)
{
    struct multi *multi = arg;
    int running;

    curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    take_ended(multi);
}

static int set_timer(CURLM *curl, long ms, void *arg)
{
    struct multi *multi = arg;

    (void)curl;
    if (ms < 0)
        loop_timer_stop(multi->timer);
    else
        loop_timer_in(multi->timer, ms);
    return 0;
}

/* -- life ----------------------------------------------------------------------------- */
bool multi_init(struct multi *multi, struct loop *loop, void (*ended)(CURL *easy, CURLcode code))
{
    static bool initialised;

    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return false;
    initialised = true;
    *multi = (struct multi){.loop = loop, .curl = curl_multi_init(), .ended = ended};
    if (!multi->curl)
        return false;
    multi->timer = loop_timer_new(loop, timer_fired, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    return true;
}

void multi_finish(struct multi *multi)
{
    curl_multi_cleanup(multi->curl); /* closes connections: our socket function is called */
    loop_timer_free(multi->timer);
    *multi = (struct multi){0};
}

/* unit/gmail/sandbox.c: the plugin against the sandbox's Gmail, request for request. */
#include "gmail/gmail.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define PROGRAM BINARY_DIR "/bin/postrider-sandbox"
#define SCOPE "https://www.googleapis.com/auth/"
#define MARKER "pr1.marker"

static struct {
    char dir[64];
    pid_t pid;
    int control;
    char origin[64]; /* the plain HTTP one */
    uint16_t port;
    char *token;
} sandbox;

static struct {
    struct rider_host host;
    const struct rider_provider *provider;
    struct rider_session *session;
    struct rider_op op;
    void (*done)(void *, const struct rider_http_response *);
    void *arg;
    struct text request;
    int times, requests;
    int32_t kind, state, how;
    bool final, more;
    char *detail, *id, *thread, *message_id, *text;
    struct text cursor, items, identity;
} rig;

static void keep(char **slot, const char *value)
{
    free(*slot);
    *slot = text_dup(value);
}

/* ---- the sandbox ------------------------------------------------------------------------------
 */

static void read_more(int fd, struct text *out)
{
    char part[65536];
    ssize_t len = read(fd, part, sizeof(part));

    assert_true(len > 0);
    text_add(out, part, (size_t)len);
}

static struct json_object *tell(const char *format, ...)
{
    struct text out = {0};
    struct json_object *answer, *ok;
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(write(sandbox.control, command, strlen(command)), (ssize_t)strlen(command));
    assert_int_equal(write(sandbox.control, "\n", 1), 1);
    do
        read_more(sandbox.control, &out);
    while (out.data[out.len - 1] != '\n');
    answer = json_tokener_parse(out.data);
    assert_true(json_object_object_get_ex(answer, "ok", &ok));
    if (!json_object_get_boolean(ok))
        fail_msg("%s: %s", command, out.data);
    text_free(&out);
    return answer;
}

#define TELL(...) json_object_put(tell(__VA_ARGS__))

/* One HTTP/1.1 exchange; returns the status. */
static int exchange(const char *head, struct rider_bytes body, struct text *answer,
                    struct rider_bytes *headers_r, struct rider_bytes *body_r)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(sandbox.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
    struct text all = {0};
    char part[65536];
    ssize_t len;
    char *end;

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    text_printf(&all, "%sHost: 127.0.0.1:%u\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                head, sandbox.port, body.len);
    text_add(&all, body.len ? body.data : "", body.len);
    for (size_t at = 0; at < all.len; at += (size_t)len) {
        len = write(fd, all.data + at, all.len - at);
        assert_true(len > 0);
    }
    while ((len = read(fd, part, sizeof(part))) > 0)
        text_add(answer, part, (size_t)len);
    close(fd);
    text_free(&all);
    assert_int_equal(sscanf(text_of(answer), "HTTP/1.1 %d", &status), 1);
    end = strstr(answer->data, "\r\n\r\n");
    assert_non_null(end);
    *headers_r = (struct rider_bytes){answer->data, (size_t)(end + 2 - answer->data)};
    *body_r = (struct rider_bytes){end + 4, answer->len - (size_t)(end + 4 - answer->data)};
    return status;
}

/* Consents as that account with those scopes, and keeps the token. */
static void sign_in(const char *scopes)
{
    struct text head = {0}, answer = {0}, form = {0};
    struct rider_bytes headers, body;
    struct json_object *root, *token;
    char *location, *code;

    TELL("{\"do\":\"google.consent\",\"account\":\"ana@acme.example\"}");
    text_str(&head, "GET /o/oauth2/v2/auth?client_id=cid&response_type=code&state=s&"
                    "access_type=offline&prompt=consent&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&"
                    "scope=openid%20email%20");
    text_percent(&head, scopes);
    text_str(&head, " HTTP/1.1\r\n");
    assert_int_equal(exchange(head.data, (struct rider_bytes){0}, &answer, &headers, &body), 303);
    location = wire_block_value(headers, "location");
    assert_non_null(location);
    code = strstr(location, "code=");
    assert_non_null(code);
    text_printf(&form,
                "grant_type=authorization_code&client_id=cid&client_secret=shh&"
                "redirect_uri=http%%3A%%2F%%2F127.0.0.1%%2Fcb&%.*s",
                (int)strcspn(code, "&"), code);
    answer.len = 0;
    assert_int_equal(exchange("POST /token HTTP/1.1\r\n"
                              "Content-Type: application/x-www-form-urlencoded\r\n",
                              (struct rider_bytes){form.data, form.len}, &answer, &headers, &body),
                     200);
    root = json_tokener_parse(body.data);
    assert_true(json_object_object_get_ex(root, "access_token", &token));
    keep(&sandbox.token, json_object_get_string(token));
    json_object_put(root);
    free(location);
    text_free(&head);
    text_free(&answer);
    text_free(&form);
}

static int start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[128];
    struct json_object *about, *http;
    (void)state;

    if (access(PROGRAM, X_OK) < 0)
        return 0;
    signal(SIGPIPE, SIG_IGN);
    strcpy(sandbox.dir, "/tmp/postrider-gmail-XXXXXX");
    if (!mkdtemp(sandbox.dir))
        return -1;
    sandbox.pid = fork();
    if (sandbox.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stdout))
            execl(PROGRAM, "postrider-sandbox", "--dir", sandbox.dir, "--clock", "hold", NULL);
        _exit(127);
    }
    snprintf(path, sizeof(path), "%s/sandbox.json", sandbox.dir);
    for (int i = 0; i < 500 && access(path, R_OK) < 0; i++)
        usleep(20000);
    about = json_object_from_file(path);
    assert_true(json_object_object_get_ex(about, "http", &http));
    snprintf(sandbox.origin, sizeof(sandbox.origin), "%s", json_object_get_string(http));
    sandbox.port = (uint16_t)strtoul(strrchr(sandbox.origin, ':') + 1, NULL, 10);
    json_object_put(about);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", sandbox.dir);
    sandbox.control = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(sandbox.control, (struct sockaddr *)&address, sizeof(address)), 0);
    TELL("{\"do\":\"google.account.add\",\"address\":\"ana@acme.example\",\"name\":\"Ana\","
         "\"aliases\":[{\"address\":\"a@acme.example\",\"verification\":\"accepted\"}]}");
    TELL("{\"do\":\"google.client.add\",\"client_id\":\"cid\",\"client_secret\":\"shh\","
         "\"redirect_uris\":[\"http://127.0.0.1/cb\"]}");
    TELL("{\"do\":\"google.quota\",\"project\":\"off\"}");
    return 0;
}

static int stop(void **state)
{
    char command[128];
    int status = 0;
    (void)state;

    if (!sandbox.pid)
        return 0;
    close(sandbox.control);
    kill(sandbox.pid, SIGTERM);
    waitpid(sandbox.pid, &status, 0);
    snprintf(command, sizeof(command), "rm -rf %s", sandbox.dir);
    free(sandbox.token);
    return system(command) == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- the host ---------------------------------------------------------------------------------
 */

static int64_t wall(const struct rider_host *host)
{
    struct json_object *answer = tell("{\"do\":\"clock.now\"}"), *now = NULL;
    int64_t ms;
    (void)host;

    assert_true(json_object_object_get_ex(answer, "now", &now) ||
                json_object_object_get_ex(answer, "at", &now));
    ms = json_object_get_int64(now);
    json_object_put(answer);
    return ms;
}

static const char *config(const struct rider_host *host, const char *key)
{
    static char userinfo[128];
    (void)host;

    snprintf(userinfo, sizeof(userinfo), "%s/v1/userinfo", sandbox.origin);
    if (strcmp(key, "api_url") == 0)
        return sandbox.origin;
    return strcmp(key, "userinfo_url") == 0 ? userinfo : NULL;
}

static struct rider_bytes recall(const struct rider_host *host, const char *key)
{
    (void)host, (void)key;
    return (struct rider_bytes){0};
}

static void remember(const struct rider_host *host, const char *key, struct rider_bytes bytes)
{
    (void)host, (void)key, (void)bytes;
}

static struct rider_http *http(const struct rider_host *host,
                               const struct rider_http_request *request,
                               void (*done)(void *, const struct rider_http_response *), void *arg)
{
    (void)host;
    assert_null(rig.done);
    assert_memory_equal(request->url, sandbox.origin, strlen(sandbox.origin));
    rig.request.len = 0;
    text_printf(&rig.request, "%s %s HTTP/1.1\r\nAuthorization: Bearer %s\r\n", request->method,
                request->url + strlen(sandbox.origin), sandbox.token);
    for (const char *const *header = request->headers; *header; header++)
        text_printf(&rig.request, "%s\r\n", *header);
    text_add(&rig.request, "\0", 1);
    text_add(&rig.request, request->body.data, request->body.len);
    rig.done = done;
    rig.arg = arg;
    return (struct rider_http *)&rig;
}

static void failed(struct rider_op *op, const struct rider_failure *failure)
{
    (void)op;
    rig.times++;
    rig.kind = failure->kind;
    keep(&rig.detail, failure->detail);
}

static void sent(struct rider_op *op, const struct rider_sent *it)
{
    (void)op;
    rig.times++;
    rig.state = it->state;
    rig.final = it->final;
    keep(&rig.id, it->provider_id);
    keep(&rig.thread, it->thread_id);
    keep(&rig.message_id, it->message_id);
}

static void identified(struct rider_op *op, const struct rider_identity *it)
{
    (void)op;
    rig.times++;
    rig.identity.len = 0;
    text_printf(&rig.identity, "%s %s", it->address,
                it->aliases && it->aliases[0] ? it->aliases[0] : "-");
}

static void listed(struct rider_op *op, const struct rider_page *page)
{
    (void)op;
    rig.times++;
    rig.more = page->more;
    rig.cursor.len = 0;
    text_add(&rig.cursor, page->cursor.data, page->cursor.len);
}

static bool item(struct rider_op *op, const struct rider_reply *reply)
{
    (void)op;
    text_printf(&rig.items, "%d/%d %s|%.*s|", reply->change, reply->where, reply->provider_id,
                (int)reply->headers.len,
                reply->headers.len ? (const char *)reply->headers.data : "");
    for (const char *const *label = reply->labels; label && *label; label++)
        text_printf(&rig.items, " #%s", *label);
    if (reply->report_type)
        text_printf(&rig.items, " {%s %.*s %.*s}", reply->report_type, (int)reply->report.len,
                    (const char *)reply->report.data, (int)reply->returned.len,
                    (const char *)reply->returned.data);
    text_str(&rig.items, "\n");
    return true;
}

static void read_text(struct rider_op *op, const struct rider_body *body)
{
    (void)op;
    rig.times++;
    keep(&rig.text, body->text);
}

static void labelled(struct rider_op *op, const struct rider_labelled *it)
{
    (void)op;
    rig.times++;
    rig.how = it->how;
}

static void finished(struct rider_op *op)
{
    (void)op;
    rig.times++;
}

static struct rider_op *op(void)
{
    rig.times = rig.requests = 0;
    rig.kind = rig.state = rig.how = 0;
    rig.op = (struct rider_op){0};
    return &rig.op;
}

/* Makes the requests until the operation ends. */
static void run(void)
{
    while (rig.done) {
        void (*done)(void *, const struct rider_http_response *) = rig.done;
        struct rider_http_response response = {.size = sizeof(response), .sent = true};
        size_t head = strlen(rig.request.data) + 1;
        struct text answer = {0};

        response.status = exchange(
            rig.request.data, (struct rider_bytes){rig.request.data + head, rig.request.len - head},
            &answer, &response.headers, &response.body);
        rig.done = NULL;
        rig.requests++;
        done(rig.arg, &response);
        text_free(&answer);
    }
    assert_int_equal(rig.times, 1);
    assert_null(rig.session->jobs);
}

static bool open_rig(const char *const *granted, const char *scopes)
{
    const struct rider_mailbox mailbox = {.size = sizeof(mailbox), .granted = granted};
    struct rider_failure why;

    if (!sandbox.pid)
        return false;
    sign_in(scopes);
    memset(&rig, 0, sizeof(rig));
    rig.host = (struct rider_host){.size = sizeof(rig.host),
                                   .wall_clock = wall,
                                   .monotonic = wall,
                                   .config = config,
                                   .recall = recall,
                                   .remember = remember,
                                   .http = http,
                                   .fail = failed,
                                   .identify_done = identified,
                                   .send_done = sent,
                                   .list_done = listed,
                                   .read_done = read_text,
                                   .label_done = labelled,
                                   .done = finished,
                                   .list_item = item};
    rig.provider = rider_provider_v1();
    rig.session = rig.provider->open(&rig.host, &mailbox, &why);
    assert_non_null(rig.session);
    return true;
}

static void close_rig(void)
{
    rig.provider->close(rig.session);
    free(rig.detail);
    free(rig.id);
    free(rig.thread);
    free(rig.message_id);
    free(rig.text);
    text_free(&rig.request);
    text_free(&rig.cursor);
    text_free(&rig.items);
    text_free(&rig.identity);
}

static const char *const full[] = {SCOPE "gmail.modify", NULL};
static const char *const headers_only[] = {SCOPE "gmail.send", SCOPE "gmail.metadata", NULL};
#define OPEN_FULL open_rig(full, SCOPE "gmail.modify")
#define OPEN_HEADERS                                                                               \
    open_rig(headers_only, SCOPE "gmail.send " SCOPE "gmail.metadata " SCOPE "gmail.labels")

/* ---- what is asked ----------------------------------------------------------------------------
 */

static struct rider_message message(struct text *bytes, const char *marker, const char *refers)
{
    bytes->len = 0;
    text_printf(bytes,
                "From: Ana <ana@acme.example>\r\nTo: bo@beta.example\r\nSubject: A question\r\n"
                "Date: Sat, 21 Nov 2026 17:32:22 +0000\r\nMessage-ID: <%s@acme.example>\r\n"
                "X-Postrider-Id: %s\r\n",
                marker, marker);
    if (refers)
        text_printf(bytes, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n", refers, refers);
    text_str(bytes,
             "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n");
    return (struct rider_message){.size = sizeof(struct rider_message),
                                  .marker = marker,
                                  .from = "ana@acme.example",
                                  .to = "bo@beta.example",
                                  .rfc5322 = {bytes->data, bytes->len},
                                  .minted = wall(&rig.host) - 1000};
}

static void list_all(uint32_t want)
{
    static const char *const names[] = {"From", "Subject", "In-Reply-To", NULL};

    rig.items.len = 0;
    text_str(&rig.items, "");
    for (int pages = 0;; pages++) {
        struct text cursor = {0};
        struct rider_query query = {
            .size = sizeof(query), .since = 1000, .limit = 7, .want = want, .headers = names};

        text_add(&cursor, text_of(&rig.cursor), rig.cursor.len);
        query.cursor = (struct rider_bytes){cursor.data, cursor.len};
        rig.provider->list(rig.session, op(), &query);
        run();
        text_free(&cursor);
        assert_true(pages < 200);
        if (rig.kind || !rig.more)
            return;
    }
}

static void identifies(void **state)
{
    (void)state;
    if (!OPEN_FULL)
        skip();
    rig.provider->identify(rig.session, op());
    run();
    assert_string_equal(rig.identity.data, "ana@acme.example a@acme.example");
    close_rig();
}

static void sends_in_a_thread_and_finds(void **state)
{
    struct text bytes = {0};
    struct rider_message mail;
    char *first, *thread, *id;
    (void)state;

    if (!OPEN_HEADERS)
        skip();
    mail = message(&bytes, MARKER "1", NULL);
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    assert_false(rig.final);
    thread = text_dup(rig.thread);
    id = text_dup(rig.id);
    mail.provider_id = id;
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_true(rig.final);
    assert_non_null(strstr(rig.message_id, "@mail.gmail.com"));
    first = text_dup(rig.message_id);

    mail = message(&bytes, MARKER "2", first);
    mail.thread_id = thread;
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_string_equal(rig.thread, thread);

    mail.thread_id = "0000000000000bad"; /* a thread that is not there does not stop it */
    mail.marker = MARKER "3";
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    assert_int_equal(rig.requests, 2);

    mail = message(&bytes, MARKER "1", NULL); /* as after a crash: only the marker is known */
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    assert_string_equal(rig.id, id);
    assert_string_equal(rig.message_id, first);
    TELL("{\"do\":\"google.owner.trash\",\"account\":\"ana@acme.example\",\"id\":\"%s\"}", id);
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    mail.marker = MARKER "nowhere";
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_ABSENT);
    free(first);
    free(thread);
    free(id);
    text_free(&bytes);
    close_rig();
}

static void a_draft_goes_once(void **state)
{
    struct text bytes = {0};
    struct rider_message mail;
    char *draft;
    (void)state;

    if (!OPEN_FULL)
        skip();
    mail = message(&bytes, MARKER "d", NULL);
    rig.provider->stage(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_STAGED);
    draft = text_dup(rig.id);
    rig.provider->find(rig.session, op(), &mail); /* by marker alone */
    run();
    assert_int_equal(rig.state, RIDER_IS_STAGED);
    assert_string_equal(rig.id, draft);
    mail.provider_id = draft;
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_STAGED);
    assert_int_equal(rig.requests, 1);
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    assert_true(rig.final);
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_UNCERTAIN);
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    rig.provider->discard(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_ABSENT);

    mail = message(&bytes, MARKER "e", NULL);
    rig.provider->stage(rig.session, op(), &mail);
    run();
    keep(&draft, rig.id);
    mail.provider_id = draft;
    rig.provider->discard(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, 0);
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_ABSENT);
    free(draft);
    text_free(&bytes);
    close_rig();
}

static void lists_with_every_trap(void **state)
{
    (void)state;
    if (!OPEN_HEADERS)
        skip();
    TELL("{\"do\":\"google.history.traps\",\"empty_pages\":true,\"duplicates\":true,"
         "\"vanished\":true}");
    list_all(0);
    assert_int_equal(rig.kind, 0);
    TELL("{\"do\":\"google.fill\",\"account\":\"ana@acme.example\",\"count\":20}");
    TELL("{\"do\":\"google.deliver\",\"account\":\"ana@acme.example\",\"from\":\"bo@beta.example\","
         "\"subject\":\"Re: A question\",\"text\":\"Yes\",\"spam\":true}");
    list_all(0);
    assert_int_equal(rig.kind, 0);
    assert_non_null(strstr(rig.items.data, "Subject: Re: A question\r\n"));
    assert_non_null(strstr(rig.items.data, "1/4 "));
    assert_null(strstr(rig.items.data, "X-"));
    list_all(0);
    assert_string_equal(rig.items.data, "");
    TELL("{\"do\":\"google.history.horizon\",\"ms\":1000}");
    TELL("{\"do\":\"clock.jump\",\"by\":100000}");
    list_all(0);
    assert_int_equal(rig.kind, RIDER_CURSOR_LOST);
    rig.cursor.len = 0;
    list_all(0);
    assert_int_equal(rig.kind, 0);
    assert_non_null(strstr(rig.items.data, "Subject: Re: A question\r\n"));
    TELL("{\"do\":\"google.history.horizon\",\"ms\":604800000}");
    TELL("{\"do\":\"google.history.traps\",\"empty_pages\":false,\"duplicates\":false,"
         "\"vanished\":false}");
    close_rig();
}

static void reads_reports_labels_and_texts(void **state)
{
    static const char *const labels[] = {"Outreach/Replied", NULL};
    struct text bytes = {0};
    struct rider_message mail;
    struct rider_label_change change = {.size = sizeof(change), .add = labels};
    struct json_object *answer, *id;
    (void)state;

    if (!OPEN_FULL)
        skip();
    list_all(0);
    TELL("{\"do\":\"google.script\",\"person\":\"bo@beta.example\",\"on_step\":0,"
         "\"act\":\"bounce_hard\",\"after_ms\":1000}");
    mail = message(&bytes, MARKER "b", NULL);
    rig.provider->send(rig.session, op(), &mail);
    run();
    TELL("{\"do\":\"clock.jump\",\"by\":5000}");
    answer = tell("{\"do\":\"google.deliver\",\"account\":\"ana@acme.example\",\"from\":"
                  "\"cy@beta.example\",\"subject\":\"Hi\",\"text\":\"Gr\\u00fc\\u00dfe\"}");
    assert_true(json_object_object_get_ex(answer, "id", &id));
    change.provider_ids = (const char *const[]){json_object_get_string(id), NULL};
    list_all(RIDER_WANT_REPORT);
    assert_non_null(strstr(rig.items.data, "{delivery-status "));
    assert_non_null(strstr(rig.items.data, "Final-Recipient: rfc822; bo@beta.example"));
    assert_non_null(strstr(rig.items.data, "X-Postrider-Id: " MARKER "b"));

    rig.provider->label(rig.session, op(), &change);
    run();
    assert_int_equal(rig.how, RIDER_BY_LABEL);
    list_all(RIDER_WANT_LABELS);
    assert_non_null(strstr(rig.items.data, "2/1 "));
    assert_non_null(strstr(rig.items.data, "#Outreach/Replied"));
    change.remove = labels;
    change.add = NULL;
    rig.provider->label(rig.session, op(), &change);
    run();
    assert_int_equal(rig.how, RIDER_BY_LABEL);

    rig.provider->read(rig.session, op(), json_object_get_string(id));
    run();
    assert_non_null(strstr(rig.text, "Gr\u00fc\u00dfe"));
    json_object_put(answer);
    text_free(&bytes);
    close_rig();
}

static void large_mail_is_taken(void **state)
{
    struct text bytes = {0};
    struct rider_message mail;
    (void)state;

    if (!OPEN_FULL)
        skip();
    mail = message(&bytes, MARKER "l", NULL);
    for (int i = 0; i < 60000; i++)
        text_str(&bytes, "sixty bytes and some more of a text that is long and dull.....\r\n");
    mail.rfc5322 = (struct rider_bytes){bytes.data, bytes.len};
    rig.provider->stage(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_STAGED);
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.state, RIDER_IS_SENT);
    text_free(&bytes);
    close_rig();
}

static void refusals_are_understood(void **state)
{
    struct text bytes = {0};
    struct rider_message mail;
    (void)state;

    if (!OPEN_FULL)
        skip();
    TELL("{\"do\":\"google.quota\",\"project\":\"new\",\"per_minute\":1,\"answer\":429,"
         "\"retry_after\":true}");
    mail = message(&bytes, MARKER "q", NULL);
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_THROTTLED);
    TELL("{\"do\":\"google.quota\",\"project\":\"off\"}");
    TELL("{\"do\":\"google.account.suspend\",\"account\":\"ana@acme.example\","
         "\"mode\":\"domain_policy\"}");
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_AUTH);
    TELL("{\"do\":\"google.account.suspend\",\"account\":\"ana@acme.example\","
         "\"mode\":\"mail_service\"}");
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_AUTH);
    TELL("{\"do\":\"google.account.suspend\",\"account\":\"ana@acme.example\",\"mode\":\"none\"}");
    TELL("{\"do\":\"google.grant.revoke\",\"account\":\"ana@acme.example\"}");
    rig.provider->send(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_AUTH);
    rig.provider->find(rig.session, op(), &mail);
    run();
    assert_int_equal(rig.kind, RIDER_AUTH);
    text_free(&bytes);
    close_rig();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifies),
        cmocka_unit_test(sends_in_a_thread_and_finds),
        cmocka_unit_test(a_draft_goes_once),
        cmocka_unit_test(lists_with_every_trap),
        cmocka_unit_test(reads_reports_labels_and_texts),
        cmocka_unit_test(large_mail_is_taken),
        cmocka_unit_test(refusals_are_understood),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

/* sandbox/journal.c: what was asked and what was accepted, a JSON line each. */
#include "sandbox/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct count {
    char *group, *status; /* "by_note" and "messages.send", "200" */
    uint64_t count;
};

static struct {
    int requests, receiver;
    struct buf asked, received; /* not yet written */
    struct map counts;
    uint64_t request_count, connection_count, fault_count;
} journal = {.requests = -1, .receiver = -1};

static int open_log(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    return fd < 0 ? -errno : fd;
}

int journal_start(const char *requests_path, const char *receiver_path)
{
    journal.requests = open_log(requests_path);
    if (journal.requests < 0)
        return journal.requests;
    journal.receiver = open_log(receiver_path);
    return journal.receiver < 0 ? journal.receiver : 0;
}

static void count_free(void *value)
{
    struct count *count = value;

    free(count->group);
    free(count->status);
    free(count);
}

void journal_finish(void)
{
    journal_settle();
    map_finish(&journal.counts, count_free);
    buf_finish(&journal.asked);
    buf_finish(&journal.received);
    if (journal.requests >= 0)
        close(journal.requests);
    if (journal.receiver >= 0)
        close(journal.receiver);
    journal.requests = journal.receiver = -1;
}

static void add_line(struct buf *to, struct json_object *line)
{
    size_t len;
    const char *text;

    json_object_object_add(line, "at", json_object_new_int64(world_now()));
    json_object_object_add(line, "real", json_object_new_int64(world_real()));
    text = json_object_to_json_string_length(
        line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    buf_add(to, text, len);
    buf_add_char(to, '\n');
    json_object_put(line);
}

void journal_line(struct json_object *line)
{
    add_line(&journal.asked, line);
}

void world_receive(struct json_object *entry)
{
    add_line(&journal.received, entry);
}

static void count_up(const char *group, const char *name, size_t len, int status)
{
    auto_buf struct buf key = {0};
    struct count *count;

    buf_add_str(&key, group);
    buf_add_char(&key, ' ');
    buf_add(&key, name, len);
    buf_printf(&key, " %d", status);
    count = map_get(&journal.counts, key.data, key.len);
    if (count == NULL) {
        count = mem_new(sizeof *count);
        count->group = mem_printf("%s %.*s", group, (int)len, name);
        count->status = mem_printf("%d", status);
        map_put(&journal.counts, key.data, key.len, count);
    }
    count->count++;
}

/* "/gmail/v1/users/me/messages" counts as "/gmail/v1": what follows holds ids and addresses. */
static size_t prefix_len(const char *path)
{
    size_t len = 0;

    for (int slashes = 0; path[len] != '\0'; len++)
        if (path[len] == '/' && ++slashes == 3)
            break;
    return len;
}

static void count_request(const struct sbx_request *request, int status, const char *note)
{
    const char *verb = note != NULL ? strchr(note, ' ') : NULL;

    journal.request_count++;
    count_up("by_path", request->path, prefix_len(request->path), status);
    if (verb != NULL)
        count_up("by_note", verb + 1, strcspn(verb + 1, " "), status);
}

static bool is_secret(const char *name, size_t len)
{
    static const char *const secrets[] = {
        "access_token",  "code",      "token",         "id_token", "refresh_token",
        "client_secret", "assertion", "code_verifier", "state",    "key"};

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strlen(secrets[i]) == len && strncasecmp(secrets[i], name, len) == 0)
            return true;
    return false;
}

/* An encoded name ("%63ode") hides nothing: any pair whose name has a '%' loses its value too. */
static void add_query(struct buf *out, const char *query)
{
    while (*query != '\0') {
        size_t len = strcspn(query, "&"), name_len = strcspn(query, "=&");

        if (name_len < len &&
            (is_secret(query, name_len) || memchr(query, '%', name_len) != NULL)) {
            buf_add(out, query, name_len);
            buf_add_str(out, "=…");
        } else {
            buf_add(out, query, len);
        }
        query += len;
        if (*query == '&')
            buf_add_char(out, *query++);
    }
}

static void add_text(struct json_object *line, const char *key, const char *text)
{
    auto_buf struct buf clean = {0};

    if (text == NULL)
        return;
    if (!text_is_utf8(text, strlen(text))) {
        text_percent(&clean, text);
        text = buf_text(&clean);
    }
    json_object_object_add(line, key, json_object_new_string(text));
}

void journal_request(const struct sbx_request *request, int status, const char *note,
                     const char *fault)
{
    struct json_object *line = json_object_new_object();
    auto_buf struct buf query = {0};

    json_object_object_add(line, "number", json_object_new_int64((int64_t)request->number));
    json_object_object_add(line, "connection", json_object_new_int64((int64_t)request->connection));
    json_object_object_add(line, "version", json_object_new_int(request->version));
    json_object_object_add(line, "reused", json_object_new_boolean(request->reused));
    add_text(line, "method", request->method);
    add_text(line, "path", request->path);
    add_query(&query, request->query);
    add_text(line, "query", buf_text(&query));
    json_object_object_add(line, "status", json_object_new_int(status));
    add_text(line, "note", note);
    add_text(line, "fault", fault);
    add_text(line, "build", sbx_request_header(request, "x-rider-build"));
    if (fault != NULL)
        journal.fault_count++;
    count_request(request, status, note);
    journal_line(line);
}

void journal_connection(void)
{
    journal.connection_count++;
}

/* What can't be written ends the sandbox: a run whose evidence has holes proves nothing. */
static void write_all(int fd, struct buf *from, const char *what)
{
    size_t at = 0;

    while (at < from->len) {
        ssize_t count = write(fd, from->data + at, from->len - at);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            log_error("sandbox: %s can't be written: %s; free some space and start again", what,
                      strerror(errno));
            abort();
        }
        at += (size_t)count;
    }
    buf_truncate(from, 0);
}

void journal_settle(void)
{
    if (journal.received.len > 0) {
        write_all(journal.receiver, &journal.received, "receiver.log");
        if (fdatasync(journal.receiver) < 0 && errno != EINVAL && errno != EROFS) {
            log_error("sandbox: receiver.log can't be synced: %s", strerror(errno));
            abort();
        }
    }
    if (journal.asked.len > 0)
        write_all(journal.requests, &journal.asked, "requests.log");
}

static struct json_object *child(struct json_object *of, const char *key)
{
    struct json_object *found;

    if (json_object_object_get_ex(of, key, &found))
        return found;
    found = json_object_new_object();
    json_object_object_add(of, key, found);
    return found;
}

static void add_count(struct json_object *to, const char *key, uint64_t count)
{
    struct json_object *old;

    if (json_object_object_get_ex(to, key, &old))
        count += (uint64_t)json_object_get_int64(old);
    json_object_object_add(to, key, json_object_new_int64((int64_t)count));
}

struct json_object *journal_stats(void)
{
    struct json_object *stats = json_object_new_object();
    struct count *count;
    size_t at = 0;

    add_count(stats, "requests", journal.request_count);
    add_count(stats, "connections", journal.connection_count);
    add_count(stats, "faults", journal.fault_count);
    child(stats, "by_status");
    child(stats, "by_path");
    child(stats, "by_note");
    while ((count = map_next(&journal.counts, &at, NULL, NULL)) != NULL) {
        size_t group_len = strcspn(count->group, " ");
        auto_free char *group = mem_strn(count->group, group_len);

        add_count(child(child(stats, group), count->group + group_len + 1), count->status,
                  count->count);
        if (strcmp(group, "by_path") == 0)
            add_count(child(stats, "by_status"), count->status, count->count);
    }
    return stats;
}

/* hostile/drive.c: a plugin in the real host (core/provider, core/net), driven by lines of JSON.
 *
 *   drive PLUGIN CA-FILE    a line in, a line out, until the input ends
 *
 * {"do":"open", "settings":{...}, "address":..., "user":..., "secret":..., "bearer":false,
 * "access":"full"}, {"do":"close"}, {"do":"hints"} and the operations: identify, send, find, file,
 * list, read, label, watch. An operation may say "timeout" and "cancel" (ms), list also "take": how
 * many items. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http.h"
#include "net/loop.h"
#include "provider/session.h"

#include <json-c/json.h>

#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIST_MOST = 64, LINE_MOST = 64 * 1024 * 1024 };

static struct {
    struct loop *loop;
    struct http_client *http;
    struct provider_set *set;
    struct provider_session *session;
    char *user, *secret;
    bool bearer;
    struct json_object *answer; /* of the operation in hand */
    struct json_object *items;
    bool ended;
    size_t hints, lost;
    int64_t take; /* how many items are taken */
} drive;

/* -- JSON ----------------------------------------------------------------------------------------
 */

static const char *get(struct json_object *from, const char *key, const char *fallback)
{
    struct json_object *value;

    return json_object_object_get_ex(from, key, &value) && value ? json_object_get_string(value)
                                                                 : fallback;
}

static int64_t get_number(struct json_object *from, const char *key, int64_t fallback)
{
    struct json_object *value;

    return json_object_object_get_ex(from, key, &value) && value ? json_object_get_int64(value)
                                                                 : fallback;
}

/* A list of strings that ends in NULL; lent by `from`. */
static const char *const *get_list(struct json_object *from, const char *key,
                                   const char *list[LIST_MOST + 1])
{
    struct json_object *array;
    size_t count = 0;

    if (json_object_object_get_ex(from, key, &array))
        for (; count < json_object_array_length(array) && count < LIST_MOST; count++)
            list[count] = json_object_get_string(json_object_array_get_idx(array, count));
    list[count] = NULL;
    return list;
}

static void put(struct json_object *to, const char *key, const char *value)
{
    json_object_object_add(to, key, value ? json_object_new_string(value) : NULL);
}

static void put_bytes(struct json_object *to, const char *key, struct rider_bytes bytes)
{
    const char *data = bytes.len ? bytes.data : "";

    json_object_object_add(to, key, json_object_new_string_len(data, (int)bytes.len));
}

static void put_hex(struct json_object *to, const char *key, struct rider_bytes bytes)
{
    auto_buf struct buf text = {0};

    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(&text, "%02x", ((const unsigned char *)bytes.data)[i]);
    put(to, key, buf_text(&text));
}

static void add_hex(struct buf *to, const char *hex)
{
    unsigned value;

    for (; sscanf(hex, "%2x", &value) == 1; hex += 2) {
        char byte = (char)value;
        buf_add(to, &byte, 1);
    }
}

static void put_number(struct json_object *to, const char *key, int64_t value)
{
    json_object_object_add(to, key, json_object_new_int64(value));
}

/* -- ends ----------------------------------------------------------------------------------------
 */

static void put_failure(const struct rider_failure *failure)
{
    struct json_object *to = drive.answer;

    put(to, "kind", provider_kind_name(failure->kind));
    put(to, "scope", provider_scope_name(failure->scope));
    put_number(to, "holds", failure->holds);
    put_number(to, "code", failure->code);
    put_number(to, "retry_after", failure->retry_after);
    put(to, "status", failure->status);
    put(to, "detail", failure->detail);
}

static void put_labelled(const struct rider_labelled *labelled)
{
    struct json_object *ids = json_object_new_array();

    put_number(drive.answer, "how", labelled->how);
    for (const char *const *id = labelled->new_ids; id && *id; id++)
        json_object_array_add(ids, json_object_new_string(*id));
    json_object_object_add(drive.answer, "ids", ids);
}

static void ended(void *arg, const struct provider_result *result)
{
    (void)arg;
    drive.ended = true;
    json_object_object_add(drive.answer, "left", json_object_new_boolean(result->left));
    if (result->failure) {
        put_failure(result->failure);
        return;
    }
    put(drive.answer, "kind", "ok");
    if (result->identity)
        put(drive.answer, "address", result->identity->address);
    if (result->sent) {
        put_number(drive.answer, "state", result->sent->state);
        put(drive.answer, "id", result->sent->provider_id);
        put(drive.answer, "message_id", result->sent->message_id);
    }
    if (result->page) {
        put_hex(drive.answer, "cursor", result->page->cursor);
        json_object_object_add(drive.answer, "more", json_object_new_boolean(result->page->more));
    }
    if (result->body)
        put(drive.answer, "text", result->body->text);
    if (result->labelled)
        put_labelled(result->labelled);
}

static bool took(void *arg, const struct rider_reply *reply)
{
    struct json_object *item;

    (void)arg;
    if (drive.take-- <= 0)
        return false;
    item = json_object_new_object();
    put_number(item, "change", reply->change);
    put_number(item, "where", reply->where);
    put(item, "id", reply->provider_id);
    put_bytes(item, "headers", reply->headers);
    put(item, "report_type", reply->report_type);
    put_bytes(item, "report", reply->report);
    put_bytes(item, "returned", reply->returned);
    put_number(item, "received", reply->received);
    json_object_array_add(drive.items, item);
    return true;
}

/* -- the host ------------------------------------------------------------------------------------
 */

struct asking {
    struct loop_timer *timer;
    credential_login_fn *got;
    void *arg;
};

static void give(void *arg)
{
    struct asking *asking = arg;
    struct credential_login login = {drive.user, drive.secret, drive.bearer};

    loop_timer_free(asking->timer);
    asking->got(asking->arg, &login, NULL);
    free(asking);
}

static void login(void *arg, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg)
{
    struct asking *asking = mem_new(sizeof(*asking));

    (void)arg, (void)mailbox, (void)refused;
    *asking = (struct asking){loop_timer_new(drive.loop, give, asking), got, got_arg};
    loop_timer_in(asking->timer, 0);
}

static void token(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg)
{
    (void)arg, (void)mailbox, (void)refused, (void)got, (void)got_arg;
    fprintf(stderr, "drive: asked for a token, which no plugin here needs\n");
    abort();
}

static void hint(void *arg)
{
    (void)arg;
    drive.hints++;
}

static void lost(void *arg)
{
    (void)arg;
    drive.lost++;
}

static bool is_set(void *flag)
{
    return *(const bool *)flag;
}

static void set_flag(void *flag)
{
    *(bool *)flag = true;
}

static void do_close(void)
{
    bool closed = false;

    if (!drive.session)
        return;
    provider_session_close(drive.session, set_flag, &closed);
    drive.session = NULL;
    if (!loop_run_until(drive.loop, 10000, is_set, &closed)) {
        fprintf(stderr, "drive: the session does not close\n");
        abort();
    }
}

static enum rider_access access_of(const char *word)
{
    return strcmp(word, "send") == 0      ? RIDER_ACCESS_SEND
           : strcmp(word, "headers") == 0 ? RIDER_ACCESS_HEADERS
                                          : RIDER_ACCESS_FULL;
}

static void do_open(struct json_object *asked)
{
    static const struct provider_memory memory = {.hint = hint, .lost = lost};
    const char *settings[LIST_MOST + 2];
    struct json_object *pairs;
    size_t count = 0;
    auto_buf struct buf error = {0};
    struct provider_mailbox_info info = {.mailbox = 1,
                                         .address = get(asked, "address", "ana@acme.example"),
                                         .access = access_of(get(asked, "access", "full")),
                                         .settings = settings};

    do_close();
    free(drive.user);
    mem_wipe_str(&drive.secret);
    drive.user = mem_str(get(asked, "user", info.address));
    drive.secret = mem_str(get(asked, "secret", ""));
    drive.bearer = strcmp(get(asked, "bearer", "false"), "true") == 0;
    drive.hints = drive.lost = 0;
    if (json_object_object_get_ex(asked, "settings", &pairs)) {
        json_object_object_foreach (pairs, key, value) {
            if (count + 2 > LIST_MOST)
                break;
            settings[count++] = key;
            settings[count++] = json_object_get_string(value);
        }
    }
    settings[count] = NULL;
    if (provider_session_open(drive.set, "mail", &info, &memory, &error, &drive.session) < 0)
        put(drive.answer, "detail", buf_text(&error));
    put(drive.answer, "kind", drive.session ? "ok" : "closed");
}

/* -- operations ----------------------------------------------------------------------------------
 */

static void message_of(struct json_object *asked, struct rider_message *message)
{
    struct json_object *bytes;

    *message = (struct rider_message){
        .size = sizeof(*message),
        .marker = get(asked, "marker", "abcdefghijklmnopqrstuvwxyz234567abcdefgh"),
        .message_id = get(asked, "message_id", "m1@acme.example"),
        .from = get(asked, "from", "ana@acme.example"),
        .to = get(asked, "to", "bo@b.example"),
        .subject = get(asked, "subject", "Hello Bo"),
        .provider_id = get(asked, "id", NULL),
        .minted = get_number(asked, "minted", 0),
    };
    if (json_object_object_get_ex(asked, "rfc5322", &bytes))
        message->rfc5322 = (struct rider_bytes){json_object_get_string(bytes),
                                                (size_t)json_object_get_string_len(bytes)};
}

static struct provider_op *start(struct json_object *asked, const char *verb)
{
    const char *lists[4][LIST_MOST + 1];
    uint32_t timeout = (uint32_t)get_number(asked, "timeout", 5000);
    struct rider_message message;
    auto_buf struct buf cursor = {0};

    message_of(asked, &message);
    if (strcmp(verb, "identify") == 0)
        return provider_identify(drive.session, timeout, ended, NULL);
    if (strcmp(verb, "send") == 0)
        return provider_send(drive.session, &message, timeout, ended, NULL);
    if (strcmp(verb, "find") == 0)
        return provider_find(drive.session, &message, timeout, ended, NULL);
    if (strcmp(verb, "file") == 0)
        return provider_file(drive.session, &message, timeout, ended, NULL);
    if (strcmp(verb, "read") == 0)
        return provider_read(drive.session, get(asked, "id", ""), timeout, ended, NULL);
    if (strcmp(verb, "watch") == 0)
        return provider_watch(drive.session, NULL, timeout, ended, NULL);
    if (strcmp(verb, "label") == 0) {
        struct rider_label_change change = {.size = sizeof(change),
                                            .provider_ids = get_list(asked, "ids", lists[0]),
                                            .add = get_list(asked, "add", lists[1]),
                                            .remove = get_list(asked, "remove", lists[2])};
        return provider_label(drive.session, &change, timeout, ended, NULL);
    }
    if (strcmp(verb, "list") == 0) {
        struct rider_query query = {.size = sizeof(query),
                                    .since = get_number(asked, "since", 0),
                                    .limit = (uint32_t)get_number(asked, "limit", 100),
                                    .want = (uint32_t)get_number(asked, "want", 0),
                                    .headers = get_list(asked, "headers", lists[3])};
        add_hex(&cursor, get(asked, "cursor", ""));
        query.cursor = (struct rider_bytes){cursor.data, cursor.len};
        return provider_list(drive.session, &query, took, timeout, ended, NULL);
    }
    return NULL;
}

static void do_operation(struct json_object *asked, const char *verb)
{
    int64_t cancel = get_number(asked, "cancel", -1);
    struct provider_op *op;

    drive.ended = false;
    drive.take = get_number(asked, "take", INT64_MAX);
    drive.items = json_object_new_array();
    json_object_object_add(drive.answer, "items", drive.items);
    op = drive.session ? start(asked, verb) : NULL;
    if (!op) {
        put(drive.answer, "kind", "not started");
        return;
    }
    if (cancel >= 0 && !loop_run_until(drive.loop, cancel, is_set, &drive.ended))
        provider_cancel(op);
    if (!loop_run_until(drive.loop, 60000, is_set, &drive.ended)) {
        fprintf(stderr, "drive: %s does not end\n", verb);
        abort();
    }
}

/* Waits until something was hinted at, or the time is over. */
static bool was_hinted(void *arg)
{
    (void)arg;
    return drive.hints || drive.lost;
}

static void do_hints(struct json_object *asked)
{
    loop_run_until(drive.loop, get_number(asked, "wait", 1000), was_hinted, NULL);
    put(drive.answer, "kind", "ok");
    put_number(drive.answer, "hints", (int64_t)drive.hints);
    put_number(drive.answer, "lost", (int64_t)drive.lost);
    drive.hints = drive.lost = 0;
}

static void obey(struct json_object *asked)
{
    const char *verb = get(asked, "do", "");

    drive.answer = json_object_new_object();
    if (strcmp(verb, "open") == 0)
        do_open(asked);
    else if (strcmp(verb, "close") == 0)
        do_close();
    else if (strcmp(verb, "hints") == 0)
        do_hints(asked);
    else
        do_operation(asked, verb);
    printf("%s\n", json_object_to_json_string_ext(drive.answer, JSON_C_TO_STRING_PLAIN));
    fflush(stdout);
    json_object_put(drive.answer);
}

/* -- beginning and end ---------------------------------------------------------------------------
 */

static bool begin(const char *plugin, const char *ca, const char *data)
{
    static const char *const settings[] = {NULL};
    auto_free char *real = realpath(plugin, NULL);
    auto_free char *copy = real ? mem_str(real) : NULL;
    const char *dir = copy ? dirname(copy) : "";
    auto_buf struct buf error = {0};
    struct provider_set_options options = {
        .data_dir = data, .plugins_dir = dir, .credentials = {.token = token, .login = login}};
    int r = -1;

    drive.loop = loop_new();
    drive.http = http_client_new(drive.loop, &(struct http_options){.ca_file = ca}, &error);
    options.loop = drive.loop;
    options.http = drive.http;
    if (real && drive.http)
        r = provider_set_new(&options, &error, &drive.set);
    if (r == 0)
        r = provider_set_add(drive.set, "mail", basename(real), settings, &error);
    if (r < 0)
        fprintf(stderr, "drive: %s\n", buf_text(&error));
    return r == 0;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

static bool at_rest(void *loop)
{
    return loop_busy_count(loop) == 0;
}

static void finish(const char *data)
{
    auto_free char *run = mem_printf("%s/plugins.run", data);

    do_close();
    loop_run_until(drive.loop, 1000, at_rest, drive.loop);
    provider_set_free(drive.set);
    http_client_free(drive.http);
    loop_free(drive.loop);
    free(drive.user);
    mem_wipe_str(&drive.secret);
    remove_dir(run);
    remove_dir(data);
}

int main(int argc, char **argv)
{
    char data[] = "/tmp/hostile-XXXXXX", *line = NULL;
    size_t room = 0;

    if (argc != 3 || !mkdtemp(data)) {
        fprintf(stderr, "usage: drive PLUGIN CA-FILE\n");
        return 2;
    }
    log_set_level(LOG_LEVEL_DEBUG);
    if (!begin(argv[1], argv[2], data)) {
        finish(data);
        return 1;
    }
    while (getline(&line, &room, stdin) > 0) {
        struct json_object *asked = json_tokener_parse(line);

        if (!asked) {
            fprintf(stderr, "drive: no JSON: %s", line);
            abort();
        }
        obey(asked);
        json_object_put(asked);
    }
    free(line);
    finish(data);
    return 0;
}

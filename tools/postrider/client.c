/* postrider/client.c: asks the daemon over its Unix socket. */
#include "cli.h"

#include "base/mem.h"
#include "base/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 256 * 1024 * 1024, BAR_BYTES = 256 * 1024 };

void complain(const char *what, const char *why, const char *next)
{
    bool many = why && strchr(why, '\n');

    fputs("postrider: ", stderr);
    print_text(stderr, what);
    if (why && *why) {
        fputs(many ? ":\n" : ": ", stderr);
        print_text(stderr, why);
    }
    if (next && *next) {
        fputs("\n  ", stderr);
        print_text(stderr, next);
    }
    fputc('\n', stderr);
}

/* -- values of JSON ----------------------------------------------------------------------- */

struct json_object *at(struct json_object *json, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(json, key, &value) ? value : NULL;
}

const char *text_at(struct json_object *json, const char *key)
{
    struct json_object *value = at(json, key);

    return value ? json_object_get_string(value) : "";
}

int64_t number_at(struct json_object *json, const char *key)
{
    return json_object_get_int64(at(json, key));
}

bool true_at(struct json_object *json, const char *key)
{
    return json_object_get_boolean(at(json, key));
}

static char *turn_buffer(void)
{
    static char buffers[8][40];
    static unsigned turn;

    return buffers[turn++ % 8];
}

const char *time_at(struct json_object *json, const char *key)
{
    const char *text = text_at(json, key);
    char *out = turn_buffer();
    struct tm utc = {0}, local;
    time_t when;

    out[0] = '\0';
    if (!*text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &utc))
        return out;
    when = timegm(&utc);
    localtime_r(&when, &local);
    strftime(out, 40, "%Y-%m-%d %H:%M", &local);
    return out;
}

const char *number_text(int64_t number)
{
    char *out = turn_buffer();

    snprintf(out, 40, "%lld", (long long)number);
    return out;
}

int print_json(struct json_object *json)
{
    puts(json_object_to_json_string_ext(json,
                                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    return EXIT_OK;
}

void print_list(const char *name, struct json_object *list)
{
    struct json_object *json = json_object_new_object();

    json_object_object_add(json, name, json_object_get(list));
    json_object_object_add(json, "next", json_object_new_int(0));
    print_json(json);
    json_object_put(json);
}

/* -- one request ---------------------------------------------------------------------------- */

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;

    if (answer->text.len + size * count > ANSWER_MAX)
        return 0;
    buf_add(&answer->text, data, size * count);
    return size * count;
}

static int unreachable(struct cli *cli, CURLcode code)
{
    auto_free char *what = mem_printf("no daemon answers at %s", cli->socket);
    auto_free char *next = NULL;

    if (code != CURLE_COULDNT_CONNECT) {
        complain(what, curl_easy_strerror(code), "see the daemon's log");
        return EXIT_UNREACHABLE;
    }
    if (access(cli->socket, F_OK) < 0)
        next =
            mem_str("is postriderd running? Start it with postriderd --config FILE, or say where "
                    "its socket is: --socket PATH, --config FILE or POSTRIDER_SOCKET");
    else if (access(cli->socket, W_OK) < 0)
        next = mem_str("the socket belongs to somebody else: run this as the daemon's own user");
    else
        next =
            mem_str("is postriderd running? The socket is there, but nobody listens at it; start "
                    "postriderd --config FILE");
    complain(what, NULL, next);
    return EXIT_UNREACHABLE;
}

static int refused(struct cli *cli, struct answer *answer)
{
    struct json_object *error = at(answer->json, "error");

    if (cli->json && answer->json)
        print_json(answer->json);
    else if (error)
        complain(text_at(error, "what"), text_at(error, "why"), text_at(error, "next"));
    else
        complain("the daemon's answer was not understood", NULL,
                 "is it of the same version as this command?");
    return EXIT_REFUSED;
}

static int finish(struct cli *cli, CURL *curl, struct answer *answer)
{
    CURLcode code = curl_easy_perform(curl);

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (code != CURLE_OK && !answer->status)
        return unreachable(cli, code);
    answer->json = json_tokener_parse(buf_text(&answer->text));
    return answer->status >= 200 && answer->status < 300 && answer->json ? EXIT_OK
                                                                         : refused(cli, answer);
}

static CURL *begin(struct cli *cli, const char *method, const char *path, struct answer *answer)
{
    auto_free char *url = mem_printf("http://localhost%s", path);
    CURL *curl = curl_easy_init();

    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    return curl;
}

static struct curl_slist *headers_of(const char *type)
{
    auto_free char *line = type ? mem_printf("Content-Type: %s", type) : NULL;
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    return line ? curl_slist_append(list, line) : list;
}

int ask(struct cli *cli, const char *method, const char *path, const char *type, struct bytes body,
        struct answer *answer)
{
    CURL *curl = begin(cli, method, path, answer);
    struct curl_slist *headers = headers_of(body.data ? type : NULL);
    int result;

    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body.data || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data ? body.data : "");
    }
    result = finish(cli, curl, answer);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return result;
}

int ask_plain(struct cli *cli, const char *method, const char *path, struct answer *answer)
{
    return ask(cli, method, path, NULL, (struct bytes){NULL, 0}, answer);
}

int ask_json(struct cli *cli, const char *method, const char *path, struct json_object *body,
             struct answer *answer)
{
    const char *text = json_object_to_json_string(body);
    int result =
        ask(cli, method, path, "application/json", (struct bytes){text, strlen(text)}, answer);

    json_object_put(body);
    return result;
}

void answer_finish(struct answer *answer)
{
    buf_finish(&answer->text);
    json_object_put(answer->json);
    *answer = (struct answer){0};
}

/* -- streaming a file ----------------------------------------------------------------------- */

struct stream {
    FILE *file;
    curl_off_t size, done, shown; /* size -1: not known */
    bool bar;
};

static void show_bar(struct stream *stream, bool end)
{
    enum { CELLS = 30 };
    int full = stream->size > 0 ? (int)(stream->done * CELLS / stream->size) : 0;

    if (!stream->bar || (!end && stream->done - stream->shown < BAR_BYTES))
        return;
    stream->shown = stream->done;
    fputs("\r  [", stderr);
    for (int i = 0; i < CELLS; i++)
        fputs(i < full ? "█" : "·", stderr);
    fprintf(stderr, "] %3d %%  %lld KiB%s",
            stream->size > 0 ? (int)(stream->done * 100 / stream->size) : 0,
            (long long)(stream->done / 1024), end ? "\n" : "");
    fflush(stderr);
}

static size_t give(char *to, size_t size, size_t count, void *arg)
{
    struct stream *stream = arg;
    size_t len = fread(to, 1, size * count, stream->file);

    stream->done += (curl_off_t)len;
    show_bar(stream, false);
    return len ? len : ferror(stream->file) ? CURL_READFUNC_ABORT : 0;
}

static int open_stream(const char *path, struct stream *stream)
{
    struct stat st;

    *stream = (struct stream){.size = -1};
    stream->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!stream->file) {
        complain(path, strerror(errno), "name a file that can be read, or - for standard input");
        return EXIT_USAGE;
    }
    if (fstat(fileno(stream->file), &st) == 0 && S_ISREG(st.st_mode))
        stream->size = st.st_size;
    stream->bar = isatty(STDERR_FILENO) && (stream->size < 0 || stream->size > BAR_BYTES);
    return EXIT_OK;
}

int ask_stream(struct cli *cli, const char *path, const char *file, const char *type,
               struct answer *answer)
{
    struct curl_slist *headers = headers_of(type);
    struct stream stream;
    int result = open_stream(file, &stream);
    CURL *curl;

    if (result != EXIT_OK) {
        curl_slist_free_all(headers);
        return result;
    }
    curl = begin(cli, "POST", path, answer);
    if (stream.size < 0)
        headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, stream.size);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &stream);
    result = finish(cli, curl, answer);
    show_bar(&stream, true);
    if (stream.file != stdin)
        fclose(stream.file);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return result;
}

/* -- lists -------------------------------------------------------------------------------- */

int ask_list(struct cli *cli, const char *path, const char *name, struct json_object **list_r)
{
    struct json_object *all = json_object_new_array();
    auto_free char *after = NULL;
    uint64_t left = cli->limit ? cli->limit : UINT64_MAX;

    do {
        unsigned limit = left < 500 ? (unsigned)left : 500;
        auto_free char *url = mem_printf("%s%climit=%u%s%s", path, strchr(path, '?') ? '&' : '?',
                                         limit, after ? "&after=" : "", after ? after : "");
        auto_answer answer = {0};
        int result = ask_plain(cli, "GET", url, &answer);
        struct json_object *page = at(answer.json, name);
        size_t count = page ? json_object_array_length(page) : 0;

        if (result != EXIT_OK) {
            json_object_put(all);
            return result;
        }
        for (size_t i = 0; i < count; i++)
            json_object_array_add(all, json_object_get(json_object_array_get_idx(page, i)));
        left -= count;
        mem_str_set(&after, text_at(answer.json, "next"));
    } while (left && *after && strcmp(after, "0") != 0);
    *list_r = all;
    return EXIT_OK;
}

/* -- small things --------------------------------------------------------------------------- */

char *path_of(const char *before, const char *argument, const char *after)
{
    struct buf out = {0};

    buf_add_str(&out, before);
    text_percent(&out, argument);
    buf_add_str(&out, after);
    return buf_take(&out);
}

int read_file(const char *path, size_t limit, struct buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int error = 0;

    if (!file) {
        complain(path, strerror(errno), "name a file that can be read, or - for standard input");
        return EXIT_USAGE;
    }
    while (out->len <= limit && !feof(file) && !error) {
        size_t len = fread(buf_reserve(out, 65536), 1, 65536, file);

        buf_advance(out, len);
        error = ferror(file) ? errno : 0;
    }
    if (file != stdin)
        fclose(file);
    if (!error && out->len <= limit)
        return EXIT_OK;
    complain(path, error ? strerror(error) : "it is too large", "is it the right file?");
    return EXIT_USAGE;
}

bool sure(struct cli *cli, const char *format, ...)
{
    char line[16] = "";
    va_list args;

    if (cli->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" Go on? [y/N] ", stderr);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

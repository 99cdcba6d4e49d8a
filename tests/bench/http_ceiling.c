/* bench/http_ceiling.c: the ceiling that sending is measured against: a bare libcurl-multi loop
 * that posts the same bytes N times, with C in flight, and does nothing else.
 *
 * It uses libcurl as postrider does (kept easy handles, a shared TLS session cache, no CA path,
 * one HTTP/2 connection), and the token and body come from files, so that no secret is in argv. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct bench {
    CURLM *multi;
    CURLSH *share;
    struct curl_slist *lines;
    const char *url, *ca;
    struct buf body;
    uint64_t count, started, finished, accepted;
    char first_problem[256];
};

static void read_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    size_t len;

    if (!file) {
        fprintf(stderr, "http_ceiling: can't read %s; name a file that is there\n", path);
        exit(1);
    }
    while ((len = fread(buf_reserve(text, 65536), 1, 65536, file)) > 0)
        buf_advance(text, len);
    fclose(file);
}

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

static CURL *new_easy(struct bench *bench)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, bench->url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, bench->ca);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SHARE, bench->share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bench->lines);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bench->body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_text(&bench->body));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    return easy;
}

static void note(struct bench *bench, CURL *easy, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    bench->finished++;
    if (code == CURLE_OK && status >= 200 && status < 300)
        bench->accepted++;
    else if (!bench->first_problem[0])
        snprintf(bench->first_problem, sizeof(bench->first_problem), "status %ld, %s", status,
                 curl_easy_strerror(code));
}

static void take_finished(struct bench *bench)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(bench->multi, &left))) {
        CURL *easy = message->easy_handle;

        note(bench, easy, message->data.result);
        curl_multi_remove_handle(bench->multi, easy);
        if (bench->started < bench->count) {
            bench->started++;
            curl_multi_add_handle(bench->multi, easy);
        }
    }
}

static int64_t run(struct bench *bench, CURL **easies, uint64_t in_flight)
{
    int64_t began = clock_monotonic();
    int running;

    for (; bench->started < in_flight && bench->started < bench->count; bench->started++)
        curl_multi_add_handle(bench->multi, easies[bench->started]);
    while (bench->finished < bench->count) {
        curl_multi_perform(bench->multi, &running);
        take_finished(bench);
        if (bench->finished < bench->count)
            curl_multi_poll(bench->multi, NULL, 0, 1000, NULL);
    }
    return clock_monotonic() - began;
}

static void make_lines(struct bench *bench, const char *token_file)
{
    auto_wiped_buf struct buf token = {0}, line = {0};

    bench->lines = curl_slist_append(NULL, "Content-Type: application/json");
    bench->lines = curl_slist_append(bench->lines, "Expect:");
    read_file(token_file, &token);
    buf_printf(&line, "Authorization: Bearer %.*s", (int)strcspn(buf_text(&token), "\r\n"),
               buf_text(&token));
    if (token.len)
        bench->lines = curl_slist_append(bench->lines, line.data);
}

static int report(const struct bench *bench, int64_t ms, uint64_t in_flight)
{
    printf("{\"sends\": %llu, \"accepted\": %llu, \"in_flight\": %llu, \"ms\": %lld, "
           "\"per_second\": %.0f}\n",
           (unsigned long long)bench->finished, (unsigned long long)bench->accepted,
           (unsigned long long)in_flight, (long long)ms,
           1000.0 * (double)bench->finished / (double)(ms ? ms : 1));
    if (bench->accepted == bench->finished)
        return 0;
    fprintf(stderr,
            "http_ceiling: %llu were not accepted (the first: %s); the figure is of no use\n",
            (unsigned long long)(bench->finished - bench->accepted), bench->first_problem);
    return 1;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    uint64_t in_flight;
    CURL **easies;
    int64_t ms;

    if (argc != 7 || !text_u64(argv[5], &bench.count) || !text_u64(argv[6], &in_flight) ||
        !in_flight || in_flight > 10000) {
        fprintf(stderr, "usage: http_ceiling URL CA_FILE TOKEN_FILE BODY_FILE COUNT IN_FLIGHT\n");
        return 2;
    }
    bench.url = argv[1];
    bench.ca = argv[2];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    make_lines(&bench, argv[3]);
    read_file(argv[4], &bench.body);
    bench.multi = curl_multi_init();
    bench.share = curl_share_init();
    curl_share_setopt(bench.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    easies = mem_array(in_flight, sizeof(CURL *));
    for (uint64_t i = 0; i < in_flight; i++)
        easies[i] = new_easy(&bench);
    ms = run(&bench, easies, in_flight);

    for (uint64_t i = 0; i < in_flight; i++)
        curl_easy_cleanup(easies[i]);
    free(easies);
    curl_multi_cleanup(bench.multi);
    curl_share_cleanup(bench.share);
    for (struct curl_slist *line = bench.lines; line; line = line->next)
        mem_wipe(line->data, strlen(line->data));
    curl_slist_free_all(bench.lines);
    buf_finish(&bench.body);
    return report(&bench, ms, in_flight);
}

/* bench/http_room.c: the same posts as http_ceiling, through net: what loop, deadlines, copies
 * and outcomes cost. Same arguments, same output. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http.h"
#include "net/loop.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct loop *loop;
    struct http_client *client;
    struct http_request request;
    uint64_t count, started, finished, accepted;
    char *first_problem;
};

static void read_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    size_t len;

    if (!file) {
        fprintf(stderr, "http_room: can't read %s; name a file that is there\n", path);
        exit(1);
    }
    while ((len = fread(buf_reserve(text, 65536), 1, 65536, file)) > 0)
        buf_advance(text, len);
    fclose(file);
}

static void done(void *arg, const struct http_response *response)
{
    struct bench *bench = arg;

    bench->finished++;
    if (response->status >= 200 && response->status < 300)
        bench->accepted++;
    else if (!bench->first_problem)
        bench->first_problem =
            mem_printf("status %d, %s", response->status, response->error ? response->error : "");
    if (bench->started < bench->count) {
        bench->started++;
        http_start(bench->client, &bench->request, done, bench);
    }
    if (bench->finished == bench->count)
        loop_stop(bench->loop);
}

static int64_t run(struct bench *bench, uint64_t in_flight)
{
    int64_t began = clock_monotonic();

    for (; bench->started < in_flight && bench->started < bench->count; bench->started++)
        http_start(bench->client, &bench->request, done, bench);
    loop_run(bench->loop);
    return clock_monotonic() - began;
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
    fprintf(stderr, "http_room: %llu were not accepted (the first: %s); the figure is of no use\n",
            (unsigned long long)(bench->finished - bench->accepted), bench->first_problem);
    return 1;
}

int main(int argc, char **argv)
{
    auto_wiped_buf struct buf token = {0}, authorization = {0};
    auto_buf struct buf body = {0}, error = {0};
    struct bench bench = {0};
    uint64_t in_flight;
    int64_t ms;

    if (argc != 7 || !text_u64(argv[5], &bench.count) || !text_u64(argv[6], &in_flight) ||
        !bench.count || !in_flight || in_flight > 10000) {
        fprintf(stderr, "usage: http_room URL CA_FILE TOKEN_FILE BODY_FILE COUNT IN_FLIGHT\n");
        return 2;
    }
    read_file(argv[3], &token);
    read_file(argv[4], &body);
    buf_printf(&authorization, "Bearer %.*s", (int)strcspn(buf_text(&token), "\r\n"),
               buf_text(&token));
    bench.loop = loop_new();
    bench.client = http_client_new(bench.loop, &(struct http_options){.ca_file = argv[2]}, &error);
    if (!bench.client) {
        fprintf(stderr, "http_room: %s\n", error.data);
        return 1;
    }
    bench.request = (struct http_request){
        .method = "POST",
        .url = argv[1],
        .headers = (const char *[]){"Content-Type: application/json", NULL},
        .authorization = token.len ? authorization.data : NULL,
        .body = buf_bytes(&body),
    };
    ms = run(&bench, in_flight);
    http_client_free(bench.client);
    loop_free(bench.loop);
    return report(&bench, ms, in_flight);
}

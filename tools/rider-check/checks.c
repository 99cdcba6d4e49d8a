/* rider-check/checks.c: what every provider must keep to, whatever its service is. */
#include "bench.h"

#include "base/mem.h"

#include <string.h>

enum { OP_MS = 4000, SILENCE_MS = 300, SEND = 2 };

static uint64_t sum_of_misdeeds(void)
{
    struct provider_misdeeds misdeeds;

    provider_misdeeds(&misdeeds);
    return misdeeds.finished_twice + misdeeds.never_finished + misdeeds.made_no_sense +
           misdeeds.held_at_close + misdeeds.requests_refused;
}

static enum rider_access best_access(struct bench *bench)
{
    struct provider_about about;

    if (provider_about(bench->set, "checked", &about) == 0 && about.auth & RIDER_AUTH_PASSWORD)
        return RIDER_ACCESS_FULL;
    for (int level = RIDER_ACCESS_FULL; level > RIDER_ACCESS_SEND; level--) {
        struct rider_oauth *oauth = NULL;
        if (provider_oauth(bench->set, "checked", (enum rider_access)level, &oauth) < 0)
            continue;
        provider_oauth_free(oauth);
        return (enum rider_access)level;
    }
    return RIDER_ACCESS_SEND;
}

/* -- signing in ------------------------------------------------------------------------------- */
static bool sane_url(const char *url)
{
    auto_free char *origin = url ? http_origin(url) : NULL;

    return origin && (strncmp(origin, "https:", 6) == 0 || http_origin_is_loopback(origin));
}

static void check_level(struct bench *bench, enum rider_access level)
{
    static const char *const names[] = {"", "send", "headers", "full"};
    struct rider_oauth *oauth = NULL;
    struct provider_session *session;
    struct provider_about about;

    if (provider_oauth(bench->set, "checked", level, &oauth) == 0) {
        check(bench, sane_url(oauth->authorize_url) && sane_url(oauth->token_url),
              "access %s: authorize_url and token_url are https (or a stand-in's)", names[level]);
        check(bench, oauth->scopes[0] != NULL, "access %s: names its scopes", names[level]);
        check(bench, oauth->origins[0] != NULL, "access %s: names the origins of its API",
              names[level]);
        provider_oauth_free(oauth);
    }
    session = bench_open(bench, level);
    if (!check(bench, session != NULL, "access %s: a session opens%s%s", names[level],
               session ? "" : ": ", session ? "" : buf_text(&bench->error)))
        return;
    provider_about(bench->set, "checked", &about);
    check(bench, (provider_session_can(session) & ~about.can) == 0,
          "access %s: a session can no more than its provider", names[level]);
    bench_close(bench, session);
}

void check_oauth(struct bench *bench)
{
    struct provider_about about;
    unsigned offered = 0;

    provider_about(bench->set, "checked", &about);
    for (int level = RIDER_ACCESS_SEND; level <= RIDER_ACCESS_FULL; level++) {
        struct rider_oauth *oauth = NULL;
        bool offers = provider_oauth(bench->set, "checked", (enum rider_access)level, &oauth) == 0;
        provider_oauth_free(oauth);
        offered += offers;
        if (offers || about.auth & RIDER_AUTH_PASSWORD)
            check_level(bench, (enum rider_access)level);
    }
    if (about.auth == RIDER_AUTH_OAUTH)
        check(bench, offered > 0, "at least one access level is offered");
}

/* -- answers ---------------------------------------------------------------------------------- */
struct answer {
    const char *name;
    struct standin_reply reply;
    uint32_t send, others; /* allowed kinds, as bits; bit 0: success */
    int64_t retry_after;   /* 0: whatever                            */
};
#define KIND(kind) (1u << (kind))
enum {
    ANY = 0x7ff,
    FAILS = ANY & ~1u,
    LATER = KIND(RIDER_TRANSIENT) | KIND(RIDER_THROTTLED),
    DOUBT = KIND(RIDER_UNCERTAIN)
};

static const struct answer answers[] = {
    {"401", {.status = 401, .body = "{}"}, KIND(RIDER_AUTH), KIND(RIDER_AUTH), 0},
    {"403", {.status = 403, .body = "{}"}, FAILS & ~DOUBT, FAILS, 0},
    {"404", {.status = 404, .body = "{}"}, FAILS & ~DOUBT, ANY & ~KIND(RIDER_AUTH), 0},
    {"429 with Retry-After",
     {.status = 429, .headers = "Retry-After: 7\r\n", .body = "{}"},
     LATER,
     LATER,
     7000},
    {"503", {.status = 503, .body = "{}"}, DOUBT, LATER | DOUBT, 0},
    {"200 with HTML", {.status = 200, .body = "<html>Login</html>"}, DOUBT | 1u, ANY, 0},
    {"200 with half a JSON", {.status = 200, .body = "{\"id\":\"x"}, DOUBT | 1u, ANY, 0},
    {"200 with {}", {.status = 200, .body = "{}"}, DOUBT | 1u, ANY, 0},
    {"200 with null", {.status = 200, .body = "null"}, DOUBT | 1u, ANY, 0},
    {"200 with an array", {.status = 200, .body = "[[1],{\"id\":7}]"}, DOUBT | 1u, ANY, 0},
    {"200 with numbers for text",
     {.status = 200,
      .body = "{\"id\":1,\"threadId\":{},\"messages\":3,\"historyId\":[],\"emailAddress\":7}"},
     DOUBT | 1u,
     ANY,
     0},
    {"200 with nothing", {.status = 200}, DOUBT | 1u, ANY, 0},
    {"a cut before the answer", {.how = STANDIN_CUT}, DOUBT, LATER | DOUBT, 0},
    {"a cut within the answer",
     {.how = STANDIN_RAW, .body = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"id\":"},
     DOUBT,
     FAILS,
     0},
    {"no HTTP at all", {.how = STANDIN_RAW, .body = "220 smtp ready\r\n\r\n"}, DOUBT, FAILS, 0},
};

static void check_one(struct bench *bench, struct provider_session *session, int kind,
                      const struct answer *answer)
{
    struct ending ending = {0};
    uint64_t before = sum_of_misdeeds();
    uint32_t allowed = kind == SEND ? answer->send : answer->others;
    size_t served = standin_served(bench->standin);
    bool asked, right;

    bench->reply = answer->reply;
    op_start(session, kind, OP_MS, &ending);
    bench_run(bench, OP_MS + 2000, ending_over, &ending);
    asked = standin_served(bench->standin) > served;
    check(bench, ending.count == 1 && sum_of_misdeeds() == before,
          "%s: %s is finished once, by the plugin", answer->name, op_names[kind]);
    right = !asked || (allowed & KIND(ending.kind));
    check(bench, right, "%s: %s ends as %s", answer->name, op_names[kind],
          ending.kind ? provider_kind_name(ending.kind) : "done");
    if (asked && answer->retry_after && (LATER & KIND(ending.kind)))
        check(bench,
              ending.retry_after > answer->retry_after - 2000 &&
                  ending.retry_after <= answer->retry_after + 1000,
              "%s: %s hands the %lld ms on (%lld)", answer->name, op_names[kind],
              (long long)answer->retry_after, (long long)ending.retry_after);
}

static void check_dead_server(struct bench *bench, struct provider_session *session, uint32_t can)
{
    standin_shut(bench->standin);
    for (int kind = 0; kind < OP_KINDS; kind++) {
        struct ending ending = {0};
        if (!op_offered(can, kind))
            continue;
        op_start(session, kind, OP_MS, &ending);
        bench_run(bench, OP_MS + 2000, ending_over, &ending);
        check(bench, ending.count == 1 && !ending.left && ending.kind != RIDER_UNCERTAIN,
              "no connection: %s ends as %s, and nothing is in doubt", op_names[kind],
              ending.kind ? provider_kind_name(ending.kind) : "done");
    }
}

/* Its protocol is not the stand-in's, who waits for a request: a server without a greeting. */
static void check_silence(struct bench *bench, struct provider_session *session, uint32_t can)
{
    for (int kind = 0; kind < OP_KINDS; kind++) {
        struct ending ending = {0};
        uint64_t before = sum_of_misdeeds();
        if (!op_offered(can, kind))
            continue;
        op_start(session, kind, SILENCE_MS, &ending);
        bench_run(bench, OP_MS, ending_over, &ending);
        check(bench,
              ending.count == 1 && sum_of_misdeeds() == before && !ending.left &&
                  ending.kind != RIDER_UNCERTAIN,
              "a silent server: %s is finished once, by the plugin, as %s, and nothing is in doubt",
              op_names[kind], ending.kind ? provider_kind_name(ending.kind) : "done");
    }
}

void check_answers(struct bench *bench)
{
    struct provider_session *session = bench_open(bench, best_access(bench));
    uint32_t can;

    if (!session)
        return;
    can = provider_session_can(session);
    if (bench->lines)
        check_silence(bench, session, can);
    for (size_t i = 0; !bench->lines && i < ARRAY_LEN(answers); i++)
        for (int kind = 0; kind < OP_KINDS; kind++)
            if (op_offered(can, kind))
                check_one(bench, session, kind, &answers[i]);
    check_dead_server(bench, session, can);
    bench_close(bench, session);
}

/* -- cancelling ------------------------------------------------------------------------------- */
static bool turns_over(void *arg)
{
    int *turns = arg;
    return (*turns)-- <= 0;
}

static bool cancel_at(struct bench *bench, struct provider_session *session, int kind, int turns)
{
    struct ending ending = {0};
    uint64_t before = sum_of_misdeeds();
    struct provider_op *op = op_start(session, kind, OP_MS, &ending);

    bench_run(bench, 20, turns_over, &turns);
    if (ending.count == 0)
        provider_cancel(op);
    bench_run(bench, 2000, ending_over, &ending);
    return ending.count == 1 && sum_of_misdeeds() == before;
}

void check_cancel(struct bench *bench)
{
    static const struct standin_reply replies[] = {{.how = STANDIN_HANG},
                                                   {.status = 200, .body = "{}"}};
    struct provider_session *session = bench_open(bench, best_access(bench));
    uint32_t can = session ? provider_session_can(session) : 0;

    for (int kind = 0; session && kind < OP_KINDS; kind++) {
        int turns, bad = -1;
        if (!op_offered(can, kind))
            continue;
        for (turns = 0; bad < 0 && turns < 12; turns++)
            for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
                bench->reply = replies[i];
                if (!cancel_at(bench, session, kind, turns))
                    bad = turns;
            }
        check(bench, bad < 0, "cancel: %s ends once and soon, whenever it is cancelled%s",
              op_names[kind], bad < 0 ? "" : " (did not)");
    }
    if (session)
        bench_close(bench, session);
}

/* -- closing and unloading -------------------------------------------------------------------- */
void check_close(struct bench *bench)
{
    struct provider_session *session = bench_open(bench, best_access(bench));
    struct ending endings[OP_KINDS] = {0};
    uint64_t before = sum_of_misdeeds();
    bool once = true;
    uint32_t can;

    if (!session)
        return;
    can = provider_session_can(session);
    bench->reply = (struct standin_reply){.how = STANDIN_HANG};
    for (int kind = 0; kind < OP_KINDS; kind++)
        if (op_offered(can, kind))
            op_start(session, kind, OP_MS, &endings[kind]);
    bench_run(bench, 20, ending_over, &(struct ending){0});
    bench_close(bench, session);
    for (int kind = 0; kind < OP_KINDS; kind++)
        once = once && endings[kind].count == (op_offered(can, kind) ? 1 : 0);
    check(bench, once, "close: what was in flight has ended once");
    check(bench, sum_of_misdeeds() == before, "close: nothing is held");
}

void check_repeat(struct bench *bench, unsigned times)
{
    unsigned i;
    bool ok = true;

    check(bench, !bench_mapped("libglib"), "links nothing that can't be unloaded (GLib)");
    bench_unload(bench);
    check(bench, !bench_mapped("plugins.run"), "is unmapped when unloaded");
    for (i = 0; ok && i < times; i++) {
        struct provider_session *session;
        ok = bench_load(bench) == 0;
        session = ok ? bench_open(bench, best_access(bench)) : NULL;
        ok = ok && session;
        if (session)
            bench_close(bench, session);
        bench_unload(bench);
        ok = ok && !bench_mapped("plugins.run");
    }
    check(bench, ok, "loads, opens, closes and is unmapped %u times%s", times,
          ok ? "" : " (did not)");
}

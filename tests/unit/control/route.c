/* unit/control/route.c: which path leads where, and what of it is a parameter. */
#include "control/control.h"
#include "control/exchange.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void follows(const char *pattern, const char *path, const char *first, const char *second)
{
    char *params[ROUTE_PARAMS];

    if (!route_match(pattern, path, params))
        fail_msg("%s does not follow %s", path, pattern);
    for (size_t i = 0; i < ROUTE_PARAMS; i++) {
        const char *wanted = i ? second : first;

        if (wanted)
            assert_string_equal(params[i], wanted);
        else
            assert_null(params[i]);
        free(params[i]);
    }
}

static void strays(const char *pattern, const char *path)
{
    char *params[ROUTE_PARAMS];

    if (route_match(pattern, path, params))
        fail_msg("%s follows %s", path, pattern);
    for (size_t i = 0; i < ROUTE_PARAMS; i++)
        assert_null(params[i]);
}

static void paths_lead_where_they_say(void **state)
{
    (void)state;
    follows("/v1/status", "/v1/status", NULL, NULL);
    follows("/v1/mailboxes/{mailbox}", "/v1/mailboxes/ana%40acme.example", "ana@acme.example",
            NULL);
    follows("/v1/campaigns/{campaign}/start", "/v1/campaigns/Backend%20engineers%2C%20Berlin/start",
            "Backend engineers, Berlin", NULL);
    follows("/a/{x}/b/{y}", "/a/1/b/2", "1", "2");
    /* a slash in a name is no slash of the path, and a plus is a plus */
    follows("/v1/campaigns/{campaign}", "/v1/campaigns/Hi%2Fthere", "Hi/there", NULL);
    follows("/v1/people/{address}", "/v1/people/a+b@acme.example", "a+b@acme.example", NULL);
}

static void other_paths_lead_nowhere(void **state)
{
    static const char *const bad[] = {
        "",
        "/",
        "/v1",
        "/v1/campaigns",
        "/v1/campaigns/",
        "v1/campaigns/x",
        "/v1/campaigns/x/",
        "/v1/campaigns/x/y",
        "//v1/campaigns/x",
        "/v1/campaigns/%00",
        "/v1/campaigns/a%00b",
        "/v1/campaigns/%",
        "/v1/campaigns/%4",
        "/v1/campaigns/%zz",
        "/v1/campaigns/%ff%fe",
        "/V1/campaigns/x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        strays("/v1/campaigns/{campaign}", bad[i]);
    strays("/a/{x}/b/{y}", "/a/1/b/");
    strays("/a/{x}/b/{y}", "/a/1/c/2"); /* what was decoded on the way is given back */
}

static void questions_are_read(void **state)
{
    struct exchange *exchange =
        exchange_new(NULL, "/v1/replies?campaign=Hi%2Fthere+all&limit=7&bad=%4&limits=9&empty=");
    uint64_t number;
    char *text;

    (void)state;
    assert_string_equal(exchange->path, "/v1/replies");
    text = exchange_query(exchange, "campaign");
    assert_string_equal(text, "Hi/there all");
    free(text);
    assert_null(exchange_query(exchange, "camp"));
    assert_null(exchange_query(exchange, "bad"));
    text = exchange_query(exchange, "empty");
    assert_string_equal(text, "");
    free(text);
    assert_true(exchange_number(exchange, "limit", 1, 1000, &number));
    assert_int_equal(number, 7);
    assert_true(exchange_number(exchange, "after", 5, 1000, &number));
    assert_int_equal(number, 5);
    assert_false(exchange->answered);
    assert_false(exchange_number(exchange, "limit", 1, 6, &number));
    assert_true(exchange->answered);
    assert_int_equal(exchange->status, 400);
    exchange_free(exchange);
}

static void refusals_say_what_to_do(void **state)
{
    struct exchange *exchange = exchange_new(NULL, "/");

    (void)state;
    exchange_fail(exchange, -ENOENT, "it was not marked",
                  "there is no such reply; see: postrider reply list", NULL);
    assert_int_equal(exchange->status, 404);
    assert_string_equal(buf_text(&exchange->out),
                        "{\"error\":{\"what\":\"it was not marked\",\"why\":\"there is no such "
                        "reply\",\"next\":\"see: postrider reply list\"}}");
    exchange_fail(exchange, -EINVAL, "x", "a.yaml:1: a; b\na.yaml:2: c; d\n", NULL);
    assert_int_equal(exchange->status, 422);
    assert_non_null(strstr(buf_text(&exchange->out), "a.yaml:1: a; b\\na.yaml:2: c; d\""));
    exchange_fail(exchange, -EIO, "x", NULL, NULL);
    assert_int_equal(exchange->status, 500);
    assert_non_null(strstr(buf_text(&exchange->out), "see the daemon's log"));
    exchange_free(exchange);
}

static void every_route_is_named_once(void **state)
{
    auto_buf struct buf lines = {0};

    (void)state;
    control_routes(&lines);
    assert_non_null(strstr(buf_text(&lines), "POST /v1/campaigns/{campaign}/people\n"));
    assert_non_null(strstr(buf_text(&lines), "POST /u/{token}\n"));
    for (const char *line = buf_text(&lines), *next; *line; line = next) {
        auto_free char *one = NULL;

        next = strchr(line, '\n') + 1;
        one = mem_strn(line, (size_t)(next - line));
        if (strstr(next, one))
            fail_msg("twice: %s", one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_where_they_say), cmocka_unit_test(other_paths_lead_nowhere),
        cmocka_unit_test(questions_are_read),        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(every_route_is_named_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

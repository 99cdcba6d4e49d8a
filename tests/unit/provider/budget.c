/* unit/provider/budget.c: no window holds more than the limit, and nothing waits longer than it
 * must. Also: what the log keeps of a plugin's text. */
#include "provider/budget.h"

#include "base/mem.h"
#include "provider/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

static void waits_for_the_window(void **state)
{
    struct budget budget = {0};

    (void)state;
    assert_int_equal(budget_fits_at(&budget, 5, 1000), 5); /* no limit */
    budget_set(&budget, 10, 1000);
    budget_spend(&budget, 0, 6);
    assert_int_equal(budget_fits_at(&budget, 100, 4), 100);
    budget_spend(&budget, 100, 4);
    assert_int_equal(budget_fits_at(&budget, 200, 1), 1000);
    assert_int_equal(budget_fits_at(&budget, 200, 7), 1100);
    assert_int_equal(budget_fits_at(&budget, 1000, 6), 1000);
    assert_int_equal(budget_fits_at(&budget, 1000, 99), 1100); /* as much as ever fits */
    budget_finish(&budget);
}

static void never_more_in_any_window(void **state)
{
    enum { LIMIT = 50, WINDOW = 1000, SPENDINGS = 3000 };
    static int64_t times[SPENDINGS];
    struct budget budget = {0};
    int64_t now = 0;
    uint32_t seed = 1;

    (void)state;
    budget_set(&budget, LIMIT, WINDOW);
    for (int i = 0; i < SPENDINGS; i++) {
        seed = seed * 1664525 + 1013904223;
        now += (seed >> 24) % 7;
        now = budget_fits_at(&budget, now, 1);
        budget_spend(&budget, now, 1);
        times[i] = now;
        if (i >= LIMIT)
            assert_true(times[i] - times[i - LIMIT] >= WINDOW);
    }
    assert_true(now < (int64_t)SPENDINGS / LIMIT * WINDOW * 11 / 10); /* and little is wasted */
    assert_true(budget.room <= 512);
    budget_finish(&budget);
}

static void a_clock_set_back_holds_nothing_up_for_long(void **state)
{
    struct budget budget = {0};

    (void)state;
    budget_set(&budget, 1, 1000);
    budget_spend(&budget, 1000000, 1);
    assert_int_equal(budget_fits_at(&budget, 500, 1), 1500);
    budget_finish(&budget);
}

static void is(const char *text, const char *clean)
{
    auto_free char *got = scrub(text);
    assert_string_equal(got, clean);
}

static void hides_tokens_only(void **state)
{
    (void)state;
    assert_null(scrub(NULL));
    is("", "");
    is("HTTP 503 from /gmail/v1/users/me/messages/send", "HTTP 503 from "
                                                         "/gmail/v1/users/me/messages/send");
    is("got Authorization: Bearer ya29.a0AfB_byC-x refused", "got Authorization: Bearer [hidden] "
                                                             "refused");
    is("Bearer token missing", "Bearer token missing");
    is("basic authentication is disabled", "basic authentication is disabled");
    is("refresh_token=1//0abc&x=1", "refresh_token=[hidden]&x=1");
    is("id 18c2f0a9d1e2b3c4, thread 18c2f0a9d1e2b3c4", "id 18c2f0a9d1e2b3c4, thread "
                                                       "18c2f0a9d1e2b3c4");
    is("x eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAifQ.e30.abc y", "x [hidden] y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_window),
        cmocka_unit_test(never_more_in_any_window),
        cmocka_unit_test(a_clock_set_back_holds_nothing_up_for_long),
        cmocka_unit_test(hides_tokens_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

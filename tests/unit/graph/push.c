/* unit/graph/push.c: a subscription made, renewed and ended, and what comes by it. */
#include "fake.h"

static struct {
    int watched, hints, losses;
    int64_t renew_at;
} heard;

static void watch_done(struct rider_op *op, const struct rider_watched *watched)
{
    fake_end(op, ENDED_DONE);
    heard.watched++;
    heard.renew_at = watched->renew_at;
}

static void hint(const struct rider_host *host)
{
    (void)host;
    heard.hints++;
}

static void lost(const struct rider_host *host)
{
    (void)host;
    heard.losses++;
}

static const struct rider_push_host push_host = {
    .size = sizeof(push_host), .watch_done = watch_done, .hint = hint, .lost = lost};
static const struct rider_watch here = {.size = sizeof(here), .url = "https://o.acme.example/p/1"};

static const struct rider_push *push_of(struct fake *fake)
{
    return fake->provider->extension(RIDER_PUSH, sizeof(struct rider_push));
}

static void begin(struct fake *fake)
{
    memset(&heard, 0, sizeof(heard));
    fake_init(fake, fake_headers_scopes);
    fake->push = &push_host;
}

#define ENDS "\"expirationDateTime\":\"2026-11-24T15:32:22Z\""
#define SUBSCRIPTION "{\"id\":\"sub1\"," ENDS "}"

static void watch_it(struct fake *fake)
{
    again(fake);
    push_of(fake)->watch(fake->session, &fake->op, &here);
}

static void subscribed(struct fake *fake)
{
    again(fake);
    foresee(fake, "POST /v1.0/subscriptions", 201, SUBSCRIPTION);
    push_of(fake)->watch(fake->session, &fake->op, &here);
    run(fake);
    assert_int_equal(fake->ended, ENDED_DONE);
}

static void a_subscription_is_made_and_remembered(void **state)
{
    struct fake fake;
    char *first;
    (void)state;

    begin(&fake);
    subscribed(&fake);
    assert_non_null(strstr(fake.body, "\"notificationUrl\":\"https:"));
    assert_non_null(strstr(fake.body, "\"lifecycleNotificationUrl\":\"https:"));
    assert_non_null(strstr(fake.body, ENDS)); /* 4,200 minutes from now */
    assert_int_equal(strlen(fake.session->push.state), 43);
    assert_non_null(strstr(fake.body, fake.session->push.state));
    assert_true(heard.renew_at == NOW + INT64_C(2760) * 60000); /* a day before its end */
    first = text_dup(fake.session->push.state);
    graph_push_forget(fake.session); /* as a new generation begins */
    graph_push_recall(fake.session);
    assert_string_equal(fake.session->push.state, first);
    watch_it(&fake);
    assert_int_equal(heard.watched, 2); /* nothing was to be asked */
    free(first);
    fake_finish(&fake);
}

static void it_is_renewed_or_made_anew(void **state)
{
    struct fake fake;
    (void)state;

    begin(&fake);
    subscribed(&fake);
    fake.session->push.expires = NOW + 3600000;
    again(&fake);
    foresee(&fake, "PATCH /v1.0/subscriptions/sub1", 200, SUBSCRIPTION);
    push_of(&fake)->watch(fake.session, &fake.op, &here);
    assert_string_equal(fake.body, "{" ENDS "}");
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);
    fake.session->push.expires = NOW + 3600000;
    again(&fake);
    foresee(&fake, "PATCH /v1.0/subscriptions/sub1", 404, "");
    foresee(&fake, "POST /v1.0/subscriptions", 201, SUBSCRIPTION);
    push_of(&fake)->watch(fake.session, &fake.op, &here);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);
    fake_finish(&fake);
}

static struct rider_notice_answer told(struct fake *fake, const char *query, const char *body)
{
    const struct rider_notice notice = {
        .size = sizeof(notice), .method = "POST", .query = query, .body = {body, strlen(body)}};
    struct rider_notice_answer answer = {.size = sizeof(answer)};

    push_of(fake)->notice(fake->session, &notice, &answer);
    return answer;
}

static char *notice_of(const char *state, const char *more)
{
    struct text text = {0};

    text_printf(&text, "{\"value\":[{\"subscriptionId\":\"sub1\",\"clientState\":\"%s\"%s}]}",
                state, more);
    return text.data;
}

/* Its answer was lost, so it is made again, and whose notices come is no matter. */
static void a_lost_subscription_is_still_understood(void **state)
{
    struct fake fake;
    char *first, *notice;
    (void)state;

    begin(&fake);
    again(&fake);
    foresee(&fake, "POST /v1.0/subscriptions", 0, "");
    push_of(&fake)->watch(fake.session, &fake.op, &here);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_FAIL);
    first = text_dup(fake.session->push.state);
    notice = notice_of(first, "");
    graph_push_forget(fake.session);
    graph_push_recall(fake.session);
    assert_null(fake.session->push.id);
    assert_int_equal(told(&fake, "", notice).status, 202);
    subscribed(&fake);
    assert_string_equal(fake.session->push.state, first);
    assert_int_equal(told(&fake, "", notice).status, 202);
    free(first);
    free(notice);
    fake_finish(&fake);
}

static void without_a_url_there_is_no_push(void **state)
{
    static const struct rider_watch nowhere = {.size = sizeof(nowhere)};
    struct fake fake;
    (void)state;

    begin(&fake);
    push_of(&fake)->watch(fake.session, &fake.op, &nowhere);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake.push = NULL;
    watch_it(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

/* facts 10: validationToken handshake, also while the subscription is being made */
static void the_handshake_repeats_the_token(void **state)
{
    struct rider_notice_answer answer;
    struct fake fake;
    (void)state;

    begin(&fake);
    answer = told(&fake, "a=1&validationToken=Validation%3a+%3Cb%3E%2Fx&z=2", "");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "text/plain");
    assert_int_equal(answer.body.len, strlen("Validation: <b>/x"));
    assert_memory_equal(answer.body.data, "Validation: <b>/x", answer.body.len);
    assert_int_equal(told(&fake, "xvalidationToken=a", "").status, 403);
    assert_int_equal(told(&fake, "validationToken=%zz", "").status, 403);
    fake_finish(&fake);
}

static void only_who_knows_the_secret_is_heard(void **state)
{
    struct fake fake;
    char *good, *bad, *longer, *state_now;
    (void)state;

    begin(&fake);
    subscribed(&fake);
    state_now = text_dup(fake.session->push.state);
    good = notice_of(state_now, "");
    assert_int_equal(told(&fake, "", good).status, 202);
    assert_int_equal(heard.hints, 1);
    state_now[42] = state_now[42] == 'A' ? 'B' : 'A';
    bad = notice_of(state_now, "");
    longer = notice_of("", "");
    assert_int_equal(told(&fake, "", bad).status, 403);
    assert_int_equal(told(&fake, "", longer).status, 403);
    assert_int_equal(told(&fake, "", "{\"value\":[{\"subscriptionId\":\"sub1\"}]}").status, 403);
    assert_int_equal(told(&fake, "", "nonsense").status, 403);
    assert_int_equal(heard.hints, 1);
    assert_int_equal(heard.losses, 0);
    free(good);
    free(bad);
    free(longer);
    free(state_now);
    fake_finish(&fake);
}

static void its_life_is_followed(void **state)
{
    struct fake fake;
    char *missed, *again_please, *removed;
    (void)state;

    begin(&fake);
    subscribed(&fake);
    missed = notice_of(fake.session->push.state, ",\"lifecycleEvent\":\"missed\"");
    again_please =
        notice_of(fake.session->push.state, ",\"lifecycleEvent\":\"reauthorizationRequired\"");
    removed = notice_of(fake.session->push.state, ",\"lifecycleEvent\":\"subscriptionRemoved\"");
    told(&fake, "", missed);
    assert_int_equal(heard.hints, 1);
    assert_int_equal(heard.losses, 0);
    told(&fake, "", again_please);
    assert_int_equal(heard.losses, 1);
    again(&fake);
    foresee(&fake, "PATCH /v1.0/subscriptions/sub1", 200, SUBSCRIPTION);
    push_of(&fake)->watch(fake.session, &fake.op, &here);
    run(&fake);
    told(&fake, "", removed);
    assert_int_equal(heard.losses, 2);
    assert_int_equal(heard.hints, 2); /* what came meanwhile was not told */
    subscribed(&fake);
    again(&fake);
    foresee(&fake, "DELETE /v1.0/subscriptions/sub1", 204, "");
    push_of(&fake)->unwatch(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);
    assert_null(fake.other_memory);
    free(missed);
    free(again_please);
    free(removed);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscription_is_made_and_remembered),
        cmocka_unit_test(it_is_renewed_or_made_anew),
        cmocka_unit_test(a_lost_subscription_is_still_understood),
        cmocka_unit_test(without_a_url_there_is_no_push),
        cmocka_unit_test(the_handshake_repeats_the_token),
        cmocka_unit_test(only_who_knows_the_secret_is_heard),
        cmocka_unit_test(its_life_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

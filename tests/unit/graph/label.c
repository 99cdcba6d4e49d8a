/* unit/graph/label.c: labels as categories, and nobody else's lost. */
#include "fake.h"

static const char *const ids[] = {"m/1", NULL};
static const char *const two[] = {"m1", "m2", NULL};
static const char *const add[] = {"Outreach/Replied", NULL};
static const char *const none[] = {NULL};

static struct rider_label_change change(const char *const *which, const char *const *added,
                                        const char *const *removed)
{
    return (struct rider_label_change){.size = sizeof(struct rider_label_change),
                                       .provider_ids = which,
                                       .add = added,
                                       .remove = removed};
}

#define MASTER(list) "{\"value\":[" list "]}"
#define CATEGORY(name) "{\"id\":\"x\",\"displayName\":\"" name "\",\"color\":\"preset1\"}"
#define MAIL(id, etag, categories)                                                                 \
    "{\"@odata.etag\":\"W/\\\"" etag "\\\"\",\"id\":\"" id "\",\"categories\":[" categories "]}"

static void begin(struct fake *fake, const struct rider_label_change *asked)
{
    fake->provider->label(fake->session, &fake->op, asked);
}

static void a_category_is_made_with_a_colour_once(void **state)
{
    struct rider_label_change asked = change(ids, add, none);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /v1.0/me/outlook/masterCategories", 200, MASTER(CATEGORY("Red")));
    foresee(&fake, "POST /v1.0/me/outlook/masterCategories", 201, CATEGORY("Outreach/Replied"));
    foresee(&fake, "GET /me/messages/m%2F1?$select=id,categories", 200,
            MAIL("m/1", "a", "\"Red\""));
    foresee(&fake, "PATCH /me/messages/m%2F1", 200, MAIL("m/1", "b", ""));
    begin(&fake, &asked);
    answer(&fake);
    assert_string_equal(fake.body, "{\"displayName\":\"Outreach/Replied\",\"color\":\"preset7\"}");
    answer(&fake);
    answer(&fake);
    assert_string_equal(fake.body, "{\"categories\":[\"Red\",\"Outreach/Replied\"]}");
    assert_non_null(strstr(fake.headers, "If-Match: W/\"a\"\n"));
    run(&fake);
    assert_int_equal(fake.ended, ENDED_LABEL);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    assert_string_equal(fake.memory, "Red\nOutreach/Replied\n");

    again(&fake); /* known from now on, and what is there is not written again */
    foresee(&fake, "GET /me/messages/m%2F1", 200, MAIL("m/1", "b", "\"outreach/replied\""));
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);
}

static void another_made_it_meanwhile(void **state)
{
    struct rider_label_change asked = change(ids, add, none);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /masterCategories", 200, MASTER(""));
    foresee(&fake, "POST /masterCategories", 409, "");
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
    foresee(&fake, "PATCH /me/messages/", 200, "<html>"); /* a proxy's page: it is done again */
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
    foresee(&fake, "PATCH /me/messages/", 200, MAIL("m/1", "b", ""));
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_LABEL);
    fake_finish(&fake);
}

/* facts 10: categories are overwritten as a whole: read, changed, and written only if nobody wrote
 * meanwhile */
static void another_clients_categories_are_not_lost(void **state)
{
    struct rider_label_change asked = change(ids, add, none);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    free(fake.session->categories[0]);
    fake.session->categories[0] = NULL;
    foresee(&fake, "GET /masterCategories", 200, MASTER(CATEGORY("Outreach/Replied")));
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
    foresee(&fake, "PATCH /me/messages/", 412, "");
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "b", "\"Theirs\""));
    foresee(&fake, "PATCH /me/messages/", 200, MAIL("m/1", "c", ""));
    begin(&fake, &asked);
    for (int i = 0; i < 4; i++)
        answer(&fake);
    assert_string_equal(fake.body, "{\"categories\":[\"Theirs\",\"Outreach/Replied\"]}");
    assert_non_null(strstr(fake.headers, "If-Match: W/\"b\"\n"));
    run(&fake);
    assert_int_equal(fake.ended, ENDED_LABEL);

    again(&fake);
    for (int i = 0; i < 6; i++) {
        foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
        foresee(&fake, "PATCH /me/messages/", 412, "");
    }
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT); /* not for ever in one go */
    fake_finish(&fake);
}

static void several_go_in_one_batch(void **state)
{
    static const char *const reads[] = {MAIL("m1", "a", ""), MAIL("m2", "b", "\"Mine\",\"Old\"")};
    static const char *const half[] = {MAIL("m1", "a", ""), "!412 {}"};
    static const char *const old[] = {"OLD", NULL};
    struct rider_label_change asked = change(two, add, old);
    char *first = batch(reads, 2), *second = batch(half, 2);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /masterCategories", 200, MASTER(CATEGORY("Outreach/Replied")));
    foresee(&fake, "POST /v1.0/$batch", 200, first);
    foresee(&fake, "POST /v1.0/$batch", 200, second);
    foresee(&fake, "GET /me/messages/m2", 200, MAIL("m2", "c", "\"New\""));
    foresee(&fake, "PATCH /me/messages/m2", 200, MAIL("m2", "d", ""));
    begin(&fake, &asked);
    answer(&fake);
    assert_int_equal(fake.cost, 2);
    answer(&fake);
    assert_non_null(strstr(fake.body, "\"If-Match\":\"W/\\\"b\\\"\""));
    assert_non_null(strstr(fake.body, "\"body\":{\"categories\":[\"Mine\",\"Outreach/Replied\"]}"));
    answer(&fake);
    answer(&fake);
    assert_string_equal(fake.body, "{\"categories\":[\"New\",\"Outreach/Replied\"]}");
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    free(first);
    free(second);
    fake_finish(&fake);
}

static void a_mail_that_is_gone_has_no_label(void **state)
{
    struct rider_label_change asked = change(ids, none, add);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /me/messages/", 404, "");
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.how, RIDER_NOT_THERE);
    fake_finish(&fake);
}

static void the_list_is_a_courtesy(void **state)
{
    static const char *const scopes[] = {"Mail.Send", "Mail.ReadWrite", NULL};
    struct rider_label_change asked = change(ids, add, none);
    struct fake fake;
    (void)state;

    fake_init(&fake, scopes); /* no MailboxSettings.ReadWrite */
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
    foresee(&fake, "PATCH /me/messages/", 200, MAIL("m/1", "b", ""));
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /masterCategories", 403, "");
    foresee(&fake, "POST /masterCategories", 400, "");
    foresee(&fake, "GET /me/messages/", 200, MAIL("m/1", "a", ""));
    foresee(&fake, "PATCH /me/messages/", 200, MAIL("m/1", "b", ""));
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    again(&fake);
    foresee(&fake, "GET /masterCategories", 429, "");
    foresee_headers(&fake, "Retry-After: 3\r\n");
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_THROTTLED);
    assert_int_equal(fake.retry_after, 3000);
    fake_finish(&fake);
}

static void below_full_there_is_none(void **state)
{
    struct rider_label_change asked = change(ids, add, none);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    begin(&fake, &asked);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_category_is_made_with_a_colour_once),
        cmocka_unit_test(another_made_it_meanwhile),
        cmocka_unit_test(another_clients_categories_are_not_lost),
        cmocka_unit_test(several_go_in_one_batch),
        cmocka_unit_test(a_mail_that_is_gone_has_no_label),
        cmocka_unit_test(the_list_is_a_courtesy),
        cmocka_unit_test(below_full_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

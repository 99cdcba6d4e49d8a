/* unit/gmail/label.c: labels found whatever their case, made with their parents, races, stale ids.
 */
#include "fake.h"

#define LIST(more)                                                                                 \
    "{\"labels\":[{\"id\":\"INBOX\",\"name\":\"INBOX\",\"type\":\"system\"}" more "]}"
#define LABEL(id, name) "{\"id\":\"" id "\",\"name\":\"" name "\",\"type\":\"user\"}"

static const char *const one_id[] = {"a1", NULL};
static const char *const two_ids[] = {"a1", "a2", NULL};
static const char *const replied[] = {"Outreach/Replied", NULL};
static const char *const old[] = {"Old", NULL};

static void label(struct fake *fake, const char *const *ids, const char *const *add,
                  const char *const *remove)
{
    const struct rider_label_change change = {
        .size = sizeof(change), .provider_ids = ids, .add = add, .remove = remove};

    fake->provider->label(fake->session, &fake->op, &change);
}

static void makes_what_is_missing_with_its_parents(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /labels", 200, LIST(""));
    foresee(&fake, "POST /labels", 200, "{\"id\":\"Label_1\",\"name\":\"Outreach\"}");
    foresee(&fake, "POST /labels", 200, "{\"id\":\"Label_2\",\"name\":\"Outreach/Replied\"}");
    foresee(&fake, "POST /messages/a1/modify", 200, "{\"id\":\"a1\"}");
    label(&fake, one_id, replied, old);
    answer(&fake);
    assert_string_equal(fake.body, "{\"name\":\"Outreach\",\"labelListVisibility\":\"labelShow\","
                                   "\"messageListVisibility\":\"show\"}");
    answer(&fake);
    answer(&fake);
    assert_string_equal(fake.body, "{\"addLabelIds\":[\"Label_2\"],\"removeLabelIds\":[]}");
    run(&fake);
    assert_int_equal(fake.ended, ENDED_LABEL);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    assert_string_equal(fake.memory, "Label_1 Outreach\nLabel_2 Outreach/Replied\n");

    again(&fake); /* known by now */
    foresee(&fake, "POST /messages/batchModify", 204, "");
    label(&fake, two_ids, replied, NULL);
    assert_string_equal(
        fake.body, "{\"ids\":[\"a1\",\"a2\"],\"addLabelIds\":[\"Label_2\"],\"removeLabelIds\":[]}");
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);
}

static void case_does_not_count(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /labels", 200,
            LIST("," LABEL("Label_8", "OUTREACH") "," LABEL("Label_9", "outreach/REPLIED")));
    foresee(&fake, "POST /messages/a1/modify", 200, "{}");
    label(&fake, one_id, replied, NULL);
    answer(&fake);
    assert_non_null(strstr(fake.body, "\"Label_9\""));
    run(&fake);
    fake_finish(&fake);
}

static void races(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes); /* somebody made it between list and create */
    foresee(&fake, "GET /labels", 200, LIST("," LABEL("Label_1", "Outreach")));
    foresee(&fake, "POST /labels", 409, "{\"error\":{\"code\":409}}");
    foresee(&fake, "GET /labels", 200,
            LIST("," LABEL("Label_1", "Outreach") "," LABEL("Label_2", "Outreach/replied")));
    foresee(&fake, "POST /messages/a1/modify", 200, "{}");
    label(&fake, one_id, replied, NULL);
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);

    fake_init(&fake, fake_full_scopes); /* a name that is refused for good */
    foresee(&fake, "GET /labels", 200, LIST("," LABEL("Label_1", "Outreach")));
    foresee(&fake, "POST /labels", 409, "{}");
    foresee(&fake, "GET /labels", 200, LIST("," LABEL("Label_1", "Outreach")));
    foresee(&fake, "POST /labels", 409, "{}");
    label(&fake, one_id, replied, NULL);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_PERMANENT);
    assert_non_null(strstr(fake.detail, "Outreach/Replied"));
    fake_finish(&fake);
}

static void stale_ids(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    fake.memory = text_dup("Label_1 Outreach\nLabel_2 Outreach/Replied\nbroken");
    gmail_labels_recall(fake.session);
    foresee(&fake, "POST /messages/a1/modify", 400,
            "{\"error\":{\"code\":400,\"message\":\"Invalid label: Label_2\"}}");
    foresee(&fake, "GET /labels", 200, LIST("," LABEL("Label_1", "Outreach")));
    foresee(&fake, "POST /labels", 200, LABEL("Label_5", "Outreach/Replied"));
    foresee(&fake, "POST /messages/a1/modify", 200, "{}");
    label(&fake, one_id, replied, NULL);
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    assert_non_null(strstr(fake.memory, "Label_5 Outreach/Replied\n"));

    again(&fake);
    foresee(&fake, "POST /messages/a1/modify", 404, "{\"error\":{\"code\":404}}");
    label(&fake, one_id, replied, NULL);
    run(&fake);
    assert_int_equal(fake.how, RIDER_NOT_THERE);
    fake_finish(&fake);
}

static void nothing_to_do(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /labels", 200, LIST(""));
    label(&fake, one_id, NULL, old); /* what is not there needs no removing */
    run(&fake);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);

    fake_init(&fake, fake_headers_scopes);
    label(&fake, one_id, replied, NULL);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_what_is_missing_with_its_parents),
        cmocka_unit_test(case_does_not_count),
        cmocka_unit_test(races),
        cmocka_unit_test(stale_ids),
        cmocka_unit_test(nothing_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

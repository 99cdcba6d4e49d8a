/* unit/graph/list.c: what came since, folder by folder, and how far it was read. */
#include "fake.h"

static const char *const names[] = {"From",        "To",         "Subject",      "Message-ID",
                                    "In-Reply-To", "References", "Content-Type", NULL};

static struct rider_query query(const struct fake *fake)
{
    return (struct rider_query){.size = sizeof(struct rider_query),
                                .cursor = {fake->cursor, fake->cursor ? strlen(fake->cursor) : 0},
                                .since = NOW - 60000,
                                .limit = 50,
                                .want = RIDER_WANT_LABELS | RIDER_WANT_REPORT,
                                .headers = names};
}

#define DELTA(items, folder, token)                                                                \
    "{\"value\":[" items "],\"@odata.deltaLink\":\"" API "/v1.0/me/mailFolders('" folder           \
    "')/messages/delta?$deltatoken=" token "\"}"
#define NEXT(items, folder, token)                                                                 \
    "{\"value\":[" items "],\"@odata.nextLink\":\"" API "/v1.0/me/mailFolders('" folder            \
    "')/messages/delta?$skiptoken=" token "\"}"
#define AT ",\"receivedDateTime\":\"2026-11-21T17:32:00Z\""
#define OLD ",\"receivedDateTime\":\"2026-11-21T17:30:00Z\""
#define FROM(address) ",\"from\":{\"emailAddress\":{\"name\":\"B o\",\"address\":\"" address "\"}}"
#define HEADERS(list) ",\"internetMessageHeaders\":[" list "]"
#define HEADER(name, value) "{\"name\":\"" name "\",\"value\":\"" value "\"}"
#define MAIL(id, more) "{\"id\":\"" id "\",\"isDraft\":false,\"conversationId\":\"c\"" AT more "}"

/* What comes when a whole mail is asked for. */
static struct {
    int status;
    const char *body;
} whole;

/* A folder that is not to be asked has no answer (NULL). */
static void list_with(struct fake *fake, const struct rider_query *asked, const char *inbox,
                      const char *junk, const char *sent)
{
    const char *bodies[] = {sent, inbox, junk};
    size_t count = 0;
    char *body;

    for (size_t i = 0; i < 3; i++) {
        if (bodies[i])
            bodies[count++] = bodies[i];
    }
    body = batch(bodies, count);
    again(fake);
    if (count > 1)
        foresee(fake, "POST /v1.0/$batch", 200, body);
    else
        foresee(fake, "GET /messages/delta?", *bodies[0] == '!' ? atoi(bodies[0] + 1) : 200,
                *bodies[0] == '!' ? bodies[0] + 5 : bodies[0]);
    if (whole.status)
        foresee(fake, "GET /v1.0/me/messages/n/$value", whole.status, whole.body);
    fake->provider->list(fake->session, &fake->op, asked);
    while (fake->done)
        answer(fake);
    assert_int_equal(fake->times, 1);
    free(body);
    whole.status = 0;
}

static void list_now(struct fake *fake, const char *inbox, const char *junk, const char *sent)
{
    struct rider_query asked = query(fake);

    list_with(fake, &asked, inbox, junk, sent);
}

static void the_first_walk_is_bounded(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    list_now(
        &fake,
        DELTA(MAIL("m1", FROM("bo@beta.example") HEADERS(HEADER("Message-ID", "<1@b>") "," HEADER(
                             "In-Reply-To", "<0@a>") "," HEADER("X-Secret", "no"))),
              "inbox", "i1"),
        DELTA("", "junkemail", "j1"), DELTA("", "sentitems", "s1"));
    assert_non_null(strstr(fake.body, "\"/me/mailFolders/inbox/messages/delta?$select=id,"));
    assert_non_null(strstr(fake.body, "$filter=receivedDateTime%20ge%202026-11-21T17:31:22Z"));
    assert_non_null(strstr(fake.body, "/me/mailFolders/junkemail/messages/delta?"));
    assert_non_null(strstr(fake.body, "/me/mailFolders/sentitems/messages/delta?"));
    assert_null(strstr(fake.body, "body,")); /* nothing of a body, nor its preview */
    assert_null(strstr(fake.body, "Preview"));
    assert_int_equal(fake.cost, 3);
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_false(fake.more);
    assert_string_equal(fake.items.data,
                        "1/1 m1 - 1795282320000 [Message-ID: <1@b>\r\nIn-Reply-To: <0@a>\r\n"
                        "From: \"B o\" <bo@beta.example>\r\n]\n");
    list_now(&fake, DELTA("", "inbox", "i2"), DELTA("", "junkemail", "j1"),
             DELTA("", "sentitems", "s1"));
    assert_non_null(strstr(fake.body, "$deltatoken=i1"));
    assert_null(strstr(fake.body, "$filter"));
    fake_finish(&fake);
}

/* facts 10: ids change on a move without the Prefer header */
static void every_request_prefers_immutable_ids(void **state)
{
    struct fake fake;
    int parts = 0;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_non_null(strstr(fake.headers, PREFER));
    for (const char *at = fake.body;
         (at = strstr(at, "\"Prefer\":\"IdType=\\\"ImmutableId\\\", odata.maxpagesize=50\"")); at++)
        parts++;
    assert_int_equal(parts, 3);
    assert_non_null(strstr(fake.body, "\"dependsOn\":[\"1\"]")); /* one at a time */
    fake_finish(&fake);
}

static void folders_tell_where(void **state)
{
    static const char *const config[] = {"folders", "archive, AAB=", NULL};
    const char *const bodies[] = {DELTA(MAIL("s", ""), "sentitems", "s"), DELTA("", "inbox", "i"),
                                  DELTA(MAIL("j", ""), "junkemail", "j"),
                                  DELTA(MAIL("a", ""), "archive", "a"),
                                  "!404 {\"error\":{\"code\":\"ErrorItemNotFound\"}}"};
    char *body = batch(bodies, 5);
    struct rider_query asked;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    fake.provider->close(fake.session);
    fake.config = config;
    fake.session = fake.provider->open(&fake.host,
                                       &(struct rider_mailbox){.size = sizeof(struct rider_mailbox),
                                                               .granted = fake_headers_scopes},
                                       NULL);
    asked = query(&fake);
    foresee(&fake, "POST /$batch", 200, body);
    fake.provider->list(fake.session, &fake.op, &asked);
    assert_non_null(strstr(fake.body, "/me/mailFolders/AAB%3D/messages/delta"));
    run(&fake);
    assert_string_equal(fake.items.data, "1/2 s - 1795282320000 []\n1/4 j - 1795282320000 []\n"
                                         "1/1 a - 1795282320000 []\n");
    assert_false(fake.more); /* the folder that is not there does not hold it up */
    free(body);
    fake_finish(&fake);
}

/* facts 10: @removed; and drafts and what is older than asked for */
static void what_left_is_silent(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake,
             DELTA("{\"id\":\"r\",\"@removed\":{\"reason\":\"deleted\"}},"
                   "{\"id\":\"o\",\"isDraft\":false" OLD "},{\"id\":\"d\",\"isDraft\":true" AT "}",
                   "inbox", "i"),
             DELTA("", "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_string_equal(fake.items.data, "");
    fake_finish(&fake);
}

/* facts 10: duplicate and replayed delta entries: the later one counts, and its categories */
static void what_comes_again_is_told_once_a_page(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake,
             DELTA(MAIL("m", "") "," MAIL("m", ",\"categories\":[\"Interested\"]"), "inbox", "i"),
             DELTA("", "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_string_equal(fake.items.data, "1/1 m - 1795282320000 [] #Interested\n"
                                         "2/1 m - 1795282320000 [] #Interested\n");
    fake_finish(&fake);
}

static void pages_go_on_and_can_be_empty(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake, NEXT("", "inbox", "p2"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_true(fake.more);
    list_now(&fake, DELTA(MAIL("m", ""), "inbox", "i"), NULL, NULL);
    assert_non_null(strstr(fake.url, "$skiptoken=p2"));
    assert_false(fake.more);
    assert_string_equal(fake.items.data, "1/1 m - 1795282320000 []\n");
    fake_finish(&fake);
}

static void the_cursor_covers_what_was_taken(void **state)
{
    struct rider_query asked;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    asked = query(&fake);
    asked.limit = 2;
    list_with(&fake, &asked, DELTA(MAIL("a", "") "," MAIL("b", "") "," MAIL("c", ""), "inbox", "i"),
              DELTA(MAIL("d", ""), "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_true(fake.more);
    assert_string_equal(fake.items.data, "1/1 a - 1795282320000 []\n1/1 b - 1795282320000 []\n");
    fake.take = 1; /* the host takes one more, and no second */
    list_now(&fake, DELTA(MAIL("a", "") "," MAIL("b", "") "," MAIL("c", ""), "inbox", "i"),
             DELTA(MAIL("d", ""), "junkemail", "j"), NULL);
    assert_string_equal(fake.items.data, "1/1 c - 1795282320000 []\n");
    assert_true(fake.more);
    fake.take = 100;
    list_now(&fake, NULL, DELTA(MAIL("d", ""), "junkemail", "j"), NULL);
    assert_string_equal(fake.items.data, "1/4 d - 1795282320000 []\n");
    assert_false(fake.more);
    fake_finish(&fake);
}

/* The page of one link tells of more when it is asked again, in whatever order, and of changes. */
static void what_came_meanwhile_is_not_passed_over(void **state)
{
    struct rider_query asked;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    asked = query(&fake);
    asked.limit = 2;
    list_with(&fake, &asked, DELTA(MAIL("a", "") "," MAIL("b", "") "," MAIL("c", ""), "inbox", "i"),
              DELTA("", "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_true(fake.more);
    list_now(&fake,
             DELTA(MAIL("new", "") "," MAIL("a", ",\"@odata.etag\":\"2\"") "," MAIL(
                       "b", "") "," MAIL("c", ""),
                   "inbox", "i"),
             NULL, NULL);
    assert_string_equal(fake.items.data, "1/1 new - 1795282320000 []\n"
                                         "1/1 a - 1795282320000 []\n"
                                         "1/1 c - 1795282320000 []\n");
    assert_false(fake.more);
    fake_finish(&fake);
}

#define GONE "!410 {\"error\":{\"code\":\"SyncStateNotFound\",\"message\":\"m\"}}"
#define RESYNC                                                                                     \
    "!400 {\"error\":{\"code\":\"x\",\"message\":\"The sync state generation is not found; "       \
    "generation=605\"}}"

/* facts 10: 410 and SyncStateNotFound at the start and amid pages: that folder alone is walked
 * again, from when it was read last */
static void a_lost_delta_walks_that_folder_again(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    list_now(&fake, GONE, "!424 {}", "!424 {}"); /* which were not tried: one after the other */
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_true(fake.more);
    list_now(&fake, NEXT(MAIL("m", ""), "inbox", "p2"), NULL, NULL);
    assert_non_null(strstr(fake.url, "inbox/messages/delta?$select="));
    assert_non_null(strstr(fake.url, "$filter=receivedDateTime%20ge%202026-11-21T17:31:22Z"));
    assert_true(fake.more);
    list_now(&fake, RESYNC, NULL, NULL); /* amid pages */
    assert_true(fake.more);
    list_now(&fake, DELTA("", "inbox", "i"), NULL, NULL);
    assert_non_null(strstr(fake.url, "inbox/messages/delta?$select="));
    assert_false(fake.more);
    list_now(&fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_non_null(strstr(fake.body, "$deltatoken=j"));
    fake_finish(&fake);
}

/* facts 10: $batch with an inner 429: what came is kept, the rest waits as long as was said */
static void an_inner_429_is_obeyed(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake, DELTA(MAIL("m", ""), "inbox", "i"),
             "!429 {\"error\":{\"code\":\"ApplicationThrottled\"}}", "!424 {}");
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_true(fake.more);
    list_now(&fake, NULL, "!429 {\"error\":{\"code\":\"ApplicationThrottled\"}}", "!424 {}");
    assert_int_equal(fake.ended, ENDED_FAIL);
    assert_int_equal(fake.kind, RIDER_THROTTLED);
    assert_int_equal(fake.scope, RIDER_MAILBOX);
    assert_int_equal(fake.retry_after, 7000);
    fake_finish(&fake);
}

/* The host renews a token at the 401 of a whole request: so the next one goes by itself. */
static void an_inner_401_is_asked_again_alone(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    list_now(&fake, "!424 {}", "!424 {}", "!401 {}");
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    list_now(&fake, NULL, NULL, "!401 {}"); /* not even renewed */
    assert_int_equal(fake.kind, RIDER_AUTH);
    list_now(&fake, NULL, NULL, DELTA("", "sentitems", "s"));
    assert_int_equal(fake.ended, ENDED_LIST);
    list_now(&fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_false(fake.more);
    fake_finish(&fake);
}

static void a_link_elsewhere_is_not_followed(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(&fake,
             "{\"value\":[],\"@odata.deltaLink\":\"https://grapx.acme.example/v1.0/me/"
             "x?$deltatoken=1\"}",
             DELTA("", "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_int_equal(fake.kind, RIDER_BROKEN);
    fake.cursor = text_dup("1 inbox d 1 https%3A%2F%2Fevil.example -");
    list_now(&fake, "", "", "");
    assert_int_equal(fake.kind, RIDER_CURSOR_LOST);
    fake_finish(&fake);
}

#define REPORT                                                                                     \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"              \
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nStatus: 5.1.1\r\n"                        \
    "--b\r\nContent-Type: message/rfc822\r\n\r\nX-Postrider-Id: pr1.m\r\n\r\nsecret\r\n--b--\r\n"
#define NDR                                                                                        \
    MAIL("n", HEADERS(HEADER("Content-Type", "multipart/report; report-type=delivery-status")))

/* facts 10: an NDR comes into the Inbox after a 202 */
static void a_bounce_brings_its_report(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    whole.status = 200;
    whole.body = REPORT;
    list_now(&fake, DELTA(NDR, "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_int_equal(fake.asked, 2);
    assert_string_equal(fake.items.data,
                        "1/1 n - 1795282320000 [Content-Type: multipart/report; "
                        "report-type=delivery-status\r\n] delivery-status {Status: 5.1.1\r\n} "
                        "{X-Postrider-Id: pr1.m\r\n}\n");
    fake_finish(&fake);

    fake_init(&fake, fake_headers_scopes); /* where no body may be read none is */
    list_now(&fake, DELTA(NDR, "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_null(strstr(fake.items.data, "{"));
    fake_finish(&fake);
}

static void a_report_that_can_not_be_had_waits_or_goes_without(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    whole.status = 503;
    whole.body = "";
    list_now(&fake, DELTA(MAIL("m", "") "," NDR, "inbox", "i"), DELTA("", "junkemail", "j"),
             DELTA("", "sentitems", "s"));
    assert_true(fake.more);
    assert_string_equal(fake.items.data, "1/1 m - 1795282320000 []\n");
    whole.status = 404;
    whole.body = "";
    list_now(&fake, DELTA(MAIL("m", "") "," NDR, "inbox", "i"), DELTA("", "junkemail", "j"), NULL);
    assert_false(fake.more);
    assert_memory_equal(fake.items.data, "1/1 n ", 6);
    fake_finish(&fake);

    fake_init(&fake, fake_full_scopes);
    for (int times = 1; times <= 3; times++) { /* a proxy's page waits too, but not for ever */
        whole.status = 200;
        whole.body = "<html>\n\nPlease wait</html>";
        list_now(&fake, DELTA(NDR, "inbox", "i"), DELTA("", "junkemail", "j"),
                 DELTA("", "sentitems", "s"));
        assert_int_equal(fake.kind, times < 3 ? RIDER_BROKEN : 0);
    }
    assert_memory_equal(fake.items.data, "1/1 n ", 6);
    fake_finish(&fake);
}

/* facts 10: conversationId drifts on a reply, and is shared by strangers: it counts for nothing */
static void a_conversation_is_no_evidence(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(
        &fake,
        DELTA(MAIL("a", HEADERS(HEADER("References", "<0@a>"))) "," MAIL("b", ""), "inbox", "i"),
        DELTA("", "junkemail", "j"), DELTA("", "sentitems", "s"));
    assert_string_equal(fake.items.data, "1/1 a - 1795282320000 [References: <0@a>\r\n]\n"
                                         "1/1 b - 1795282320000 []\n");
    fake_finish(&fake);
}

/* facts 10: internetMessageHeaders absent on Sent Items: the mail's own fields speak */
static void sent_items_show_their_own_fields(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    list_now(
        &fake, DELTA("", "inbox", "i"), DELTA("", "junkemail", "j"),
        DELTA(MAIL("s", ",\"internetMessageId\":\"<i@a>\",\"subject\":\"Hi\\r\\nBcc: x\","
                        "\"toRecipients\":[{\"emailAddress\":{\"address\":\"bo@b.example\"}}]"),
              "sentitems", "s"));
    assert_string_equal(fake.items.data, "1/2 s - 1795282320000 [To: bo@b.example\r\nSubject: Hi  "
                                         "Bcc: x\r\nMessage-ID: <i@a>\r\n]\n");
    fake_finish(&fake);
}

static void without_permission_nothing_is_listed(void **state)
{
    struct rider_query asked;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_send_scopes);
    asked = query(&fake);
    fake.provider->list(fake.session, &fake.op, &asked);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_walk_is_bounded),
        cmocka_unit_test(every_request_prefers_immutable_ids),
        cmocka_unit_test(folders_tell_where),
        cmocka_unit_test(what_left_is_silent),
        cmocka_unit_test(what_comes_again_is_told_once_a_page),
        cmocka_unit_test(pages_go_on_and_can_be_empty),
        cmocka_unit_test(the_cursor_covers_what_was_taken),
        cmocka_unit_test(what_came_meanwhile_is_not_passed_over),
        cmocka_unit_test(a_lost_delta_walks_that_folder_again),
        cmocka_unit_test(an_inner_429_is_obeyed),
        cmocka_unit_test(an_inner_401_is_asked_again_alone),
        cmocka_unit_test(a_link_elsewhere_is_not_followed),
        cmocka_unit_test(a_bounce_brings_its_report),
        cmocka_unit_test(a_report_that_can_not_be_had_waits_or_goes_without),
        cmocka_unit_test(a_conversation_is_no_evidence),
        cmocka_unit_test(sent_items_show_their_own_fields),
        cmocka_unit_test(without_permission_nothing_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unit/smtp-imap/list.c: what came since, folder by folder, and the traps on the way. */
#include "imap_fake.h"

static const char *const wanted[] = {"From", "References", NULL};

#define HEADER "From: bo@beta.example\r\nX-Secret: no\r\nreferences: <1@a>\r\n <2@a>\r\n\r\n"
#define BLOCK "[From: bo@beta.example\r\nreferences: <1@a>\r\n <2@a>\r\n]"
#define FETCH_OF(set)                                                                              \
    "UID FETCH " set " (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (From References)]"         \
    "<0.262144>)"
#define MAIL(seq, uid, date)                                                                       \
    "* " seq " FETCH (UID " uid " FLAGS (\\Recent) INTERNALDATE \"" date                           \
    "\" BODY[HEADER.FIELDS (FROM REFERENCES)]<0> $<" HEADER "$>)\r\n"
#define NOV(day) #day "-Nov-2026 12:00:00 +0000"
#define EXAMINED(validity, next, modseq)                                                           \
    "* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [PERMANENTFLAGS ()] none\r\n"                          \
    "* OK [UIDVALIDITY " validity "] x\r\n* OK [UIDNEXT " next "] x\r\n"                           \
    "* OK [HIGHESTMODSEQ " modseq "] x\r\n$T OK [READ-ONLY] done\r\n"

static void list(struct fake *fake, const char *cursor, uint32_t want, uint32_t limit)
{
    const struct rider_query query = {.size = sizeof(query),
                                      .cursor = {cursor, cursor ? strlen(cursor) : 0},
                                      .since = INT64_C(1794960000000), /* 2026-11-18 */
                                      .limit = limit,
                                      .want = want,
                                      .headers = wanted};

    fake->provider->list(fake->session, &fake->op, &query);
    run(fake);
}

static void first_listing_by(size_t piece)
{
    struct fake fake;

    fake_init(&fake, RIDER_ACCESS_HEADERS, NULL);
    fake.piece = piece;
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\" (CONDSTORE)", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\" (CONDSTORE)", EXAMINED("7", "40", "9"));
    foresee(&fake, "UID SEARCH RETURN (ALL) UID 1:* SINCE 17-Nov-2026",
            "* ESEARCH (TAG \"$T\") UID ALL 30:31,35\r\n$T OK done\r\n");
    /* one is older than `since`, one is gone meanwhile, one was not asked for */
    foresee(&fake, FETCH_OF("30:31,35"),
            "* 2 EXPUNGE\r\n* 9 EXISTS\r\n" MAIL("2", "35", NOV(20)) MAIL("1", "30", NOV(17))
                MAIL("3", "36", NOV(20)) "* 1 FETCH (FLAGS (\\Seen))\r\n"
                                         "$T NO [EXPUNGEISSUED] some are gone\r\n");
    foresee(&fake, "EXAMINE \"Junk\" (CONDSTORE)", "$T NO [NOPERM] not for you\r\n");
    list(&fake, NULL, 0, 100);
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_string_equal(text_of(&fake.items), "1/1 INBOX/7/35 1795176000000 " BLOCK "\n");
    assert_false(fake.more);
    assert_string_equal(fake.cursor, "1 Sent%20Items:5:1:9:0:1794960000000:1795282342000 "
                                     "INBOX:7:40:9:0:1794960000000:1795282342000");
    assert_string_equal(fake.streams[0]->url, "imaps://mail.acme.example:993");
    assert_null(fake.streams[0]->op); /* the line rests */
    assert_null(fake.session->jobs);
    fake_time(&fake, 90000);
    assert_true(fake.streams[0]->closed);
    fake_finish(&fake);
}

static void first_listing(void **state)
{
    (void)state;
    first_listing_by(0);
    first_listing_by(1);
    first_listing_by(7);
}

#define CURSOR "1 Sent%20Items:5:1:9:0:0:1795282342000 INBOX:7:40:9:0:0:1795282342000"
#define OTHERS                                                                                     \
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));                             \
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "40", "9"))
#define JUNK foresee(&fake, "EXAMINE \"Junk\"", "$T NO x\r\n")

/* Nothing new costs one command a folder, and the line is kept. */
static void nothing_new(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    OTHERS;
    JUNK;
    list(&fake, CURSOR, RIDER_WANT_LABELS, 100);
    assert_string_equal(fake.cursor, CURSOR);
    assert_false(fake.more);
    again(&fake);
    OTHERS;
    JUNK;
    list(&fake, CURSOR, RIDER_WANT_LABELS, 100);
    assert_string_equal(fake.cursor, CURSOR);
    assert_int_equal(fake.stream_count, 1);
    fake_finish(&fake);
}

static void new_mail(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"",
            EXAMINED("5", "3", "9")); /* what comes next is named by ranges */
    foresee(&fake, FETCH_OF("1:2"), MAIL("1", "2", NOV(1)) "$T OK done\r\n");
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "41", "12"));
    /* the n:* trap: 39 is before what was asked for */
    foresee(&fake, FETCH_OF("40:40"),
            MAIL("4", "39", NOV(20)) MAIL("5", "40", NOV(20)) "$T OK done\r\n");
    foresee(&fake, "UID FETCH 1:39 (UID FLAGS) (CHANGEDSINCE 9)",
            "* 2 FETCH (UID 30 MODSEQ (11) FLAGS (\\Seen $Outreach/Warm=20lead NonJunk))\r\n"
            "* 3 FETCH (UID 31 MODSEQ (12) FLAGS (\\Seen))\r\n"
            "* 5 FETCH (UID 40 MODSEQ (12) FLAGS ($x))\r\n$T OK done\r\n");
    JUNK;
    list(&fake, CURSOR, RIDER_WANT_LABELS, 100);
    assert_string_equal(text_of(&fake.items), "1/2 Sent%20Items/5/2 1793534400000 " BLOCK "\n"
                                              "1/1 INBOX/7/40 1795176000000 " BLOCK "\n"
                                              "2/1 INBOX/7/30 0 [] #Outreach/Warm lead #NonJunk\n");
    assert_string_equal(fake.cursor, "1 Sent%20Items:5:3:9:0:0:1795282342000 "
                                     "INBOX:7:41:12:0:0:1795282342000");
    fake_finish(&fake);
}

/* What is not taken, and what is over the limit, is not covered. */
static void limits(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "90", "9"));
    foresee(&fake, "UID SEARCH RETURN (ALL) UID 40:*",
            "* ESEARCH (TAG \"$T\") UID ALL 60:4000000000,41,39\r\n$T OK done\r\n");
    foresee(&fake, FETCH_OF("41,60"),
            MAIL("5", "60", NOV(20)) MAIL("4", "41", NOV(20)) "$T OK done\r\n");
    list(&fake, CURSOR, 0, 2);
    assert_true(fake.more);
    assert_string_equal(text_of(&fake.items), "1/1 INBOX/7/41 1795176000000 " BLOCK "\n"
                                              "1/1 INBOX/7/60 1795176000000 " BLOCK "\n");
    assert_non_null(strstr(fake.cursor, "INBOX:7:61:9:0"));

    again(&fake);
    fake.take = 1;
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "42", "9"));
    foresee(&fake, FETCH_OF("40:41"),
            MAIL("5", "40", NOV(20)) MAIL("4", "41", NOV(20)) "$T OK done\r\n");
    list(&fake, CURSOR, 0, 100);
    assert_true(fake.more);
    assert_non_null(strstr(fake.cursor, "INBOX:7:41:9:0"));
    fake_finish(&fake);
}

/* Another UIDVALIDITY: only that folder is read again, from a day before it was last read. */
static void renumbered(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("8", "4", "2"));
    foresee(&fake, "UID SEARCH RETURN (ALL) UID 1:* SINCE 19-Nov-2026",
            "* ESEARCH (TAG \"$T\") UID ALL 1:3\r\n$T OK done\r\n");
    foresee(&fake, FETCH_OF("1:3"),
            MAIL("1", "1", NOV(20)) MAIL("2", "2", NOV(21)) MAIL("3", "3", NOV(21)) "$T OK x\r\n");
    JUNK;
    list(&fake, CURSOR, 0, 100);
    assert_string_equal(text_of(&fake.items), "1/1 INBOX/8/2 1795262400000 " BLOCK "\n"
                                              "1/1 INBOX/8/3 1795262400000 " BLOCK "\n");
    assert_non_null(strstr(fake.cursor, "Sent%20Items:5:1:9:0"));
    assert_non_null(strstr(fake.cursor, "INBOX:8:4:2:0"));
    fake_finish(&fake);
}

#undef HEADER
#define HEADER "Content-Type: multipart/report; report-type=delivery-status\r\nFrom: x\r\n\r\n"
#define REPORT                                                                                     \
    "* 5 FETCH (UID 40 INTERNALDATE \"" NOV(20) "\" BODY[HEADER.FIELDS (FROM REFERENCES "          \
                                                "CONTENT-TYPE)]<0> $<" HEADER                      \
                                                "$>)\r\n$T OK done\r\n"

static void reports(void **state)
{
    struct fake fake;
    (void)state;

    for (int which = 0; which < 4; which++) {
        fake_init(&fake, which == 3 ? RIDER_ACCESS_HEADERS : RIDER_ACCESS_FULL, NULL);
        foresee_start(&fake);
        foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
        foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "41", "9"));
        foresee(&fake,
                "UID FETCH 40:40 (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (From References "
                "Content-Type)]<0.262144>)",
                REPORT);
        if (which < 3)
            foresee(&fake, "UID FETCH 40 (UID BODYSTRUCTURE)",
                    which == 1 ? "$T NO no such structure\r\n"
                    : which == 2
                        ? "$T NO [INUSE] later\r\n"
                        : "* 5 FETCH (UID 40 BODYSTRUCTURE ((\"text\" \"plain\" NIL NIL NIL "
                          "\"7bit\" 5 1)(\"message\" \"delivery-status\" NIL NIL NIL "
                          "\"base64\" 4)(\"text\" \"rfc822-headers\" NIL NIL NIL "
                          "\"quoted-printable\" 9 1) \"report\" (\"report-type\" "
                          "\"delivery-status\")))\r\n$T OK done\r\n");
        if (which == 0)
            foresee(&fake, "UID FETCH 40 (UID BODY.PEEK[2]<0.262144> BODY.PEEK[3]<0.262144>)",
                    "* 5 FETCH (UID 40 BODY[2]<0> $<YT1i\n$> BODY[3]<0> "
                    "\"A: =62\")\r\n$T OK done\r\n");
        if (which != 2)
            JUNK;
        list(&fake, CURSOR, RIDER_WANT_REPORT, 100);
        if (which == 2) { /* it is to be had later: the list waits */
            assert_int_equal(fake.ended, ENDED_FAIL);
            assert_int_equal(fake.kind, RIDER_TRANSIENT);
        } else {
            assert_string_equal(text_of(&fake.items),
                                which
                                    ? "1/1 INBOX/7/40 1795176000000 [From: x\r\n]\n"
                                    : "1/1 INBOX/7/40 1795176000000 [From: x\r\n] delivery-status "
                                      "{a=b} {A: b}\n");
        }
        fake_finish(&fake);
    }
}

static void lost_cursors(void **state)
{
    static const char *const bad[] = {"x",
                                      "2 a:1:1:1:1:1:1",
                                      "1 a:1:1:1:1:1",
                                      "1 a:1:1:1:1:1:1:1",
                                      "1 a:0:1:1:1:1:1",
                                      "1 a:1:0:1:1:1:1",
                                      "1 a:1:1:1:1:1:9223372036854775808",
                                      "1 a:1:1:1:1:1:1 a:1:1:1:1:1:1",
                                      "1 %zz:1:1:1:1:1:1",
                                      "1  a:1:1:1:1:1:1"};
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        again(&fake);
        list(&fake, bad[i], 0, 100);
        if (fake.kind != RIDER_CURSOR_LOST)
            fail_msg("taken: %s", bad[i]);
    }
    fake_finish(&fake);
}

/* ---- when it goes wrong -----------------------------------------------------------------------
 */

static void failures(void **state)
{
    static const struct {
        const char *said;
        int32_t kind;
    } cases[] = {
        {"$T NO [UNAVAILABLE] later\r\n", RIDER_TRANSIENT},
        {"$T NO [LIMIT] enough\r\n", RIDER_THROTTLED},
        {"$T NO [NOPERM] no\r\n", RIDER_PERMANENT},
        {"$T NO [EXPIRED] no\r\n", RIDER_AUTH},
        {"$T BAD what\r\n", RIDER_BROKEN},
        {"* 1 FETCH (BODY[] {2147483648}\r\n", RIDER_BROKEN},
        {"nobody OK done\r\n", RIDER_BROKEN},
    };
    struct fake fake;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_init(&fake, RIDER_ACCESS_FULL, NULL);
        foresee_start(&fake);
        foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
        foresee(&fake, "EXAMINE \"INBOX\"", cases[i].said);
        list(&fake, CURSOR, 0, 100);
        if (fake.ended != ENDED_FAIL || fake.kind != cases[i].kind)
            fail_msg("%s gives %d", cases[i].said, fake.kind);
        fake_finish(&fake);
    }
}

/* Sent that is away for a moment is waited for; Sent that is not there is not. */
static void sent_is_waited_for(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", "$T NO [SERVERBUG] Internal error\r\n");
    list(&fake, CURSOR, 0, 100);
    assert_int_equal(fake.ended, ENDED_FAIL);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake_finish(&fake);

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", "$T NO [NOPERM] not for you\r\n");
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "40", "9"));
    JUNK;
    list(&fake, CURSOR, 0, 100);
    assert_int_equal(fake.ended, ENDED_LIST);
    fake_finish(&fake);
}

/* A mail that comes after SEARCH looked is told of by its UIDNEXT alone: it is read next time. */
static void what_comes_after_the_search_is_not_passed_over(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "900", "9"));
    foresee(&fake, "UID SEARCH",
            "* ESEARCH (TAG \"x\") UID\r\n* 9 EXISTS\r\n"
            "* OK [UIDNEXT 901] one more\r\n$T OK done\r\n");
    JUNK;
    list(&fake, CURSOR, 0, 100);
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_non_null(strstr(fake.cursor, " INBOX:7:900:"));
    fake_finish(&fake);
}

/* A FETCH that can't be read is a mail that would be missed. */
static void unreadable(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "41", "9"));
    foresee(&fake, FETCH_OF("40:40"), "* 5 FETCH (UID 40 FLAGS (((\r\n$T OK done\r\n");
    list(&fake, CURSOR, 0, 100);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    fake_finish(&fake);
}

static void lost_lines(void **state)
{
    const struct rider_query query = {.size = sizeof(query), .limit = 5, .headers = wanted};
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    fake.refuse = "the secret is refused";
    list(&fake, NULL, 0, 100);
    assert_int_equal(fake.kind, RIDER_AUTH);
    fake.refuse = NULL;

    again(&fake); /* it hangs up in the middle, and says why */
    foresee_start(&fake);
    foresee(&fake, "EXAMINE", "* BYE token expired\r\n");
    fake.provider->list(fake.session, &fake.op, &query);
    fake_pump(&fake);
    assert_int_equal(fake.times, 0);
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    assert_non_null(strstr(fake.detail, "token expired"));

    again(&fake); /* the next one opens a new line; cancelled, it closes it */
    foresee_start(&fake);
    foresee(&fake, "EXAMINE", "");
    fake.provider->list(fake.session, &fake.op, &query);
    fake_pump(&fake);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_CANCELLED);
    assert_null(fake_line(&fake));

    again(&fake); /* a line that breaks while it rests is nobody's matter */
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", EXAMINED("5", "1", "9"));
    foresee(&fake, "EXAMINE \"INBOX\"", EXAMINED("7", "40", "9"));
    JUNK;
    list(&fake, CURSOR, 0, 100);
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    fake_finish(&fake);
}

static void access(void **state)
{
    static const char *const sends[] = {"imap", "", NULL};
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_SEND, NULL);
    assert_int_equal(fake.provider->can_now(fake.session), RIDER_CAN_SEND);
    list(&fake, NULL, 0, 100);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
    fake_init(&fake, RIDER_ACCESS_HEADERS, NULL);
    assert_int_equal(fake.provider->can_now(fake.session),
                     RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LOOK | RIDER_CAN_FILE);
    fake_finish(&fake);
    fake_init(&fake, RIDER_ACCESS_FULL, (const char *const[]){"sent", "server", NULL});
    assert_int_equal(fake.provider->can_now(fake.session), RIDER_CAN_SEND | RIDER_CAN_LIST |
                                                               RIDER_CAN_FIND | RIDER_CAN_READ |
                                                               RIDER_CAN_REPORT | RIDER_CAN_LABEL);
    fake_finish(&fake);
    fake_init(&fake, RIDER_ACCESS_FULL, sends);
    assert_int_equal(fake.provider->can_now(fake.session), RIDER_CAN_SEND);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_listing),
        cmocka_unit_test(nothing_new),
        cmocka_unit_test(new_mail),
        cmocka_unit_test(limits),
        cmocka_unit_test(renumbered),
        cmocka_unit_test(reports),
        cmocka_unit_test(lost_cursors),
        cmocka_unit_test(failures),
        cmocka_unit_test(sent_is_waited_for),
        cmocka_unit_test(what_comes_after_the_search_is_not_passed_over),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(lost_lines),
        cmocka_unit_test(access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

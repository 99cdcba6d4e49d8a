/* unit/smtp-imap/operations.c: find, file, label, read and watch by IMAP. */
#include "imap_fake.h"

#define OPENED(validity)                                                                           \
    "* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n* OK [UIDVALIDITY " validity                          \
    "] x\r\n* OK [UIDNEXT 90] x\r\n$T OK done\r\n"
#define FULL "* OK [PERMANENTFLAGS (\\Seen $old)] x\r\n* OK [UIDVALIDITY 7] x\r\n$T OK done\r\n"
#define NONE "* ESEARCH (TAG \"$T\") UID\r\n$T OK done\r\n"
#define FOUND(uids) "* ESEARCH (TAG \"$T\") UID ALL " uids "\r\n$T OK done\r\n"
#define SEARCH                                                                                     \
    "UID SEARCH RETURN (ALL) OR HEADER Message-ID \"m1@acme.example\" HEADER X-Postrider-Id "      \
    "\"mark-1\""
#define IDS(uid, headers)                                                                          \
    "* 1 FETCH (UID " uid " BODY[HEADER.FIELDS (MESSAGE-ID X-POSTRIDER-ID)]<0> $<" headers         \
    "\r\n$>)\r\n"
#define DONE "$T OK done\r\n"

static const struct rider_message message = {
    .size = sizeof(message),
    .marker = "mark-1",
    .message_id = "<m1@acme.example>",
    .rfc5322 = {"From: a\r\n\r\nhi {5}\r\n", 19},
};

static void begin(struct fake *fake, const char *const *config)
{
    fake_init(fake, RIDER_ACCESS_FULL, config);
    foresee_start(fake);
}

/* ---- identify ---------------------------------------------------------------------------------
 */

static void identifies(void **state)
{
    static const char *const sends[] = {"imap", "", NULL};
    struct fake fake;
    (void)state;

    begin(&fake, NULL);
    foresee(&fake, "EHLO ", "250 mail.acme.example\r\n");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_IDENTITY);
    assert_string_equal(fake.id, "ana@acme.example");
    assert_string_equal(fake.streams[0]->url, "imaps://mail.acme.example:993");
    assert_string_equal(fake.streams[1]->url, "smtps://mail.acme.example:465");
    fake_finish(&fake);

    begin(&fake, NULL); /* the IMAP line is lost while the SMTP server is asked */
    foresee(&fake, "EHLO ", "");
    fake.provider->identify(fake.session, &fake.op);
    fake_pump(&fake);
    fake_break(fake.streams[0], RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake_finish(&fake);

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    fake.refuse = "the secret is refused";
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);
    fake_finish(&fake);

    for (int cancelled = 0; cancelled < 2; cancelled++) {
        fake_init(&fake, RIDER_ACCESS_SEND, sends);
        foresee(&fake, "EHLO ", cancelled ? "" : "421 4.3.2 later\r\n");
        fake.provider->identify(fake.session, &fake.op);
        fake_pump(&fake);
        if (cancelled)
            fake.provider->cancel(fake.session, &fake.op);
        assert_int_equal(fake.times, 1);
        assert_int_equal(fake.kind, cancelled ? RIDER_CANCELLED : RIDER_TRANSIENT);
        fake_finish(&fake);
    }
}

/* ---- find -------------------------------------------------------------------------------------
 */

static void find(struct fake *fake)
{
    fake->provider->find(fake->session, &fake->op, &message);
    run(fake);
}

/* What SEARCH names may only look like it. */
static void finds(void **state)
{
    struct fake fake;
    (void)state;

    begin(&fake, NULL);
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, FOUND("4,9"));
    foresee(&fake,
            "UID FETCH 4,9 (UID BODY.PEEK[HEADER.FIELDS (Message-ID X-Postrider-Id)]<0.16384>)",
            IDS("4", "Message-ID: <xm1@acme.example>\r\nX-Postrider-Id: mark-12\r\n")
                IDS("9", "Message-ID: <other@acme.example>\r\nX-Postrider-Id:  mark-1\r\n") DONE);
    find(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_string_equal(fake.id, "Sent%20Items/5/9");
    assert_string_equal(fake.message_id, "other@acme.example");
    assert_true(fake.final);

    again(&fake); /* in the trash */
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, FOUND("4"));
    foresee(&fake, "UID FETCH 4 ", IDS("4", "Message-ID: <xm1@acme.example>\r\n") DONE);
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("6"));
    foresee(&fake, SEARCH, FOUND("3"));
    foresee(&fake, "UID FETCH 3 ", IDS("3", "Message-ID:\r\n <m1@acme.example>\r\n") DONE);
    find(&fake);
    assert_string_equal(fake.id, "Trash/6/3");

    again(&fake); /* nowhere */
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, NONE);
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("6"));
    foresee(&fake, SEARCH, NONE);
    find(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);

    again(&fake); /* not looked everywhere is not absent */
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, NONE);
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("6"));
    foresee(&fake, SEARCH, "$T NO [UNAVAILABLE] later\r\n");
    find(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);

    again(&fake);
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, "* ESEARCH (TAG \"$T\") UID ALL 4:x\r\n$T OK done\r\n");
    find(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    fake_finish(&fake);
}

/* Where the server files by itself, what is not found was not sent: so all must have been seen. */
static void what_is_not_seen_is_not_absent(void **state)
{
    static const char *const config[] = {"sent", "server", "sent_folder", "Gone", NULL};
    struct fake fake;
    (void)state;

    begin(&fake, config);
    foresee(&fake, "EXAMINE \"Gone\"", "$T NO [NONEXISTENT] no such folder\r\n");
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("6"));
    foresee(&fake, SEARCH, NONE);
    find(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);

    begin(&fake, config);
    foresee(&fake, "EXAMINE \"Gone\"", OPENED("5"));
    foresee(&fake, SEARCH, FOUND("1:51"));
    foresee(&fake, "UID FETCH ", DONE);
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("6"));
    foresee(&fake, SEARCH, NONE);
    find(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);

    begin(&fake, config);
    foresee(&fake, "EXAMINE \"Gone\"", OPENED("5"));
    foresee(&fake, SEARCH, FOUND("4"));
    foresee(&fake, "UID FETCH 4 ", "* 4 FETCH (UID 4 BODY[HEADER.FIELDS (((\r\n" DONE);
    find(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    fake_finish(&fake);
}

static void no_sent(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    foresee(&fake, "CAPABILITY", "* CAPABILITY IMAP4rev1 CONDSTORE ENABLE ID NAMESPACE\r\n" DONE);
    foresee(&fake, "ID (\"name\" \"postrider\")", "* ID NIL\r\n$T OK done\r\n");
    foresee(&fake, "ENABLE CONDSTORE", "$T BAD I lied\r\n");
    foresee(&fake, "NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n" DONE);
    foresee(&fake, "LIST \"\" \"*\"", "* LIST () \".\" INBOX\r\n* LIST () \".\" Sent\r\n" DONE);
    find(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

/* ---- file -------------------------------------------------------------------------------------
 */

static void file(struct fake *fake)
{
    fake->provider->file(fake->session, &fake->op, &message);
    fake_pump(fake);
}

static void not_there(struct fake *fake)
{
    foresee(fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(fake, SEARCH, NONE);
}

static void files(void **state)
{
    struct fake fake;
    (void)state;

    begin(&fake, NULL); /* the first time the server is given a moment to do it itself */
    not_there(&fake);
    file(&fake);
    assert_int_equal(fake.times, 0);
    not_there(&fake);
    foresee(&fake, "APPEND \"Sent Items\" (\\Seen) {19+}", "$T OK [APPENDUID 5 12] done\r\n");
    fake_time(&fake, 3000);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_string_equal(fake.id, "Sent%20Items/5/12");
    assert_string_equal(fake.literal.data, "From: a\r\n\r\nhi {5}\r\n");
    assert_false(fake.committed); /* its answer was told, too */

    again(&fake); /* after that it is not */
    fake.literal.len = 0;
    not_there(&fake);
    foresee(&fake, "APPEND", "$T OK [APPENDUID x y] done\r\n");
    file(&fake);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);

    again(&fake); /* it is there: nothing is appended */
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, FOUND("9"));
    foresee(&fake, "UID FETCH 9 ", IDS("9", "Message-ID: <m1@acme.example>\r\n") DONE);
    file(&fake);
    run(&fake);
    assert_string_equal(fake.id, "Sent%20Items/5/9");

    again(&fake);
    not_there(&fake);
    foresee(&fake, "APPEND", "$T NO [OVERQUOTA] full\r\n");
    file(&fake);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_PERMANENT);
    fake_finish(&fake);
}

/* Without LITERAL+ the bytes wait for the server; a line lost behind them leaves it open. */
static void files_slowly(void **state)
{
    static const char *const config[] = {"sent", "append", "sent_folder", "Gesendet ä", NULL};
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_HEADERS, config);
    foresee(&fake, "CAPABILITY", "* CAPABILITY IMAP4rev1\r\n" DONE);
    foresee(&fake, "LIST", "* LIST () \"/\" INBOX\r\n" DONE);
    foresee(&fake, "EXAMINE \"Gesendet &AOQ-\"", OPENED("5"));
    foresee(&fake, "UID SEARCH OR HEADER", "* SEARCH\r\n" DONE);
    foresee(&fake, "APPEND \"Gesendet &AOQ-\" (\\Seen) {19}", "");
    file(&fake);
    assert_int_equal(fake.times, 0);
    assert_true(fake.committed);
    assert_int_equal(fake.literal.len, 19);
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake.committed = false;
    fake_finish(&fake);
}

/* ---- label ------------------------------------------------------------------------------------
 */

static void label(struct fake *fake, const char *const *ids, const char *add, const char *remove)
{
    const char *const adds[] = {add, NULL}, *const removes[] = {remove, NULL};
    const struct rider_label_change change = {
        .size = sizeof(change), .provider_ids = ids, .add = adds, .remove = removes};

    fake->provider->label(fake->session, &fake->op, &change);
    run(fake);
}

static void keywords(void **state)
{
    static const char *const ids[] = {"INBOX/7/4", "INBOX/7/9",  "INBOX/6/1", "junk",
                                      "x/1/0",     "Sent/5/abc", NULL};
    struct fake fake;
    (void)state;

    begin(&fake, NULL);
    foresee(&fake, "SELECT \"INBOX\"", OPENED("7"));
    foresee(&fake, "UID STORE 4,9 +FLAGS.SILENT ($Outreach/Got=20reply)", DONE);
    foresee(&fake, "UID STORE 4,9 -FLAGS.SILENT ($old)", DONE);
    foresee(&fake, "SELECT \"INBOX\"", OPENED("7")); /* renumbered since: whose that is? nobody's */
    label(&fake, ids, "Outreach/Got reply", "old");
    assert_int_equal(fake.ended, ENDED_LABEL);
    assert_int_equal(fake.how, RIDER_BY_LABEL);

    again(&fake); /* one that is there already may be set, where no new one may be made */
    foresee(&fake, "SELECT \"INBOX\"", FULL);
    foresee(&fake, "UID STORE 4 +FLAGS.SILENT ($old)", DONE);
    label(&fake, (const char *const[]){"INBOX/7/4", NULL}, "old", NULL);
    assert_int_equal(fake.how, RIDER_BY_LABEL);
    fake_finish(&fake);

    begin(&fake, (const char *const[]){"labels", "keywords", NULL});
    foresee(&fake, "SELECT \"INBOX\"", FULL);
    label(&fake, (const char *const[]){"INBOX/7/4", NULL}, "new", NULL);
    assert_int_equal(fake.how, RIDER_NOT_THERE);
    fake_finish(&fake);

    fake_init(&fake, RIDER_ACCESS_FULL, (const char *const[]){"labels", "off", NULL});
    label(&fake, (const char *const[]){"INBOX/7/4", NULL}, "new", NULL);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

#define ASK "UID FETCH 4 (UID BODY.PEEK[HEADER.FIELDS (Message-ID)]<0.16384>)"
#define ITS_ID                                                                                     \
    "* 1 FETCH (UID 4 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> $<Message-ID: <r@b>\r\n\r\n$>)\r\n" DONE
#define ITS_SEARCH "UID SEARCH RETURN (ALL) HEADER Message-ID \"r@b\""

static void copies(void **state)
{
    static const char *const ids[] = {"INBOX/7/4", NULL};
    struct fake fake;
    (void)state;

    begin(&fake, NULL); /* no keyword to be had: a copy in a folder that is made for it */
    foresee(&fake, "SELECT \"INBOX\"", FULL);
    foresee(&fake, ASK, ITS_ID);
    foresee(&fake, "EXAMINE \"Outreach/Warm\"", "$T NO as Dovecot says it\r\n");
    foresee(&fake, "CREATE \"Outreach/Warm\"", DONE);
    foresee(&fake, "SUBSCRIBE \"Outreach/Warm\"", DONE);
    foresee(&fake, "EXAMINE \"INBOX\"", OPENED("7"));
    foresee(&fake, "UID COPY 4 \"Outreach/Warm\"", "$T OK [COPYUID 3 4 1] done\r\n");
    label(&fake, ids, "Outreach/Warm", NULL);
    assert_int_equal(fake.how, RIDER_BY_FOLDER);

    again(&fake); /* not a second one */
    foresee(&fake, "SELECT \"INBOX\"", FULL);
    foresee(&fake, ASK, ITS_ID);
    foresee(&fake, "EXAMINE \"Outreach/Warm\"", OPENED("3"));
    foresee(&fake, ITS_SEARCH, FOUND("1"));
    foresee(&fake, "UID FETCH 1 ", IDS("1", "Message-ID: <r@b>\r\n") DONE);
    label(&fake, ids, "Outreach/Warm", NULL);
    assert_int_equal(fake.how, RIDER_BY_FOLDER);

    again(&fake); /* a folder that was there and can't be opened is not made */
    foresee(&fake, "SELECT \"INBOX\"", FULL);
    foresee(&fake, ASK, ITS_ID);
    foresee(&fake, "EXAMINE \"Outreach/Warm\"", "$T NO just now\r\n");
    label(&fake, ids, "Outreach/Warm", NULL);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);

    again(&fake); /* the mail's own folder is gone */
    foresee(&fake, "SELECT \"Old\"", "$T NO what?\r\n");
    label(&fake, (const char *const[]){"Old/7/4", NULL}, "Outreach/Warm", NULL);
    assert_int_equal(fake.ended, ENDED_LABEL);

    again(&fake); /* the server takes no more keywords; two mails, one of them gone */
    foresee(&fake, "SELECT \"INBOX\"", OPENED("7"));
    foresee(&fake, "UID STORE 4,5 +FLAGS.SILENT ($new)", "$T NO [LIMIT] 26 are enough\r\n");
    foresee(&fake, ASK, ITS_ID);
    foresee(&fake, "EXAMINE \"new\"", OPENED("3"));
    foresee(&fake, ITS_SEARCH, NONE);
    foresee(&fake, "EXAMINE \"INBOX\"", OPENED("7"));
    foresee(&fake, "UID COPY 4 \"new\"", DONE);
    foresee(&fake, "UID FETCH 5 ", DONE);
    label(&fake, (const char *const[]){"INBOX/7/4", "INBOX/7/5", NULL}, "new", NULL);
    assert_int_equal(fake.how, RIDER_BY_FOLDER);

    again(&fake);
    foresee(&fake, "SELECT \"INBOX\"", "$T NO [NOPERM] no\r\n");
    label(&fake, ids, "new", NULL);
    assert_int_equal(fake.kind, RIDER_PERMANENT);
    fake_finish(&fake);
}

/* ---- read -------------------------------------------------------------------------------------
 */

#define STRUCTURE                                                                                  \
    "* 1 FETCH (UID 4 BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"iso-8859-1\") NIL NIL "    \
    "\"quoted-printable\" 5 1 NIL NIL NIL NIL)(\"text\" \"html\" NIL NIL NIL \"7bit\" 5 1 NIL "    \
    "NIL NIL NIL) \"alternative\" NIL NIL NIL))\r\n" DONE
#define ONLY_HTML                                                                                  \
    "* 1 FETCH (UID 4 BODYSTRUCTURE (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL "           \
    "\"base64\" 5 1))\r\n" DONE

static void reading(struct fake *fake, const char *structure, const char *part)
{
    again(fake);
    if (!fake->session->imap)
        foresee_start(fake);
    foresee(fake, "EXAMINE \"INBOX\"", OPENED("7"));
    foresee(fake, "UID FETCH 4 (UID BODYSTRUCTURE)", structure);
    if (part)
        foresee(fake, "UID FETCH 4 (UID BODY.PEEK[1]<0.262144>)", part);
    fake->provider->read(fake->session, &fake->op, "INBOX/7/4");
    run(fake);
}

static void reads(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    reading(&fake, STRUCTURE,
            "* 1 FETCH (UID 4 BODY[1]<0> $<sch=F6n=\r\n gr\xfc\xdf"
            "e\r\n\r\n$>)\r\n" DONE);
    assert_string_equal(fake.text, "schön grüße\n\n");
    reading(&fake, ONLY_HTML, "* 1 FETCH (UID 4 BODY[1]<0> \"PGI+aGk8L2I+IMO=\")\r\n" DONE);
    assert_string_equal(fake.text, "hi ?");
    reading(&fake, DONE, NULL);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    reading(&fake,
            "* 1 FETCH (UID 4 BODYSTRUCTURE (\"image\" \"png\" NIL NIL NIL \"base64\" 5))\r\n" DONE,
            NULL);
    assert_string_equal(fake.text, "");

    again(&fake); /* its folder was renumbered: another mail has its number now */
    foresee(&fake, "EXAMINE \"INBOX\"", OPENED("8"));
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4");
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    again(&fake);
    fake.provider->read(fake.session, &fake.op, "not one of ours");
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);

    fake_init(&fake, RIDER_ACCESS_HEADERS, NULL);
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4");
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

/* What comes when nothing was asked is nobody's: who asked last is gone. */
static void unasked(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    reading(&fake, STRUCTURE, "* 1 FETCH (UID 4 BODY[1]<0> \"a\")\r\n" DONE);
    fake_reply(fake_line(&fake), "* 1 FETCH (UID 4 BODY[1]<0> \"b\")\r\n* 9 EXISTS\r\n+ x\r\n");
    fake_pump(&fake);
    assert_int_equal(fake.times, 1);
    assert_string_equal(fake.text, "a");
    fake_reply(fake_line(&fake), "$T OK done\r\n"); /* nor is a second answer */
    fake_pump(&fake);
    assert_null(fake_line(&fake));
    fake_finish(&fake);
}

/* ---- watch ------------------------------------------------------------------------------------
 */

static const struct rider_push *push_of(struct fake *fake)
{
    return fake->provider->extension(RIDER_PUSH, sizeof(struct rider_push));
}

static void watch(struct fake *fake)
{
    const struct rider_watch asked = {.size = sizeof(asked)};

    push_of(fake)->watch(fake->session, &fake->op, &asked);
    fake_pump(fake);
}

static void foresee_idle(struct fake *fake)
{
    foresee(fake, "CAPABILITY", "* CAPABILITY IMAP4rev1 IDLE\r\n" DONE);
    foresee(fake, "EXAMINE \"INBOX\"", "* 9 EXISTS\r\n" OPENED("7"));
    foresee(fake, "IDLE", "* 10 EXISTS\r\n+ idling\r\n");
}

static void server_says(struct fake *fake, const char *what)
{
    fake_reply(fake_line(fake), what);
    fake_pump(fake);
}

static void watches(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_HEADERS, NULL);
    foresee_idle(&fake);
    watch(&fake);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_WATCH);
    assert_int_equal(fake.hints, 1); /* for what came before */
    server_says(&fake, "* OK still here\r\n* 11 RECENT\r\n");
    assert_int_equal(fake.hints, 1);
    server_says(&fake, "* 11 EXISTS\r\n");
    assert_int_equal(fake.hints, 2);

    again(&fake); /* asked twice, there is still one line */
    watch(&fake);
    assert_int_equal(fake.ended, ENDED_WATCH);
    assert_int_equal(fake.stream_count, 1);

    again(&fake); /* begun anew before the server tires of it */
    foresee(&fake, "DONE", DONE);
    foresee(&fake, "IDLE", "+ idling\r\n");
    fake_time(&fake, 28 * 60000);
    fake_pump(&fake);
    assert_int_equal(fake.asked, 2);
    server_says(&fake, "* 12 EXISTS\r\n");
    assert_int_equal(fake.hints, 3);

    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.losses, 1);
    assert_null(fake.session->watch);

    again(&fake); /* DONE that is not answered */
    foresee_idle(&fake);
    watch(&fake);
    foresee(&fake, "DONE", "");
    fake_time(&fake, 28 * 60000);
    fake_pump(&fake);
    fake_time(&fake, 30000);
    assert_int_equal(fake.losses, 2);
    assert_null(fake_line(&fake));

    again(&fake);
    foresee_idle(&fake);
    watch(&fake);
    again(&fake);
    push_of(&fake)->unwatch(fake.session, &fake.op);
    assert_int_equal(fake.ended, ENDED_DONE);
    assert_null(fake_line(&fake));
    assert_int_equal(fake.losses, 2);
    fake_finish(&fake);
}

static void watches_not(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_HEADERS, NULL);
    foresee(&fake, "CAPABILITY", "* CAPABILITY IMAP4rev1\r\n" DONE);
    watch(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);

    again(&fake);
    fake.refuse = "refused";
    watch(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);
    fake.refuse = NULL;

    again(&fake); /* no answer in time, then the host cancels */
    foresee(&fake, "CAPABILITY", "");
    watch(&fake);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.times, 1);
    assert_null(fake.session->watch);
    assert_int_equal(fake.losses, 0);
    fake_finish(&fake);

    fake_init(&fake, RIDER_ACCESS_SEND, NULL);
    watch(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

/* ---- one line for all -------------------------------------------------------------------------
 */

static void takes_turns(void **state)
{
    struct fake fake;
    (void)state;

    begin(&fake, NULL);
    foresee(&fake, "EXAMINE \"Sent Items\"", OPENED("5"));
    foresee(&fake, SEARCH, NONE);
    foresee(&fake, "EXAMINE \"Trash\"", OPENED("5"));
    foresee(&fake, SEARCH, NONE);
    foresee(&fake, "EXAMINE \"INBOX\"", OPENED("8"));
    fake.provider->find(fake.session, &fake.op, &message);
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4"); /* of the same op: a test may */
    fake_pump(&fake);
    assert_int_equal(fake.times, 2);
    assert_int_equal(fake.stream_count, 1);

    again(&fake); /* who waits is served on a new line when the first breaks */
    foresee(&fake, "EXAMINE \"Sent Items\"", "* 1 EXISTS\r\n");
    fake.provider->find(fake.session, &fake.op, &message);
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4");
    fake_pump(&fake);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"INBOX\"", OPENED("8"));
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    fake_pump(&fake);
    assert_int_equal(fake.times, 2);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

/* A line that rested and died unnoticed: the operation begins again on another, once. */
static void stale_lines(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, RIDER_ACCESS_FULL, NULL);
    reading(&fake, DONE, NULL);
    again(&fake);
    foresee(&fake, "EXAMINE \"INBOX\"", "");
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4");
    fake_pump(&fake);
    foresee_start(&fake);
    foresee(&fake, "EXAMINE \"INBOX\"", "");
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    fake_pump(&fake);
    assert_int_equal(fake.times, 0);
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);

    reading(&fake, DONE, NULL); /* not where the server has said something */
    again(&fake);
    foresee(&fake, "EXAMINE \"INBOX\"", "* BYE enough\r\n");
    fake.provider->read(fake.session, &fake.op, "INBOX/7/4");
    fake_pump(&fake);
    fake_break(fake_line(&fake), RIDER_TRANSIENT, "closed");
    assert_int_equal(fake.times, 1);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifies),
        cmocka_unit_test(finds),
        cmocka_unit_test(what_is_not_seen_is_not_absent),
        cmocka_unit_test(no_sent),
        cmocka_unit_test(files),
        cmocka_unit_test(files_slowly),
        cmocka_unit_test(keywords),
        cmocka_unit_test(copies),
        cmocka_unit_test(reads),
        cmocka_unit_test(unasked),
        cmocka_unit_test(watches),
        cmocka_unit_test(watches_not),
        cmocka_unit_test(takes_turns),
        cmocka_unit_test(stale_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

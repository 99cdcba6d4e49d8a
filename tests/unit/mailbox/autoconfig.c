/* unit/mailbox/autoconfig.c: canned answers of DNS and web servers; and what is never asked. */
#include "rig.h"

#include "mailbox/autoconfig.h"

/* -- SRV ----------------------------------------------------------------------------------- */

static void add_name(struct buf *out, const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");

        buf_add_char(out, (char)len);
        buf_add(out, name, len);
        name += len + (name[len] == '.');
    }
    buf_add_char(out, '\0');
}

static void add_u16(struct buf *out, unsigned value)
{
    buf_add_char(out, (char)(value >> 8));
    buf_add_char(out, (char)value);
}

static void begin_answer(struct buf *out, unsigned answers)
{
    add_u16(out, 7);
    add_u16(out, 0x8180);
    add_u16(out, 1);
    add_u16(out, answers);
    add_u16(out, 0);
    add_u16(out, 0);
    add_name(out, "_imaps._tcp.acme.example");
    add_u16(out, 33);
    add_u16(out, 1);
}

static void add_srv(struct buf *out, unsigned priority, unsigned weight, unsigned port,
                    const char *target)
{
    auto_buf struct buf name = {0};

    add_name(&name, target);
    add_u16(out, 0xc00c); /* the question's name */
    add_u16(out, 33);
    add_u16(out, 1);
    add_u16(out, 0);
    add_u16(out, 300);
    add_u16(out, (unsigned)(6 + name.len));
    add_u16(out, priority);
    add_u16(out, weight);
    add_u16(out, port);
    buf_add(out, name.data, name.len);
}

static void the_best_record_is_taken(void **state)
{
    auto_buf struct buf answer = {0};
    struct autoconfig_host host;

    (void)state;
    begin_answer(&answer, 4);
    add_srv(&answer, 10, 90, 993, "late.acme.example");
    add_srv(&answer, 5, 10, 993, "light.acme.example");
    add_srv(&answer, 5, 60, 1993, "Mail.Acme.example");
    add_srv(&answer, 5, 50, 993, "third.acme.example");
    assert_true(autoconfig_srv(buf_bytes(&answer), &host));
    assert_string_equal(host.name, "mail.acme.example");
    assert_int_equal(host.port, 1993);
    for (size_t len = 0; len < answer.len; len++) { /* cut at every byte */
        auto_free char *copy = mem_dup(answer.data, len ? len : 1);

        autoconfig_srv((struct bytes){copy, len}, &host);
    }
}

static void no_service_is_none(void **state)
{
    static const char *const targets[] = {"", "evil/..host", "a@b.example", "-x.example"};
    struct autoconfig_host host;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        auto_buf struct buf answer = {0};

        begin_answer(&answer, 1);
        add_srv(&answer, 0, 0, i ? 993 : 0, targets[i]);
        assert_false(autoconfig_srv(buf_bytes(&answer), &host));
    }
    assert_false(autoconfig_srv((struct bytes){"junk", 4}, &host));
    assert_false(autoconfig_srv((struct bytes){NULL, 0}, &host));
}

/* -- config-v1.1.xml ------------------------------------------------------------------------ */

#define SERVER(tag, type, host, port, socket, user, auth)                                          \
    "<" tag " type='" type "'><hostname>" host "</hostname><port>" port                            \
    "</port><socketType>" socket "</socketType><username>" user "</username><authentication>" auth \
    "</authentication></" tag ">"
#define IN(host, port, socket, user, auth)                                                         \
    SERVER("incomingServer", "imap", host, port, socket, user, auth)
#define OUT(host, port, socket, user, auth)                                                        \
    SERVER("outgoingServer", "smtp", host, port, socket, user, auth)
#define FILE_OF(servers)                                                                           \
    "<?xml version='1.0'?>\n<clientConfig version='1.1'><emailProvider id='acme.example'>"         \
    "<domain>acme.example</domain>" servers "</emailProvider></clientConfig>"
#define GOOD_OUT OUT(" smtp.acme.example\n", "465", "SSL", "%EMAILADDRESS%", "password-cleartext")

static bool read_xml(const char *xml, struct autoconfig_proposal *proposal)
{
    return autoconfig_xml((struct bytes){xml, strlen(xml)}, ANA, proposal);
}

static void a_usual_file_is_read(void **state)
{
    static const char xml[] = FILE_OF(
        SERVER("incomingServer", "pop3", "pop.acme.example", "995", "SSL", "x",
               "password-cleartext") IN("plain.acme.example", "143", "plain", "x",
                                        "password-cleartext")
            IN("oauth.acme.example", "993", "SSL", "x", "OAuth2")
                IN("Imap.Acme.example", "143", "STARTTLS", "%EMAILLOCALPART%", "password-cleartext")
                    IN("later.acme.example", "993", "SSL", "x", "password-cleartext") GOOD_OUT);
    struct autoconfig_proposal proposal = {0};

    (void)state;
    assert_true(read_xml(xml, &proposal));
    assert_string_equal(proposal.imap_url, "imap://imap.acme.example:143");
    assert_string_equal(proposal.smtp_url, "smtps://smtp.acme.example:465");
    assert_string_equal(proposal.user, "ana");
    autoconfig_proposal_finish(&proposal);
}

static void users_are_as_they_are_said(void **state)
{
    static const struct {
        const char *xml, *user;
    } all[] = {
        {FILE_OF(IN("a.example", "993", "SSL", "%EMAILADDRESS%", "password-cleartext") GOOD_OUT),
         NULL},
        {FILE_OF(IN("a.example", "993", "SSL", "ana7", "password-cleartext") GOOD_OUT), "ana7"},
        {FILE_OF(IN("a.example", "993", "SSL", "%REALNAME%", "password-cleartext") GOOD_OUT), NULL},
        {FILE_OF(IN("a.example", "993", "SSL", "a&#10;b", "password-cleartext") GOOD_OUT), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct autoconfig_proposal proposal = {0};

        assert_true(read_xml(all[i].xml, &proposal));
        if (all[i].user)
            assert_string_equal(proposal.user, all[i].user);
        else
            assert_null(proposal.user);
        autoconfig_proposal_finish(&proposal);
    }
}

static void what_can_not_be_used_is_none(void **state)
{
    static const char *const all[] = {
        "",
        "<clientConfig",
        "<html><body>404</body></html>",
        FILE_OF(GOOD_OUT),
        FILE_OF(IN("a.example", "993", "SSL", "x", "password-cleartext")),
        FILE_OF(IN("a.example", "993", "plain", "x", "password-cleartext") GOOD_OUT),
        FILE_OF(IN("a.example", "993", "SSL", "x", "password-encrypted") GOOD_OUT),
        FILE_OF(IN("a.example", "0", "SSL", "x", "password-cleartext") GOOD_OUT),
        FILE_OF(IN("a.example", "65536", "SSL", "x", "password-cleartext") GOOD_OUT),
        FILE_OF(IN("a.example:1/x", "993", "SSL", "x", "password-cleartext") GOOD_OUT),
        FILE_OF(IN("ana@evil.example", "993", "SSL", "x", "password-cleartext") GOOD_OUT),
        FILE_OF(IN("", "993", "SSL", "x", "password-cleartext") GOOD_OUT),
        "<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" FILE_OF(
            IN("a.example", "993", "SSL", "x", "password-cleartext") GOOD_OUT),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct autoconfig_proposal proposal = {0};

        if (read_xml(all[i], &proposal))
            rig_fail("%zu is taken: %s", i, proposal.imap_url);
        assert_null(proposal.imap_url);
    }
}

/* -- asking -------------------------------------------------------------------------------- */

static void found(void *arg, const struct autoconfig_proposal *proposals, size_t count)
{
    int *calls = arg;

    (void)proposals;
    assert_int_equal(count, 0);
    (*calls)++;
}

/* What stands for nothing on the net is asked of nobody, so also at once. */
static void special_names_are_not_asked_for(void **state)
{
    static const char *const all[] = {ANA, "a@test", "a@mail.invalid", "a@localhost", "nonsense"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct http_stats before, after;
        int calls = 0;

        http_get_stats(rig.client, &before);
        autoconfig_search(rig.mailboxes, all[i], found, &calls);
        assert_int_equal(calls, 0);
        assert_true(loop_run_until(rig.loop, 500, rig_is_set, &calls));
        http_get_stats(rig.client, &after);
        assert_int_equal(calls, 1);
        assert_true(before.started == after.started);
    }
}

static void ends_with_the_daemon_in_the_middle(void **state)
{
    int calls = 0;

    (void)state;
    autoconfig_search(rig.mailboxes, ANA, found, &calls);
} /* the teardown counts what is left */

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_record_is_taken),
        cmocka_unit_test(no_service_is_none),
        cmocka_unit_test(a_usual_file_is_read),
        cmocka_unit_test(users_are_as_they_are_said),
        cmocka_unit_test(what_can_not_be_used_is_none),
        TEST(special_names_are_not_asked_for),
        TEST(ends_with_the_daemon_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

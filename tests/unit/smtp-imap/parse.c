/* unit/smtp-imap/parse.c: IMAP from bytes to structs. */
#include "smtp-imap/imap_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static size_t whole(const char *data, size_t len)
{
    struct imap_scan scan = {0};
    size_t end = 0;

    return imap_whole(&scan, (struct rider_bytes){data, len}, &end) == 1 ? end : 0;
}

static void read(struct imap_response *response, const char *text)
{
    assert_int_equal(whole(text, strlen(text)), strlen(text));
    assert_int_equal(imap_response_read(response, (struct rider_bytes){text, strlen(text)}), 0);
}

/* What a mail holds, it holds as bytes: nothing in it ends a response. */
static void ends(void **state)
{
    static const char fetch[] =
        "* 1 FETCH (UID 7 BODY[1] {47}\r\nA004 OK Fetch completed\r\n* BYE {99}\r\n)) NIL (\r\n"
        " BODY[2] {3}\r\n}\r\n)\r\n";
    struct imap_scan scan = {0};
    struct imap_response response;
    struct imap_fetch mail;
    size_t len, all = sizeof(fetch) - 1;
    (void)state;

    assert_int_equal(whole(fetch, all), all);
    for (size_t i = 0; i < all; i++) { /* the same scan, a byte more each time */
        assert_int_equal(imap_whole(&scan, (struct rider_bytes){fetch, i}, &len), 0);
        assert_int_equal(whole(fetch, i), 0);
    }
    assert_int_equal(imap_whole(&scan, (struct rider_bytes){fetch, all}, &len), 1);
    assert_int_equal(len, all);
    read(&response, fetch);
    assert_int_equal(imap_fetch_read(&mail, &response), 0);
    assert_int_equal(mail.uid, 7);
    assert_int_equal(mail.count, 2);
    assert_int_equal(imap_fetch_body(&mail, "1")->len, 47);
    assert_int_equal(imap_fetch_body(&mail, "2")->len, 3);
    assert_null(imap_fetch_body(&mail, "3"));
    imap_response_free(&response);
    assert_int_equal(whole("* OK {5}\r\n* OK", 14), 10); /* a text that looks like a literal */
    assert_int_equal(whole("a1 NO {5}\r\n", 11), 11);
    assert_int_equal(whole("+ {5}\r\n", 7), 7);
    assert_int_equal(whole("* LIST () NIL {5}\r\n", 19), 0);
}

static void caps(void **state)
{
    static const char *const over[] = {
        "* 1 FETCH (BODY[] {2147483648}\r\n",
        "* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
        "* 1 FETCH (BODY[] {307201}\r\n",
    };
    char *line = malloc(IMAP_LINE_MAX + 100), deep[8100];
    struct imap_scan scan = {0};
    struct imap_response response;
    size_t len;
    (void)state;

    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        scan = (struct imap_scan){0};
        assert_int_equal(imap_whole(&scan, (struct rider_bytes){over[i], strlen(over[i])}, &len),
                         -1);
    }
    scan = (struct imap_scan){0};
    memset(line, 'x', IMAP_LINE_MAX + 100);
    memcpy(line, "* X ", 4);
    assert_int_equal(imap_whole(&scan, (struct rider_bytes){line, IMAP_LINE_MAX + 100}, &len), -1);
    scan = (struct imap_scan){0};
    assert_int_equal(imap_whole(&scan, (struct rider_bytes){line, IMAP_LINE_MAX}, &len), 0);
    memcpy(line, "* SEARCH ", 9);
    scan = (struct imap_scan){0};
    assert_int_equal(imap_whole(&scan, (struct rider_bytes){line, IMAP_LINE_MAX + 100}, &len), 0);
    free(line);

    memcpy(deep, "* 1 FETCH ", 10);
    memset(deep + 10, '(', 4000);
    memset(deep + 4010, ')', 4000);
    memcpy(deep + 8010, "\r\n", 2);
    assert_int_equal(imap_response_read(&response, (struct rider_bytes){deep, 8012}), -1);
    imap_response_free(&response);
}

static void statuses(void **state)
{
    struct imap_response response;
    uint64_t number;
    (void)state;

    read(&response, "* OK [UIDVALIDITY 3857529045] UIDs valid\r\n");
    assert_int_equal(response.status, IMAP_OK);
    assert_string_equal(response.code, "UIDVALIDITY");
    assert_true(imap_number(imap_at(&response, 0), &number));
    assert_int_equal(number, 3857529045);
    assert_string_equal(response.rest, "UIDs valid");
    imap_response_free(&response);
    read(&response, "* ok [permanentflags (\\Answered $a \\*)]\r\n");
    assert_true(imap_list_has(&response, 0, "\\*"));
    assert_true(imap_list_has(&response, 0, "$A"));
    assert_false(imap_list_has(&response, 0, "\\"));
    imap_response_free(&response);
    read(&response, "x7 NO [ALERT text without an end\r\n");
    assert_string_equal(response.tag, "x7");
    assert_int_equal(response.status, IMAP_NO);
    assert_null(response.code);
    imap_response_free(&response);
    read(&response, "x OK [APPENDUID 38505 3955] APPEND completed\r\n");
    assert_true(imap_number(imap_at(&response, 1), &number));
    assert_int_equal(number, 3955);
    imap_response_free(&response);
    read(&response, "* BYE\r\n");
    assert_int_equal(response.status, IMAP_BYE);
    imap_response_free(&response);
    read(&response, "* 23 exists\r\n");
    assert_string_equal(response.name, "EXISTS");
    assert_int_equal(response.number, 23);
    imap_response_free(&response);
    read(&response, "* VANISHED (EARLIER) 41,43:116\r\n");
    assert_string_equal(response.name, "VANISHED");
    imap_response_free(&response);
    read(&response, "+ idling\r\n");
    assert_string_equal(response.tag, "+");
    imap_response_free(&response);
    assert_int_equal(imap_response_read(&response, (struct rider_bytes){"*\r\n", 3}), -1);
    imap_response_free(&response);
    assert_int_equal(imap_response_read(&response, (struct rider_bytes){"\r\n", 2}), -1);
    imap_response_free(&response);
    assert_int_equal(
        imap_response_read(&response, (struct rider_bytes){"* 99999999999999999999 EXISTS", 29}),
        -1);
    imap_response_free(&response);
}

static void fetches(void **state)
{
    struct imap_response response;
    struct imap_fetch fetch;
    (void)state;

    read(&response,
         "* 4 FETCH (UID 9 RFC822.SIZE 120 MODSEQ (9223372036854775807) FLAGS (\\Seen $x) "
         "INTERNALDATE \" 2-Nov-2026 17:32:22 +0100\" X-NEW (a (b) \"c\\\"d\") "
         "BODY[HEADER.FIELDS (\"TO\" SUBJECT)]<0> \"a\\\\b\" BODY[9] NIL)\r\n");
    assert_int_equal(imap_fetch_read(&fetch, &response), 0);
    assert_int_equal(fetch.uid, 9);
    assert_int_equal(fetch.size, 120);
    assert_int_equal(fetch.modseq, INT64_MAX);
    assert_int_equal(fetch.date, INT64_C(1793637142000));
    assert_true(imap_list_has(&response, fetch.flags, "$x"));
    assert_memory_equal(imap_fetch_body(&fetch, "HEADER.FIELDS")->data, "a\\b", 3);
    assert_int_equal(imap_fetch_body(&fetch, "9")->len, 0);
    imap_response_free(&response);

    static const char *const bad[] = {"* 4 FETCH (UID)\r\n",
                                      "* 4 FETCH (UID 0)\r\n",
                                      "* 4 FETCH (UID 4294967296)\r\n",
                                      "* 4 FETCH UID 3\r\n",
                                      "* 4 FETCH (UID 3) (UID 4)\r\n",
                                      "* 4 FETCH ((UID) 3)\r\n",
                                      "* 4 FETCH (UID 9223372036854775808)\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        read(&response, bad[i]);
        if (imap_fetch_read(&fetch, &response) == 0)
            fail_msg("taken: %s", bad[i]);
        imap_response_free(&response);
    }
    assert_int_equal(imap_response_read(&response, (struct rider_bytes){"* 4 FETCH (UID 3", 16}),
                     -1);
    imap_response_free(&response);
}

/* Postfix's report as Dovecot describes it. */
static void structures(void **state)
{
    static const char report[] =
        "* 1 FETCH (UID 3 BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL "
        "\"Notification\" \"7bit\" 565 14 NIL NIL NIL NIL)(\"message\" \"delivery-status\" NIL NIL "
        "\"Delivery report\" \"7BIT\" 479 NIL NIL NIL NIL)(\"message\" \"rfc822\" NIL NIL "
        "\"Undelivered Message\" \"8bit\" 605 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" "
        "\"plain\" NIL NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL) 22 NIL NIL NIL NIL) \"report\" "
        "(\"report-type\" \"Delivery-Status\" \"boundary\" \"x\") NIL NIL NIL))\r\n";
    static const char nested[] =
        "* 1 FETCH (UID 3 BODYSTRUCTURE (((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"ISO-8859-1\") NIL NIL "
        "\"QUOTED-PRINTABLE\" 5 1 NIL NIL NIL NIL)(\"TEXT\" \"HTML\" NIL NIL NIL \"BASE64\" 5 1 "
        "NIL "
        "NIL NIL NIL) \"ALTERNATIVE\" NIL NIL NIL NIL)(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1 "
        "NIL (\"ATTACHMENT\" NIL) NIL NIL) \"MIXED\" NIL NIL NIL NIL))\r\n";
    struct imap_response response;
    struct imap_fetch fetch;
    struct imap_part parts[8];
    char type[64], kind[64];
    (void)state;

    read(&response, report);
    assert_int_equal(imap_fetch_read(&fetch, &response), 0);
    assert_int_equal(imap_parts(&response, fetch.structure, type, kind, parts, 8), 3);
    assert_string_equal(type, "multipart/report");
    assert_string_equal(kind, "delivery-status");
    assert_string_equal(parts[1].path, "2");
    assert_string_equal(parts[1].type, "message/delivery-status");
    assert_string_equal(parts[1].encoding, "7bit");
    assert_string_equal(parts[2].type, "message/rfc822");
    imap_response_free(&response);
    read(&response, nested);
    assert_int_equal(imap_fetch_read(&fetch, &response), 0);
    assert_int_equal(imap_parts(&response, fetch.structure, type, kind, parts, 8), 3);
    assert_string_equal(parts[0].path, "1.1");
    assert_string_equal(parts[0].charset, "iso-8859-1");
    assert_string_equal(parts[1].path, "1.2");
    assert_string_equal(parts[2].path, "2");
    assert_true(parts[2].attached);
    assert_false(parts[0].attached);
    assert_int_equal(imap_parts(&response, fetch.structure, type, kind, parts, 2), 2);
    imap_response_free(&response);
    read(&response, "* 1 FETCH (UID 3 BODYSTRUCTURE (\"text\" \"plain\"))\r\n");
    assert_int_equal(imap_fetch_read(&fetch, &response), 0);
    assert_int_equal(imap_parts(&response, fetch.structure, type, kind, parts, 8), 1);
    assert_string_equal(parts[0].path, "1");
    assert_string_equal(parts[0].encoding, "");
    imap_response_free(&response);
}

static void add_range(void *arg, uint64_t first, uint64_t last)
{
    text_printf(arg, "%llu-%llu ", (unsigned long long)first, (unsigned long long)last);
}

static void searches(void **state)
{
    static const struct {
        const char *said, *ranges;
    } good[] = {{"* SEARCH\r\n", ""},
                {"* SEARCH 4 2 9 (MODSEQ 917162500)\r\n", "4-4 2-2 9-9 "},
                {"* ESEARCH (TAG \"a\") UID ALL 1:3,9,8:7\r\n", "1-3 9-9 7-8 "},
                {"* ESEARCH (TAG \"a\") UID COUNT 0\r\n", ""},
                {"* ESEARCH (TAG \"a\") UID\r\n", ""}};
    static const char *const bad[] = {"* SEARCH x\r\n", "* SEARCH 0\r\n", "* SEARCH 4294967296\r\n",
                                      "* ESEARCH UID ALL 1:*\r\n", "* ESEARCH UID ALL 1;2\r\n"};
    struct imap_response response;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct text ranges = {0};

        read(&response, good[i].said);
        assert_true(imap_search_each(&response, add_range, &ranges));
        assert_string_equal(text_of(&ranges), good[i].ranges);
        text_free(&ranges);
        imap_response_free(&response);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct text ranges = {0};

        read(&response, bad[i]);
        assert_false(imap_search_each(&response, add_range, &ranges));
        text_free(&ranges);
        imap_response_free(&response);
    }
}

static void folders(void **state)
{
    struct imap_response response;
    struct imap_folder folder;
    (void)state;

    read(&response, "* LIST (\\HasNoChildren \\Sent) \"/\" {12}\r\nSent \"x\" {4}\r\n");
    assert_int_equal(imap_folder_read(&folder, &response), 0);
    assert_string_equal(folder.name, "Sent \"x\" {4}");
    assert_int_equal(folder.use, IMAP_USE_SENT);
    assert_int_equal(folder.delimiter, '/');
    free(folder.name);
    imap_response_free(&response);
    read(&response, "* LIST (\\Noselect) NIL inbox\r\n");
    assert_int_equal(imap_folder_read(&folder, &response), 0);
    assert_true(folder.closed && folder.use == IMAP_USE_INBOX && !folder.delimiter);
    free(folder.name);
    imap_response_free(&response);
    read(&response, "* LIST () \"/\" {3}\r\na\rb\r\n");
    assert_int_equal(imap_folder_read(&folder, &response), -1);
    imap_response_free(&response);
}

static void utf7(void **state)
{
    static const struct {
        const char *name, *wire;
    } both[] = {{"Gesendet", "Gesendet"},
                {"A&B", "A&-B"},
                {"Entwürfe", "Entw&APw-rfe"},
                {"台北/日本語", "&U,BTFw-/&ZeVnLIqe-"},
                {"Wichtig ❤️ 📎", "Wichtig &J2T+Dw- &2D3czg-"}};
    static const char *const bad[] = {"&",     "&AP",   "&APw",     "&!!-", "a\x80",
                                      "&2D0-", "&3M4-", "&AAAAAA-", "&APx-"};
    (void)state;

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        struct text wire = {0}, name = {0};

        assert_true(imap_utf7_encode(&wire, both[i].name));
        assert_string_equal(wire.data, both[i].wire);
        assert_true(imap_utf7_decode(&name, wire.data, wire.len));
        assert_string_equal(name.data, both[i].name);
        text_free(&wire);
        text_free(&name);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct text name = {0};

        if (imap_utf7_decode(&name, bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
        text_free(&name);
    }
    struct text wire = {0};
    assert_false(imap_utf7_encode(&wire, "a\xff"));
    assert_false(imap_utf7_encode(&wire, "a\nb"));
    assert_false(imap_utf7_encode(&wire, "\xed\xa0\x80"));
    text_free(&wire);
}

static void dates(void **state)
{
    static const char *const bad[] = {"",
                                      "17-Jul-1996",
                                      "17-Xxx-1996 02:44:25 -0700",
                                      "17-Jul-1996 02:44:25 -0700x",
                                      "17-Jul-1996 25:44:25 -0700",
                                      "0-Jul-1996 02:44:25 -0700",
                                      "17-Jul-1996 02:44:25 -0700 and so on and on and on and on"};
    (void)state;

    assert_int_equal(imap_time("17-Jul-1996 02:44:25 -0700", 26), INT64_C(837596665000));
    assert_int_equal(imap_time("29-Feb-2024 00:00:00 +0000", 26), INT64_C(1709164800000));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(imap_time(bad[i], strlen(bad[i])), 0);
    for (int64_t day = 0; day < 60000; day += 17) { /* to 2134 */
        struct text date = {0};

        imap_date(&date, day * 86400000 + 86399999);
        text_str(&date, " 00:00:00 +0000");
        assert_int_equal(imap_time(date.data, date.len), day * 86400000);
        text_free(&date);
    }
}

static void words(void **state)
{
    struct text out = {0};
    (void)state;

    assert_true(imap_quote(&out, "a \"b\\"));
    assert_string_equal(out.data, "\"a \\\"b\\\\\"");
    out.len = 0;
    assert_false(imap_quote(&out, "a\r\nb"));
    assert_false(imap_quote(&out, "\xc3\xa4"));
    assert_int_equal(out.len, 0);
    imap_keyword(&out, "Outreach/Got reply (50%)=ä");
    assert_string_equal(out.data, "$Outreach/Got=20reply=20=2850=25=29=3D=C3=A4");
    struct text path = {0};
    imap_keyword_path(&path, out.data, out.len);
    assert_string_equal(path.data, "Outreach/Got reply (50%)=ä");
    path.len = 0;
    imap_keyword_path(&path, "NonJunk=20", 10);
    assert_string_equal(path.data, "NonJunk=20");
    text_free(&out);
    text_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),    cmocka_unit_test(caps),       cmocka_unit_test(statuses),
        cmocka_unit_test(fetches), cmocka_unit_test(structures), cmocka_unit_test(searches),
        cmocka_unit_test(folders), cmocka_unit_test(utf7),       cmocka_unit_test(dates),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

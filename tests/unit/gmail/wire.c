/* unit/gmail/wire.c: the pure readers, on what is odd, cut or hostile. */
#include "fake.h"

static struct rider_bytes bytes(const char *string)
{
    return (struct rider_bytes){string, strlen(string)};
}

static const char response[] =
    "--b\r\nContent-Type: application/http\r\nContent-ID: <response-item-1>\r\n\r\n"
    "HTTP/1.1 404 Not Found\r\n\r\n{}\r\n"
    "--b\nContent-Type: application/http\n\nHTTP/1.1 200 OK\nx: y\n\n{\"id\":\"--b-1\"}\n"
    "--bb\r\n--b--\r\n";

static void batches(void **state)
{
    struct rider_bytes head = bytes("Content-Type: multipart/mixed; charset=x; boundary=\"b\"\r\n");
    struct wire_part parts[3];
    struct text body = {0};
    (void)state;

    assert_int_equal(wire_batch_read(parts, 3, head, bytes(response)), 0);
    assert_int_equal(parts[0].status, 0);
    assert_int_equal(parts[1].status, 200); /* the second, by its position: it has no id */
    assert_memory_equal(parts[1].body.data, "{\"id\":\"--b-1\"}", 14);
    assert_int_equal(parts[2].status, 0);
    assert_int_equal(wire_batch_read(parts, 3, bytes("Content-Type: text/html\r\n"), bytes("x")),
                     -1);
    assert_int_equal(wire_batch_read(parts, 3, head, bytes("")), -1);
    assert_int_equal(wire_batch_read(parts, 3, head, bytes("--b--\r\n")), -1);
    for (size_t cut = 0; cut < sizeof(response); cut++) { /* whatever is cut, no byte beyond */
        char *copy = malloc(cut + 1);

        assert_non_null(copy);
        memcpy(copy, response, cut);
        wire_batch_read(parts, 3, head, (struct rider_bytes){copy, cut});
        free(copy);
    }
    wire_batch_add(&body, 0, "/x");
    wire_batch_end(&body);
    assert_string_equal(body.data, "--postrider_batch\r\nContent-Type: application/http\r\n"
                                   "Content-ID: <item-0>\r\n\r\nGET /x\r\n\r\n"
                                   "--postrider_batch--\r\n");
    text_free(&body);
}

static void nested_reports(void **state)
{
    static const char mail[] =
        "content-type: multipart/report; boundary=b\n\n--b\n"
        "Content-Type: multipart/alternative; boundary=bb\n\n--bb\n\nx\n--bb--\n"
        "--b\nContent-Type: message/delivery-status\n"
        "Content-Transfer-Encoding: base64\n\nU3RhdHVzOiA1LjEuMQ==\n"
        "--b\nContent-Type: text/rfc822-headers\n"
        "Content-Transfer-Encoding: quoted-printable\n\nTo: b=3D=\nc\n";
    struct wire_report report;
    (void)state;

    assert_int_equal(wire_report_read(&report, mail, strlen(mail)), 0);
    assert_null(report.type);
    assert_string_equal(text_of(&report.report), "Status: 5.1.1");
    assert_string_equal(text_of(&report.returned), "To: b=c\n");
    wire_report_free(&report);
    assert_int_equal(wire_report_read(&report, "Content-Type: text/plain\n\nx", 27), -1);
    assert_int_equal(wire_report_read(&report, "", 0), -1);
}

static void odd_json(void **state)
{
    static const char *const bad[] = {
        "", "{", "[]", "null", "\"x\"", "{\"id\":5}", "{\"id\":\"\"}", "{\"id\":\"a\\u0000b\"}"};
    struct wire_message message;
    struct wire_page page;
    struct text deep = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(wire_message_read(&message, bad[i], strlen(bad[i])), -1);
    for (int i = 0; i < 10000; i++)
        text_str(&deep, "{\"a\":");
    assert_int_equal(wire_message_read(&message, deep.data, deep.len), -1);
    text_free(&deep);
    assert_int_equal(wire_page_read(&page, "{\"historyId\":\"18446744073709551615\"}", 36), 0);
    assert_true(page.history_id == UINT64_MAX);
    wire_page_free(&page);
    assert_int_equal(wire_page_read(&page, "{\"historyId\":\"18446744073709551616\"}", 36), 0);
    assert_true(page.history_id == 0);
    wire_page_free(&page);
    assert_int_equal(wire_page_read(&page, "{\"historyId\":12,\"messages\":[{},{\"id\":7},5]}", 44),
                     0);
    assert_true(page.history_id == 12);
    assert_int_equal(page.count, 0);
    wire_page_free(&page);
}

static void headers_make_no_new_ones(void **state)
{
    static const char json[] =
        "{\"id\":\"a\",\"payload\":{\"headers\":[{\"name\":\"Subject\",\"value\":\"x\\r\\nBcc: "
        "y\"},"
        "{\"name\":\"Evil: x\\r\\nTo\",\"value\":\"z\"},{\"name\":\"\",\"value\":\"q\"}]}}";
    struct wire_message message;
    struct text block = {0};
    (void)state;

    assert_int_equal(wire_message_read(&message, json, strlen(json)), 0);
    wire_header_block(&message, NULL, &block);
    assert_string_equal(block.data, "Subject: x  Bcc: y\r\n");
    text_free(&block);
    wire_message_free(&message);
}

static void encodings(void **state)
{
    struct text text = {0};
    (void)state;

    text_base64url(&text, "\xfb\xff\xbe\x01", 4);
    assert_string_equal(text.data, "-_--AQ");
    text.len = 0;
    assert_true(text_unbase64(&text, "-_--AQ==", 8));
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.data, "\xfb\xff\xbe\x01", 5);
    assert_false(text_unbase64(&text, "a*b", 3));
    assert_int_equal(text.len, 4);
    text.len = 0;
    text_json(&text, "a\"\\\n\x01");
    assert_string_equal(text.data, "\"a\\\"\\\\\\u000a\\u0001\"");
    text_free(&text);
}

static void times(void **state)
{
    (void)state;
    assert_true(wire_time("2026-11-21T17:32:22.123Z") == NOW);
    assert_true(wire_time("2026-11-21T18:32:22+01:00") == NOW);
    assert_true(wire_time("yesterday") == 0);
    assert_true(wire_time("2026-11-21T17:32:22") == 0);
    assert_true(wire_http_time("Sat, 21 Nov 2026 17:32:22 GMT") == NOW);
    assert_true(wire_http_time("Sat, 21 ovD 2026 17:32:22 GMT") == 0);
    assert_true(wire_http_time("12") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches),   cmocka_unit_test(nested_reports),
        cmocka_unit_test(odd_json),  cmocka_unit_test(headers_make_no_new_ones),
        cmocka_unit_test(encodings), cmocka_unit_test(times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

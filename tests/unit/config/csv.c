/* unit/config/csv.c: CSV as people have it, whole or in pieces, and a long one in little memory. */
#include "config/csv.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Rows as `line:cell|cell` and `line!error`, one a line. */
static void drain(struct csv *csv, struct buf *out)
{
    struct csv_row row;
    int r;

    while ((r = csv_next(csv, &row)) != 0) {
        if (r == -EBADMSG) {
            buf_printf(out, "%zu!%.20s\n", row.line, row.error);
            continue;
        }
        assert_int_equal(r, 1);
        buf_printf(out, "%zu:", row.line);
        for (size_t i = 0; i < row.count; i++)
            buf_printf(out, "%s%s", i ? "|" : "", row.cells[i]);
        buf_add_char(out, '\n');
    }
}

/* Whole, and a byte at a time: the same. */
static void reads(const char *text, size_t len, const char *wanted)
{
    for (size_t piece = 1; piece <= len; piece += len > 1 ? len - 1 : 1) {
        auto_buf struct buf out = {0};
        struct csv *csv = csv_new();

        for (size_t at = 0; at < len; at += piece) {
            csv_feed(csv, text + at, len - at < piece ? len - at : piece);
            drain(csv, &out);
        }
        csv_end(csv);
        drain(csv, &out);
        assert_string_equal(buf_text(&out), wanted);
        csv_free(csv);
    }
}
#define READS(text, wanted) reads(text, sizeof(text) - 1, wanted)

static void test_shapes(void **state)
{
    (void)state;
    READS("email,name\na@x.example,Ana\n", "1:email|name\n2:a@x.example|Ana\n");
    READS("email;name\r\na@x.example;Ana, Lee\r\n", "1:email|name\n2:a@x.example|Ana, Lee\n");
    READS("email\tname\ra@x.example\tAna", "1:email|name\n2:a@x.example|Ana\n");
    READS("sep=;\r\nemail;name\r\na;b\r\n", "2:email|name\n3:a|b\n");
    READS("\xef\xbb\xbf"
          "email,name\na,b\n",
          "1:email|name\n2:a|b\n");
    READS("email\na\n\n\nb\n", "1:email\n2:a\n5:b\n");
    READS("a,b\n,,\n1,2", "1:a|b\n3:1|2\n");
    READS("a,b\n 1 , 2 \n,3\n", "1:a|b\n2:1|2\n3:|3\n");
    READS("sep=|\na;b|c\n", "2:a;b|c\n");
    READS("sep=x\naxb\n", "1:sep=x\n2:axb\n");
    READS("", "");
    READS("\n\n", "");
}

static void test_quotes(void **state)
{
    (void)state;
    READS("a,b\n\"x\ny\",\"say \"\"hi\"\"\"\nz,w\n", "1:a|b\n2:x\ny|say \"hi\"\n4:z|w\n");
    READS("a,b\n\"\",\"\"\"\"\n", "1:a|b\n2:|\"\n");
    READS("a,b\n  \"x, y\" , z\n", "1:a|b\n2:x, y|z\n");
    READS("a,b\nAna \"Annie\" Lee,5\"\"\n", "1:a|b\n2:Ana \"Annie\" Lee|5\"\"\n");
    READS("a,b\n\"x\"y,z\n", "1:a|b\n2:xy|z\n");
    READS("\"a;b\";\"c\nd\"\n1;2\n", "1:a;b|c\nd\n3:1|2\n");
    READS("a,b\r\n\"x\r\ny\",z\r\n1,2\r\n", "1:a|b\n2:x\r\ny|z\n4:1|2\n");
}

/* A quote that is never closed costs its own line only. */
static void test_unclosed(void **state)
{
    (void)state;
    READS("a,b\n1,\"2\n3,4\n5,6\n", "1:a|b\n2!a quote opens here a\n3:3|4\n4:5|6\n");
    READS("a,b\n1,\"2", "1:a|b\n2!a quote opens here a\n");
}

static void test_encodings(void **state)
{
    struct csv *csv = csv_new();
    auto_buf struct buf out = {0};

    (void)state;
    READS("n\nJos\xc3\xa9\nJos\xe9 \x80\nM\xc3\xbcller\n",
          "1:n\n2:Jos\xc3\xa9\n3:Jos\xc3\xa9 \xe2\x82\xac\n4:M\xc3\xbcller\n");
    READS("\xff\xfe"
          "n\0\n\0\xe9\0\x3d\xd8\x00\xde\n\0",
          "1:n\n2:\xc3\xa9\xf0\x9f\x98\x80\n");
    READS("\xfe\xff"
          "\0n\0\n\0\xe9",
          "1:n\n2:\xc3\xa9\n");
    READS("a,b\nx\0y,1\n2,3\n", "1:a|b\n2!the row has a NUL ch\n3:2|3\n");
    csv_feed(csv, "n\nJos\xe9\n", 7);
    csv_end(csv);
    drain(csv, &out);
    assert_string_equal(csv_encoding(csv), "Windows-1252");
    assert_int_equal(csv_delimiter(csv), ',');
    csv_free(csv);
}

static void test_too_much(void **state)
{
    auto_buf struct buf text = {0}, out = {0};
    struct csv *csv = csv_new();

    (void)state;
    buf_add_str(&text, "a,b\n");
    for (int i = 0; i < 3 * CSV_ROW_MAX; i++)
        buf_add_char(&text, 'x');
    buf_add_str(&text, ",\n1,2\n");
    for (int i = 0; i < CSV_CELLS_MAX + 1; i++)
        buf_add_char(&text, ',');
    buf_add_str(&text, "\n3,4\n");
    for (size_t at = 0; at < text.len; at += 1000) {
        csv_feed(csv, text.data + at, text.len - at < 1000 ? text.len - at : 1000);
        drain(csv, &out);
    }
    csv_end(csv);
    drain(csv, &out);
    assert_string_equal(buf_text(&out),
                        "1:a|b\n2!the row is longer th\n3:1|2\n4!the row has more tha\n5:3|4\n");
    csv_free(csv);
}

static void test_header_names(void **state)
{
    static const char *const pairs[][2] = {
        {"First Name", "first_name"},
        {" E-Mail ", "e_mail"},
        {"LinkedIn URL (public)", "linkedin_url_public"},
        {"Stra\xc3\x9f"
         "e",
         "stra\xc3\x9f"
         "e"},
        {"__x__", "x"},
        {"!!!", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        auto_free char *name = csv_header_name(pairs[i][0]);

        assert_string_equal(name, pairs[i][1]);
    }
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

static void test_long_file(void **state)
{
    enum { ROWS = 200000 };
    char path[] = "/tmp/postrider-csv-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct csv_row row;
    struct csv *csv = NULL;
    long before, after;
    size_t rows = 0, last = 0;

    (void)state;
    fprintf(file, "email,first_name,company,note\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(file, "person%d@acme.example,\"Ana %d\",\"Acme, Inc\",\"a note\nof two lines\"\n",
                i, i);
    fclose(file);
    assert_int_equal(csv_open("/nowhere.csv", &csv), -ENOENT);
    assert_int_equal(csv_open(path, &csv), 0);
    before = resident_kib();
    while (csv_next(csv, &row) == 1) {
        assert_int_equal(row.count, 4);
        rows++;
        last = row.line;
    }
    after = resident_kib();
    assert_int_equal(rows, ROWS + 1);
    assert_int_equal(last, 2 * ROWS);
    assert_true(csv_read_bytes(csv) > 10 * 1024 * 1024);
    assert_true(after - before < 4096);
    csv_free(csv);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_unclosed),  cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_too_much),  cmocka_unit_test(test_header_names),
        cmocka_unit_test(test_long_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

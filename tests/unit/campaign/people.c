/* unit/campaign/people.c: rows of people's CSV as persons, mistakes by row, and a long file. */
#include "campaign/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

static int read_header(const char *text, struct people_columns *columns, struct mistakes *mistakes)
{
    struct csv *csv = csv_new();
    struct csv_row row;
    int r;

    csv_feed(csv, text, strlen(text));
    csv_end(csv);
    assert_int_equal(csv_next(csv, &row), 1);
    r = people_columns_init(columns, "p.csv", &row, mistakes);
    csv_free(csv);
    return r;
}

static void test_columns(void **state)
{
    static const char *const good[] = {"name,email", "Name;E-Mail", "x,Email Address,tz", "x\tMAIL",
                                       "Mail,Email"};
    static const size_t where[] = {1, 1, 1, 1, 1};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        auto_mistakes struct mistakes mistakes = {0};
        struct people_columns columns = {0};

        assert_int_equal(read_header(good[i], &columns, &mistakes), 0);
        assert_int_equal(columns.email, where[i]);
        assert_string_equal(columns.names[columns.email], "email");
        people_columns_finish(&columns);
    }
}

static void wrong_header(const char *text, const char *wanted)
{
    auto_mistakes struct mistakes mistakes = {0};
    struct people_columns columns = {0};
    auto_buf struct buf out = {0};

    assert_int_equal(read_header(text, &columns, &mistakes), -EINVAL);
    mistakes_text(&mistakes, &out);
    if (!strstr(buf_text(&out), wanted))
        fail_msg("wanted \"%s\", got %s", wanted, buf_text(&out));
}

static void test_wrong_columns(void **state)
{
    (void)state;
    wrong_header("name,emial", "did you mean \"email\" where it says \"emial\"?");
    wrong_header("name,company", "name the column of addresses \"email\"");
    wrong_header("email,First Name,first_name", "columns 2 and 3 have the same name");
}

static void test_rows(void **state)
{
    static const char text[] = "Email,First Name,Company,Time Zone,\n"
                               "ana@acme.example,Ana,\"Acme, Inc\",Europe/Berlin,x\n"
                               "mailto:lee@corp.example,,,\n"
                               "Kim Lee <kim@corp.example>,Kim\n"
                               "not an address,X\n"
                               ",X\n"
                               "a@b.example,X,Y,Mars/Base\n"
                               "a@b.example,X,Acme, Inc,,more\n"
                               "zoe@corp.example,Zoe\n";
    static const char *const wanted[] = {
        "2 ana@acme.example Europe/Berlin first_name=Ana company=Acme, Inc time_zone=Europe/Berlin",
        "3 lee@corp.example -",
        "4 kim@corp.example - first_name=Kim",
        "5 ! \"not an address\" is no address: ",
        "6 ! the address is missing",
        "7 ! \"Mars/Base\" is no time zone",
        "8 ! the row has 6 cells and the first row 5",
        "9 zoe@corp.example - first_name=Zoe",
    };
    auto_mistakes struct mistakes mistakes = {0};
    struct people_columns columns = {0};
    struct csv *csv = csv_new();
    struct csv_row row;
    size_t n = 0;

    (void)state;
    csv_feed(csv, text, sizeof(text) - 1);
    csv_end(csv);
    assert_int_equal(csv_next(csv, &row), 1);
    assert_int_equal(people_columns_init(&columns, "p.csv", &row, &mistakes), 0);
    while (csv_next(csv, &row) == 1) {
        auto_buf struct buf out = {0}, error = {0};
        struct people_row person = {0};

        buf_printf(&out, "%zu ", row.line);
        if (people_row_read(&columns, &row, &person, &error) < 0)
            buf_printf(&out, "! %s", buf_text(&error));
        else
            buf_printf(&out, "%s %s", person.address, person.zone ? person.zone : "-");
        for (size_t i = 0; i < person.field_count; i++)
            buf_printf(&out, " %s=%s", person.fields[i].name, person.fields[i].value);
        assert_true(n < sizeof(wanted) / sizeof(*wanted));
        if (strncmp(buf_text(&out), wanted[n], strlen(wanted[n])) != 0)
            fail_msg("wanted \"%s\", got \"%s\"", wanted[n], buf_text(&out));
        people_row_finish(&person);
        n++;
    }
    assert_int_equal(n, sizeof(wanted) / sizeof(*wanted));
    people_columns_finish(&columns);
    csv_free(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_wrong_columns),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

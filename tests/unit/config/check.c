/* unit/config/check.c: every mistake is collected, each with what would be right. */
#include "config/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const char *const known[] = {"subject", "text", "per_day", "on", NULL};

static void test_all_at_once(void **state)
{
    static const char text[] = "subjekt: x\n"
                               "perday: many\n"
                               "wholly_other: 1\n"
                               "text:\n"
                               "on: [1]\n";
    auto_mistakes struct mistakes mistakes = {0};
    auto_tree struct tree *tree = NULL;
    auto_buf struct buf out = {0};
    struct check root, at;
    struct duration duration;
    int64_t n;

    (void)state;
    assert_int_equal(tree_parse("c.yaml", text, sizeof(text) - 1, &mistakes, &tree), 0);
    assert_true(check_root(tree, &mistakes, &root));
    check_keys(&root, known);
    assert_false(check_need(&root, "subject", "write one", &at));
    assert_false(check_get(&root, "text", &at));
    assert_true(check_get(&root, "perday", &at));
    assert_false(check_int(&at, 1, 5, &n));
    assert_false(check_duration(&at, &duration));
    assert_true(check_get(&root, "on", &at));
    assert_null(check_text(&at));
    assert_false(check_is_map(&at));
    mistakes_text(&mistakes, &out);
    assert_string_equal(
        buf_text(&out),
        "c.yaml:1: subjekt: there is no key \"subjekt\"; did you mean \"subject\"?\n"
        "c.yaml:2: perday: there is no key \"perday\"; did you mean \"per_day\"?\n"
        "c.yaml:3: wholly_other: there is no key \"wholly_other\"; known here: subject, text, "
        "per_day, on\n"
        "c.yaml:1: subject: it is missing; write one\n"
        "c.yaml:4: text: it has no value; give it a value or leave the line out\n"
        "c.yaml:2: perday: it is a text, not a whole number; write a whole number from 1 to 5\n"
        "c.yaml:2: perday: \"many\" is no span of time; write e.g. \"90s\", \"15m\", \"2h\", "
        "\"3 days\" or \"3 business days\"\n"
        "c.yaml:5: on: it is a list, not a text; write a text\n"
        "c.yaml:5: on: it is a list, not a map; write it as keys and values\n");
}

static void test_values(void **state)
{
    static const char text[] = "a: 1.50\nb: \"7\"\nc: No\nd: 9\ne: Auto-Reply\nf: x\n";
    static const char *const choices[] = {"reply", "auto-reply", NULL};
    auto_mistakes struct mistakes mistakes = {0};
    auto_tree struct tree *tree = NULL;
    struct check root, at;
    bool yes = true;
    int64_t n = 0;

    (void)state;
    assert_int_equal(tree_parse("c.yaml", text, sizeof(text) - 1, &mistakes, &tree), 0);
    assert_true(check_root(tree, &mistakes, &root));
    assert_true(check_get(&root, "a", &at));
    assert_string_equal(check_text(&at), "1.50");
    assert_true(check_get(&root, "b", &at));
    assert_true(check_int(&at, 0, 7, &n));
    assert_int_equal(n, 7);
    assert_true(check_get(&root, "c", &at));
    assert_true(check_bool(&at, &yes));
    assert_false(yes);
    assert_true(check_get(&root, "e", &at));
    assert_int_equal(check_choice(&at, choices), 1);
    assert_int_equal(mistakes.count, 0);
    assert_true(check_get(&root, "f", &at));
    assert_int_equal(check_choice(&at, choices), -1);
    assert_true(check_get(&root, "d", &at));
    assert_false(check_int(&at, 10, 20, &n));
    assert_false(check_bool(&at, &yes));
    assert_int_equal(mistakes.count, 3);
}

static void test_nearest(void **state)
{
    static const char *const list[] = {"email", "first_name", "company", NULL};

    (void)state;
    assert_int_equal(check_distance("emial", "email"), 1);
    assert_int_equal(check_distance("kitten", "sitting"), 3);
    assert_int_equal(check_distance("", "abc"), 3);
    assert_string_equal(check_nearest("emial", list), "email");
    assert_string_equal(check_nearest("FirstName", list), "first_name");
    assert_string_equal(check_nearest("frist name", list), "first_name");
    assert_null(check_nearest("city", list));
    assert_null(check_nearest("x", list));
}

static void test_bounded(void **state)
{
    struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct json_object *json;

    (void)state;
    for (int i = 0; i < MISTAKES_MAX + 5; i++)
        mistakes_add(&mistakes, "f", i, "p", NULL, "wrong %d", i);
    assert_int_equal(mistakes.count, MISTAKES_MAX);
    assert_true(mistakes.more);
    mistakes_text(&mistakes, &out);
    assert_non_null(strstr(buf_text(&out), "and more"));
    json = mistakes_json(&mistakes);
    assert_int_equal(json_object_array_length(json), MISTAKES_MAX);
    json_object_put(json);
    mistakes_finish(&mistakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

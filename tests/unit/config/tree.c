/* unit/config/tree.c: YAML and JSON become the same tree, and what is refused says where. */
#include "config/tree.h"

#include "base/mem.h"
#include "config/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

static struct tree *parse(const char *file, const char *text)
{
    auto_mistakes struct mistakes mistakes = {0};
    struct tree *tree = NULL;
    int r = tree_parse(file, text, strlen(text), &mistakes, &tree);

    if (r < 0) {
        auto_buf struct buf out = {0};

        mistakes_text(&mistakes, &out);
        print_message("%s", buf_text(&out));
    }
    assert_int_equal(r, 0);
    assert_int_equal(mistakes.count, 0);
    return tree;
}

static void refused(const char *file, const char *text, int line, const char *part)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct tree *tree = NULL;

    assert_int_equal(tree_parse(file, text, strlen(text), &mistakes, &tree), -EINVAL);
    assert_null(tree);
    assert_true(mistakes.count >= 1);
    mistakes_text(&mistakes, &out);
    if (!strstr(buf_text(&out), part) || mistakes.list[0].line != line)
        fail_msg("wanted line %d and \"%s\", got %s", line, part, buf_text(&out));
}

static const char yaml[] = "# a comment\n"
                           "name: Backend engineers\n"
                           "at: 09:00\n"
                           "code: 007\n"
                           "limit: 40\n"
                           "share: 1.50\n"
                           "on: yes\n"
                           "yes: true\n"
                           "none: ~\n"
                           "steps:\n"
                           "  - subject: \"{{a}}: b\"\n"
                           "    text: |\n"
                           "      Hi\n"
                           "      there\n"
                           "  - after: 3 days\n";
static const char json[] =
    "{\"name\": \"Backend engineers\", \"at\": \"09:00\", \"code\": \"007\",\n"
    "\"limit\": 40, \"share\": 1.50, \"on\": \"yes\", \"yes\": true,\n"
    "\"none\": null, \"steps\": [{\"subject\": \"{{a}}: b\",\n"
    " \"text\": \"Hi\\nthere\\n\"}, {\"after\":\n"
    "\"3 days\"}]}\n";

static void test_same_tree(void **state)
{
    auto_tree struct tree *a = parse("a.yaml", yaml);
    auto_tree struct tree *b = parse("b.json", json);

    (void)state;
    assert_string_equal(json_object_to_json_string(a->root), json_object_to_json_string(b->root));
    assert_int_equal(tree_mark(a, "")->line, 2);
    assert_int_equal(tree_mark(a, "steps[1].after")->line, 15);
    assert_int_equal(tree_mark(a, "steps[0].text")->line, 12);
    assert_int_equal(tree_mark(a, "steps[0].text")->text_line, 13);
    assert_int_equal(tree_mark(a, "steps[0].subject")->column, 14);
    assert_int_equal(tree_mark(b, "steps[1].after")->line, 5);
    assert_int_equal(tree_mark(b, "steps[1]")->line, 4);
    assert_null(tree_mark(a, "steps[2]"));
}

static void test_empty(void **state)
{
    auto_tree struct tree *a = parse("a.yaml", "");
    auto_tree struct tree *b = parse("a.yaml", "\xef\xbb\xbf# nothing\n");
    auto_tree struct tree *c = parse("a.yaml", "\xef\xbb\xbf"
                                               "a: 1\n");

    (void)state;
    assert_null(a->root);
    assert_null(b->root);
    assert_non_null(c->root);
}

static void test_refused(void **state)
{
    auto_buf struct buf deep = {0};

    (void)state;
    refused("a.yaml", "a: 1\nb: 2\na: 3\n", 3, "\"a\" is there twice");
    refused("a.json", "{\"a\": 1,\n\"b\": {\"c\": 1,\n\"\\u0063\": 2}}", 3, "\"c\" is there twice");
    refused("a.yaml", "a: &x 1\nb: *x\n", 1, "anchors and aliases");
    refused("a.yaml", "a: 1\nb: *x\n", 2, "anchors and aliases");
    refused("a.yaml", "a: !!binary aGk=\n", 1, "tags");
    refused("a.yaml", "a: 1\n---\nb: 2\n", 2, "more than one document");
    refused("a.yaml", "a: 1\nsubject: {{first_name}} hi\n", 2, "quotes");
    refused("a.yaml", "a: 1\nsubject: Hi: there\n", 2, "quotes");
    refused("a.yaml", "a:\n\tb: 1\n", 2, "tabs");
    refused("a.yaml", "a: \"x\n", 2, "quote");
    refused("a.yaml", "a: \"x\\0y\"\n", 1, "NUL");
    refused("a.json", "{\"a\": \"x\\u0000y\"}", 0, "NUL");
    refused("a.json", "{\"a\": 1,\n\"b\": }", 2, "JSON");
    refused("a.json", "{\"a\": 1,\n", 1, "ends too early");
    refused("a.yaml", "a: \xe9\n", 0, "UTF-8");
    for (int i = 0; i < 40; i++)
        buf_add_str(&deep, "[");
    for (int i = 0; i < 40; i++)
        buf_add_str(&deep, "]");
    refused("a.yaml", buf_text(&deep), 1, "too deep");
    refused("a.json", buf_text(&deep), 1, "JSON");
}

static void test_too_large(void **state)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_free char *text = mem_new(TREE_SIZE_MAX + 1);
    struct tree *tree = NULL;

    (void)state;
    memset(text, ' ', TREE_SIZE_MAX + 1);
    assert_int_equal(tree_parse("a", text, TREE_SIZE_MAX + 1, &mistakes, &tree), -EINVAL);
    assert_non_null(strstr(mistakes.list[0].right, "4 MiB"));
}

static void test_no_file(void **state)
{
    auto_mistakes struct mistakes mistakes = {0};
    struct tree *tree = NULL;

    (void)state;
    assert_int_equal(tree_read("/nowhere/at/all.yaml", &mistakes, &tree), -EINVAL);
    assert_string_equal(mistakes.list[0].file, "/nowhere/at/all.yaml");
}

/* Every prefix of both is answered without a crash or a leak. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(yaml) - 1; len++) {
        auto_mistakes struct mistakes mistakes = {0};
        auto_tree struct tree *tree = NULL;

        tree_parse("a.yaml", yaml, len, &mistakes, &tree);
    }
    for (size_t len = 1; len < sizeof(json) - 3; len++) {
        auto_mistakes struct mistakes mistakes = {0};
        struct tree *tree = NULL;

        assert_int_equal(tree_parse("a.json", json, len, &mistakes, &tree), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_tree), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_file),   cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unit/campaign/template.c: what templates say, and what they refuse to say. */
#include "campaign/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *lookup(void *arg, const char *name)
{
    static const char *const values[][2] = {
        {"first_name", "Ana"},
        {"company", "Acme & Söhne <b>\""},
        {"sender.name", "Kim"},
        {"empty", ""},
        {"lines", "a\r\nBcc: x@y.example"},
        {"tricky", "{{first_name}}"},
        {"n", "3"},
    };

    (void)arg;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    return NULL;
}

static int render(enum template_kind kind, const char *text, struct buf *out, struct buf *error)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf wrong = {0};
    struct template *tmpl = template_new(kind, text, "c.yaml", 1, "steps[0].text", &mistakes);
    int r;

    mistakes_text(&mistakes, &wrong);
    if (!tmpl)
        fail_msg("%s", buf_text(&wrong));
    r = template_render(tmpl, lookup, NULL, out, error);
    template_free(tmpl);
    return r;
}

static void says(enum template_kind kind, const char *text, const char *wanted)
{
    auto_buf struct buf out = {0}, error = {0};

    buf_add_str(&out, ">");
    if (render(kind, text, &out, &error) < 0)
        fail_msg("%s: %s", text, buf_text(&error));
    assert_string_equal(buf_text(&out) + 1, wanted);
}

static void fails(enum template_kind kind, const char *text, int r, const char *part)
{
    auto_buf struct buf out = {0}, error = {0};

    buf_add_str(&out, ">");
    assert_int_equal(render(kind, text, &out, &error), r);
    assert_string_equal(buf_text(&out), ">");
    if (!strstr(buf_text(&error), part))
        fail_msg("wanted \"%s\", got %s", part, buf_text(&error));
}

static void refused(enum template_kind kind, const char *text, const char *wanted)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct template *tmpl = template_new(kind, text, "c.yaml", 10, "s", &mistakes);

    assert_null(tmpl);
    mistakes_text(&mistakes, &out);
    if (!strstr(buf_text(&out), wanted))
        fail_msg("wanted \"%s\", got %s", wanted, buf_text(&out));
}

static void test_values(void **state)
{
    (void)state;
    says(TEMPLATE_TEXT, "", "");
    says(TEMPLATE_TEXT, "Hi {{first_name}}, {{ sender.name }}!", "Hi Ana, Kim!");
    says(TEMPLATE_TEXT, "Hi {{nick | default: there}}.", "Hi there.");
    says(TEMPLATE_TEXT, "{{empty|default:\"\"}}{{nick | default: 'you | all'}}", "you | all");
    says(TEMPLATE_TEXT, "{{first_name | default: there}}", "Ana");
    says(TEMPLATE_TEXT, "{{ \"{{\" }}x{{ \"}}\" }}", "{{x}}");
    says(TEMPLATE_TEXT, "{{tricky}}", "{{first_name}}");
    says(TEMPLATE_TEXT, "{ {x} 100% }", "{ {x} 100% }");
    says(TEMPLATE_TEXT, "{{lines}}", "a\r\nBcc: x@y.example");
    says(TEMPLATE_HTML, "<p>{{company}}</p>", "<p>Acme &amp; Söhne &lt;b&gt;&quot;</p>");
    says(TEMPLATE_HTML, "@media{a{width:100%}}", "@media{a{width:100%}}");
    says(TEMPLATE_SUBJECT, "Hi {{first_name}}\n", "Hi Ana");
}

static void test_missing(void **state)
{
    (void)state;
    fails(TEMPLATE_TEXT, "Hi {{nick}}", -ENODATA, "{{nick}} has no value");
    fails(TEMPLATE_TEXT, "Hi {{empty}}", -ENODATA, "{{empty}} has no value");
    fails(TEMPLATE_SUBJECT, "Hi {{lines}}", -EINVAL, "line end");
}

static void test_conditions(void **state)
{
    (void)state;
    says(TEMPLATE_TEXT, "{% if first_name %}a{% else %}b{% endif %}", "a");
    says(TEMPLATE_TEXT, "{% if empty %}a{% else %}b{% endif %}", "b");
    says(TEMPLATE_TEXT, "{% if nick %}a{% elsif n == 3 %}c{% else %}b{% endif %}", "c");
    says(TEMPLATE_TEXT, "{% if n == \"3\" %}a{% endif %}{% if n != 3 %}b{% endif %}", "a");
    says(TEMPLATE_TEXT, "{% if n==3 and nick or first_name %}a{% endif %}", "a");
    says(TEMPLATE_TEXT, "{% if nick or n and empty %}a{% else %}b{% endif %}", "b");
    says(TEMPLATE_TEXT, "{% if first_name or nick and nick %}a{% endif %}", "a");
    says(TEMPLATE_TEXT, "{% if nick == \"\" %}a{% endif %}", "a");
    says(TEMPLATE_TEXT, "{% if nick %}{{nick}}{% endif %}", "");
    says(TEMPLATE_TEXT, "{% if n %}{% if nick %}x{% else %}{{first_name}}{% endif %}{% endif %}",
         "Ana");
    says(TEMPLATE_TEXT, "a\n{% if n %}\n  b\n{% else %}\nc\n{% endif %}\nd\n", "a\n  b\nd\n");
    says(TEMPLATE_TEXT, "a {% if n %}\nb{% endif %}\nc", "a \nb\nc");
}

static void test_refused(void **state)
{
    (void)state;
    refused(TEMPLATE_TEXT, "a\n{{first_name", "c.yaml:11: s: {{ is not closed");
    refused(TEMPLATE_TEXT, "{{{x}}}", "three braces");
    refused(TEMPLATE_TEXT, "{{First Name}}", "write {{first_name}}");
    refused(TEMPLATE_TEXT, "{{}}", "no variable's name");
    refused(TEMPLATE_TEXT, "{{a..b}}", "no variable's name");
    refused(TEMPLATE_TEXT, "{{a | upcase}}", "the one filter is default");
    refused(TEMPLATE_TEXT, "{{a | default:}}", "default: has no value");
    refused(TEMPLATE_TEXT, "\n\n{% if x %}\nhi", "c.yaml:12: s: {% if %} is not closed");
    refused(TEMPLATE_TEXT, "{% endif %}", "no if open");
    refused(TEMPLATE_TEXT, "{% if %}x{% endif %}", "ends too early");
    refused(TEMPLATE_TEXT, "{% if a = b %}x{% endif %}", "\"=\" is not known");
    refused(TEMPLATE_TEXT, "{% if not a %}x{% endif %}", "\"not\" can't be compared");
    refused(TEMPLATE_TEXT, "{% if a == %}x{% endif %}", "ends too early");
    refused(TEMPLATE_TEXT, "{% for x %}", "\"for\" is no tag");
    refused(TEMPLATE_TEXT, "{% if x", "is not closed");
    refused(TEMPLATE_TEXT, "{% if x %}{% else %}{% else %}{% endif %}", "branch after the else");
    refused(TEMPLATE_TEXT, "a }} b", "}} closes nothing");
    refused(TEMPLATE_SUBJECT, "a\nb", "a subject can't have a line end");
}

/* All mistakes of one text at once. */
static void test_all(void **state)
{
    auto_mistakes struct mistakes mistakes = {0};

    (void)state;
    assert_null(
        template_new(TEMPLATE_TEXT, "{{{a}}}\n{{b|c}}\n{% x %}\n{{d\n", "f", 1, "p", &mistakes));
    assert_int_equal(mistakes.count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(mistakes.list[i].line, i + 1);
}

static void test_deep(void **state)
{
    auto_buf struct buf text = {0};

    (void)state;
    for (int i = 0; i < 40; i++)
        buf_add_str(&text, "{% if n %}");
    refused(TEMPLATE_TEXT, buf_text(&text), "nested too deep");
}

static void test_variables(void **state)
{
    static const char *const known[] = {"first_name", "company", NULL};
    static const char text[] = "{{frist_name | default: x}} {{industry}} {{hobby | default: y}}\n"
                               "{{email}} {{sender.name}} {% if role %}{{role}}{% endif %}\n"
                               "{% if company %}{{town}}{% endif %}";
    auto_mistakes struct mistakes mistakes = {0};
    const struct template_variable *list;
    struct template *tmpl = template_new(TEMPLATE_TEXT, text, "f", 1, "p", &mistakes);
    size_t count = template_variables(tmpl, &list);

    (void)state;
    assert_int_equal(count, 8);
    assert_string_equal(list[1].name, "industry");
    assert_true(list[1].needed);
    assert_false(list[2].needed);
    template_check(tmpl, known, &mistakes);
    assert_int_equal(mistakes.count, 3);
    assert_string_equal(mistakes.list[0].right, "did you mean {{first_name}}?");
    assert_non_null(strstr(mistakes.list[1].wrong, "{{industry}}"));
    assert_non_null(strstr(mistakes.list[2].wrong, "{{town}}"));
    assert_int_equal(mistakes.list[2].line, 3);
    template_free(tmpl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_missing),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all),        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

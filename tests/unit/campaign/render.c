/* unit/campaign/render.c: one step for one person, and what is refused by name. */
#include "campaign/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct sequence *sequence;
static const struct field ana[] = {{(char *)"first_name", (char *)"Ana"},
                                   {(char *)"company", (char *)"Acme & Co"}};

static struct render_input base(size_t step)
{
    return (struct render_input){.sequence = sequence,
                                 .step = step,
                                 .person = "ana@acme.example",
                                 .fields = ana,
                                 .field_count = 2,
                                 .sender_name = "Kim",
                                 .sender_address = "kim@corp.example"};
}

static void test_steps(void **state)
{
    struct render_input in = base(0);
    auto_buf struct buf error = {0};
    struct rendered out = {0};

    (void)state;
    assert_int_equal(render_step(&in, &out, &error), 0);
    assert_string_equal(out.subject, "Ana, about Acme & Co");
    assert_string_equal(out.text, "Hi Ana, Kim here (kim@corp.example).\n");
    assert_string_equal(out.html, "<p>Acme &amp; Co, ana@acme.example</p>");
    assert_false(out.reply);
    rendered_finish(&out);
    in.step = 1;
    assert_int_equal(render_step(&in, &out, &error), 0);
    assert_string_equal(out.subject, "Ana, about Acme & Co");
    assert_true(out.reply);
    assert_int_equal(out.thread, 0);
    assert_null(out.html);
    rendered_finish(&out);
}

static void fails(struct render_input in, int r, const char *wanted)
{
    auto_buf struct buf error = {0};
    struct rendered out = {0};

    assert_int_equal(render_step(&in, &out, &error), r);
    assert_string_equal(buf_text(&error), wanted);
    assert_null(out.subject);
}

static void test_refused(void **state)
{
    static const struct field evil[] = {{(char *)"first_name", (char *)"A\r\nBcc: x@y.example"},
                                        {(char *)"company", (char *)"C"}};
    struct render_input in = base(0);

    (void)state;
    in.field_count = 1;
    fails(in, -ENODATA,
          "ana@acme.example: step 1, subject: {{company}} has no value: give the person one, or "
          "write {{company | default: ...}}");
    in.fields = evil;
    in.field_count = 2;
    fails(in, -EINVAL,
          "ana@acme.example: step 1, subject: {{first_name}} has a line end or another control "
          "character, which a subject can't have: correct the person's value");
    fails(base(2), -ENODATA,
          "ana@acme.example: step 3, text: it would be empty: see its conditions and the person's "
          "values");
    fails(base(3), -ERANGE, "ana@acme.example: there is no step 4, the campaign has 3");
}

int main(void)
{
    static const char text[] =
        "name: N\nfrom: kim@corp.example\nsteps:\n"
        "  - subject: \"{{first_name}}, about {{company}}\"\n"
        "    text: |\n"
        "      Hi {{first_name}}, {{sender.name}} here ({{sender.address}}).\n"
        "    html: <p>{{company}}, {{email}}</p>\n"
        "  - {after: 1h, text: Again}\n"
        "  - {after: 1h, text: \"{% if nick %}x{% endif %}\"}\n";
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_refused)};
    auto_mistakes struct mistakes mistakes = {0};
    int r;

    if (sequence_read("n.yaml", text, sizeof(text) - 1, &mistakes, &sequence) < 0)
        return 1;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    sequence_free(sequence);
    return r;
}

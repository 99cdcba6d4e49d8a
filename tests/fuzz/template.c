/* fuzz/template.c: any template, rendered for a hostile person: no line end reaches a subject, no
 * tag of a value reaches HTML, and what fails adds nothing. */
#include "campaign/template.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *arg, const char *name)
{
    (void)arg;
    if (strlen(name) % 3 == 0)
        return NULL;
    return strlen(name) % 3 == 1 ? "a\r\nBcc: x@y.example" : "<\x01script>{{a}}";
}

static void try_one(enum template_kind kind, const char *text)
{
    static const char *const known[] = {"first_name", "company", NULL};
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0}, error = {0}, said = {0};
    struct template *tmpl = template_new(kind, text, "f", 1, "p", &mistakes);

    if (!tmpl != (mistakes.count > 0))
        abort();
    mistakes_text(&mistakes, &said);
    if (!tmpl)
        return;
    if (template_render(tmpl, lookup, NULL, &out, &error) < 0) {
        if (out.len || !error.len)
            abort();
    } else if (kind == TEMPLATE_SUBJECT && strpbrk(buf_text(&out), "\r\n")) {
        abort();
    } else if (kind == TEMPLATE_HTML && strstr(buf_text(&out), "<\x01script>") &&
               !strstr(text, "<\x01script>")) {
        abort();
    }
    template_check(tmpl, known, &mistakes);
    template_free(tmpl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = mem_strn((const char *)data, size);

    try_one(TEMPLATE_SUBJECT, text);
    try_one(TEMPLATE_TEXT, text);
    try_one(TEMPLATE_HTML, text);
    return 0;
}

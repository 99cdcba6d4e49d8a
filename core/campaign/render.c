/* campaign/render.c: hands a person's fields and the sender's to the templates. */
#include "campaign/render.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

static const char *lookup(void *arg, const char *name)
{
    const struct render_input *input = arg;
    const struct {
        const char *name, *value;
    } ours[] = {
        {"sender.name", input->sender_name},
        {"sender.address", input->sender_address},
        {"unsubscribe_url", input->unsubscribe_url},
        {"email", input->person},
    };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(ours[i].name, name) == 0)
            return ours[i].value;
    for (size_t i = 0; i < input->field_count; i++)
        if (strcmp(input->fields[i].name, name) == 0)
            return input->fields[i].value;
    return NULL;
}

static int render_part(const struct render_input *input, const struct template *tmpl, size_t step,
                       const char *part, char **part_r, struct buf *error)
{
    auto_buf struct buf out = {0}, why = {0};
    struct render_input copy = *input;
    int r;

    if (!tmpl)
        return 0;
    r = template_render(tmpl, lookup, &copy, &out, &why);
    if (r == 0 && !buf_text(&out)[strspn(buf_text(&out), " \t\r\n")]) {
        buf_add_str(&why, "it would be empty: see its conditions and the person's values");
        r = -ENODATA;
    }
    if (r < 0) {
        buf_printf(error, "%s: step %zu, %s: %s", input->person, step + 1, part, buf_text(&why));
        return r;
    }
    *part_r = mem_str(buf_text(&out));
    return 0;
}

int render_step(const struct render_input *input, struct rendered *rendered_r, struct buf *error)
{
    const struct sequence *sequence = input->sequence;
    struct rendered rendered = {0};
    int r;

    if (input->step >= sequence->step_count) {
        buf_printf(error, "%s: there is no step %zu, the campaign has %zu", input->person,
                   input->step + 1, sequence->step_count);
        return -ERANGE;
    }
    rendered.thread = sequence_thread(sequence, input->step);
    rendered.reply = rendered.thread != input->step;
    r = render_part(input, sequence->steps[rendered.thread].subject, rendered.thread, "subject",
                    &rendered.subject, error);
    if (r == 0)
        r = render_part(input, sequence->steps[input->step].text, input->step, "text",
                        &rendered.text, error);
    if (r == 0)
        r = render_part(input, sequence->steps[input->step].html, input->step, "html",
                        &rendered.html, error);
    if (r < 0)
        rendered_finish(&rendered);
    else
        *rendered_r = rendered;
    return r;
}

void rendered_finish(struct rendered *rendered)
{
    free(rendered->subject);
    free(rendered->text);
    free(rendered->html);
    *rendered = (struct rendered){0};
}

/* engine/prepare.c: a step for a person, from records to the bytes that go out; preview and send.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "campaign/render.h"
#include "engine/internal.h"
#include "mail/address.h"
#include "mail/compose.h"

#include <errno.h>
#include <string.h>

void prepared_finish(struct prepared *prepared)
{
    char **texts[] = {
        &prepared->parts.subject, &prepared->parts.text, &prepared->parts.html,
        &prepared->from,          &prepared->from_name,  &prepared->to,
        &prepared->message_id,    &prepared->marker,     &prepared->in_reply_to,
        &prepared->references,    &prepared->thread_id,  &prepared->previous_id,
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(*texts[i]);
    buf_finish(&prepared->bytes);
    *prepared = (struct prepared){0};
}

/* The ids of the thread so far, oldest first, space between; the newest is what is answered. Its
 * subject is what went out, whatever the step says now: under another it would be another thread.
 */
static int thread_ids(struct store_txn *txn, const struct enrolment *enrolment, size_t from,
                      uint64_t mailbox, struct prepared *prepared)
{
    auto_buf struct buf references = {0};

    for (size_t step = from; step < enrolment->step; step++) {
        auto_record(message) message = {0};
        int r = store_message_get(txn, enrolment->id, (uint16_t)step, &message);
        const char *id;

        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        if (message.state != MESSAGE_SENT)
            continue;
        id = message.final_id ? message.final_id : message.message_id;
        buf_printf(&references, "%s<%s>", references.len ? " " : "", id);
        mem_str_set(&prepared->in_reply_to, id);
        if (step == from)
            mem_str_set(&prepared->parts.subject, message.subject);
        if (message.mailbox == mailbox) {
            mem_str_set(&prepared->thread_id, message.thread_id);
            mem_str_set(&prepared->previous_id, message.provider_id);
        }
    }
    if (references.len)
        prepared->references = buf_take(&references);
    return 0;
}

static void add_token(const struct prepare_input *input, struct prepared *prepared)
{
    char token[48];

    seal_token(input->brain->options->seal,
               input->enrolment->id + (MUTANT(random_marker) ? (uint64_t)clock_monotonic() : 0),
               input->enrolment->step, token);
    prepared->marker = mem_str(token);
    prepared->message_id = mem_printf("%s@%s", token, mail_address_domain(prepared->from));
}

static char *opt_out_url(const struct prepare_input *input)
{
    const char *base = input->brain->options->base_url;
    auto_buf struct buf token = {0};

    if (!base)
        return NULL;
    seal_link(input->brain->options->seal, "unsubscribe", input->enrolment->id,
              input->enrolment->step, 0, &token);
    return mem_printf("%s/u/%s", base, buf_text(&token));
}

/* Splits "<a> <b>" into a list of bare ids; the texts are the copy's, freed with it. */
static char **split_ids(const char *references)
{
    char **list = mem_array(SEQUENCE_STEPS_MAX + 1, sizeof(*list));
    size_t count = 0;

    while (references && count < SEQUENCE_STEPS_MAX) {
        const char *open = strchr(references, '<'), *close = open ? strchr(open, '>') : NULL;

        if (!close)
            break;
        list[count++] = mem_strn(open + 1, (size_t)(close - open - 1));
        references = close + 1;
    }
    return list;
}

static int compose(const struct prepare_input *input, const char *url, bool reply,
                   struct prepared *prepared, struct buf *error)
{
    const struct sequence *sequence = input->sequence;
    const struct zone *zone =
        input->mailbox->zone ? zones_get(input->brain->zones, input->mailbox->zone) : NULL;
    char **references = split_ids(prepared->references);
    bool https = url && strncmp(url, "https://", 8) == 0;
    auto_free char *mailto = mem_printf("mailto:%s?subject=unsubscribe", input->mailbox->address);
    struct mail_draft draft = {
        .from = prepared->from,
        .from_name = prepared->from_name,
        .reply_to = sequence->reply_to,
        .to = prepared->to,
        .subject = prepared->parts.subject,
        .text = prepared->parts.text,
        .html = prepared->parts.html,
        .message_id = prepared->message_id,
        .in_reply_to = reply ? prepared->in_reply_to : NULL,
        .references = reply ? (const char *const *)references : NULL,
        .date = input->now,
        .utc_offset = zone ? (int32_t)(zone_offset(zone, input->now) / 60000) : 0,
        .marker = prepared->marker,
        .unsubscribe_url = sequence->unsubscribe && https ? url : NULL,
        .unsubscribe_mailto = sequence->unsubscribe ? mailto : NULL,
        .one_click = sequence->unsubscribe && https,
    };
    int r = mail_compose(&draft, &prepared->bytes, error);

    mem_strv_free(references);
    return r;
}

int prepare_message(struct store_txn *txn, const struct prepare_input *input,
                    struct prepared *prepared, struct buf *error)
{
    const struct sequence *sequence = input->sequence;
    auto_free char *url = opt_out_url(input);
    struct rendered rendered = {0};
    struct render_input render = {
        .sequence = sequence,
        .step = input->enrolment->step,
        .person = input->person->address,
        .fields = input->enrolment->fields,
        .field_count = input->enrolment->field_count,
        .sender_name = sequence->as_name ? sequence->as_name : input->mailbox->name,
        .sender_address = sequence->as_address ? sequence->as_address : input->mailbox->address,
        .unsubscribe_url = url,
    };
    int r = render_step(&render, &rendered, error);

    if (r < 0)
        return r;
    prepared->from = mem_str(render.sender_address);
    prepared->from_name = mem_str(render.sender_name);
    prepared->to = mem_str(input->person->address);
    add_token(input, prepared);
    r = rendered.reply
            ? thread_ids(txn, input->enrolment, rendered.thread, input->mailbox->id, prepared)
            : 0;
    if (rendered.reply) {
        auto_buf struct buf subject = {0};

        mail_reply_subject(prepared->parts.subject ? prepared->parts.subject : rendered.subject,
                           &subject);
        free(prepared->parts.subject);
        prepared->parts.subject = buf_take(&subject);
    } else {
        prepared->parts.subject = mem_str(rendered.subject);
    }
    prepared->parts.text = mem_str(rendered.text);
    prepared->parts.html = mem_str(rendered.html);
    if (r == 0)
        r = compose(input, url, rendered.reply, prepared, error);
    rendered_finish(&rendered);
    return r;
}

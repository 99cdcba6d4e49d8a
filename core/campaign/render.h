/* campaign/render.h: one step for one person, as subject, text and html. Preview and send both come
 * through here. Any thread. */
#ifndef CAMPAIGN_RENDER_H
#define CAMPAIGN_RENDER_H
#include "base/buf.h"
#include "campaign/sequence.h"
#include "records/records.h"

#include <stdbool.h>
#include <stddef.h>

struct render_input {
    const struct sequence *sequence;
    size_t step;
    const char *person;         /* the address: {{email}}                            */
    const struct field *fields; /* lent */
    size_t field_count;
    const char *sender_name;     /* {{sender.name}}; NULL: missing                    */
    const char *sender_address;  /* {{sender.address}}                                */
    const char *unsubscribe_url; /* {{unsubscribe_url}}; NULL: no public URL configured */
};
struct rendered {
    char *subject; /* of the step that opened the thread: a reply puts its Re: before it */
    bool reply;    /* it answers in the thread of an earlier step                       */
    size_t thread; /* the step that opened the thread                                   */
    char *text;    /* NULL: html only                                                   */
    char *html;    /* NULL: text only                                                   */
};
/* -ENODATA: a value is missing, -EINVAL: one can't be used, -ERANGE: no such step; error names
 * person, step and variable. Nothing is given then. */
int render_step(const struct render_input *input, struct rendered *rendered_r, struct buf *error);
void rendered_finish(struct rendered *rendered);
#endif

/* campaign/template.h: the mail's words, with what is known of the person in their place.
 *
 * {{first_name | default: there}}    {{sender.name}}    {{ "{{" }} for the braces themselves
 * {% if company == "Acme" and role %} .. {% elsif x != 3 or y %} .. {% else %} .. {% endif %}
 * `and` binds before `or`; a name alone is true when it has a value. A missing value and an empty
 * one are the same. A line with nothing but {% %} tags leaves no empty line behind. Values are put
 * in as they are, never read as template; HTML templates escape them. A parsed template never
 * changes: any thread. */
#ifndef CAMPAIGN_TEMPLATE_H
#define CAMPAIGN_TEMPLATE_H
#include "base/buf.h"
#include "config/check.h"

#include <stdbool.h>
#include <stddef.h>

enum template_kind { TEMPLATE_SUBJECT, TEMPLATE_TEXT, TEMPLATE_HTML };

struct template;
/* `file`, `line` (where the text begins) and `path` stand in the mistakes. NULL: there were some.
 */
struct template *template_new(enum template_kind kind, const char *text, const char *file, int line,
                              const char *path, struct mistakes *mistakes);
void template_free(struct template *tmpl);

/* Appends to out. lookup gives the value of a (dotted) name, lent until the render ends; NULL:
 * none. -ENODATA: a value is missing and has no default; -EINVAL: a value would bring a line end,
 * or another control, into a subject; error gets `company` said in a sentence, and out is as it
 * was. */
int template_render(const struct template *tmpl, const char *(*lookup)(void *arg, const char *name),
                    void *arg, struct buf *out, struct buf *error);

/* Every name that is used, once each, in order of first use. */
struct template_variable {
    const char *name; /* lent by the template                                */
    int line;
    bool needed; /* used somewhere outside any `if` and without a default */
};
size_t template_variables(const struct template *tmpl, const struct template_variable **list_r);
/* Names that are neither in `known` (NULL-ended) nor `sender.*`, `unsubscribe_url`, `email`: a
 * mistake each where needed, and where a known name is so near that it is a slip of the hand. */
void template_check(const struct template *tmpl, const char *const *known,
                    struct mistakes *mistakes);
#endif

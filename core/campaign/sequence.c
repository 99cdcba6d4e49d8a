/* campaign/sequence.c: reads a campaign and answers what follows from it alone. */
#include "campaign/sequence.h"

#include "base/mem.h"
#include "base/text.h"
#include "campaign/sequence_parts.h"
#include "mail/address.h"

#include <errno.h>
#include <string.h>

enum { LINE_MAX_LEN = 200 };

static const char *const sequence_keys[] = {
    "name",   "from", "as",       "reply_to", "access",      "promise", "label",         "window",
    "limits", "stop", "holidays", "start",    "unsubscribe", "steps",   "business_days", NULL,
};

/* A text that will stand in a header or a label: one line, not endless. */
static const char *line_text(const struct check *at)
{
    const char *text = check_text(at);

    if (text && (text_has_control(text) || strlen(text) > LINE_MAX_LEN)) {
        check_wrong(at, "write one line of at most 200 bytes", "it is too long or has a line end");
        return NULL;
    }
    return text;
}

static void take_line(const struct check *map, const char *key, char **slot)
{
    struct check at;

    if (check_get(map, key, &at))
        mem_str_set(slot, line_text(&at));
}

static const char *address_text(const struct check *at)
{
    const char *text = check_text(at), *fault = text ? mail_address_fault(text) : NULL;

    if (!fault)
        return text;
    check_wrong(at, "write an address such as ana@acme.example", "\"%.100s\" is no address: %s",
                text, fault);
    return NULL;
}

static void take_address(const struct check *map, const char *key, char **slot)
{
    struct check at;

    if (check_get(map, key, &at))
        mem_str_set(slot, address_text(&at));
}

static void add_sender(const struct check *at, struct sequence *sequence)
{
    const char *address = address_text(at);

    if (!address)
        return;
    for (size_t i = 0; i < sequence->from_count; i++)
        if (text_same(sequence->from[i], address)) {
            check_wrong(at, "name each mailbox once", "%s is there twice", address);
            return;
        }
    sequence->from = mem_grow(sequence->from, sequence->from_count + 2, sizeof(*sequence->from));
    sequence->from[sequence->from_count++] = mem_str(address);
    sequence->from[sequence->from_count] = NULL;
}

static void take_from(const struct check *root, struct sequence *sequence)
{
    struct check at, item;
    size_t count;

    if (!check_need(root, "from", "write the mailbox that sends, e.g. from: ana@acme.example", &at))
        return;
    if (!json_object_is_type(at.json, json_type_array)) {
        add_sender(&at, sequence);
        return;
    }
    count = check_count(&at);
    if (!count || count > SEQUENCE_SENDERS_MAX) {
        check_wrong(&at, "write 1 to 1,000", "there are %zu mailboxes", count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        check_item(&at, i, &item);
        add_sender(&item, sequence);
    }
}

static void take_as(const struct check *root, struct sequence *sequence)
{
    static const char *const keys[] = {"address", "name", NULL};
    struct check map, at;

    if (!check_get(root, "as", &map) || !check_is_map(&map))
        return;
    check_keys(&map, keys);
    if (check_need(&map, "address", "write the alias to send from", &at))
        take_address(&map, "address", &sequence->as_address);
    take_line(&map, "name", &sequence->as_name);
}

static void take_access(const struct check *root, struct sequence *sequence)
{
    static const char *const levels[] = {"send", "headers", "full", NULL};
    static const char *const promises[] = {"strict", "fast", NULL};
    struct check at;

    if (check_get(root, "access", &at))
        sequence->access = (enum sequence_access)(check_choice(&at, levels) + 1);
    if (check_get(root, "promise", &at))
        sequence->promise = (enum config_promise)(check_choice(&at, promises) + 1);
}

static void take_holidays(const struct check *root, struct sequence *sequence)
{
    struct check list, item;
    size_t count, used = 0;

    if (!check_get(root, "holidays", &list) || !check_is_list(&list))
        return;
    count = check_count(&list);
    sequence->holidays = mem_array(count + 1, sizeof(*sequence->holidays));
    for (size_t i = 0; i < count; i++) {
        const char *text;

        check_item(&list, i, &item);
        text = line_text(&item);
        if (text)
            sequence->holidays[used++] = mem_str(text);
    }
}

static void take_all(const struct check *root, struct sequence *sequence)
{
    struct check at;

    check_keys(root, sequence_keys);
    if (check_need(root, "name", "write a name for the campaign", &at))
        take_line(root, "name", &sequence->name);
    take_from(root, sequence);
    take_as(root, sequence);
    take_address(root, "reply_to", &sequence->reply_to);
    take_access(root, sequence);
    take_line(root, "label", &sequence->label);
    sequence_take_window(root, sequence);
    sequence->business_days = 0x1f;
    if (check_get(root, "business_days", &at))
        sequence->business_days = sequence_days(&at);
    take_holidays(root, sequence);
    sequence_take_limits(root, sequence);
    sequence_take_stop(root, sequence);
    sequence->unsubscribe = true;
    if (check_get(root, "unsubscribe", &at))
        check_bool(&at, &sequence->unsubscribe);
    sequence_take_when(root, "start", &sequence->start);
    sequence_take_steps(root, sequence);
}

int sequence_parse(const struct tree *tree, struct mistakes *mistakes, struct sequence **sequence_r)
{
    struct sequence *sequence = mem_new(sizeof(*sequence));
    size_t before = mistakes->count;
    struct check root;

    if (check_root(tree, mistakes, &root))
        take_all(&root, sequence);
    if (mistakes->count > before || mistakes->more) {
        sequence_free(sequence);
        return -EINVAL;
    }
    *sequence_r = sequence;
    return 0;
}

int sequence_read(const char *file, const void *text, size_t len, struct mistakes *mistakes,
                  struct sequence **sequence_r)
{
    auto_tree struct tree *tree = NULL;
    int r = tree_parse(file, text, len, mistakes, &tree);

    return r < 0 ? r : sequence_parse(tree, mistakes, sequence_r);
}

void sequence_free(struct sequence *sequence)
{
    if (!sequence)
        return;
    for (size_t i = 0; i < sequence->step_count; i++) {
        template_free(sequence->steps[i].subject);
        template_free(sequence->steps[i].text);
        template_free(sequence->steps[i].html);
    }
    free(sequence->steps);
    mem_strv_free(sequence->from);
    mem_strv_free(sequence->holidays);
    free(sequence->name);
    free(sequence->as_address);
    free(sequence->as_name);
    free(sequence->reply_to);
    free(sequence->label);
    free(sequence->window.zone_name);
    free(sequence);
}

const char *sequence_sender(const struct sequence *sequence, uint64_t nth)
{
    return sequence->from[nth % sequence->from_count];
}

size_t sequence_thread(const struct sequence *sequence, size_t step)
{
    while (step && !sequence->steps[step].subject)
        step--;
    return step;
}

void sequence_check_columns(const struct sequence *sequence, const char *const *columns,
                            struct mistakes *mistakes)
{
    for (size_t i = 0; i < sequence->step_count; i++) {
        const struct sequence_step *step = &sequence->steps[i];

        if (step->subject)
            template_check(step->subject, columns, mistakes);
        if (step->text)
            template_check(step->text, columns, mistakes);
        if (step->html)
            template_check(step->html, columns, mistakes);
    }
}

static bool is_in(const char *name, const char *const *known)
{
    for (size_t i = 0; known && known[i]; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

void sequence_check_holidays(const struct sequence *sequence, const char *const *known,
                             struct mistakes *mistakes)
{
    for (size_t i = 0; sequence->holidays && sequence->holidays[i]; i++) {
        auto_buf struct buf right = {0};

        if (is_in(sequence->holidays[i], known))
            continue;
        if (!known || !known[0])
            buf_add_str(&right,
                        "name its file in the daemon's config, e.g. holidays: {de: de.ics}");
        else
            buf_add_str(&right, "the daemon's config names: ");
        for (size_t j = 0; known && known[j]; j++)
            buf_printf(&right, "%s%s", j ? ", " : "", known[j]);
        mistakes_add(mistakes, sequence->name, 0, "holidays", buf_text(&right),
                     "there are no holidays \"%s\"", sequence->holidays[i]);
    }
}

void sequence_check_edit(const struct sequence *old, const struct sequence *next, size_t sent,
                         struct mistakes *mistakes)
{
    bool same = old->from_count == next->from_count;

    for (size_t i = 0; same && i < old->from_count; i++)
        same = text_same(old->from[i], next->from[i]);
    if (sent && !same)
        mistakes_add(mistakes, next->name, 0, "from",
                     "leave the list as it was; make a second campaign for other mailboxes",
                     "the mailboxes can't change once mail went out: answers come to the sender");
    if (next->step_count < sent)
        mistakes_add(mistakes, next->name, 0, "steps", "leave the steps that went out in place",
                     "%zu steps went out to somebody, and only %zu are left", sent,
                     next->step_count);
    for (size_t i = 0; i < sent && i < next->step_count && i < old->step_count; i++)
        if (!old->steps[i].subject != !next->steps[i].subject)
            mistakes_add(mistakes, next->name, next->steps[i].line, "steps",
                         "leave its subject as it was: it opens, or stays in, a thread",
                         "step %zu went out already", i + 1);
}

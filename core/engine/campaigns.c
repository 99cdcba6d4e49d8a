/* engine/campaigns.c: creating, editing, starting, pausing and removing campaigns. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mail/address.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum change_kind { CHANGE_CREATE, CHANGE_EDIT, CHANGE_START, CHANGE_PAUSE, CHANGE_REMOVE };

struct change {
    struct engine *engine;
    enum change_kind kind;
    uint64_t id;
    char *source;
    int64_t now;
    struct sequence *sequence; /* parsed from source on the loop; only read by the apply */
    engine_done *done;
    void *arg;
    /* given back */
    struct buf error;
    bool walk;
};

static int refuse(struct change *change, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct change *change, int error, const char *format, ...)
{
    va_list args;
    auto_free char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) >= 0)
        buf_add_str(&change->error, text);
    va_end(args);
    return error;
}

/* -- senders
 * --------------------------------------------------------------------------------------- */

static int find_senders(struct store_txn *txn, struct change *change, struct campaign *campaign)
{
    const struct sequence *sequence = change->sequence;

    free(campaign->mailboxes);
    campaign->mailboxes = mem_array(sequence->from_count, sizeof(uint64_t));
    campaign->mailbox_count = 0;
    for (size_t i = 0; i < sequence->from_count; i++) {
        auto_buf struct buf key = {0};
        uint64_t id;

        if (mail_address_key(sequence->from[i], &key) < 0 ||
            store_mailbox_find(txn, buf_text(&key), &id) < 0)
            return refuse(change, -EINVAL,
                          "from: %s is no mailbox here; connect it first: postrider mailbox add %s",
                          sequence->from[i], sequence->from[i]);
        campaign->mailboxes[campaign->mailbox_count++] = id;
    }
    return 0;
}

/* What this campaign asks of a mailbox that its access does not allow, as a sentence. */
static int sender_can(struct change *change, const struct mailbox *mailbox,
                      const struct sequence *sequence)
{
    if (mailbox->status != MAILBOX_ACTIVE)
        return refuse(change, -EINVAL, "%s is not connected (%s); see: postrider mailbox show %s",
                      mailbox->address, mailbox->why ? mailbox->why : "not active",
                      mailbox->address);
    if ((int32_t)sequence->access > mailbox->access)
        return refuse(change, -EINVAL,
                      "%s granted less access than this campaign asks for (access: %s); connect it "
                      "again with more, or lower `access`",
                      mailbox->address, sequence->access == SEQUENCE_FULL ? "full" : "headers");
    if (mailbox->access == RIDER_ACCESS_SEND && (sequence->stop_on & SEQUENCE_STOP_REPLY))
        return refuse(change, -EINVAL,
                      "%s granted sending only, so answers can't be seen and the series can't stop "
                      "for who answered; connect it with `headers`, or write stop: {on: "
                      "[unsubscribe]}",
                      mailbox->address);
    if (sequence->label && mailbox->access != RIDER_ACCESS_FULL)
        return refuse(change, -EINVAL,
                      "%s granted no labelling (that takes full access); leave out `label`, or "
                      "connect it with `full`",
                      mailbox->address);
    if (sequence->promise == CONFIG_PROMISE_STRICT && mailbox->access != RIDER_ACCESS_FULL)
        return refuse(
            change, -EINVAL,
            "%s can't promise strict without full access; leave out `promise`, or connect "
            "it with `full`",
            mailbox->address);
    return 0;
}

static bool is_alias(const struct mailbox *mailbox, const char *address)
{
    auto_buf struct buf wanted = {0};

    if (mail_address_key(address, &wanted) < 0)
        return false;
    for (size_t i = 0; mailbox->aliases && mailbox->aliases[i]; i++) {
        auto_buf struct buf key = {0};

        if (mail_address_key(mailbox->aliases[i], &key) == 0 &&
            strcmp(buf_text(&key), buf_text(&wanted)) == 0)
            return true;
    }
    return strcmp(mailbox->key, buf_text(&wanted)) == 0;
}

static bool needs(const struct template *tmpl, const char *name)
{
    const struct template_variable *list;
    size_t count = tmpl ? template_variables(tmpl, &list) : 0;

    for (size_t i = 0; i < count; i++)
        if (list[i].needed && strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

static bool any_needs(const struct sequence *sequence, const char *name)
{
    for (size_t i = 0; i < sequence->step_count; i++) {
        const struct sequence_step *step = &sequence->steps[i];

        if (needs(step->subject, name) || needs(step->text, name) || needs(step->html, name))
            return true;
    }
    return false;
}

/* What no person's row can give: the sender's own name, and a link that takes a public URL. */
static int has_words(struct change *change, const struct mailbox *mailbox,
                     const struct sequence *sequence)
{
    if (!sequence->as_name && !mailbox->name && any_needs(sequence, "sender.name"))
        return refuse(change, -EINVAL,
                      "{{sender.name}} is used, and the provider did not say a name for %s; write "
                      "{{sender.name | default: ...}}, or a name under `as`",
                      mailbox->address);
    if (!change->engine->options.base_url && any_needs(sequence, "unsubscribe_url"))
        return refuse(change, -EINVAL,
                      "{{unsubscribe_url}} is used, and the daemon's config has no public_url");
    return 0;
}

static int check_senders(struct store_txn *txn, struct change *change,
                         const struct campaign *campaign, const struct sequence *sequence)
{
    for (size_t i = 0; i < campaign->mailbox_count; i++) {
        auto_record(mailbox) mailbox = {0};
        int r = store_mailbox_get(txn, campaign->mailboxes[i], &mailbox);

        if (r == 0)
            r = sender_can(change, &mailbox, sequence);
        if (r == 0)
            r = has_words(change, &mailbox, sequence);
        if (r < 0)
            return r;
        if (sequence->as_address && !is_alias(&mailbox, sequence->as_address))
            return refuse(change, -EINVAL,
                          "as: %s is no verified alias of %s; verify it at the provider, then: "
                          "postrider mailbox check %s",
                          sequence->as_address, mailbox.address, mailbox.address);
    }
    return 0;
}

/* -- the changes
 * ------------------------------------------------------------------------------------- */

static int apply_create(struct store_txn *txn, struct change *change)
{
    auto_record(campaign) campaign = {0};
    struct campaign_counts counts = {0};
    uint64_t other;
    int r = store_campaign_find(txn, change->sequence->name, &other);

    if (r == 0)
        return refuse(change, -EEXIST,
                      "a campaign named \"%s\" is there already; choose another name, or edit it",
                      change->sequence->name);
    if (r != -ENOENT)
        return r;
    r = find_senders(txn, change, &campaign);
    if (r == 0)
        r = store_next_id(txn, SEQ_CAMPAIGN, &campaign.id);
    if (r < 0)
        return r;
    campaign.name = mem_str(change->sequence->name);
    campaign.source = mem_str(change->source);
    campaign.revision = 1;
    campaign.status = CAMPAIGN_DRAFT;
    campaign.created_at = campaign.changed_at = change->now;
    change->id = counts.campaign = campaign.id;
    counts.steps = (int64_t)change->sequence->step_count;
    r = store_campaign_put(txn, &campaign);
    if (r == 0)
        r = store_counts_put(txn, &counts);
    if (r == 0)
        r = store_audit_add(txn, change->now, "campaign.created", campaign.name, NULL);
    return r;
}

/* Whether an enrolment's next step is minted already: on its way, in doubt, or failed. */
static int is_minted(struct store_txn *txn, const struct enrolment *enrolment, bool *minted_r)
{
    auto_record(message) message = {0};
    int r = store_message_get(txn, enrolment->id, enrolment->step, &message);

    *minted_r = r == 0 && message.state != MESSAGE_PLANNED && message.state != MESSAGE_STOPPED;
    return r == -ENOENT ? 0 : r;
}

/* How many steps have gone out to somebody, or are about to. */
static int steps_sent(struct store_txn *txn, uint64_t id, size_t *sent_r)
{
    uint64_t after = 0;
    int r;

    *sent_r = 0;
    for (;;) {
        auto_record(enrolment) enrolment = {0};
        bool minted = false;

        r = store_enrolment_next(txn, id, after, &enrolment);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        after = enrolment.id;
        if (enrolment.step >= *sent_r)
            r = is_minted(txn, &enrolment, &minted);
        if (r < 0)
            return r;
        if (enrolment.step + (size_t)minted > *sent_r)
            *sent_r = enrolment.step + (size_t)minted;
    }
}

static int check_name(struct store_txn *txn, struct change *change, const struct campaign *campaign)
{
    uint64_t other;
    int r = store_campaign_find(txn, change->sequence->name, &other);

    if (r == 0 && other != campaign->id)
        return refuse(change, -EEXIST,
                      "a campaign named \"%s\" is there already; choose another name",
                      change->sequence->name);
    return r == -ENOENT ? 0 : r;
}

static int apply_edit(struct store_txn *txn, struct change *change, struct campaign *campaign)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_record(campaign_counts) counts = {0};
    const struct sequence *old;
    size_t sent = 0;
    int r = brain_sequence(&change->engine->writer, campaign, &old);

    if (r == 0)
        r = steps_sent(txn, campaign->id, &sent);
    if (r == 0)
        r = store_counts_get(txn, campaign->id, &counts);
    if (r < 0)
        return r;
    r = check_name(txn, change, campaign);
    if (r < 0)
        return r;
    sequence_check_edit(old, change->sequence, sent, &mistakes);
    if (campaign->columns)
        sequence_check_columns(change->sequence, (const char *const *)campaign->columns, &mistakes);
    if (mistakes.count) {
        mistakes_text(&mistakes, &change->error);
        return -EINVAL;
    }
    r = find_senders(txn, change, campaign);
    if (r < 0)
        return r;
    mem_str_set(&campaign->source, change->source);
    mem_str_set(&campaign->name, change->sequence->name);
    campaign->revision++;
    counts.steps = (int64_t)change->sequence->step_count;
    if (campaign->status == CAMPAIGN_RUNNING)
        campaign->status = CAMPAIGN_STARTING;
    change->walk = true;
    return store_counts_put(txn, &counts);
}

static int apply_start(struct store_txn *txn, struct change *change, struct campaign *campaign)
{
    auto_record(campaign_counts) counts = {0};
    const struct sequence *sequence;
    int r = brain_sequence(&change->engine->writer, campaign, &sequence);

    if (r == 0)
        r = store_counts_get(txn, campaign->id, &counts);
    if (r < 0)
        return r;
    if (campaign->status == CAMPAIGN_RUNNING || campaign->status == CAMPAIGN_STARTING)
        return refuse(change, -EALREADY, "\"%s\" is running already", campaign->name);
    if (!counts.people)
        return refuse(change, -EINVAL,
                      "\"%s\" has no people yet; give it some: postrider campaign people %s "
                      "FILE.csv",
                      campaign->name, campaign->name);
    r = check_senders(txn, change, campaign, sequence);
    if (r < 0)
        return r;
    campaign->status = CAMPAIGN_STARTING;
    if (!campaign->started_at)
        campaign->started_at = change->now;
    change->walk = true;
    return 0;
}

static int apply_status(struct store_txn *txn, struct change *change, struct campaign *campaign)
{
    (void)txn;
    if (change->kind == CHANGE_PAUSE && campaign->status != CAMPAIGN_RUNNING &&
        campaign->status != CAMPAIGN_STARTING)
        return refuse(change, -EINVAL, "\"%s\" is not running", campaign->name);
    campaign->status = change->kind == CHANGE_PAUSE ? CAMPAIGN_PAUSED : CAMPAIGN_REMOVED;
    return 0;
}

static int change_apply(struct store_txn *txn, void *arg)
{
    static const char *const verbs[] = {"campaign.created", "campaign.edited", "campaign.started",
                                        "campaign.paused", "campaign.removed"};
    struct change *change = arg;
    auto_record(campaign) campaign = {0};
    int r;

    buf_truncate(&change->error, 0);
    change->walk = false;
    if (change->kind == CHANGE_CREATE)
        return apply_create(txn, change);
    r = store_campaign_get(txn, change->id, &campaign);
    if (r == -ENOENT || (r == 0 && campaign.status == CAMPAIGN_REMOVED))
        return refuse(change, -ENOENT, "there is no such campaign; see: postrider campaign list");
    if (r == 0)
        r = change->kind == CHANGE_EDIT    ? apply_edit(txn, change, &campaign)
            : change->kind == CHANGE_START ? apply_start(txn, change, &campaign)
                                           : apply_status(txn, change, &campaign);
    if (r < 0)
        return r;
    campaign.changed_at = change->now;
    r = store_campaign_put(txn, &campaign);
    return r < 0 ? r : store_audit_add(txn, change->now, verbs[change->kind], campaign.name, NULL);
}

static void change_free(struct change *change)
{
    sequence_free(change->sequence);
    buf_finish(&change->error);
    free(change->source);
    free(change);
}

static void change_done(void *arg, int status)
{
    struct change *change = arg;

    if (status == 0 && change->walk)
        walk_start(change->engine, change->id);
    if (status == 0 && change->kind != CHANGE_CREATE)
        engine_lane_changed(change->engine, change->id);
    if (status < 0 && !change->error.len)
        buf_add_str(&change->error, strerror(-status));
    change->done(change->arg, status, change->id, buf_text(&change->error));
    change_free(change);
}

static struct change *change_new(struct engine *engine, enum change_kind kind, uint64_t id,
                                 engine_done *done, void *arg)
{
    struct change *change = mem_new(sizeof(*change));

    change->engine = engine;
    change->kind = kind;
    change->id = id;
    change->now = clock_wall();
    change->done = done;
    change->arg = arg;
    return change;
}

static void refused_later(void *arg, int status)
{
    struct change *change = arg;

    (void)status;
    change->done(change->arg, -EINVAL, 0, buf_text(&change->error));
    change_free(change);
}

/* Parses what was handed in; every mistake of it ends the change with all of them. */
static bool change_read(struct change *change, const char *file, struct bytes yaml)
{
    const struct config_daemon *config = change->engine->options.config;
    auto_mistakes struct mistakes mistakes = {0};
    const char **known = mem_array(config->holidays_count + 1, sizeof(*known));

    change->source = mem_strn(yaml.data, yaml.len);
    for (size_t i = 0; i < config->holidays_count; i++)
        known[i] = config->holidays[i].name;
    if (sequence_read(file, yaml.data, yaml.len, &mistakes, &change->sequence) == 0)
        sequence_check_holidays(change->sequence, known, &mistakes);
    free(known);
    if (!mistakes.count && change->sequence)
        return true;
    mistakes_text(&mistakes, &change->error);
    return false;
}

static void change_text(struct change *change, const char *file, struct bytes yaml)
{
    bool good = change_read(change, file, yaml);

    engine_submit(change->engine, good ? change_apply : apply_nothing,
                  good ? change_done : refused_later, change);
}

void engine_campaign_create(struct engine *engine, const char *file, struct bytes yaml,
                            engine_done *done, void *arg)
{
    change_text(change_new(engine, CHANGE_CREATE, 0, done, arg), file, yaml);
}

void engine_campaign_edit(struct engine *engine, uint64_t campaign, const char *file,
                          struct bytes yaml, engine_done *done, void *arg)
{
    change_text(change_new(engine, CHANGE_EDIT, campaign, done, arg), file, yaml);
}

void engine_campaign_start(struct engine *engine, uint64_t campaign, engine_done *done, void *arg)
{
    engine_submit(engine, change_apply, change_done,
                  change_new(engine, CHANGE_START, campaign, done, arg));
}

void engine_campaign_pause(struct engine *engine, uint64_t campaign, engine_done *done, void *arg)
{
    engine_submit(engine, change_apply, change_done,
                  change_new(engine, CHANGE_PAUSE, campaign, done, arg));
}

void engine_campaign_remove(struct engine *engine, uint64_t campaign, engine_done *done, void *arg)
{
    engine_submit(engine, change_apply, change_done,
                  change_new(engine, CHANGE_REMOVE, campaign, done, arg));
}

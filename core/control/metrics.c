/* control/metrics.c: the numbers for Prometheus. */
#include "control/metrics.h"

#include "base/mem.h"
#include "control/internal.h"
#include "engine/engine.h"
#include "mailbox/mailbox.h"
#include "provider/provider.h"
#include "store/store.h"

#include <stddef.h>
#include <string.h>

enum { METRICS_MAX = 20000 }; /* records of a sort; more make a page that nobody reads */

void metrics_label(struct buf *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '\\' || *text == '"')
            buf_add_char(out, '\\');
        if (*text == '\n')
            buf_add_str(out, "\\n");
        else
            buf_add_char(out, *text);
    }
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* -- campaigns ---------------------------------------------------------------------------- */

struct count {
    const char *name;
    size_t at; /* in struct campaign_counts */
};
static const struct count message_counts[] = {
    {"planned", offsetof(struct campaign_counts, planned)},
    {"in_flight", offsetof(struct campaign_counts, intended)},
    {"sent", offsetof(struct campaign_counts, sent)},
    {"stopped", offsetof(struct campaign_counts, stopped)},
    {"failed", offsetof(struct campaign_counts, failed)},
    {"uncertain", offsetof(struct campaign_counts, uncertain)},
};
static const struct count people_counts[] = {
    {"all", offsetof(struct campaign_counts, people)},
    {"answered", offsetof(struct campaign_counts, answered)},
    {"auto_replied", offsetof(struct campaign_counts, auto_replied)},
    {"bounced_hard", offsetof(struct campaign_counts, bounced_hard)},
    {"bounced_soft", offsetof(struct campaign_counts, bounced_soft)},
    {"bounced_unknown", offsetof(struct campaign_counts, bounced_unknown)},
    {"unsubscribed", offsetof(struct campaign_counts, unsubscribed)},
    {"complained", offsetof(struct campaign_counts, complained)},
    {"interested", offsetof(struct campaign_counts, interested)},
};

static void write_counts(struct buf *out, const char *metric, const char *label,
                         const struct count *counts, size_t len, const char *name,
                         const struct campaign_counts *values)
{
    for (size_t i = 0; i < len; i++) {
        int64_t value;

        memcpy(&value, (const char *)values + counts[i].at, sizeof(value));
        buf_printf(out, "%s{campaign=\"", metric);
        metrics_label(out, name);
        buf_printf(out, "\",%s=\"%s\"} %lld\n", label, counts[i].name, (long long)value);
    }
}

static void write_campaigns(struct store_txn *txn, struct buf *out)
{
    auto_buf struct buf people = {0};
    uint64_t after = 0;

    head(out, "postrider_messages", "gauge", "Messages of a campaign by state.");
    for (size_t i = 0; i < METRICS_MAX; i++) {
        auto_record(campaign) campaign = {0};
        auto_record(campaign_counts) counts = {0};

        if (store_campaign_next(txn, after, &campaign) < 0)
            break;
        after = campaign.id;
        if (campaign.status == CAMPAIGN_REMOVED || store_counts_get(txn, after, &counts) < 0)
            continue;
        write_counts(out, "postrider_messages", "state", message_counts, ARRAY_LEN(message_counts),
                     campaign.name, &counts);
        write_counts(&people, "postrider_people", "mark", people_counts, ARRAY_LEN(people_counts),
                     campaign.name, &counts);
    }
    head(out, "postrider_people", "gauge", "People of a campaign by what happened to them.");
    buf_add(out, people.data, people.len);
}

/* -- mailboxes and providers ---------------------------------------------------------------- */

static void write_mailboxes(struct store_txn *txn, struct buf *out)
{
    uint64_t after = 0;

    head(out, "postrider_mailbox", "gauge", "1 for the status that a mailbox is in.");
    for (size_t i = 0; i < METRICS_MAX; i++) {
        auto_record(mailbox) mailbox = {0};

        if (store_mailbox_next(txn, after, &mailbox) < 0)
            break;
        after = mailbox.id;
        buf_add_str(out, "postrider_mailbox{mailbox=\"");
        metrics_label(out, mailbox.address);
        buf_printf(out, "\",provider=\"");
        metrics_label(out, mailbox.provider);
        buf_printf(out, "\",status=\"%s\"} 1\n", mailbox_status_name(mailbox.status));
    }
}

static void write_generation(void *arg, const struct provider_generation_status *status)
{
    struct buf *out = arg;

    buf_add_str(out, "postrider_provider_generation{provider=\"");
    metrics_label(out, status->provider);
    buf_printf(out, "\",generation=\"%u\",state=\"%s\"} 1\n", status->generation,
               provider_state_name(status->state));
}

static void write_misdeeds(struct buf *out)
{
    struct provider_misdeeds misdeeds;
    const struct {
        const char *name;
        const uint64_t *value;
    } all[] = {
        {"finished_twice", &misdeeds.finished_twice},
        {"never_finished", &misdeeds.never_finished},
        {"made_no_sense", &misdeeds.made_no_sense},
        {"held_at_close", &misdeeds.held_at_close},
        {"requests_refused", &misdeeds.requests_refused},
    };

    provider_misdeeds(&misdeeds);
    head(out, "postrider_plugin_misdeeds_total", "counter", "What plugins did wrong.");
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_printf(out, "postrider_plugin_misdeeds_total{kind=\"%s\"} %llu\n", all[i].name,
                   (unsigned long long)*all[i].value);
}

static void write_tally(const struct control *control, struct buf *out)
{
    struct engine_tally tally;

    engine_tally(control->options.engine, &tally);
    head(out, "postrider_copies_total", "counter",
         "Copies of sent mail: filed in Sent, or given up.");
    buf_printf(out, "postrider_copies_total{end=\"filed\"} %llu\n",
               (unsigned long long)tally.filed);
    buf_printf(out, "postrider_copies_total{end=\"given_up\"} %llu\n",
               (unsigned long long)tally.unfiled);
    head(out, "postrider_push_hints_total", "counter",
         "How often providers said that there is news.");
    buf_printf(out, "postrider_push_hints_total %llu\n", (unsigned long long)tally.hints);
    head(out, "postrider_push_watches", "gauge", "Mailboxes whose provider would say so now.");
    buf_printf(out, "postrider_push_watches %zu\n", tally.watches);
}

void metrics_write(struct control *control, struct buf *out)
{
    auto_read struct store_txn *txn = NULL;

    if (store_read(control->options.store, &txn) == 0) {
        write_campaigns(txn, out);
        write_mailboxes(txn, out);
    }
    head(out, "postrider_provider_generation", "gauge", "Generations of plugins that are mapped.");
    provider_set_status(control->options.providers, write_generation, out);
    write_misdeeds(out);
    write_tally(control, out);
    head(out, "postrider_store_free_percent", "gauge", "Room left in the store.");
    buf_printf(out, "postrider_store_free_percent %d\n",
               store_free_percent(control->options.store));
}

/* store/campaigns.c: campaigns and their counts. */
#include "store/txn.h"

#include <errno.h>

/* A removed campaign gives its name free. */
static void campaign_entries(struct store_txn *txn, const struct campaign *campaign,
                             struct entries *out)
{
    struct entry *entry;

    if (!campaign->name || campaign->status == CAMPAIGN_REMOVED)
        return;
    entry = entries_add(out, TABLE_CAMPAIGN_NAME);
    key_hash(txn, &entry->key, "campaign", campaign->name);
    entry->value = campaign->id;
}

static int campaign_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                        struct entries *out)
{
    auto_record(campaign) campaign = {0};
    int r = record_campaign_decode(raw, &campaign);

    if (r < 0 || key.len != 8 || bytes_u64(key, 0) != campaign.id)
        return -EBADMSG;
    campaign_entries(txn, &campaign, out);
    return 0;
}

static int counts_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                      struct entries *out)
{
    auto_record(campaign_counts) counts = {0};
    int r = record_campaign_counts_decode(raw, &counts);

    (void)txn;
    (void)out;
    return r < 0 || key.len != 8 || bytes_u64(key, 0) != counts.campaign ? -EBADMSG : 0;
}

const struct kind kind_campaign = {"campaign", TABLE_CAMPAIGN, campaign_raw};
const struct kind kind_counts = {"counts of campaign", TABLE_COUNTS, counts_raw};

int store_campaign_get(struct store_txn *txn, uint64_t id, struct campaign *campaign_r)
{
    struct key key = key_id(id);
    struct bytes raw;
    int r = txn_get(txn, TABLE_CAMPAIGN, &key, &raw);

    return r < 0 ? r : record_campaign_decode(raw, campaign_r);
}

int store_campaign_find(struct store_txn *txn, const char *name, uint64_t *id_r)
{
    struct key key = {.len = 0};

    return txn_get_id(txn, TABLE_CAMPAIGN_NAME, key_hash(txn, &key, "campaign", name), id_r);
}

int store_campaign_put(struct store_txn *txn, const struct campaign *campaign)
{
    struct key key = key_id(campaign->id);
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!campaign->id)
        return -EINVAL;
    record_campaign_encode(campaign, &raw);
    campaign_entries(txn, campaign, &entries);
    return kind_put(txn, &kind_campaign, &key, buf_bytes(&raw), &entries);
}

int store_campaign_next(struct store_txn *txn, uint64_t after, struct campaign *campaign_r)
{
    struct key all = {.len = 0};
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_CAMPAIGN, &all, after, &id, &raw);

    return r < 0 ? r : record_campaign_decode(raw, campaign_r);
}

int store_counts_get(struct store_txn *txn, uint64_t campaign, struct campaign_counts *counts_r)
{
    struct key key = key_id(campaign);
    struct bytes raw;
    int r = txn_get(txn, TABLE_COUNTS, &key, &raw);

    return r < 0 ? r : record_campaign_counts_decode(raw, counts_r);
}

int store_counts_put(struct store_txn *txn, const struct campaign_counts *counts)
{
    struct key key = key_id(counts->campaign);
    auto_buf struct buf raw = {0};

    if (!counts->campaign)
        return -EINVAL;
    record_campaign_counts_encode(counts, &raw);
    return kind_put(txn, &kind_counts, &key, buf_bytes(&raw), NULL);
}

/* records/campaigns.c: how campaigns and their counts are written. The order is kept on disk. */
#include "records/code.h"

static const struct code_field campaign_fields[] = {
    CODE_FIELD(CODE_U64, campaign, id),
    CODE_FIELD(CODE_TEXT, campaign, name),
    CODE_FIELD(CODE_TEXT, campaign, source),
    CODE_FIELD(CODE_U32, campaign, revision),
    CODE_FIELD(CODE_I32, campaign, status),
    CODE_COUNTED(CODE_IDS, campaign, mailboxes, mailbox_count),
    CODE_FIELD(CODE_TEXTS, campaign, columns),
    CODE_FIELD(CODE_I64, campaign, created_at),
    CODE_FIELD(CODE_I64, campaign, started_at),
    CODE_FIELD(CODE_I64, campaign, changed_at),
};
CODE_RECORD(campaign, campaign_fields, 80)

static const struct code_field campaign_counts_fields[] = {
    CODE_FIELD(CODE_U64, campaign_counts, campaign),
    CODE_FIELD(CODE_I64, campaign_counts, people),
    CODE_FIELD(CODE_I64, campaign_counts, steps),
    CODE_FIELD(CODE_I64, campaign_counts, messages),
    CODE_FIELD(CODE_I64, campaign_counts, planned),
    CODE_FIELD(CODE_I64, campaign_counts, intended),
    CODE_FIELD(CODE_I64, campaign_counts, sent),
    CODE_FIELD(CODE_I64, campaign_counts, stopped),
    CODE_FIELD(CODE_I64, campaign_counts, failed),
    CODE_FIELD(CODE_I64, campaign_counts, uncertain),
    CODE_FIELD(CODE_I64, campaign_counts, answered),
    CODE_FIELD(CODE_I64, campaign_counts, auto_replied),
    CODE_FIELD(CODE_I64, campaign_counts, bounced),
    CODE_FIELD(CODE_I64, campaign_counts, bounced_hard),
    CODE_FIELD(CODE_I64, campaign_counts, bounced_soft),
    CODE_FIELD(CODE_I64, campaign_counts, bounced_unknown),
    CODE_FIELD(CODE_I64, campaign_counts, unsubscribed),
    CODE_FIELD(CODE_I64, campaign_counts, complained),
    CODE_FIELD(CODE_I64, campaign_counts, interested),
};
CODE_RECORD(campaign_counts, campaign_counts_fields, 152)

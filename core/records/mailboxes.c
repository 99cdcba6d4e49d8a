/* records/mailboxes.c: how mailboxes and their pulse are written. The order is kept on disk. */
#include "records/code.h"

static const struct code_field mailbox_fields[] = {
    CODE_FIELD(CODE_U64, mailbox, id),           CODE_FIELD(CODE_TEXT, mailbox, address),
    CODE_FIELD(CODE_TEXT, mailbox, key),         CODE_FIELD(CODE_TEXT, mailbox, provider),
    CODE_FIELD(CODE_TEXT, mailbox, subject),     CODE_FIELD(CODE_TEXT, mailbox, name),
    CODE_FIELD(CODE_TEXT, mailbox, tenant),      CODE_FIELD(CODE_TEXT, mailbox, zone),
    CODE_FIELD(CODE_TEXTS, mailbox, aliases),    CODE_FIELD(CODE_TEXTS, mailbox, granted),
    CODE_FIELD(CODE_I32, mailbox, access),       CODE_FIELD(CODE_I32, mailbox, status),
    CODE_FIELD(CODE_I32, mailbox, promise),      CODE_FIELD(CODE_TEXT, mailbox, why),
    CODE_FIELD(CODE_U64, mailbox, invite),       CODE_FIELD(CODE_I64, mailbox, created_at),
    CODE_FIELD(CODE_I64, mailbox, connected_at), CODE_FIELD(CODE_I64, mailbox, changed_at),
};
CODE_RECORD(mailbox, mailbox_fields, 136)

static const struct code_field mailbox_pulse_fields[] = {
    CODE_FIELD(CODE_U64, mailbox_pulse, mailbox),
    CODE_FIELD(CODE_BYTES, mailbox_pulse, cursor),
    CODE_FIELD(CODE_I64, mailbox_pulse, since),
    CODE_FIELD(CODE_I64, mailbox_pulse, listed_at),
    CODE_FIELD(CODE_I64, mailbox_pulse, last_sent_at),
    CODE_FIELD(CODE_I64, mailbox_pulse, day),
    CODE_FIELD(CODE_U32, mailbox_pulse, sent_today),
    CODE_FIELD(CODE_I64, mailbox_pulse, first_sent_at),
    CODE_FIELD(CODE_I64, mailbox_pulse, hold_send),
    CODE_FIELD(CODE_I64, mailbox_pulse, hold_list),
    CODE_FIELD(CODE_I64, mailbox_pulse, hold_label),
    CODE_FIELD(CODE_TEXT, mailbox_pulse, hold_why),
    CODE_FIELD(CODE_U32, mailbox_pulse, failures),
};
CODE_RECORD(mailbox_pulse, mailbox_pulse_fields, 112)

static const struct code_field lane_fields[] = {
    CODE_FIELD(CODE_U64, lane, mailbox),       CODE_FIELD(CODE_U64, lane, campaign),
    CODE_FIELD(CODE_I64, lane, day),           CODE_FIELD(CODE_U32, lane, sent_today),
    CODE_FIELD(CODE_I64, lane, first_sent_at), CODE_FIELD(CODE_I64, lane, last_sent_at),
};
CODE_RECORD(lane, lane_fields, 48)

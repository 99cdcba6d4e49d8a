/* records/replies.c: how replies, and what may yet be one, are written; the order stays. */
#include "records/code.h"

static const struct code_field evidence_fields[] = {
    CODE_FIELD(CODE_I32, evidence, kind),
    CODE_FIELD(CODE_TEXT, evidence, text),
};
static const struct code_table evidence_table = CODE_TABLE(evidence, evidence_fields);

static const struct code_field reply_fields[] = {
    CODE_FIELD(CODE_U64, reply, id),
    CODE_FIELD(CODE_U64, reply, mailbox),
    CODE_FIELD(CODE_U64, reply, campaign),
    CODE_FIELD(CODE_U64, reply, enrolment),
    CODE_FIELD(CODE_U64, reply, person),
    CODE_FIELD(CODE_U16, reply, step),
    CODE_FIELD(CODE_I32, reply, kind),
    CODE_FIELD(CODE_I64, reply, received_at),
    CODE_FIELD(CODE_I64, reply, recorded_at),
    CODE_FIELD(CODE_I64, reply, returns_at),
    CODE_FIELD(CODE_TEXT, reply, provider_id),
    CODE_FIELD(CODE_TEXT, reply, thread_id),
    CODE_FIELD(CODE_TEXT, reply, message_id),
    CODE_FIELD(CODE_TEXT, reply, from),
    CODE_FIELD(CODE_TEXT, reply, subject),
    CODE_FIELD(CODE_TEXT, reply, why),
    CODE_FIELD(CODE_BOOL, reply, other_address),
    CODE_FIELD(CODE_BOOL, reply, interested),
    CODE_LIST(reply, evidence, evidence_count, &evidence_table),
};
CODE_RECORD(reply, reply_fields, 144)

static const struct code_field pending_fields[] = {
    CODE_FIELD(CODE_U64, pending, id),
    CODE_FIELD(CODE_U64, pending, mailbox),
    CODE_FIELD(CODE_I32, pending, kind),
    CODE_FIELD(CODE_I64, pending, received_at),
    CODE_FIELD(CODE_TEXT, pending, provider_id),
    CODE_FIELD(CODE_TEXT, pending, thread_id),
    CODE_COUNTED(CODE_HASHES, pending, hashes, hash_count),
};
CODE_RECORD(pending, pending_fields, 64)

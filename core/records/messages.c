/* records/messages.c: how messages are written. The order is kept on disk. */
#include "records/code.h"

static const struct code_field message_fields[] = {
    CODE_FIELD(CODE_U64, message, enrolment),     CODE_FIELD(CODE_U64, message, campaign),
    CODE_FIELD(CODE_U64, message, person),        CODE_FIELD(CODE_U64, message, mailbox),
    CODE_FIELD(CODE_U16, message, step),          CODE_FIELD(CODE_I32, message, state),
    CODE_FIELD(CODE_U32, message, attempt),       CODE_FIELD(CODE_I32, message, grade),
    CODE_FIELD(CODE_I64, message, minted_at),     CODE_FIELD(CODE_I64, message, first_minted_at),
    CODE_FIELD(CODE_I64, message, ended_at),      CODE_FIELD(CODE_I64, message, sent_at),
    CODE_FIELD(CODE_TEXT, message, message_id),   CODE_FIELD(CODE_TEXT, message, final_id),
    CODE_FIELD(CODE_BOOL, message, final),        CODE_FIELD(CODE_TEXT, message, provider_id),
    CODE_FIELD(CODE_TEXT, message, thread_id),    CODE_FIELD(CODE_TEXT, message, subject),
    CODE_FIELD(CODE_TEXT, message, base_subject), CODE_FIELD(CODE_TEXT, message, to),
    CODE_FIELD(CODE_TEXT, message, from),         CODE_FIELD(CODE_BYTES, message, body_hash),
    CODE_FIELD(CODE_I32, message, kind),          CODE_FIELD(CODE_I32, message, scope),
    CODE_FIELD(CODE_I32, message, code),          CODE_FIELD(CODE_TEXT, message, detail),
    CODE_FIELD(CODE_I64, message, left_at),
};
CODE_RECORD(message, message_fields, 200)

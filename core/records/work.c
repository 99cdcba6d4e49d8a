/* records/work.c: how work, suppressions and the audit trail are written. The order is kept on
 * disk. */
#include "records/code.h"

static const struct code_field work_fields[] = {
    CODE_FIELD(CODE_U64, work, id),        CODE_FIELD(CODE_U64, work, mailbox),
    CODE_FIELD(CODE_U64, work, enrolment), CODE_FIELD(CODE_U16, work, step),
    CODE_FIELD(CODE_I32, work, kind),      CODE_FIELD(CODE_TEXT, work, provider_id),
    CODE_FIELD(CODE_TEXT, work, label),    CODE_FIELD(CODE_I64, work, due),
    CODE_FIELD(CODE_U32, work, attempts),
};
CODE_RECORD(work, work_fields, 64)

static const struct code_field suppression_fields[] = {
    CODE_FIELD(CODE_I32, suppression, kind),
    CODE_FIELD(CODE_TEXT, suppression, text),
    CODE_FIELD(CODE_TEXT, suppression, why),
    CODE_FIELD(CODE_I64, suppression, at),
};
CODE_RECORD(suppression, suppression_fields, 32)

static const struct code_field audit_fields[] = {
    CODE_FIELD(CODE_U64, audit, id),      CODE_FIELD(CODE_I64, audit, at),
    CODE_FIELD(CODE_TEXT, audit, verb),   CODE_FIELD(CODE_TEXT, audit, object),
    CODE_FIELD(CODE_TEXT, audit, detail),
};
CODE_RECORD(audit, audit_fields, 40)

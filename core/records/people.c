/* records/people.c: how people and their enrolments are written. The order is kept on disk. */
#include "records/code.h"

static const struct code_field person_fields[] = {
    CODE_FIELD(CODE_U64, person, id),
    CODE_FIELD(CODE_TEXT, person, address),
    CODE_FIELD(CODE_TEXT, person, key),
    CODE_FIELD(CODE_I64, person, created_at),
    CODE_FIELD(CODE_I64, person, answered_at),
    CODE_FIELD(CODE_I32, person, answer_kind),
    CODE_COUNTED(CODE_IDS, person, enrolments, enrolment_count),
};
CODE_RECORD(person, person_fields, 64)

static const struct code_field field_fields[] = {
    CODE_FIELD(CODE_TEXT, field, name),
    CODE_FIELD(CODE_TEXT, field, value),
};
static const struct code_table field_table = CODE_TABLE(field, field_fields);

static const struct code_field enrolment_fields[] = {
    CODE_FIELD(CODE_U64, enrolment, id),
    CODE_FIELD(CODE_U64, enrolment, campaign),
    CODE_FIELD(CODE_U64, enrolment, person),
    CODE_FIELD(CODE_U64, enrolment, mailbox),
    CODE_FIELD(CODE_U16, enrolment, step),
    CODE_FIELD(CODE_U16, enrolment, steps),
    CODE_FIELD(CODE_I32, enrolment, status),
    CODE_FIELD(CODE_U32, enrolment, marks),
    CODE_FIELD(CODE_I64, enrolment, due),
    CODE_FIELD(CODE_TEXT, enrolment, rule),
    CODE_FIELD(CODE_TEXT, enrolment, why),
    CODE_FIELD(CODE_I64, enrolment, last_sent_at),
    CODE_FIELD(CODE_I64, enrolment, away_until),
    CODE_FIELD(CODE_TEXT, enrolment, zone),
    CODE_LIST(enrolment, fields, field_count, &field_table),
    CODE_FIELD(CODE_U64, enrolment, reply),
};
CODE_RECORD(enrolment, enrolment_fields, 120)

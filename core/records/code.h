/* records/code.h: a record's fields as a table, and the one codec that all records share.
 *
 * An encoding is a version byte, then each field in the order of its table: whole numbers as
 * LEB128 varints (signed ones zigzag), text, bytes and lists as their length plus one (0: NULL)
 * and what is in them. There is one encoding of each record: what decodes encodes to the same
 * bytes again. Time and memory are linear in the bytes given. Any thread. */
#ifndef RECORDS_CODE_H
#define RECORDS_CODE_H
#include "records/records.h"

#include <stddef.h>

enum { CODE_VERSION = 1, CODE_LIMIT = 16 << 20 }; /* bytes; no record is longer */

enum code_type {
    CODE_U64,
    CODE_U32,
    CODE_U16,
    CODE_I64,
    CODE_I32,
    CODE_BOOL,
    CODE_TEXT,   /* char *           */
    CODE_TEXTS,  /* char **, NULL at the end */
    CODE_BYTES,  /* struct bytes     */
    CODE_IDS,    /* uint64_t *, counted */
    CODE_HASHES, /* uint8_t (*)[16], counted */
    CODE_ITEMS   /* an array of structs with a table of their own, counted */
};

struct code_field {
    enum code_type type;
    size_t at;       /* where in the struct                          */
    size_t count_at; /* where its size_t count is, for what is counted */
    const struct code_table *items;
};

struct code_table {
    size_t size; /* of the struct */
    size_t count;
    const struct code_field *fields;
};

#define CODE_FIELD(type, record, member)                                                           \
    {                                                                                              \
        type, offsetof(struct record, member), 0, NULL                                             \
    }
#define CODE_COUNTED(type, record, member, counter)                                                \
    {                                                                                              \
        type, offsetof(struct record, member), offsetof(struct record, counter), NULL              \
    }
#define CODE_LIST(record, member, counter, table)                                                  \
    {                                                                                              \
        CODE_ITEMS, offsetof(struct record, member), offsetof(struct record, counter), table       \
    }
#define CODE_TABLE(record, list)                                                                   \
    {                                                                                              \
        sizeof(struct record), sizeof(list) / sizeof((list)[0]), list                              \
    }

void code_encode(const struct code_table *table, const void *record, struct buf *out);
int code_decode(const struct code_table *table, struct bytes from, void *record_r);
void code_finish(const struct code_table *table, void *record); /* frees; zeroed afterwards */

/* The three functions that RECORD() in records.h declares. `whole` is the struct's size with 64-bit
 * pointers: a member that is added to the struct but not to its table would be lost on disk, so the
 * build stops until whoever added it has been here. */
#define CODE_RECORD(name, list, whole)                                                             \
    _Static_assert(sizeof(void *) != 8 || sizeof(struct name) == (whole),                          \
                   "struct " #name " has changed: write it in its table too, then its new size");  \
    static const struct code_table name##_table = CODE_TABLE(name, list);                          \
    void record_##name##_encode(const struct name *record, struct buf *out)                        \
    {                                                                                              \
        code_encode(&name##_table, record, out);                                                   \
    }                                                                                              \
    int record_##name##_decode(struct bytes from, struct name *record_r)                           \
    {                                                                                              \
        return code_decode(&name##_table, from, record_r);                                         \
    }                                                                                              \
    void record_##name##_finish(struct name *record)                                               \
    {                                                                                              \
        code_finish(&name##_table, record);                                                        \
    }
#endif

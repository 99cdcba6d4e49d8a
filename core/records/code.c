/* records/code.c: records to bytes and back, driven by their tables. */
#include "records/code.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { HASH_LEN = 16 };

struct reader {
    const uint8_t *at, *end;
};

/* -- writing ------------------------------------------------------------------------- */
static void write_number(struct buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;

    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    buf_add(out, bytes, len);
}

static void write_signed(struct buf *out, int64_t value)
{
    uint64_t bits = (uint64_t)value;

    write_number(out, bits << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void write_bytes(struct buf *out, const void *data, size_t len)
{
    if (!data) {
        write_number(out, 0);
        return;
    }
    write_number(out, len + 1);
    buf_add(out, data, len);
}

static void write_text(struct buf *out, const char *text)
{
    write_bytes(out, text, text ? strlen(text) : 0);
}

static void write_texts(struct buf *out, char *const *texts)
{
    size_t count = 0;

    while (texts && texts[count])
        count++;
    write_number(out, texts ? count + 1 : 0);
    for (size_t i = 0; i < count; i++)
        write_text(out, texts[i]);
}

static void write_fields(const struct code_table *table, const char *record, struct buf *out);

static void write_counted(const struct code_field *field, const char *record, struct buf *out)
{
    size_t count = *(const size_t *)(const void *)(record + field->count_at);
    const char *list = *(const char *const *)(const void *)(record + field->at);

    write_number(out, count);
    if (field->type == CODE_HASHES)
        buf_add(out, list, count * HASH_LEN);
    for (size_t i = 0; i < count && field->type == CODE_IDS; i++)
        write_number(out, ((const uint64_t *)(const void *)list)[i]);
    for (size_t i = 0; i < count && field->type == CODE_ITEMS; i++)
        write_fields(field->items, list + i * field->items->size, out);
}

static void write_field(const struct code_field *field, const char *record, struct buf *out)
{
    const void *at = record + field->at;

    switch (field->type) {
    case CODE_U64:
        write_number(out, *(const uint64_t *)at);
        break;
    case CODE_U32:
        write_number(out, *(const uint32_t *)at);
        break;
    case CODE_U16:
        write_number(out, *(const uint16_t *)at);
        break;
    case CODE_I64:
        write_signed(out, *(const int64_t *)at);
        break;
    case CODE_I32:
        write_signed(out, *(const int32_t *)at);
        break;
    case CODE_BOOL:
        write_number(out, *(const bool *)at);
        break;
    case CODE_TEXT:
        write_text(out, *(char *const *)at);
        break;
    case CODE_TEXTS:
        write_texts(out, *(char **const *)at);
        break;
    case CODE_BYTES:
        write_bytes(out, ((const struct bytes *)at)->data, ((const struct bytes *)at)->len);
        break;
    case CODE_IDS:
    case CODE_HASHES:
    case CODE_ITEMS:
        write_counted(field, record, out);
        break;
    }
}

static void write_fields(const struct code_table *table, const char *record, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++)
        write_field(&table->fields[i], record, out);
}

void code_encode(const struct code_table *table, const void *record, struct buf *out)
{
    buf_add_char(out, CODE_VERSION);
    write_fields(table, record, out);
}

/* -- reading ------------------------------------------------------------------------- */
static size_t left(const struct reader *in)
{
    return (size_t)(in->end - in->at);
}

/* Refuses what is longer than it need be, so that there is one encoding of each number. */
static int read_number(struct reader *in, uint64_t max, uint64_t *value_r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;

        if ((shift == 63 && byte > 1) || (shift && !byte))
            return -EBADMSG;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (value > max)
            return -EBADMSG;
        *value_r = value;
        return 0;
    }
    return -EBADMSG;
}

static int read_signed(struct reader *in, int64_t min, int64_t max, int64_t *value_r)
{
    uint64_t bits = 0;
    int64_t value;

    if (read_number(in, UINT64_MAX, &bits) < 0)
        return -EBADMSG;
    value = (int64_t)(bits >> 1 ^ (bits & 1 ? UINT64_MAX : 0));
    if (value < min || value > max)
        return -EBADMSG;
    *value_r = value;
    return 0;
}

/* Lends the bytes; NULL: none were written. */
static int read_bytes(struct reader *in, struct bytes *bytes_r)
{
    uint64_t len = 0;

    if (read_number(in, left(in), &len) < 0 || (len && len - 1 > left(in)))
        return -EBADMSG;
    if (!len) {
        *bytes_r = (struct bytes){NULL, 0};
        return 0;
    }
    *bytes_r = (struct bytes){in->at, (size_t)len - 1};
    in->at += len - 1;
    return 0;
}

static int read_text(struct reader *in, char **text_r)
{
    struct bytes bytes;

    if (read_bytes(in, &bytes) < 0)
        return -EBADMSG;
    if (bytes.data && memchr(bytes.data, 0, bytes.len))
        return -EBADMSG;
    *text_r = bytes.data ? mem_strn(bytes.data, bytes.len) : NULL;
    return 0;
}

/* The list always ends in NULL, so that a failure half-way leaves something that can be freed. */
static int read_texts(struct reader *in, char ***texts_r)
{
    uint64_t count = 0;

    if (read_number(in, left(in) + 1, &count) < 0)
        return -EBADMSG;
    if (!count--)
        return 0;
    *texts_r = mem_array((size_t)count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (read_text(in, &(*texts_r)[i]) < 0 || !(*texts_r)[i])
            return -EBADMSG;
    return 0;
}

static int read_owned(struct reader *in, struct bytes *bytes_r)
{
    struct bytes lent;
    char *copy;

    if (read_bytes(in, &lent) < 0)
        return -EBADMSG;
    if (!lent.data)
        return 0;
    copy = mem_new(lent.len + 1); /* never of size 0: "" stays apart from NULL */
    memcpy(copy, lent.data, lent.len);
    *bytes_r = (struct bytes){copy, lent.len};
    return 0;
}

static int read_fields(const struct code_table *table, struct reader *in, char *record);

static int read_counted(const struct code_field *field, struct reader *in, char *record)
{
    size_t *count = (size_t *)(void *)(record + field->count_at);
    void **list = (void **)(void *)(record + field->at);
    size_t size = field->type == CODE_IDS      ? sizeof(uint64_t)
                  : field->type == CODE_HASHES ? HASH_LEN
                                               : field->items->size;
    uint64_t many = 0;

    /* each takes a byte at least, so the memory taken here is bounded by the bytes given */
    if (read_number(in, field->type == CODE_HASHES ? left(in) / HASH_LEN : left(in), &many) < 0)
        return -EBADMSG;
    if (!many)
        return 0;
    if (field->type == CODE_HASHES && many * HASH_LEN > left(in))
        return -EBADMSG;
    *list = mem_array((size_t)many, size);
    *count = (size_t)many;
    if (field->type == CODE_HASHES) {
        memcpy(*list, in->at, (size_t)many * HASH_LEN);
        in->at += many * HASH_LEN;
        return 0;
    }
    for (size_t i = 0; i < many; i++) {
        int r = field->type == CODE_IDS ? read_number(in, UINT64_MAX, &((uint64_t *)*list)[i])
                                        : read_fields(field->items, in, (char *)*list + i * size);

        if (r < 0)
            return r;
    }
    return 0;
}

static int read_field(const struct code_field *field, struct reader *in, char *record)
{
    void *at = record + field->at;
    uint64_t whole = 0;
    int64_t with_sign = 0;
    int r;

    switch (field->type) {
    case CODE_U64:
        return read_number(in, UINT64_MAX, at);
    case CODE_U32:
        r = read_number(in, UINT32_MAX, &whole);
        *(uint32_t *)at = (uint32_t)whole;
        return r;
    case CODE_U16:
        r = read_number(in, UINT16_MAX, &whole);
        *(uint16_t *)at = (uint16_t)whole;
        return r;
    case CODE_I64:
        return read_signed(in, INT64_MIN, INT64_MAX, at);
    case CODE_I32:
        r = read_signed(in, INT32_MIN, INT32_MAX, &with_sign);
        *(int32_t *)at = (int32_t)with_sign;
        return r;
    case CODE_BOOL:
        r = read_number(in, 1, &whole);
        *(bool *)at = whole;
        return r;
    case CODE_TEXT:
        return read_text(in, at);
    case CODE_TEXTS:
        return read_texts(in, at);
    case CODE_BYTES:
        return read_owned(in, at);
    case CODE_IDS:
    case CODE_HASHES:
    case CODE_ITEMS:
        return read_counted(field, in, record);
    }
    return -EBADMSG;
}

static int read_fields(const struct code_table *table, struct reader *in, char *record)
{
    for (size_t i = 0; i < table->count; i++)
        if (read_field(&table->fields[i], in, record) < 0)
            return -EBADMSG;
    return 0;
}

int code_decode(const struct code_table *table, struct bytes from, void *record_r)
{
    struct reader in = {from.data, from.data};
    int r;

    if (!from.len || from.len > CODE_LIMIT)
        return -EBADMSG;
    in.end = in.at + from.len;
    if (*in.at++ != CODE_VERSION)
        return -EBADMSG;
    r = read_fields(table, &in, record_r);
    if (!r && in.at != in.end)
        r = -EBADMSG;
    if (r < 0)
        code_finish(table, record_r);
    return r;
}

/* -- freeing ------------------------------------------------------------------------- */
static void finish_fields(const struct code_table *table, char *record);

static void finish_items(const struct code_field *field, char *record)
{
    size_t count = *(size_t *)(void *)(record + field->count_at);
    char *list = *(char **)(void *)(record + field->at);

    for (size_t i = 0; i < count; i++)
        finish_fields(field->items, list + i * field->items->size);
    free(list);
}

static void finish_fields(const struct code_table *table, char *record)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct code_field *field = &table->fields[i];
        void *at = record + field->at;

        if (field->type == CODE_TEXT || field->type == CODE_IDS || field->type == CODE_HASHES)
            free(*(void **)at);
        else if (field->type == CODE_TEXTS)
            mem_strv_free(*(char ***)at);
        else if (field->type == CODE_BYTES)
            free((void *)(uintptr_t)((struct bytes *)at)->data);
        else if (field->type == CODE_ITEMS)
            finish_items(field, record);
    }
}

void code_finish(const struct code_table *table, void *record)
{
    finish_fields(table, record);
    memset(record, 0, table->size);
}

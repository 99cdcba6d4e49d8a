/* mail/ids.c: message ids out of header values. */
#include "mail/ids.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static bool has_id(const struct mail_ids *ids, const char *id, size_t len)
{
    for (size_t i = 0; i < ids->count; i++)
        if (strncmp(ids->ids[i], id, len) == 0 && ids->ids[i][len] == '\0')
            return true;
    return false;
}

static void add_id(struct mail_ids *ids, const char *id, size_t len)
{
    if (len == 0 || has_id(ids, id, len))
        return;
    if (!ids->ids)
        ids->ids = mem_array(MAIL_IDS_MAX, sizeof(char *));
    if (ids->count == MAIL_IDS_MAX) { /* the middle gives way */
        size_t middle = MAIL_IDS_MAX / 2;

        free(ids->ids[middle]);
        memmove(ids->ids + middle, ids->ids + middle + 1,
                (MAIL_IDS_MAX - middle - 1) * sizeof(char *));
        ids->count--;
    }
    ids->ids[ids->count++] = mem_strn(id, len);
}

/* An id ends at `>`. One that meets another `<`, or grows too long, was none. */
static const char *scan_bracketed(struct mail_ids *ids, const char *at)
{
    char id[MAIL_ID_LENGTH_MAX + 1];
    size_t len = 0;

    for (; *at && *at != '<'; at++) {
        if (*at == '>') {
            add_id(ids, id, len);
            return at + 1;
        }
        if ((unsigned char)*at <= ' ') /* folded in the middle */
            continue;
        if (len == MAIL_ID_LENGTH_MAX)
            return at;
        id[len++] = *at;
    }
    return at;
}

static void scan_bare(struct mail_ids *ids, const char *at)
{
    while (*at) {
        size_t len = strcspn(at, " \t\r\n,;\"'()<>");

        if (len <= MAIL_ID_LENGTH_MAX && memchr(at, '@', len))
            add_id(ids, at, len);
        at += len;
        at += strspn(at, " \t\r\n,;\"'()<>");
    }
}

void mail_ids_scan(struct mail_ids *ids, const char *value)
{
    bool bracketed = false;

    if (!value)
        return;
    for (const char *at = strchr(value, '<'); at && *at; at = strchr(at, '<')) {
        at = scan_bracketed(ids, at + 1);
        bracketed = bracketed || at[-1] == '>';
    }
    /* Beside ids in brackets, a word with an @ is someone's address in a phrase. */
    if (!bracketed)
        scan_bare(ids, value);
}

void mail_ids_answered(struct mail_ids *ids, const struct mail_headers *headers)
{
    struct mail_ids references = {0};
    const char *value;

    for (size_t i = 0; (value = mail_header_raw(headers, "In-Reply-To", i)); i++)
        mail_ids_scan(ids, value);
    for (size_t i = 0; (value = mail_header_raw(headers, "References", i)); i++)
        mail_ids_scan(&references, value);
    for (size_t i = references.count; i-- > 0 && ids->count < MAIL_IDS_MAX;)
        add_id(ids, references.ids[i], strlen(references.ids[i]));
    mail_ids_finish(&references);
}

void mail_ids_finish(struct mail_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        free(ids->ids[i]);
    free(ids->ids);
    memset(ids, 0, sizeof(*ids));
}

char *mail_id_bare(const char *id)
{
    struct buf bare = {0};

    if (!id)
        return NULL;
    for (; *id; id++)
        if ((unsigned char)*id > ' ' && *id != '<' && *id != '>')
            buf_add_char(&bare, *id);
    return bare.len ? buf_take(&bare) : NULL;
}

char *mail_id_key(const char *id)
{
    char *key = mail_id_bare(id), *at = key ? strrchr(key, '@') : NULL;

    if (at)
        text_lower(at);
    return key;
}

bool mail_id_same(const char *a, const char *b)
{
    char *left = mail_id_key(a), *right = mail_id_key(b);
    bool same = left && right && strcmp(left, right) == 0;

    free(left);
    free(right);
    return same;
}

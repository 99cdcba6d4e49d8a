/* smtp-imap/imap_fetch.c: what FETCH and LIST say of a mail and of a folder. */
#include "imap_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- FETCH ------------------------------------------------------------------------------------
 */

/* BODY[HEADER.FIELDS (TO)]<0>: the section without what it was asked of. false: no BODY[. */
static bool section_of(const struct imap_value *name, char *section, size_t room)
{
    const char *at = name->data + 5, *end = name->data + name->len;
    size_t len = 0;

    if (name->type != IMAP_ATOM || name->len < 6 || strncasecmp(name->data, "BODY[", 5) != 0)
        return false;
    while (at + len < end && at[len] != ']' && at[len] != ' ')
        len++;
    snprintf(section, room, "%.*s", (int)(len < room ? len : 0), at);
    for (char *c = section; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return true;
}

static void read_body(struct imap_fetch *fetch, const struct imap_value *name,
                      const struct imap_value *value)
{
    char section[sizeof(fetch->bodies[0].section)];

    if (fetch->count == IMAP_BODIES_MAX || value->type == IMAP_LIST ||
        !section_of(name, section, sizeof(section)))
        return;
    snprintf(fetch->bodies[fetch->count].section, sizeof(section), "%s", section);
    fetch->bodies[fetch->count++].data = value->type == IMAP_NIL
                                             ? (struct rider_bytes){"", 0}
                                             : (struct rider_bytes){value->data, value->len};
}

static bool read_item(struct imap_fetch *fetch, const struct imap_response *response, uint32_t at)
{
    const struct imap_value *name = &response->values[at];
    uint32_t next = name->next;
    const struct imap_value *value = imap_at(response, next), *inner;

    if (imap_value_is(name, "UID"))
        return imap_number(value, &fetch->uid) && fetch->uid && fetch->uid <= UINT32_MAX;
    if (imap_value_is(name, "RFC822.SIZE"))
        return imap_number(value, &fetch->size);
    if (imap_value_is(name, "MODSEQ")) {
        inner = value->type == IMAP_LIST && value->next > next + 1 ? value + 1 : value;
        return imap_number(inner, &fetch->modseq);
    }
    if (imap_value_is(name, "INTERNALDATE"))
        fetch->date = value->type == IMAP_STRING ? imap_time(value->data, value->len) : 0;
    else if (imap_value_is(name, "FLAGS") && value->type == IMAP_LIST)
        fetch->flags = next;
    else if (imap_value_is(name, "BODYSTRUCTURE") && value->type == IMAP_LIST)
        fetch->structure = next;
    else
        read_body(fetch, name, value);
    return true;
}

int imap_fetch_read(struct imap_fetch *fetch, const struct imap_response *response)
{
    const struct imap_value *all = imap_at(response, 0);

    *fetch = (struct imap_fetch){0};
    if (strcmp(response->name, "FETCH") != 0 || !all || all->type != IMAP_LIST ||
        all->next != response->count)
        return -1;
    for (uint32_t at = 1; at < all->next;) {
        uint32_t value = response->values[at].next;

        if (value >= all->next || response->values[at].type != IMAP_ATOM ||
            !read_item(fetch, response, at))
            return -1;
        at = response->values[value].next;
    }
    return 0;
}

const struct rider_bytes *imap_fetch_body(const struct imap_fetch *fetch, const char *section)
{
    for (size_t i = 0; i < fetch->count; i++) {
        if (strcmp(fetch->bodies[i].section, section) == 0)
            return &fetch->bodies[i].data;
    }
    return NULL;
}

/* ---- BODYSTRUCTURE (RFC 3501 7.4.2) -----------------------------------------------------------
 */

struct walk {
    const struct imap_response *response;
    struct imap_part *parts;
    size_t count, max;
};

/* Children of the list at `list`: the n-th (0 first); 0: there is none. */
static uint32_t child(const struct imap_response *response, uint32_t list, int n)
{
    uint32_t at = list + 1, end = response->values[list].next;

    for (; n > 0 && at < end; n--)
        at = response->values[at].next;
    return at < end ? at : 0;
}

static void lower(const struct imap_response *response, uint32_t at, char *out, size_t room)
{
    const struct imap_value *value = at ? imap_at(response, at) : NULL;

    *out = '\0';
    if (!value || !value->data || value->type == IMAP_NIL || value->len >= room)
        return;
    memcpy(out, value->data, value->len);
    out[value->len] = '\0';
    for (; *out; out++)
        *out = (char)tolower((unsigned char)*out);
}

static void param(const struct imap_response *response, uint32_t list, const char *name, char *out,
                  size_t room)
{
    *out = '\0';
    if (!list || response->values[list].type != IMAP_LIST)
        return;
    for (uint32_t at = list + 1; at < response->values[list].next;) {
        uint32_t value = response->values[at].next;

        if (value >= response->values[list].next)
            return;
        if (imap_value_is(&response->values[at], name))
            lower(response, value, out, room);
        at = response->values[value].next;
    }
}

static bool is_multipart(const struct imap_response *response, uint32_t list)
{
    uint32_t first = child(response, list, 0);

    return first && response->values[first].type == IMAP_LIST;
}

static void type_of(const struct imap_response *response, uint32_t list, char type[64])
{
    char major[32] = "multipart", minor[32];
    int at = 1;

    if (is_multipart(response, list)) {
        uint32_t item;

        for (at = 0; (item = child(response, list, at)) && at < 1000 &&
                     response->values[item].type == IMAP_LIST;)
            at++;
    } else {
        lower(response, child(response, list, 0), major, sizeof(major));
    }
    lower(response, child(response, list, at), minor, sizeof(minor));
    snprintf(type, 64, "%s/%s", major, minor);
}

static bool is_attached(const struct imap_response *response, uint32_t list, const char *type)
{
    /* body-fld-dsp follows md5: after the lines of a text, and of a message/rfc822 the envelope */
    int at = strncmp(type, "text/", 5) == 0 ? 9 : strcmp(type, "message/rfc822") == 0 ? 11 : 8;
    uint32_t disposition = child(response, list, at);

    return disposition && response->values[disposition].type == IMAP_LIST &&
           imap_value_is(imap_at(response, child(response, disposition, 0)), "attachment");
}

static void walk_list(struct walk *walk, uint32_t list, const char *path)
{
    const struct imap_response *response = walk->response;
    struct imap_part *part;
    int n = 0;

    if (walk->count == walk->max || response->values[list].type != IMAP_LIST)
        return;
    if (is_multipart(response, list)) { /* no deeper than IMAP_DEPTH_MAX: so the values are read */
        for (uint32_t at = list + 1;
             at < response->values[list].next && response->values[at].type == IMAP_LIST;
             at = response->values[at].next) {
            char inner[sizeof(part->path)];

            if (snprintf(inner, sizeof(inner), "%s%s%d", path, *path ? "." : "", ++n) <
                (int)sizeof(inner))
                walk_list(walk, at, inner);
        }
        return;
    }
    part = &walk->parts[walk->count++];
    *part = (struct imap_part){0};
    snprintf(part->path, sizeof(part->path), "%s", *path ? path : "1");
    type_of(response, list, part->type);
    param(response, child(response, list, 2), "charset", part->charset, sizeof(part->charset));
    lower(response, child(response, list, 5), part->encoding, sizeof(part->encoding));
    part->attached = is_attached(response, list, part->type);
}

size_t imap_parts(const struct imap_response *response, uint32_t structure, char type_r[64],
                  char report_r[64], struct imap_part *parts, size_t max)
{
    struct walk walk = {response, parts, 0, max};
    uint32_t at = 0;

    *type_r = *report_r = '\0';
    if (!structure || structure >= response->count || response->values[structure].type != IMAP_LIST)
        return 0;
    type_of(response, structure, type_r);
    if (is_multipart(response, structure)) {
        for (at = structure + 1;
             at < response->values[structure].next && response->values[at].type == IMAP_LIST;
             at = response->values[at].next)
            ;
        at = at < response->values[structure].next ? response->values[at].next : 0;
        if (at >= response->values[structure].next)
            at = 0;
        param(response, at, "report-type", report_r, 64);
    }
    walk_list(&walk, structure, "");
    return walk.count;
}

/* ---- LIST -------------------------------------------------------------------------------------
 */

int imap_folder_read(struct imap_folder *folder, const struct imap_response *response)
{
    const struct imap_value *flags = imap_at(response, 0), *delimiter, *name;

    *folder = (struct imap_folder){0};
    if (strcmp(response->name, "LIST") != 0 || !flags || flags->type != IMAP_LIST)
        return -1;
    delimiter = imap_at(response, flags->next);
    name = delimiter ? imap_at(response, delimiter->next) : NULL;
    if (!name || name->type == IMAP_LIST || !name->len || memchr(name->data, 0, name->len) ||
        memchr(name->data, '\r', name->len) || memchr(name->data, '\n', name->len))
        return -1;
    if (delimiter->type == IMAP_STRING && delimiter->len == 1)
        folder->delimiter = *delimiter->data;
    folder->use = (imap_list_has(response, 0, "\\Sent") ? IMAP_USE_SENT : 0u) |
                  (imap_list_has(response, 0, "\\Junk") ? IMAP_USE_JUNK : 0u) |
                  (imap_list_has(response, 0, "\\Trash") ? IMAP_USE_TRASH : 0u) |
                  (imap_list_has(response, 0, "\\Drafts") ? IMAP_USE_DRAFTS : 0u) |
                  (imap_value_is(name, "INBOX") ? IMAP_USE_INBOX : 0u);
    folder->closed =
        imap_list_has(response, 0, "\\Noselect") || imap_list_has(response, 0, "\\NonExistent");
    folder->name = text_dup_len(name->data, name->len); /* NIL is a folder's name, too */
    return 0;
}

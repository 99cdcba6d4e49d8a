/* mail/header.c: the header block of a mail, from bytes to fields. */
#include "mail/header.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

/* What is left to read of the block, and where the next line begins and ends. */
struct lines {
    const char *at, *end;
    char ending; /* LF; or CR, for a block that has no LF at all */
};

/* The next line without its end; false: there is none. A run of CR before LF belongs to the end:
 * mail that was converted twice has CR CR LF, and no empty line is meant there. */
static bool next_line(struct lines *lines, const char **line, size_t *len)
{
    const char *stop;

    if (lines->at >= lines->end)
        return false;
    *line = lines->at;
    stop = memchr(lines->at, lines->ending, (size_t)(lines->end - lines->at));
    lines->at = stop ? stop + 1 : lines->end;
    if (!stop)
        stop = lines->end;
    while (stop > *line && stop[-1] == '\r')
        stop--;
    *len = (size_t)(stop - *line);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* How long the name before the colon is; 0: the line is no field (mbox "From ", or junk). */
static size_t name_length(const char *line, size_t len, size_t *colon)
{
    const char *found = memchr(line, ':', len);
    size_t name;

    if (!found)
        return 0;
    *colon = (size_t)(found - line);
    for (name = *colon; name > 0 && is_blank(line[name - 1]); name--)
        ;
    for (size_t i = 0; i < name; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return 0;
    return name;
}

static char *put(char *to, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *to++ = data[i] == '\0' ? ' ' : data[i];
    return to;
}

/* Ends the value that was being written: trims it, and puts the NUL. */
static char *end_value(struct mail_headers *headers, char *to)
{
    struct mail_field *field;

    if (headers->count == 0)
        return to;
    field = &headers->fields[headers->count - 1];
    while (to > field->value && is_blank(to[-1]))
        to--;
    *to = '\0';
    while (*field->value && is_blank(*field->value))
        field->value++;
    return to + 1;
}

static char *begin_field(struct mail_headers *headers, char *to, const char *line, size_t len,
                         size_t name, size_t colon)
{
    struct mail_field *field;

    if (headers->count % 64 == 0)
        headers->fields = mem_grow(headers->fields, headers->count + 64, sizeof(*headers->fields));
    field = &headers->fields[headers->count++];
    field->name = to;
    to = put(to, line, name);
    *to++ = '\0';
    field->value = to;
    return put(to, line + colon + 1, len - colon - 1);
}

void mail_headers_parse(struct mail_headers *headers, const void *data, size_t len)
{
    size_t kept = len > MAIL_HEADER_MAX ? MAIL_HEADER_MAX : len, size, name, colon;
    struct lines lines = {data, (const char *)data + kept, '\n'};
    const char *line;
    bool in_field = false;
    char *to;

    memset(headers, 0, sizeof(*headers));
    headers->body = len;
    if (len == 0)
        return;
    /* A field takes the place of its colon and its line's end; one that ends at the cap, and a
     * colon that follows blanks, need no more than two bytes beyond. */
    to = headers->text = mem_new(kept + 2);
    if (!memchr(data, '\n', kept))
        lines.ending = '\r';
    while (next_line(&lines, &line, &size)) {
        if (size == 0) {
            headers->body = (size_t)(lines.at - (const char *)data);
            to = end_value(headers, to);
            return;
        }
        if (line[0] == ' ' || line[0] == '\t') {
            if (in_field)
                to = put(to, line, size);
            continue;
        }
        if (in_field)
            to = end_value(headers, to);
        in_field = false;
        name = name_length(line, size, &colon);
        if (name == 0)
            continue;
        if (headers->count == MAIL_FIELDS_MAX) {
            headers->cut = true;
            continue;
        }
        to = begin_field(headers, to, line, size, name, colon);
        in_field = true;
    }
    if (in_field)
        end_value(headers, to);
    headers->cut = headers->cut || kept < len;
}

void mail_headers_finish(struct mail_headers *headers)
{
    free(headers->fields);
    free(headers->text);
    memset(headers, 0, sizeof(*headers));
}

const char *mail_header_raw(const struct mail_headers *headers, const char *name, size_t nth)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcasecmp(headers->fields[i].name, name) == 0 && nth-- == 0)
            return headers->fields[i].value;
    return NULL;
}

bool mail_header_has(const struct mail_headers *headers, const char *name)
{
    return mail_header_raw(headers, name, 0) != NULL;
}

char *mail_header(const struct mail_headers *headers, const char *name, size_t nth)
{
    const char *raw = mail_header_raw(headers, name, nth);

    return raw ? mail_decode_words(raw) : NULL;
}

/* Past a quoted string or a comment that begins at `at`; comments nest. */
static const char *skip_quoted(const char *at)
{
    char opens = *at, closes = opens == '"' ? '"' : ')';
    size_t depth = 0;

    for (; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == closes && (opens == '(' || depth > 0)) {
            if (--depth == 0)
                return at + 1;
        } else if (*at == opens)
            depth++;
    }
    return at;
}

/* The address inside the first brackets, or the first word with an `@`, or the only word. */
static struct bytes find_address(const char *value)
{
    struct bytes found = {NULL, 0};
    size_t words = 0;

    for (const char *at = value; *at;) {
        size_t len;

        if (*at == '"' || *at == '(') {
            at = skip_quoted(at);
            continue;
        }
        if (*at == '<') {
            len = strcspn(++at, ">");
            return (struct bytes){at, len};
        }
        if (is_blank(*at) || strchr(",;:", *at)) {
            at++;
            continue;
        }
        len = strcspn(at, " \t\r\"(<,;");
        if (memchr(at, '@', len) && (!found.len || !memchr(found.data, '@', found.len)))
            found = (struct bytes){at, len};
        else if (words == 0)
            found = (struct bytes){at, len};
        words++;
        at += len;
    }
    if (words > 1 && found.len && !memchr(found.data, '@', found.len))
        found.len = 0;
    return found;
}

static char *address_of(const char *value)
{
    struct bytes found = find_address(value);
    const char *text = found.data;
    char *address, *at;

    while (found.len && is_blank(*text))
        text++, found.len--;
    while (found.len && is_blank(text[found.len - 1]))
        found.len--;
    if (found.len == 0 || found.len > 320)
        return NULL;
    address = mem_strn(text, found.len);
    at = strrchr(address, '@');
    if (at)
        text_lower(at);
    return address;
}

char *mail_header_from(const struct mail_headers *headers)
{
    static const char *const names[] = {"From", "Sender", "Reply-To"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *raw = mail_header_raw(headers, names[i], 0);
        char *address = raw ? address_of(raw) : NULL;

        if (address)
            return address;
    }
    return NULL;
}

static char *param_value(const char *at)
{
    struct buf out = {0};

    while (is_blank(*at) && *at)
        at++;
    if (*at != '"')
        return mem_strn(at, strcspn(at, "; \t\r\"("));
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        buf_add_char(&out, *at);
    }
    return out.len ? buf_take(&out) : mem_str("");
}

char *mail_header_param(const char *value, const char *param)
{
    size_t len = strlen(param);

    for (const char *at = value; *at;) {
        if (*at == '"' || *at == '(') {
            at = skip_quoted(at);
            continue;
        }
        if (*at++ != ';')
            continue;
        while (*at && is_blank(*at))
            at++;
        if (strncasecmp(at, param, len) != 0)
            continue;
        at += len;
        while (*at && is_blank(*at))
            at++;
        if (*at == '=')
            return param_value(at + 1);
    }
    return NULL;
}

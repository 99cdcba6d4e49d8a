/* sandbox/mime.c: as much of RFC 5322 and MIME as the stand-in needs, and no more. */
#include "sandbox/mime.h"

#include "sandbox/google_state.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool mime_field_next(const char *data, size_t len, size_t *at, struct bytes *field_r)
{
    size_t start = *at, end = start;

    if (start >= len)
        return false;
    if (data[start] == '\n' ||
        (data[start] == '\r' && start + 1 < len && data[start + 1] == '\n')) {
        *at = start + (data[start] == '\n' ? 1 : 2);
        return false;
    }
    do {
        const char *nl = memchr(data + end, '\n', len - end);

        end = nl ? (size_t)(nl - data) + 1 : len;
    } while (end < len && (data[end] == ' ' || data[end] == '\t'));
    *field_r = (struct bytes){data + start, end - start};
    *at = end;
    return true;
}

bool mime_field_is(struct bytes field, const char *name)
{
    const char *data = field.data;
    size_t len = strlen(name);

    return field.len > len && strncasecmp(data, name, len) == 0 && data[len] == ':';
}

/* Copies one field as "name NUL value NUL", the value unfolded and trimmed. */
static size_t field_copy(char *to, struct bytes field, struct mime_header *header)
{
    const char *data = field.data, *colon = memchr(data, ':', field.len);
    size_t name_len = colon ? (size_t)(colon - data) : field.len, used;
    const char *value = colon ? colon + 1 : data + field.len, *end = data + field.len;

    while (name_len > 0 && is_blank(data[name_len - 1]))
        name_len--;
    memcpy(to, data, name_len);
    to[name_len] = '\0';
    header->name = to;
    used = name_len + 1;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    header->value = to + used;
    for (; value < end; value++)
        if (*value != '\r' && *value != '\n' && *value != '\0')
            to[used++] = *value;
    to[used++] = '\0';
    return used;
}

void mime_headers_init(struct mime_headers *headers, const char *data, size_t len)
{
    struct bytes field;
    size_t at = 0, count = 0, used = 0;

    while (mime_field_next(data, len, &at, &field))
        count++;
    headers->length = at;
    headers->count = count;
    headers->list = mem_array(count + 1, sizeof(*headers->list));
    headers->block = mem_new(at + 2 * count + 1);
    at = count = 0;
    while (mime_field_next(data, len, &at, &field))
        used += field_copy(headers->block + used, field, &headers->list[count++]);
}

void mime_headers_finish(struct mime_headers *headers)
{
    free(headers->block);
    free(headers->list);
    *headers = (struct mime_headers){0};
}

const char *mime_headers_get(const struct mime_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (text_same(headers->list[i].name, name))
            return headers->list[i].value;
    return NULL;
}

static void strv_add(char ***list, size_t *count, char *text)
{
    *list = mem_grow(*list, *count + 2, sizeof(**list));
    (*list)[(*count)++] = text;
    (*list)[*count] = NULL;
}

/* One address of a list: what stands in <...>, else what is left without comments. */
static char *address_of(const char *start, const char *end)
{
    const char *open = NULL;
    bool quoted = false;
    auto_buf struct buf bare = {0};
    int depth = 0;

    for (const char *p = start; p < end; p++) {
        if (*p == '"' && depth == 0)
            quoted = !quoted;
        else if (!quoted && *p == '(')
            depth++;
        else if (!quoted && *p == ')' && depth > 0)
            depth--;
        else if (!quoted && depth == 0 && *p == '<')
            open = p + 1;
        else if (!quoted && depth == 0 && *p == '>' && open)
            return mem_strn(open, (size_t)(p - open));
        else if (depth == 0 && !is_blank(*p))
            buf_add_char(&bare, *p);
    }
    return memchr(buf_text(&bare), '@', bare.len) ? buf_take(&bare) : NULL;
}

char **mime_mailboxes(const char *value)
{
    char **list = mem_new(sizeof(*list));
    size_t count = 0;
    bool quoted = false;
    int depth = 0;
    const char *start = value;

    for (const char *p = value; p; p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (*p == '(' && !quoted)
            depth++;
        else if (*p == ')' && !quoted && depth > 0)
            depth--;
        if (*p == '\0' || (*p == ',' && !quoted && depth == 0)) {
            strv_add(&list, &count, mem_strn(start, (size_t)(p - start)));
            start = p + 1;
        }
        if (*p == '\0')
            break;
    }
    return list;
}

char **mime_addresses(const char *value)
{
    char **list = mem_new(sizeof(*list)), **boxes = mime_mailboxes(value);
    size_t count = 0;

    for (char **box = boxes; *box; box++) {
        char *address = address_of(*box, *box + strlen(*box));

        if (!address)
            continue;
        text_lower(address);
        strv_add(&list, &count, address);
    }
    mem_strv_free(boxes);
    return list;
}

char *mime_name(const char *box)
{
    struct buf plain = {0};
    auto_buf struct buf name = {0};
    const char *end = strrchr(box, '<');

    for (const char *p = box; end && p < end; p++) {
        if (*p == '\\' && p + 1 < end)
            p++;
        else if (*p == '"')
            continue;
        buf_add_char(&name, *p);
    }
    while (name.len > 0 && is_blank(name.data[name.len - 1]))
        buf_truncate(&name, name.len - 1);
    end = buf_text(&name);
    mime_words_decode(&plain, end + strspn(end, " \t"));
    return plain.data ? buf_take(&plain) : mem_str("");
}

char *mime_address_first(const char *value)
{
    char **list = mime_addresses(value);
    char *first = mem_str(list[0]);

    mem_strv_free(list);
    return first;
}

char **mime_message_ids(const char *value)
{
    char **list = mem_new(sizeof(*list));
    size_t count = 0;

    for (const char *p = value ? strchr(value, '<') : NULL; p;) {
        const char *end = strchr(p, '>');

        if (!end)
            break;
        strv_add(&list, &count, mem_strn(p, (size_t)(end - p) + 1));
        p = strchr(end, '<');
    }
    return list;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void quoted_decode(struct buf *out, const char *text, size_t len, bool header)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '=' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            buf_add_char(out, (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        } else if (text[i] == '=' && !header) {
            while (i + 1 < len && text[i] != '\n')
                i++;
        } else {
            buf_add_char(out, header && text[i] == '_' ? ' ' : text[i]);
        }
    }
}

static void base64_body(struct buf *out, const char *text, size_t len)
{
    auto_buf struct buf packed = {0};

    for (size_t i = 0; i < len; i++)
        if (!is_blank(text[i]))
            buf_add_char(&packed, text[i]);
    text_base64_decode(out, buf_text(&packed), packed.len);
}

/* "=?charset?Q?text?=" at `p`: gives where it ends, or NULL when it is none. */
static const char *word_decode(struct buf *out, const char *p)
{
    const char *charset = p + 2, *kind, *text, *end;

    kind = strchr(charset, '?');
    if (!kind || !kind[1] || kind[2] != '?')
        return NULL;
    text = kind + 3;
    end = strstr(text, "?=");
    if (!end)
        return NULL;
    if (kind[1] == 'b' || kind[1] == 'B')
        base64_body(out, text, (size_t)(end - text));
    else
        quoted_decode(out, text, (size_t)(end - text), true);
    return end + 2;
}

void mime_words_decode(struct buf *out, const char *value)
{
    bool after_word = false;

    while (*value) {
        const char *blanks = value;
        const char *end;

        while (after_word && is_blank(*blanks))
            blanks++;
        end = strncmp(blanks, "=?", 2) == 0 ? word_decode(out, blanks) : NULL;
        after_word = end != NULL;
        if (end)
            value = end;
        else
            buf_add_char(out, *value++);
    }
}

/* The length of a leading "Re:", "Fwd:", "AW:", "Re[2]:" and their like; 0: none. */
static size_t subject_prefix(const char *text)
{
    static const char *const words[] = {"re", "fwd", "fw", "aw", "wg", "sv", "antw", "tr", "rif"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);

        if (strncasecmp(text, words[i], len) != 0)
            continue;
        if (text[len] == '[')
            len += strcspn(text + len, "]") + 1;
        if (strlen(text) > len && text[len] == ':')
            return len + 1;
    }
    return 0;
}

char *mime_base_subject(const char *subject)
{
    auto_buf struct buf decoded = {0};
    struct buf out = {0};
    const char *p;
    size_t skip;

    mime_words_decode(&decoded, subject ? subject : "");
    p = buf_text(&decoded);
    do {
        while (is_blank(*p))
            p++;
        skip = subject_prefix(p);
        p += skip;
    } while (skip > 0);
    for (; *p; p++)
        if (!is_blank(*p) || (out.len > 0 && out.data[out.len - 1] != ' '))
            buf_add_char(&out, is_blank(*p) ? ' ' : (char)tolower((unsigned char)*p));
    if (out.len > 0 && out.data[out.len - 1] == ' ')
        buf_truncate(&out, out.len - 1);
    return out.data ? buf_take(&out) : mem_str("");
}

char *mime_parameter(const char *value, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = value ? strchr(value, ';') : NULL; p; p = strchr(p, ';')) {
        for (p++; is_blank(*p); p++)
            ;
        if (strncasecmp(p, name, len) != 0 || p[len] != '=')
            continue;
        p += len + 1;
        if (*p == '"')
            return mem_strn(p + 1, strcspn(p + 1, "\""));
        return mem_strn(p, strcspn(p, "; \t\r\n"));
    }
    return NULL;
}

/* Where a line that begins with the delimiter starts, at or after `at`; len: nowhere. */
static size_t delimiter_find(struct bytes body, const char *delimiter, size_t at)
{
    const char *data = body.data;
    size_t len = strlen(delimiter);

    while (at + len <= body.len) {
        const char *hit = memmem(data + at, body.len - at, delimiter, len);

        if (!hit)
            break;
        if (hit == data || hit[-1] == '\n')
            return (size_t)(hit - data);
        at = (size_t)(hit - data) + 1;
    }
    return body.len;
}

bool mime_multipart_next(struct bytes body, const char *boundary, size_t *at, struct bytes *part_r)
{
    auto_free char *delimiter = mem_printf("--%s", boundary);
    const char *data = body.data, *nl;
    size_t start = delimiter_find(body, delimiter, *at), end, after;

    if (start == body.len)
        return false;
    after = start + strlen(delimiter);
    if (after + 2 <= body.len && memcmp(data + after, "--", 2) == 0)
        return false;
    nl = memchr(data + after, '\n', body.len - after);
    if (!nl)
        return false;
    start = (size_t)(nl - data) + 1;
    end = delimiter_find(body, delimiter, start);
    *at = end;
    if (end > start && data[end - 1] == '\n')
        end--;
    if (end > start && data[end - 1] == '\r')
        end--;
    *part_r = (struct bytes){data + start, end - start};
    return true;
}

char *mime_type(const struct mime_headers *headers)
{
    const char *type = mime_headers_get(headers, "Content-Type");
    char *name = type ? mem_strn(type, strcspn(type, "; \t")) : mem_str("text/plain");

    text_lower(name);
    return name;
}

void mime_body(struct buf *out, const struct mime_headers *headers, struct bytes body)
{
    const char *encoding = mime_headers_get(headers, "Content-Transfer-Encoding");

    if (text_same(encoding, "base64"))
        base64_body(out, body.data, body.len);
    else if (text_same(encoding, "quoted-printable"))
        quoted_decode(out, body.data, body.len, false);
    else
        buf_add(out, body.data, body.len);
}

static bool text_find(struct buf *out, const char *data, size_t len, const char *wanted, int depth)
{
    struct mime_headers headers;
    struct bytes body, inner;
    size_t at = 0;
    bool found = false;

    mime_headers_init(&headers, data, len);
    body = (struct bytes){data + headers.length, len - headers.length};
    auto_free char *type = mime_type(&headers);
    auto_free char *boundary =
        mime_parameter(mime_headers_get(&headers, "Content-Type"), "boundary");

    if (text_starts(type, "multipart/") && boundary && depth < 20) {
        while (!found && mime_multipart_next(body, boundary, &at, &inner))
            found = text_find(out, inner.data, inner.len, wanted, depth + 1);
    } else if (text_starts(type, wanted)) {
        mime_body(out, &headers, body);
        found = true;
    }
    mime_headers_finish(&headers);
    return found;
}

bool mime_text(struct buf *out, const char *data, size_t len, const char *type)
{
    return text_find(out, data, len, type, 0);
}

void mime_snippet(struct buf *out, const char *data, size_t len, size_t limit)
{
    auto_buf struct buf text = {0};

    mime_text(&text, data, len, "text/");
    for (size_t i = 0; i < text.len && out->len < limit; i++) {
        char c = text.data[i];

        if (!is_blank(c))
            buf_add_char(out, c);
        else if (out->len > 0 && out->data[out->len - 1] != ' ')
            buf_add_char(out, ' ');
    }
    /* A character cut in half would be no UTF-8. */
    while (out->len > 0 && !text_is_utf8(out->data, out->len) && out->len > limit - 4)
        buf_truncate(out, out->len - 1);
}

char *mime_date(int64_t ms, char *text)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(text, 48, "%s, %d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday % 7], tm.tm_mday,
             months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return text;
}

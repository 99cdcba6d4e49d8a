/* smtp-imap/imap_parse.c: an IMAP response, from bytes to values. */
#include "imap_parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- where a response ends --------------------------------------------------------------------
 */

/* {12} or {12+} at the end of a line. 1: there is one; 0: none; -1: over the cap. */
static int literal_at_end(const char *line, size_t len, size_t *size_r)
{
    size_t at, size = 0;

    if (!len || line[len - 1] != '}')
        return 0;
    at = len - 1;
    if (at && line[at - 1] == '+')
        at--;
    for (len = at; at && isdigit((unsigned char)line[at - 1]);)
        at--;
    if (at == len || !at || line[at - 1] != '{')
        return 0;
    for (; at < len; at++) {
        size = size * 10 + (size_t)(line[at] - '0');
        if (size > IMAP_LITERAL_MAX)
            return -1;
    }
    *size_r = size;
    return 1;
}

static bool starts(const char *at, size_t len, const char *word)
{
    size_t size = strlen(word);

    return len >= size && strncasecmp(at, word, size) == 0 &&
           (len == size || at[size] == ' ' || at[size] == '\r' || at[size] == '\n');
}

static const char *const statuses[] = {"", "OK", "NO", "BAD", "BYE", "PREAUTH"};

static enum imap_status status_of(const char *at, size_t len)
{
    for (size_t i = 1; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (starts(at, len, statuses[i]))
            return (enum imap_status)i;
    }
    return IMAP_NONE;
}

/* A line whose end is free text, which may well look like a literal: a status, a continuation. */
static bool is_text(const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);

    if (len && *line == '+')
        return true;
    return !space || status_of(space + 1, len - (size_t)(space + 1 - line)) != IMAP_NONE;
}

static size_t line_cap(const char *line, size_t len)
{
    return starts(line, len, "* SEARCH") || starts(line, len, "* ESEARCH") ? IMAP_SEARCH_MAX
                                                                           : IMAP_LINE_MAX;
}

int imap_whole(struct imap_scan *scan, struct rider_bytes bytes, size_t *len_r)
{
    const char *data = bytes.data;

    for (;;) {
        const char *end =
            scan->at < bytes.len ? memchr(data + scan->at, '\n', bytes.len - scan->at) : NULL;
        size_t len, size = 0;
        int literal;

        if (!end && scan->at < bytes.len)
            scan->at = bytes.len;
        len = end                    ? (size_t)(end - data) - scan->line
              : scan->at > bytes.len ? 0
                                     : scan->at - scan->line;
        if (scan->plain + len > line_cap(data, bytes.len))
            return -1;
        if (!end)
            return 0;
        scan->at = (size_t)(end - data) + 1;
        if (len && end[-1] == '\r')
            len--;
        if (!scan->begun)
            scan->text = is_text(data, len);
        scan->begun = true;
        literal = scan->text ? 0 : literal_at_end(data + scan->line, len, &size);
        if (literal < 0 || scan->at + size > IMAP_RESPONSE_MAX + IMAP_SEARCH_MAX)
            return -1;
        if (!literal) {
            *len_r = scan->at;
            *scan = (struct imap_scan){0};
            return 1;
        }
        scan->plain += len;
        scan->at += size;
        scan->line = scan->at;
    }
}

/* ---- values -----------------------------------------------------------------------------------
 */

static struct imap_value *value_new(struct imap_response *response)
{
    if (response->count == IMAP_VALUES_MAX)
        return NULL;
    if (response->count == response->room) {
        struct imap_value *values;

        response->room = response->room ? response->room * 2 : 16;
        values = realloc(response->values, response->room * sizeof(*values));
        if (!values)
            abort();
        response->values = values;
    }
    response->values[response->count] = (struct imap_value){.next = response->count + 1};
    return &response->values[response->count++];
}

/* Takes the backslashes out where the string stands. NULL: it has no end. */
static char *read_quoted(char *at, const char *end, struct imap_value *value)
{
    char *to = ++at;

    value->type = IMAP_STRING;
    value->data = at;
    for (; at < end && *at != '"' && *at != '\r' && *at != '\n'; at++) {
        if (*at == '\\' && ++at == end)
            return NULL;
        *to++ = *at;
    }
    value->len = (size_t)(to - value->data);
    return at < end && *at == '"' ? at + 1 : NULL;
}

static char *read_literal(char *at, const char *end, struct imap_value *value)
{
    size_t size = 0;

    for (at++; at < end && isdigit((unsigned char)*at) && size <= IMAP_LITERAL_MAX; at++)
        size = size * 10 + (size_t)(*at - '0');
    at += at < end && *at == '+';
    if (at == end || *at++ != '}')
        return NULL;
    at += at < end && *at == '\r';
    if (at == end || *at++ != '\n' || size > (size_t)(end - at))
        return NULL;
    value->type = IMAP_STRING;
    value->data = at;
    value->len = size;
    return at + size;
}

/* Up to a space or a parenthesis; in [ ] they are part of it: BODY[HEADER.FIELDS ("To")]<0>. */
static char *read_atom(char *at, const char *end, struct imap_value *value)
{
    int deep = 0;
    bool quoted = false;

    value->type = IMAP_ATOM;
    value->data = at;
    for (; at < end && *at != '\r' && *at != '\n'; at++) {
        if (!deep && (*at == ' ' || *at == '(' || *at == ')'))
            break;
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
        else if (deep && *at == '"')
            quoted = !quoted;
        else if (!quoted && *at == '[')
            deep = 1;
        else if (!quoted && *at == ']')
            deep = 0;
    }
    value->len = (size_t)(at - value->data);
    if (imap_value_is(value, "NIL"))
        value->type = IMAP_NIL;
    return deep || !value->len ? NULL : at;
}

static char *read_value(struct imap_response *response, char *at, const char *end)
{
    struct imap_value *value = value_new(response);

    if (!value)
        return NULL;
    if (*at == '"')
        return read_quoted(at, end, value);
    if (*at == '~' && at + 1 < end && at[1] == '{') /* literal8, RFC 3516 */
        at++;
    if (*at == '{')
        return read_literal(at, end, value);
    return read_atom(at, end, value);
}

static int read_values(struct imap_response *response, char *at, const char *end)
{
    uint32_t open[IMAP_DEPTH_MAX];
    int depth = 0;

    while (at && at < end) {
        if (*at == ' ') {
            at++;
        } else if (*at == '(') {
            struct imap_value *list = depth < IMAP_DEPTH_MAX ? value_new(response) : NULL;

            if (!list)
                return -1;
            list->type = IMAP_LIST;
            open[depth++] = response->count - 1;
            at++;
        } else if (*at == ')') {
            if (!depth--)
                return -1;
            response->values[open[depth]].next = response->count;
            at++;
        } else {
            at = read_value(response, at, end);
        }
    }
    return at && !depth ? 0 : -1;
}

/* ---- responses --------------------------------------------------------------------------------
 */

/* The word at *at, in capitals and ended by a NUL in place of what followed it. */
static char *take_word(char **at, const char *end)
{
    char *word = *at;

    while (*at < end && **at != ' ') {
        **at = (char)toupper((unsigned char)**at);
        ++*at;
    }
    if (*at < end)
        *(*at)++ = '\0';
    return word;
}

/* [CODE values] before the text. One that has no end is text. */
static int read_code(struct imap_response *response, char *at, char *end)
{
    bool quoted = false;
    char *close = at;

    response->rest = at;
    if (at == end || *at != '[')
        return 0;
    for (; close < end && (quoted || *close != ']'); close++) {
        if (quoted && *close == '\\' && close + 1 < end)
            close++;
        else if (*close == '"')
            quoted = !quoted;
    }
    if (close == end)
        return 0;
    *close = '\0';
    response->rest = close + 1 + (close + 1 < end && close[1] == ' ');
    at++;
    response->code = take_word(&at, close);
    if (read_values(response, at, close) < 0)
        response->count = 0; /* a code that we don't know, with who knows what in it */
    return 0;
}

static int read_data(struct imap_response *response, char *at, char *end)
{
    char *word;

    if (at < end && isdigit((unsigned char)*at)) {
        struct imap_value number = {.type = IMAP_ATOM};

        word = take_word(&at, end);
        number.data = word;
        number.len = strlen(word);
        if (!imap_number(&number, &response->number))
            return -1;
    }
    response->status = status_of(at, (size_t)(end - at));
    response->name = take_word(&at, end);
    response->rest = at;
    if (response->status != IMAP_NONE)
        return read_code(response, at, end);
    if (!*response->name)
        return -1;
    return strcmp(response->name, "SEARCH") == 0 ? 0 : read_values(response, at, end);
}

int imap_response_read(struct imap_response *response, struct rider_bytes whole)
{
    char *at, *end;

    *response = (struct imap_response){.name = "", .rest = ""};
    at = response->raw = text_dup_len(whole.data, whole.len);
    end = at + whole.len;
    if (end > at && end[-1] == '\n')
        *--end = '\0';
    if (end > at && end[-1] == '\r')
        *--end = '\0';
    if (at == end)
        return -1;
    if (*at == '+') {
        response->tag = "+";
        return 0;
    }
    response->tag = at;
    while (at < end && *at != ' ')
        at++;
    if (at == end || at == response->tag || memchr(response->tag, 0, (size_t)(at - response->tag)))
        return -1;
    *at++ = '\0';
    if (read_data(response, at, end) < 0)
        return -1;
    return strcmp(response->tag, "*") == 0 || response->status != IMAP_NONE ? 0 : -1;
}

void imap_response_free(struct imap_response *response)
{
    free(response->values);
    free(response->raw);
    *response = (struct imap_response){0};
}

bool imap_value_is(const struct imap_value *value, const char *word)
{
    size_t len = strlen(word);

    return value && value->data && value->len == len && strncasecmp(value->data, word, len) == 0;
}

bool imap_number(const struct imap_value *value, uint64_t *number_r)
{
    uint64_t number = 0;

    if (!value || value->type != IMAP_ATOM || !value->len)
        return false;
    for (size_t i = 0; i < value->len; i++) {
        unsigned digit = (unsigned)(value->data[i] - '0');

        if (digit > 9 || number > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *number_r = number;
    return true;
}

char *imap_value_dup(const struct imap_value *value)
{
    return value && value->data && value->type != IMAP_NIL ? text_dup_len(value->data, value->len)
                                                           : NULL;
}

const struct imap_value *imap_at(const struct imap_response *response, uint32_t at)
{
    return at < response->count ? &response->values[at] : NULL;
}

bool imap_list_has(const struct imap_response *response, uint32_t list, const char *word)
{
    const struct imap_value *at = imap_at(response, list);

    if (!at || at->type != IMAP_LIST)
        return false;
    for (uint32_t i = list + 1; i < at->next; i = response->values[i].next) {
        if (imap_value_is(&response->values[i], word))
            return true;
    }
    return false;
}

/* ---- SEARCH -----------------------------------------------------------------------------------
 */

static bool read_uid(const char **at, const char *end, uint64_t *number_r)
{
    const char *start = *at;
    uint64_t number = 0;

    for (; *at < end && isdigit((unsigned char)**at); ++*at) {
        number = number * 10 + (uint64_t)(**at - '0');
        if (number > UINT32_MAX)
            return false;
    }
    *number_r = number;
    return *at > start && number; /* 0 is no UID, and no empty answer either */
}

static bool set_each(const char *at, const char *end,
                     void (*each)(void *arg, uint64_t first, uint64_t last), void *arg)
{
    while (at < end) {
        uint64_t first, last;

        if (!read_uid(&at, end, &first))
            return false;
        last = first;
        if (at < end && *at == ':') {
            at++;
            if (!read_uid(&at, end, &last))
                return false;
        }
        each(arg, first < last ? first : last, first < last ? last : first);
        if (at < end && *at++ != ',')
            return false;
    }
    return true;
}

static bool numbers_each(const char *at, void (*each)(void *arg, uint64_t first, uint64_t last),
                         void *arg)
{
    const char *end = at + strlen(at);

    while (at < end) {
        uint64_t number;

        if (*at == ' ') {
            at++;
            continue;
        }
        if (*at == '(') /* (MODSEQ 12), RFC 7162 3.1.5: the end */
            return true;
        if (!read_uid(&at, end, &number))
            return false;
        each(arg, number, number);
    }
    return true;
}

bool imap_search_each(const struct imap_response *response,
                      void (*each)(void *arg, uint64_t first, uint64_t last), void *arg)
{
    if (strcmp(response->name, "SEARCH") == 0)
        return numbers_each(response->rest, each, arg);
    for (uint32_t i = 0; i + 1 < response->count; i = response->values[i].next) {
        const struct imap_value *all = imap_at(response, response->values[i].next);

        if (imap_value_is(&response->values[i], "ALL") && all && all->type == IMAP_ATOM)
            return set_each(all->data, all->data + all->len, each, arg);
    }
    return true; /* RFC 4731: nothing found, no ALL */
}

/* config/csv.c: bytes in, rows out: a buffer that holds one row and a little more. */
#include "config/csv.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };
enum state { CELL_BEGINS = 0, CELL_PLAIN, CELL_QUOTED, CELL_CLOSED };
enum encoding { ENCODING_NONE = 0, ENCODING_UTF8, ENCODING_UTF16LE, ENCODING_UTF16BE };

struct csv {
    int fd;    /* -1: fed                                              */
    bool over; /* no more bytes will come                              */
    uint64_t bytes;
    enum encoding encoding;
    bool latin;       /* some row was not UTF-8                               */
    struct buf raw;   /* UTF-16 that is not whole yet, or the first bytes      */
    uint32_t high;    /* a first surrogate that waits for its second           */
    struct buf text;  /* not yet read as rows; `at` is where the next begins   */
    size_t at, line;  /* line: of text[at], from 1                            */
    size_t scan;      /* where the look for the row's end goes on, from at     */
    enum state state; /* there                                                */
    bool skipping;    /* the rest of a line that is too long                   */
    char delimiter;
    struct buf row;  /* the cells, each NUL-ended                            */
    size_t *offsets; /* of the cells in row                                  */
    const char **cells;
    size_t count, room;
    char error[160];
};

struct csv *csv_new(void)
{
    struct csv *csv = mem_new(sizeof(*csv));

    csv->fd = -1;
    csv->line = 1;
    return csv;
}

int csv_open(const char *path, struct csv **csv_r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *csv_r = csv_new();
    (*csv_r)->fd = fd;
    return 0;
}

void csv_free(struct csv *csv)
{
    if (!csv)
        return;
    if (csv->fd >= 0)
        close(csv->fd);
    buf_finish(&csv->raw);
    buf_finish(&csv->text);
    buf_finish(&csv->row);
    free(csv->offsets);
    free(csv->cells);
    free(csv);
}

static void add_utf8(struct buf *out, uint32_t c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80u | (c & 0x3fu));
    bytes[0] = (char)(first[n == 1 ? 0 : n] | c);
    buf_add(out, bytes, n);
}

static void add_utf16(struct csv *csv, uint32_t unit)
{
    if (unit >= 0xdc00 && unit <= 0xdfff && csv->high) {
        add_utf8(&csv->text, 0x10000 + ((csv->high - 0xd800) << 10) + (unit - 0xdc00));
        csv->high = 0;
        return;
    }
    if (csv->high)
        add_utf8(&csv->text, 0xfffd);
    csv->high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
    if (!csv->high)
        add_utf8(&csv->text, unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit);
}

/* Passes raw bytes on as text once the first three have said what they are. */
static void pump_raw(struct csv *csv)
{
    const unsigned char *p = (const unsigned char *)buf_text(&csv->raw);
    size_t skip = 0, i;

    if (csv->encoding == ENCODING_NONE) {
        if (csv->raw.len < 3 && !csv->over)
            return;
        csv->encoding = ENCODING_UTF8;
        if (csv->raw.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
            skip = 3;
        else if (csv->raw.len >= 2 && p[0] == 0xff && p[1] == 0xfe)
            csv->encoding = ENCODING_UTF16LE, skip = 2;
        else if (csv->raw.len >= 2 && p[0] == 0xfe && p[1] == 0xff)
            csv->encoding = ENCODING_UTF16BE, skip = 2;
    }
    if (csv->encoding == ENCODING_UTF8) {
        buf_add(&csv->text, p + skip, csv->raw.len - skip);
        buf_truncate(&csv->raw, 0);
        return;
    }
    for (i = skip; i + 1 < csv->raw.len; i += 2)
        add_utf16(csv, csv->encoding == ENCODING_UTF16LE ? p[i] | (uint32_t)p[i + 1] << 8
                                                         : p[i + 1] | (uint32_t)p[i] << 8);
    buf_consume(&csv->raw, i);
}

void csv_feed(struct csv *csv, const void *data, size_t len)
{
    csv->bytes += len;
    if (csv->at > READ_SIZE) { /* what was read as rows goes, seldom, so that it costs little */
        buf_consume(&csv->text, csv->at);
        csv->at = 0;
    }
    if (csv->encoding == ENCODING_UTF8) {
        buf_add(&csv->text, data, len);
        return;
    }
    buf_add(&csv->raw, data, len);
    pump_raw(csv);
}

void csv_end(struct csv *csv)
{
    csv->over = true;
    pump_raw(csv);
}

/* 1: there is more text; 0: not now. */
static int fill(struct csv *csv)
{
    char data[READ_SIZE];
    ssize_t got;

    if (csv->fd < 0 || csv->over)
        return 0;
    do
        got = read(csv->fd, data, sizeof(data));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if (got == 0)
        csv_end(csv);
    else
        csv_feed(csv, data, (size_t)got);
    return 1;
}

static bool first_line(const char *text, size_t len, bool over, size_t *len_r)
{
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            quoted = !quoted;
        if (!quoted && (text[i] == '\n' || text[i] == '\r')) {
            *len_r = i;
            return true;
        }
    }
    *len_r = len;
    return over || len >= READ_SIZE;
}

/* The candidate that is there most often in the first row, outside quotes. */
static char most_frequent(const char *text, size_t len)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0}, best = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        const char *c = strchr(candidates, text[i]);

        if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] && c)
            counts[c - candidates]++;
    }
    for (size_t i = 1; i < 3; i++)
        if (counts[i] > counts[best])
            best = i;
    return candidates[best];
}

/* false: more text is wanted to tell. */
static bool sniff(struct csv *csv)
{
    const char *text = buf_text(&csv->text);
    size_t len;

    if (!first_line(text, csv->text.len, csv->over, &len))
        return false;
    if (csv->over && !csv->text.len)
        return true;
    if (len == 5 && text_starts_fold(text, "sep=") && strchr(",;\t|", text[4]) &&
        text[4]) { /* Excel's own line, no row of people */
        csv->delimiter = text[4];
        csv->at = len; /* what is left of the line is an empty row */
        return true;
    }
    csv->delimiter = most_frequent(text, len);
    return true;
}

static enum state next_state(enum state state, char c, char delimiter)
{
    if (state == CELL_QUOTED)
        return c == '"' ? CELL_CLOSED : CELL_QUOTED;
    if (c == '"' && state != CELL_PLAIN) /* it opens, or a second one after the first is a quote */
        return CELL_QUOTED;
    if (c == delimiter || (state == CELL_BEGINS && (c == ' ' || c == '\t')))
        return CELL_BEGINS;
    return CELL_PLAIN;
}

/* Looks for the row's end from where it stopped last. 1: it is len_r long and the next begins at
 * next_r, both from csv->at; 0: more text is wanted. */
static int find_end(struct csv *csv, size_t *len_r, size_t *next_r)
{
    const char *text = buf_text(&csv->text) + csv->at;
    size_t len = csv->text.len - csv->at, i;

    for (i = csv->scan; i < len; i++) {
        char c = text[i];

        if (csv->state != CELL_QUOTED && (c == '\n' || c == '\r')) {
            if (c == '\r' && i + 1 == len && !csv->over)
                break; /* whether a LF follows is not known yet */
            *len_r = i;
            *next_r = i + (c == '\r' && i + 1 < len && text[i + 1] == '\n' ? 2 : 1);
            return 1;
        }
        csv->state = next_state(csv->state, c, csv->delimiter);
    }
    csv->scan = i;
    if (!csv->over || csv->state == CELL_QUOTED || len == 0)
        return 0;
    *len_r = *next_r = len;
    return 1;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n' || (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'));
    return lines;
}

static void pass(struct csv *csv, size_t next)
{
    csv->line += count_lines(buf_text(&csv->text) + csv->at, next);
    csv->at += next;
    csv->scan = 0;
    csv->state = CELL_BEGINS;
}

static const uint16_t cp1252[] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

static void add_cp1252(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        add_utf8(out, c >= 0x80 && c < 0xa0 ? cp1252[c - 0x80] : c);
    }
}

/* Trims the cell that begins at `begin` in the row and ends it. */
static bool end_cell(struct csv *csv, size_t begin)
{
    struct buf *row = &csv->row;

    while (row->len > begin && strchr(" \t\r\n", row->data[row->len - 1]))
        buf_truncate(row, row->len - 1);
    if (csv->count == csv->room) {
        csv->room = csv->room ? csv->room * 2 : 32;
        csv->offsets = mem_grow(csv->offsets, csv->room, sizeof(*csv->offsets));
        csv->cells = mem_grow(csv->cells, csv->room, sizeof(*csv->cells));
    }
    if (csv->count == CSV_CELLS_MAX)
        return false;
    buf_add_char(row, '\0');
    csv->offsets[csv->count++] = begin;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the cells out of one row's text, which is UTF-8. */
static bool split(struct csv *csv, const char *text, size_t len)
{
    enum state state = CELL_BEGINS;
    size_t begin = 0;

    buf_truncate(&csv->row, 0);
    csv->count = 0;
    for (size_t i = 0; i < len; i++) {
        enum state before = state;
        char c = text[i];

        state = next_state(state, c, csv->delimiter);
        if (before != CELL_QUOTED && c == csv->delimiter) {
            if (!end_cell(csv, begin))
                return false;
            begin = csv->row.len;
        } else if (state != CELL_CLOSED && !(before == CELL_BEGINS && state == CELL_QUOTED) &&
                   (csv->row.len > begin || !is_blank(c))) {
            buf_add_char(&csv->row, c);
        }
    }
    if (!end_cell(csv, begin))
        return false;
    for (size_t i = 0; i < csv->count; i++)
        csv->cells[i] = csv->row.data + csv->offsets[i];
    return true;
}

static int bad(struct csv *csv, struct csv_row *row_r, size_t line, const char *error)
{
    snprintf(csv->error, sizeof(csv->error), "%s", error);
    *row_r = (struct csv_row){.line = line, .error = csv->error};
    return -EBADMSG;
}

static bool is_empty(const struct csv *csv)
{
    for (size_t i = 0; i < csv->count; i++)
        if (csv->cells[i][0])
            return false;
    return true;
}

/* 1: a row; 0: an empty one; -EBADMSG. */
static int take_row(struct csv *csv, size_t len, size_t next, struct csv_row *row_r)
{
    auto_buf struct buf utf8 = {0};
    const char *text = buf_text(&csv->text) + csv->at;
    size_t line = csv->line;
    bool fits, nul = memchr(text, '\0', len) != NULL;

    if (!text_is_utf8(text, len)) {
        add_cp1252(&utf8, text, len);
        csv->latin = true;
        fits = split(csv, utf8.data, utf8.len);
    } else {
        fits = split(csv, text, len);
    }
    pass(csv, next);
    if (nul)
        return bad(csv, row_r, line, "the row has a NUL character: save the file as CSV again");
    if (!fits)
        return bad(csv, row_r, line, "the row has more than 1,000 cells");
    if (is_empty(csv))
        return 0;
    *row_r = (struct csv_row){.line = line, .count = csv->count, .cells = csv->cells};
    return 1;
}

/* A row that is too long, or whose quote never closes: only its first line is given up. */
static int give_up(struct csv *csv, struct csv_row *row_r)
{
    const char *text = buf_text(&csv->text) + csv->at;
    size_t len = csv->text.len - csv->at, end = 0, line = csv->line;
    bool quoted = csv->state == CELL_QUOTED;

    while (end < len && text[end] != '\n' && text[end] != '\r')
        end++;
    csv->skipping = end == len && !csv->over;
    if (end < len)
        end += text[end] == '\r' && end + 1 < len && text[end + 1] == '\n' ? 2 : 1;
    pass(csv, end);
    return bad(csv, row_r, line,
               quoted ? "a quote opens here and is never closed: close it, or double it inside"
                      : "the row is longer than 1 MiB");
}

static void skip_line(struct csv *csv)
{
    const char *text = buf_text(&csv->text) + csv->at;
    size_t len = csv->text.len - csv->at;
    const char *end = memchr(text, '\n', len);

    csv->skipping = !end;
    pass(csv, end ? (size_t)(end - text) + 1 : len);
}

int csv_next(struct csv *csv, struct csv_row *row_r)
{
    for (;;) {
        size_t len, next;
        int r;

        if (!csv->delimiter && !sniff(csv)) {
            r = fill(csv);
            if (r <= 0)
                return r;
            continue;
        }
        if (csv->skipping)
            skip_line(csv);
        r = csv->delimiter && !csv->skipping ? find_end(csv, &len, &next) : 0;
        if (r == 1) {
            r = take_row(csv, len, next, row_r);
            if (r != 0)
                return r;
            continue;
        }
        if (csv->text.len - csv->at > CSV_ROW_MAX || (csv->over && csv->text.len > csv->at))
            return give_up(csv, row_r);
        r = fill(csv);
        if (r <= 0)
            return r;
    }
}

uint64_t csv_read_bytes(const struct csv *csv)
{
    return csv->bytes;
}

const char *csv_encoding(const struct csv *csv)
{
    if (csv->encoding == ENCODING_UTF16LE || csv->encoding == ENCODING_UTF16BE)
        return "UTF-16";
    return csv->latin ? "Windows-1252" : "UTF-8";
}

char csv_delimiter(const struct csv *csv)
{
    return csv->delimiter;
}

char *csv_header_name(const char *cell)
{
    struct buf name = {0};

    for (; *cell; cell++) {
        unsigned char c = (unsigned char)*cell;

        if (isalnum(c) || c >= 0x80)
            buf_add_char(&name, (char)tolower(c));
        else if (name.len && name.data[name.len - 1] != '_')
            buf_add_char(&name, '_');
    }
    while (name.len && name.data[name.len - 1] == '_')
        buf_truncate(&name, name.len - 1);
    return name.len ? buf_take(&name) : mem_str("");
}

/* postrider/print.c: tables and text for people, in columns that line up in any script. */
#include "cli.h"

#include "base/list.h"
#include "base/mem.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { COLUMNS_MAX = 20, LABEL_WIDTH = 14, NARROWEST = 12 };

static bool with_colours, on_terminal;

void print_start(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8")) /* what the daemon says is UTF-8 wherever we are */
        setlocale(LC_CTYPE, "");
    on_terminal = isatty(STDOUT_FILENO);
    with_colours =
        on_terminal && !getenv("NO_COLOR") && getenv("TERM") && strcmp(getenv("TERM"), "dumb") != 0;
}

bool colours(void)
{
    return with_colours;
}

/* Subjects and names come from strangers: nothing in them may steer the terminal. */
static bool harmless(wchar_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    return !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069) && c != 0x200e &&
           c != 0x200f;
}

/* One character: its bytes; *c_r is 0xfffd for what is none. */
static size_t next_character(const char *text, wchar_t *c_r)
{
    mbstate_t state = {0};
    size_t len = mbrtowc(c_r, text, strlen(text), &state);

    if (len != (size_t)-1 && len != (size_t)-2 && len)
        return len;
    *c_r = 0xfffd;
    return 1;
}

static size_t width_of_character(wchar_t c)
{
    int width = wcwidth(c);

    return width < 0 ? 1 : (size_t)width;
}

size_t width_of(const char *text)
{
    size_t width = 0;
    wchar_t c;

    for (; *text; text += next_character(text, &c)) {
        next_character(text, &c);
        width += harmless(c) ? width_of_character(c) : 1;
    }
    return width;
}

/* At most `room` columns of it; newlines and tabs become blanks unless `lines`. */
static void put(FILE *to, const char *text, size_t room, bool lines)
{
    bool cut = width_of(text) > room;
    size_t used = 0;
    wchar_t c;

    while (*text) {
        size_t len = next_character(text, &c), width = width_of_character(c);

        if (cut && used + width + 1 > room) {
            fputs("…", to);
            return;
        }
        if (lines && (c == '\n' || c == '\t'))
            fputc((int)c, to);
        else if (harmless(c) && c != 0xfffd)
            fwrite(text, 1, len, to);
        else
            fputs(c == '\n' || c == '\t' ? " " : "?", to);
        used += width;
        text += len;
    }
}

void print_text(FILE *to, const char *text)
{
    put(to, text, SIZE_MAX, true);
}

void print_line(const char *label, const char *text)
{
    if (!*text)
        return;
    printf("%-*s", LABEL_WIDTH, label);
    print_text(stdout, text);
    fputc('\n', stdout);
}

/* -- tables --------------------------------------------------------------------------------- */

struct row {
    struct list node;
    char *cells[COLUMNS_MAX];
};
struct table {
    const char *const *heads;
    size_t columns;
    struct list rows;
};

struct table *table_new(const char *const *heads)
{
    struct table *table = mem_new(sizeof(*table));

    table->heads = heads;
    while (heads[table->columns] && table->columns < COLUMNS_MAX)
        table->columns++;
    list_init(&table->rows);
    return table;
}

void table_row(struct table *table, const char *const *cells)
{
    struct row *row = mem_new(sizeof(*row));

    for (size_t i = 0; i < table->columns; i++)
        row->cells[i] = mem_str(cells[i] ? cells[i] : "");
    list_add(&table->rows, &row->node);
}

static const char *colour_of(const char *word)
{
    static const char *const good[] = {"active", "running", "sent", "done", "live", "reply", NULL};
    static const char *const bad[] = {
        "failed", "uncertain", "reconnect needed", "parked", "bounce-hard", "complaint", NULL};
    static const char *const mild[] = {
        "paused", "pending", "draft", "draining", "starting", "stopped", "waiting for your admin",
        NULL};

    for (size_t i = 0; good[i]; i++)
        if (strcmp(good[i], word) == 0)
            return "\033[32m";
    for (size_t i = 0; bad[i]; i++)
        if (strcmp(bad[i], word) == 0)
            return "\033[31m";
    for (size_t i = 0; mild[i]; i++)
        if (strcmp(mild[i], word) == 0)
            return "\033[33m";
    return NULL;
}

static size_t terminal_width(void)
{
    struct winsize size;

    if (!on_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 40)
        return SIZE_MAX;
    return size.ws_col;
}

static void measure(const struct table *table, size_t widths[])
{
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = width_of(table->heads[i]) - (table->heads[i][0] == '>');
    LIST_EACH (node, &table->rows) {
        const struct row *row = LIST_ENTRY(node, struct row, node);

        for (size_t i = 0; i < table->columns; i++) {
            size_t width = width_of(row->cells[i]);

            if (width > widths[i])
                widths[i] = width;
        }
    }
}

/* The widest column gives way until the line fits the terminal. How many lines a row takes there.
 */
static size_t fit(const struct table *table, size_t widths[])
{
    size_t room = terminal_width();

    for (;;) {
        size_t widest = 0, total = 2 * (table->columns - 1);

        for (size_t i = 0; i < table->columns; i++) {
            total += widths[i];
            if (widths[i] > widths[widest])
                widest = i;
        }
        if (total <= room)
            return 1;
        if (widths[widest] <= NARROWEST)
            return (total + room - 1) / room;
        widths[widest]--;
    }
}

static void print_cell(const struct table *table, size_t column, const char *text, size_t width,
                       const char *colour)
{
    size_t used = width_of(text), pad = used < width ? width - used : 0;
    bool right = table->heads[column][0] == '>', last = column + 1 == table->columns;

    if (right)
        printf("%*s", (int)pad, "");
    if (colour)
        fputs(colour, stdout);
    put(stdout, text, width, false);
    if (colour)
        fputs("\033[0m", stdout);
    if (!right && !last)
        printf("%*s", (int)pad, "");
    fputs(last ? "\n" : "  ", stdout);
}

static void print_rows(struct table *table, const size_t widths[], size_t *lines)
{
    LIST_EACH_SAFE (node, &table->rows) {
        struct row *row = LIST_ENTRY(node, struct row, node);

        for (size_t i = 0; i < table->columns; i++) {
            print_cell(table, i, row->cells[i], widths[i],
                       with_colours ? colour_of(row->cells[i]) : NULL);
            free(row->cells[i]);
        }
        list_remove(node);
        free(row);
        *lines += 1;
    }
}

size_t table_print(struct table *table, const char *nothing)
{
    size_t widths[COLUMNS_MAX], lines = 1, each = 1;

    if (list_empty(&table->rows)) {
        printf("%s\n", nothing);
    } else {
        measure(table, widths);
        each = fit(table, widths);
        for (size_t i = 0; i < table->columns; i++)
            print_cell(table, i, table->heads[i] + (table->heads[i][0] == '>'), widths[i],
                       with_colours ? "\033[1m" : NULL);
        print_rows(table, widths, &lines);
    }
    free(table);
    return lines * each;
}

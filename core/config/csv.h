/* config/csv.h: reads CSV as people have it, a row at a time, in bounded memory.
 *
 * Quotes (RFC 4180) with line ends inside, CRLF, LF or CR, a BOM, Excel's `sep=;` line, comma,
 * semicolon or tab found by the first row, UTF-8, UTF-16 with a BOM, or else Windows-1252 (row by
 * row). A row is at most 1 MiB. A row that can't be read is told and the rest goes on: after a
 * quote that is never closed, on the line below it. Empty rows are passed over. One thread at a
 * time. */
#ifndef CONFIG_CSV_H
#define CONFIG_CSV_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CSV_ROW_MAX = 1024 * 1024, CSV_CELLS_MAX = 1000 };

struct csv;
struct csv_row {
    size_t line;              /* the file's line where the row begins, from 1         */
    size_t count;             /* cells                                                */
    const char *const *cells; /* UTF-8, blanks at the ends trimmed; lent until the next csv_next */
    const char *error;        /* with -EBADMSG: what is wrong, a sentence; lent likewise */
};

/* From a file; csv_next reads on by itself. Negative errno from opening it. */
int csv_open(const char *path, struct csv **csv_r);
/* From pieces: feed, csv_next until 0, feed again; csv_end after the last. */
struct csv *csv_new(void);
void csv_feed(struct csv *csv, const void *data, size_t len); /* copied                  */
void csv_end(struct csv *csv);
void csv_free(struct csv *csv);

/* 1: a row. 0: it is over, or (fed) more is wanted. -EBADMSG: a row that can't be read, with line
 * and error; call again for the next. Other negative errno: reading the file failed; final. */
int csv_next(struct csv *csv, struct csv_row *row_r);

uint64_t csv_read_bytes(const struct csv *csv);  /* of the file so far, for progress bars     */
const char *csv_encoding(const struct csv *csv); /* "UTF-8", "UTF-16" or "Windows-1252"       */
char csv_delimiter(const struct csv *csv);       /* 0: not known yet                          */

/* "First Name" to "first_name", "E-Mail " to "e_mail": ASCII lower-cased, what is no letter or
 * digit becomes one _, none at the ends; letters beyond ASCII stay. The caller frees it. */
char *csv_header_name(const char *cell);
#endif

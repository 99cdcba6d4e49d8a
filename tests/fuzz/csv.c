/* fuzz/csv.c: CSV whole and in pieces gives the same rows, all of them UTF-8. */
#include "config/csv.h"

#include "base/buf.h"
#include "base/text.h"
#include "campaign/people.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct csv *csv, struct people_columns *columns, struct buf *out)
{
    struct csv_row row;
    int r;

    while ((r = csv_next(csv, &row)) != 0) {
        buf_printf(out, "%zu %d %s\n", row.line, r, r < 0 ? row.error : "");
        for (size_t i = 0; r == 1 && i < row.count; i++) {
            if (!text_is_utf8(row.cells[i], strlen(row.cells[i])))
                abort();
            buf_printf(out, "[%s]", row.cells[i]);
        }
        if (r == 1 && !columns->names) {
            auto_mistakes struct mistakes mistakes = {0};

            people_columns_init(columns, "p.csv", &row, &mistakes);
        } else if (r == 1) {
            auto_buf struct buf error = {0};
            struct people_row person = {0};

            people_row_read(columns, &row, &person, &error);
            people_row_finish(&person);
        }
    }
}

static void read_all(const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
    struct people_columns columns = {0};
    struct csv *csv = csv_new();

    for (size_t at = 0; at < size; at += piece) {
        csv_feed(csv, data + at, size - at < piece ? size - at : piece);
        drain(csv, &columns, out);
    }
    csv_end(csv);
    drain(csv, &columns, out);
    csv_free(csv);
    people_columns_finish(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf whole = {0}, pieces = {0};

    if (size > 64 * 1024)
        return 0;
    read_all(data, size, size ? size : 1, &whole);
    read_all(data, size, 3, &pieces);
    if (strcmp(buf_text(&whole), buf_text(&pieces)) != 0)
        abort();
    return 0;
}

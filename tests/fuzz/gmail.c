/* fuzz/gmail.c: what Gmail's API might answer: JSON, batches, reports, cursors. */
#include "gmail/cursor.h"
#include "gmail/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void json(const uint8_t *data, size_t size)
{
    struct wire_error error;
    struct wire_message message;
    struct wire_draft draft;
    struct wire_thread thread;
    struct wire_page page;
    struct wire_labels labels;
    struct text text = {0};

    wire_error_read(&error, data, size);
    if (wire_message_read(&message, data, size) == 0) {
        wire_header_block(&message, NULL, &text);
        wire_message_free(&message);
    }
    if (wire_draft_read(&draft, data, size) == 0)
        wire_draft_free(&draft);
    if (wire_thread_read(&thread, data, size) == 0)
        wire_thread_free(&thread);
    if (wire_page_read(&page, data, size) == 0)
        wire_page_free(&page);
    if (wire_labels_read(&labels, data, size) == 0)
        wire_labels_free(&labels);
    wire_raw_read(&text, data, size);
    wire_text_read(&text, data, size);
    text_free(&text);
}

static void multipart(const uint8_t *data, size_t size)
{
    static const char head[] = "Content-Type: multipart/mixed; boundary=b\r\n";
    const struct rider_bytes headers = {head, sizeof(head) - 1}, body = {data, size};
    struct wire_part parts[5];
    struct wire_report report;

    wire_batch_read(parts, 5, headers, body);
    wire_batch_read(parts, 5, body, body);
    wire_report_read(&report, (const char *)data, size);
    if (report.report.len > WIRE_REPORT_MAX || report.returned.len > WIRE_REPORT_MAX)
        abort();
    wire_report_free(&report);
}

static void cursors(const uint8_t *data, size_t size)
{
    struct cursor cursor, again;
    struct text out = {0};

    if (cursor_read(&cursor, (struct rider_bytes){data, size}) < 0)
        return;
    cursor_write(&cursor, &out);
    if (out.len <= 8192 && cursor_read(&again, (struct rider_bytes){out.data, out.len}) < 0)
        abort(); /* what we write we can read */
    if (out.len <= 8192)
        cursor_free(&again);
    cursor_free(&cursor);
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = text_dup_len((const char *)data, size);

    json(data, size);
    multipart(data, size);
    cursors(data, size);
    wire_time(line);
    wire_http_time(line);
    free(line);
    return 0;
}

/* fuzz/graph.c: what Graph's API might answer: JSON, batches, notices, cursors. */
#include "graph/cursor.h"
#include "graph/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void messages(const uint8_t *data, size_t size)
{
    char *names[] = {(char[]){"From"}, (char[]){"Subject"}, (char[]){"X-A"}, NULL};
    struct wire_message message;
    struct wire_page page;
    struct text text = {0};

    if (wire_message_read(&message, data, size) == 0) {
        wire_header_block(&message, names, &text);
        for (size_t i = 0; i + 1 < text.len; i++) {
            if (text.data[i] == '\r' && text.data[i + 1] != '\n')
                abort();
            if (text.data[i] == '\n' && text.data[i + 1] == '\n')
                abort(); /* a value can't end the block */
        }
        wire_message_free(&message);
    }
    if (wire_page_read(&page, data, size) == 0)
        wire_page_free(&page);
    text_free(&text);
}

static void others(const uint8_t *data, size_t size)
{
    struct wire_error error;
    struct wire_user user;
    struct wire_subscription subscription;
    struct wire_notices notices;
    char **names = wire_categories_read(data, size);

    wire_error_read(&error, data, size);
    if (wire_user_read(&user, data, size) == 0)
        wire_user_free(&user);
    if (wire_subscription_read(&subscription, data, size) == 0)
        free(subscription.id);
    if (wire_notices_read(&notices, data, size) == 0)
        wire_notices_free(&notices);
    if (names)
        text_list_free(names);
    free(wire_text_read(data, size));
}

static void batches(const uint8_t *data, size_t size)
{
    struct wire_part parts[5] = {0};

    wire_batch_read(parts, 5, data, size);
    for (size_t i = 0; i < 5; i++) {
        if (parts[i].status && (parts[i].status < 100 || parts[i].status > 599))
            abort();
    }
    wire_parts_clear(parts, 5);
}

static void cursors(const uint8_t *data, size_t size)
{
    struct cursor cursor, again;
    struct text out = {0}, second = {0};

    if (cursor_read(&cursor, (struct rider_bytes){data, size}) < 0)
        return;
    for (size_t i = 0; i < cursor.count; i++) {
        if (cursor.folders[i].link && *cursor.folders[i].link != '/')
            abort(); /* it would lead elsewhere */
    }
    cursor_write(&cursor, &out);
    if (cursor_read(&again, (struct rider_bytes){out.data, out.len}) < 0)
        abort(); /* what we write we can read */
    cursor_write(&again, &second);
    if (second.len != out.len || memcmp(second.data, out.data, out.len) != 0)
        abort();
    cursor_free(&again);
    cursor_free(&cursor);
    text_free(&out);
    text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    messages(data, size);
    others(data, size);
    batches(data, size);
    cursors(data, size);
    return 0;
}

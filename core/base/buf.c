/* base/buf.c: bytes that grow. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->room - buf->len <= len) {
        size_t room = buf->room ? buf->room : 64;

        while (room - buf->len <= len)
            room *= 2;
        buf->data = mem_grow(buf->data, room, 1);
        buf->room = room;
    }
    return buf->data + buf->len;
}

void buf_advance(struct buf *buf, size_t len)
{
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *end = buf_reserve(buf, len);

    if (len)
        memcpy(end, data, len);
    buf_advance(buf, len);
}

void buf_add_str(struct buf *buf, const char *text)
{
    if (text)
        buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0)
        return;
    buf_reserve(buf, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len >= buf->len) {
        buf_truncate(buf, 0);
        return;
    }
    memmove(buf->data, buf->data + len, buf->len - len);
    buf_truncate(buf, buf->len - len);
}

void buf_truncate(struct buf *buf, size_t len)
{
    if (len > buf->len || !buf->data)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

const char *buf_text(const struct buf *buf)
{
    return buf->len ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data ? buf->data : mem_str("");

    *buf = (struct buf){0};
    return text;
}

void buf_finish(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_wipe(struct buf *buf)
{
    mem_wipe(buf->data, buf->room);
    buf_finish(buf);
}

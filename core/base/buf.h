/* base/buf.h: bytes that grow, and a view of bytes that do not.
 *
 * A zeroed struct buf is empty and ready. `data` is always followed by a NUL that `len` does not
 * count, once anything was added; buf_text gives "" for an empty one. */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const void *data;
    size_t len;
};

struct buf {
    char *data;
    size_t len, room;
};

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_str(struct buf *buf, const char *text); /* NULL adds nothing              */
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *buf_reserve(struct buf *buf, size_t len); /* room for len more; write, then */
void buf_advance(struct buf *buf, size_t len);  /* say how much was written       */
void buf_consume(struct buf *buf, size_t len);  /* drops from the front           */
void buf_truncate(struct buf *buf, size_t len);
const char *buf_text(const struct buf *buf); /* lent; "" when empty            */
char *buf_take(struct buf *buf);             /* gives the text; buf is empty   */
void buf_finish(struct buf *buf);            /* frees; buf is empty again      */
void buf_wipe(struct buf *buf);              /* wipes, then frees              */

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->len};
}

#define auto_buf __attribute__((cleanup(buf_finish)))
#define auto_wiped_buf __attribute__((cleanup(buf_wipe)))
#endif

/* postrider/basic.h: versions, bytes, and the handles that both sides hold.
 *
 * RIDER_REACHES asks whether a struct was built with a header that knows the field; a field that
 * is out of reach counts as zero. */
#ifndef POSTRIDER_BASIC_H
#define POSTRIDER_BASIC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define RIDER_MINOR 0u /* the major is in the entry symbol's name    */
#define RIDER_ENTRY "rider_provider_v1"
#define RIDER_REACHES(s, field)                                                                    \
    ((s)->size >= (size_t)((const char *)(&(s)->field + 1) - (const char *)(s)))
#define RIDER_HAS(table, fn) (RIDER_REACHES(table, fn) && (table)->fn != 0)
#if defined(__GNUC__)
#define RIDER_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RIDER_EXPORT __attribute__((visibility("default")))
#else
#define RIDER_PRINTF(fmt, args)
#define RIDER_EXPORT
#endif

struct rider_bytes {
    const void *data;
    size_t len;
};
struct rider_session; /* an open mailbox; the plugin completes it   */
struct rider_timer;   /* the host's: hold the pointer, no more      */
struct rider_http;
struct rider_op {     /* one operation in flight, made by the host  */
    void *mine;       /* yours                                      */
    int64_t deadline; /* monotonic; then `cancel`, then it is over  */
};

#ifdef __cplusplus
}
#endif
#endif

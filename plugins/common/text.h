/* common/text.h: text that grows, and the few encodings that providers' protocols need.
 *
 * A plugin includes the sdk only, so this is its own. A zeroed struct is empty and ready; memory
 * that is not there aborts, as in the host. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* a NUL follows what was added; NULL while empty */
    size_t len, room;
};

void text_add(struct text *text, const void *data, size_t len);
void text_str(struct text *text, const char *string); /* NULL adds nothing    */
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_json(struct text *text, const char *string);    /* with its quotes      */
void text_percent(struct text *text, const char *string); /* RFC 3986 unreserved stays */
bool text_unpercent(struct text *text, const char *string);
void text_base64url(struct text *text, const void *data, size_t len);
void text_base64(struct text *text, const void *data, size_t len); /* RFC 4648 4, padded */
/* Takes both alphabets, padding or none, and passes over line ends. false: bad character. */
bool text_unbase64(struct text *text, const char *data, size_t len);
const char *text_of(const struct text *text); /* lent; "" when empty  */
void text_free(struct text *text);            /* empty again          */

void *text_alloc(size_t size); /* zeroed */
char *text_dup(const char *string);
char *text_dup_len(const char *string, size_t len);
char **text_list_dup(const char *const *list); /* NULL gives an empty list */
void text_list_free(char **list);
bool text_fold_same(const char *a, const char *b);                 /* ASCII case folded */
const char *text_fold_find(const char *text, const char *lowered); /* or NULL           */
#endif

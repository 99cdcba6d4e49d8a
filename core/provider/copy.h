/* provider/copy.h: copies of what crosses the border, whose pointers are only lent.
 *
 * Each contract struct is taken to its full size: what the other side's header did not know is
 * zero. An arena owns all that the copy points to. */
#ifndef PROVIDER_COPY_H
#define PROVIDER_COPY_H
#include "postrider/provider.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_block;
struct arena { /* a zeroed one is empty and ready */
    struct arena_block *blocks;
};

void *arena_new(struct arena *arena, size_t size); /* zeroed */
const char *arena_text(struct arena *arena, const char *text);
const char *const *arena_list(struct arena *arena, const char *const *list);
struct rider_bytes arena_bytes(struct arena *arena, struct rider_bytes bytes);
void arena_wipe(struct arena *arena); /* wipes, then frees */

/* Takes as much of `from` as both know, and sets our size. false: NULL, or its size is absurd. */
bool copy_struct(void *to, size_t to_size, const void *from);
#define COPY_STRUCT(to, from) copy_struct((to), sizeof(*(to)), (from))

bool copy_failure(struct arena *arena, struct rider_failure *to, const struct rider_failure *from);
bool copy_identity(struct arena *arena, struct rider_identity *to,
                   const struct rider_identity *from);
bool copy_sent(struct arena *arena, struct rider_sent *to, const struct rider_sent *from);
bool copy_page(struct arena *arena, struct rider_page *to, const struct rider_page *from);
bool copy_body(struct arena *arena, struct rider_body *to, const struct rider_body *from);
bool copy_labelled(struct arena *arena, struct rider_labelled *to,
                   const struct rider_labelled *from);
bool copy_message(struct arena *arena, struct rider_message *to, const struct rider_message *from);
bool copy_oauth(struct arena *arena, struct rider_oauth *to, const struct rider_oauth *from);

/* A plugin's text for log or person: what looks like a token is replaced by "[hidden]". */
char *scrub(const char *text); /* NULL gives NULL */
#endif

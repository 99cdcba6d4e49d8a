/* provider/copy.c: deep copies of the contract's structs. */
#include "provider/copy.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

enum { SIZE_LIMIT = 64 * 1024 }; /* no struct of any future header is that large */

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t data[];
};

void *arena_new(struct arena *arena, size_t size)
{
    struct arena_block *block = mem_new(sizeof(*block) + size);

    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->data;
}

static void *arena_copy(struct arena *arena, const void *data, size_t len)
{
    char *copy = arena_new(arena, len + 1);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

const char *arena_text(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

const char *const *arena_list(struct arena *arena, const char *const *list)
{
    const char **copy;
    size_t count = 0;

    if (!list)
        return NULL;
    while (list[count])
        count++;
    copy = arena_new(arena, (count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_text(arena, list[i]);
    return copy;
}

struct rider_bytes arena_bytes(struct arena *arena, struct rider_bytes bytes)
{
    if (!bytes.data)
        return (struct rider_bytes){NULL, 0};
    bytes.data = arena_copy(arena, bytes.data, bytes.len);
    return bytes;
}

void arena_wipe(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_wipe_free(block, sizeof(*block) + block->size);
    }
}

bool copy_struct(void *to, size_t to_size, const void *from)
{
    size_t size;

    if (!from)
        return false;
    memcpy(&size, from, sizeof(size));
    if (size < sizeof(size) || size > SIZE_LIMIT)
        return false;
    memset(to, 0, to_size);
    memcpy(to, from, size < to_size ? size : to_size);
    memcpy(to, &to_size, sizeof(to_size));
    return true;
}

static const char *scrubbed_text(struct arena *arena, const char *text)
{
    auto_free char *clean = scrub(text);
    return arena_text(arena, clean);
}

bool copy_failure(struct arena *arena, struct rider_failure *to, const struct rider_failure *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    if (!RIDER_REACHES(from, retry_after))
        to->retry_after = -1;
    to->status = scrubbed_text(arena, to->status);
    to->claims = arena_text(arena, to->claims);
    to->detail = scrubbed_text(arena, to->detail);
    return true;
}

bool copy_identity(struct arena *arena, struct rider_identity *to,
                   const struct rider_identity *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->subject = arena_text(arena, to->subject);
    to->address = arena_text(arena, to->address);
    to->name = arena_text(arena, to->name);
    to->aliases = arena_list(arena, to->aliases);
    to->tenant = arena_text(arena, to->tenant);
    return true;
}

bool copy_sent(struct arena *arena, struct rider_sent *to, const struct rider_sent *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->provider_id = arena_text(arena, to->provider_id);
    to->thread_id = arena_text(arena, to->thread_id);
    to->message_id = arena_text(arena, to->message_id);
    return true;
}

bool copy_page(struct arena *arena, struct rider_page *to, const struct rider_page *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->cursor = arena_bytes(arena, to->cursor);
    return true;
}

bool copy_body(struct arena *arena, struct rider_body *to, const struct rider_body *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->text = arena_text(arena, to->text);
    return true;
}

bool copy_labelled(struct arena *arena, struct rider_labelled *to,
                   const struct rider_labelled *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->new_ids = arena_list(arena, to->new_ids);
    return true;
}

bool copy_message(struct arena *arena, struct rider_message *to, const struct rider_message *from)
{
    if (!COPY_STRUCT(to, from))
        return false;
    to->marker = arena_text(arena, to->marker);
    to->message_id = arena_text(arena, to->message_id);
    to->from = arena_text(arena, to->from);
    to->to = arena_text(arena, to->to);
    to->rfc5322 = arena_bytes(arena, to->rfc5322);
    to->from_name = arena_text(arena, to->from_name);
    to->to_name = arena_text(arena, to->to_name);
    to->subject = arena_text(arena, to->subject);
    to->text = arena_text(arena, to->text);
    to->html = arena_text(arena, to->html);
    to->in_reply_to = arena_text(arena, to->in_reply_to);
    to->references = arena_text(arena, to->references);
    to->extra_headers = arena_list(arena, to->extra_headers);
    to->thread_id = arena_text(arena, to->thread_id);
    to->previous_id = arena_text(arena, to->previous_id);
    to->provider_id = arena_text(arena, to->provider_id);
    return true;
}

bool copy_oauth(struct arena *arena, struct rider_oauth *to, const struct rider_oauth *from)
{
    static const char *const none[] = {NULL};

    if (!COPY_STRUCT(to, from))
        return false;
    to->authorize_url = arena_text(arena, to->authorize_url);
    to->token_url = arena_text(arena, to->token_url);
    to->revoke_url = arena_text(arena, to->revoke_url);
    to->admin_consent_url = arena_text(arena, to->admin_consent_url);
    to->removal = arena_text(arena, to->removal);
    to->authorize_params = arena_list(arena, to->authorize_params ? to->authorize_params : none);
    to->scopes = arena_list(arena, to->scopes ? to->scopes : none);
    to->origins = arena_list(arena, to->origins ? to->origins : none);
    return true;
}

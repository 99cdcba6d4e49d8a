/* sandbox/google_drafts.c: drafts: a message that sending uses up. */
#include "sandbox/google_drafts.h"

#include "sandbox/google_api.h"

#include "base/mem.h"

#include <string.h>

/* drafts by id, and by their message's id, in one map: the ids never look alike. */
static void draft_put(struct google_account *account, struct google_draft *draft)
{
    map_put_str(&account->drafts, draft->id, draft);
    map_put_str(&account->drafts, draft->message->id, draft);
}

static void draft_drop(struct google_account *account, struct google_draft *draft)
{
    map_take_str(&account->drafts, draft->id);
    map_take_str(&account->drafts, draft->message->id);
    free(draft->id);
    free(draft->our_message_id);
    free(draft);
}

static struct google_draft *draft_get(const struct google_account *account, const char *id)
{
    return id && id[0] == 'r' ? map_get_str(&account->drafts, id) : NULL;
}

void google_draft_forget(struct google_message *message)
{
    struct google_draft *draft = map_get_str(&message->account->drafts, message->id);

    if (draft)
        draft_drop(message->account, draft);
}

static struct json_object *draft_json(const struct google_draft *draft, struct json_object *message)
{
    struct json_object *object = json_object_new_object();

    sbx_json_put(object, "id", draft->id);
    json_object_object_add(object, "message", message);
    return object;
}

/* The message the body describes, as a message of the mailbox; NULL: answered. */
static struct google_message *message_take(struct google_call *call, char **ours_r)
{
    static const char *const labels[] = {"DRAFT", NULL};
    struct json_object *asked = sbx_json_get(call->asked, "message");
    struct google_thread *thread;
    auto_buf struct buf mail = {0};
    struct buf raw = {0};

    if (!google_mail_take(call, asked, &mail) ||
        !google_thread_choose(call, sbx_json_text(asked, "threadId"), buf_bytes(&mail), &thread))
        return NULL;
    google_mail_rewrite(&raw, call->account, buf_bytes(&mail), false, ours_r);
    return google_message_new(call->account, &raw, thread, labels);
}

void google_drafts_create(struct google_call *call)
{
    char *ours = NULL;
    struct google_message *message = message_take(call, &ours);
    struct google_draft *draft;

    if (!message)
        return;
    draft = mem_new(sizeof(*draft));
    draft->id = mem_printf("r%s%llu", message->number % 2 ? "-" : "",
                           (unsigned long long)(sbx_mix(message->number) >> 1));
    draft->our_message_id = ours;
    draft->message = message;
    draft_put(call->account, draft);
    google_ok(call, draft_json(draft, google_message_brief(message, true)));
}

void google_drafts_update(struct google_call *call)
{
    struct google_draft *draft = draft_get(call->account, call->ids[0]);
    struct google_message *message;
    char *ours = NULL;

    if (!draft) {
        google_not_found(call);
        return;
    }
    message = message_take(call, &ours);
    if (!message)
        return;
    map_take_str(&call->account->drafts, draft->message->id);
    google_message_delete(draft->message);
    free(draft->our_message_id);
    draft->our_message_id = ours;
    draft->message = message;
    draft_put(call->account, draft);
    google_ok(call, draft_json(draft, google_message_brief(message, true)));
}

void google_drafts_get(struct google_call *call)
{
    struct google_draft *draft = draft_get(call->account, call->ids[0]);
    auto_free char *format = google_format(call);

    if (!format)
        return;
    if (draft)
        google_ok(call, draft_json(draft, google_message_json(call, draft->message, format, NULL)));
    else
        google_not_found(call);
}

void google_drafts_list(struct google_call *call)
{
    const struct google_index *index = &google_label_get(call->account, "DRAFT")->messages;
    struct json_object *object, *list;
    uint64_t below = UINT64_MAX;
    int64_t size = google_page_size(call, 100, 500);
    size_t at;

    if (size < 0 || !google_page_token(call, &below))
        return;
    object = json_object_new_object();
    list = json_object_new_array();
    for (at = google_index_below(index, below); at > 0 && size > 0; at--) {
        struct google_message *message = index->list[at - 1];
        struct google_draft *draft = map_get_str(&call->account->drafts, message->id);

        if (!draft)
            continue;
        json_object_array_add(list, draft_json(draft, google_message_brief(message, false)));
        below = message->number;
        size--;
    }
    if (at > 0) {
        auto_free char *token = mem_printf("%llu", (unsigned long long)below);

        sbx_json_put(object, "nextPageToken", token);
    }
    if (json_object_array_length(list) > 0)
        json_object_object_add(object, "drafts", list);
    else
        json_object_put(list);
    json_object_object_add(object, "resultSizeEstimate",
                           json_object_new_int64((int64_t)index->count));
    google_ok(call, object);
}

/* Sending uses the draft up: a second time there is none. */
void google_drafts_send(struct google_call *call)
{
    const char *id = sbx_json_text(call->asked, "id");
    struct google_draft *draft = draft_get(call->account, id);
    struct google_message *message;

    if (!id) {
        google_invalid(call, "Missing draft id");
        return;
    }
    if (!draft) {
        google_not_found(call);
        return;
    }
    message = draft->message;
    google_send(call, (struct bytes){message->raw, message->raw_len}, NULL, draft);
    if (call->response->status == 200) {
        draft_drop(call->account, draft);
        google_message_delete(message);
    }
}

void google_drafts_delete(struct google_call *call)
{
    struct google_draft *draft = draft_get(call->account, call->ids[0]);
    struct google_message *message;

    if (!draft) {
        google_not_found(call);
        return;
    }
    message = draft->message;
    draft_drop(call->account, draft);
    google_message_delete(message);
    google_done(call);
}

/* sandbox/google_control.c: what tests and the sandbox's user may ask of the Google side. */
#include "sandbox/control.h"
#include "sandbox/google.h"
#include "sandbox/google_api.h"
#include "sandbox/google_drafts.h"
#include "sandbox/google_tokens.h"
#include "sandbox/people.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static struct json_object *counted(const char *key, size_t count)
{
    struct json_object *answer = control_ok();

    json_object_object_add(answer, key, json_object_new_int64((int64_t)count));
    return answer;
}

/* The account that "account" or "address" names. */
static struct google_account *account_of(struct json_object *asked)
{
    const char *address = sbx_json_text(asked, "account");

    return google_account_get(address ? address : sbx_json_text(asked, "address"));
}

static struct json_object *no_account(void)
{
    return control_error("no such account: name one with \"account\" that google.account.add made");
}

/* -- accounts and clients --------------------------------------------------------------------- */

static void aliases_set(struct google_account *account, struct json_object *list)
{
    size_t count = json_object_array_length(list);

    for (size_t i = 0; i < account->alias_count; i++) {
        free(account->aliases[i].address);
        free(account->aliases[i].name);
    }
    free(account->aliases);
    account->aliases = mem_array(count, sizeof(*account->aliases));
    account->alias_count = count;
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *verification = sbx_json_text(one, "verification");
        const char *address = sbx_json_text(one, "address");

        account->aliases[i].address = sbx_lower(address ? address : "");
        account->aliases[i].name = mem_str(sbx_json_text(one, "name"));
        account->aliases[i].accepted = !verification || strcmp(verification, "accepted") == 0;
    }
}

static struct json_object *account_show(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct json_object *answer;

    if (!account)
        return no_account();
    answer = control_ok();
    sbx_json_put(answer, "address", account->address);
    sbx_json_put(answer, "name", account->name);
    sbx_json_put(answer, "sub", account->sub);
    sbx_json_put(answer, "suspended", account->suspended);
    json_object_object_add(answer, "messages", json_object_new_int64((int64_t)account->all.count));
    json_object_object_add(
        answer, "sent",
        json_object_new_int64((int64_t)google_label_get(account, "SENT")->messages.count));
    json_object_object_add(
        answer, "inbox",
        json_object_new_int64((int64_t)google_label_get(account, "INBOX")->messages.count));
    auto_free char *history = mem_printf("%llu", (unsigned long long)account->history_id);
    sbx_json_put(answer, "history_id", history);
    return answer;
}

static struct json_object *account_add(struct json_object *asked)
{
    const char *address = sbx_json_text(asked, "address");
    struct json_object *aliases = sbx_json_get(asked, "aliases");
    struct google_account *account = google_account_get(address);

    if (!address || !strchr(address, '@'))
        return control_error("google.account.add needs \"address\"");
    if (!account)
        account = google_account_new(address, sbx_json_text(asked, "name"));
    if (json_object_is_type(aliases, json_type_array))
        aliases_set(account, aliases);
    account->send_limit = (uint64_t)sbx_json_int(asked, "send_limit", (int64_t)account->send_limit);
    return account_show(asked);
}

static struct json_object *account_suspend(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    const char *mode = sbx_json_text(asked, "mode");

    if (!account)
        return no_account();
    mode = mode ? mode : "mail_service";
    mem_str_set(&account->suspended, strcmp(mode, "none") == 0 ? NULL : mode);
    return control_ok();
}

static struct json_object *password_changed(struct json_object *asked)
{
    struct google_account *account = account_of(asked);

    return account ? counted("ended", google_grants_end(account, true)) : no_account();
}

static struct json_object *grant_revoke(struct json_object *asked)
{
    struct google_account *account = account_of(asked);

    return account ? counted("ended", google_grants_end(account, false)) : no_account();
}

static struct json_object *token_expire(struct json_object *asked)
{
    struct google_account *account = account_of(asked);

    return account ? counted("expired", google_tokens_expire(account)) : no_account();
}

static struct json_object *client_make(struct json_object *asked)
{
    const char *fault = client_add(&google_state()->clients, asked);

    return fault ? control_error("%s", fault) : control_ok();
}

static struct json_object *consent(struct json_object *asked)
{
    struct google_consent *now = &google_state()->consent;
    const char *mode = sbx_json_text(asked, "mode");

    free(now->account);
    mem_strv_free(now->scopes);
    now->automatic = !mode || strcmp(mode, "page") != 0;
    now->deny = sbx_json_bool(asked, "deny", false);
    now->account = mem_str(sbx_json_text(asked, "account"));
    now->scopes = sbx_json_strings(sbx_json_get(asked, "scopes"));
    return control_ok();
}

/* -- settings --------------------------------------------------------------------------------- */

static struct json_object *token_settings(struct json_object *asked)
{
    struct google_settings *settings = &google_state()->settings;

    settings->token_lifetime =
        sbx_json_int(asked, "seconds", settings->token_lifetime / 1000) * 1000;
    settings->rotate = sbx_json_bool(asked, "rotate", settings->rotate);
    settings->token_unavailable = sbx_json_int(asked, "unavailable", settings->token_unavailable);
    settings->metadata_strict = sbx_json_bool(asked, "metadata_strict", settings->metadata_strict);
    settings->expires_in_set = sbx_json_get(asked, "expires_in") != NULL;
    settings->expires_in = sbx_json_int(asked, "expires_in", 0);
    return control_ok();
}

static struct json_object *history_horizon(struct json_object *asked)
{
    struct google_settings *settings = &google_state()->settings;

    settings->history_horizon = sbx_json_int(asked, "ms", settings->history_horizon);
    return control_ok();
}

static struct json_object *history_traps(struct json_object *asked)
{
    struct google_settings *settings = &google_state()->settings;

    settings->history_empty_pages =
        sbx_json_bool(asked, "empty_pages", settings->history_empty_pages);
    settings->history_duplicates = sbx_json_bool(asked, "duplicates", settings->history_duplicates);
    settings->history_vanished = sbx_json_bool(asked, "vanished", settings->history_vanished);
    return control_ok();
}

/* Ids only grow: a mailbox that is beyond it already stays where it is. */
static struct json_object *history_start(struct json_object *asked)
{
    const char *text = sbx_json_text(asked, "id");
    struct google_account *account;
    uint64_t id = (uint64_t)sbx_json_int(asked, "id", 1000);
    size_t at = 0;

    if (text && !text_u64(text, &id))
        return control_error("google.history.start needs \"id\", a number or a decimal string");
    google_state()->settings.history_start = id;
    while ((account = map_next(&google_state()->accounts, &at, NULL, NULL)))
        google_history_jump(account, id);
    return control_ok();
}

static struct json_object *index_lag(struct json_object *asked)
{
    struct google_settings *settings = &google_state()->settings;

    settings->find_lag = sbx_json_int(asked, "find_ms", settings->find_lag);
    settings->listing_lag = sbx_json_int(asked, "list_ms", settings->listing_lag);
    return control_ok();
}

/* -- mail ------------------------------------------------------------------------------------- */

static struct json_object *message_answer(const struct google_message *message)
{
    struct json_object *answer = control_ok();

    sbx_json_put(answer, "id", message->id);
    sbx_json_put(answer, "thread_id", message->thread->id);
    sbx_json_put(answer, "message_id", message->message_id);
    return answer;
}

static struct json_object *deliver(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct buf mail = {0};

    if (!account)
        return no_account();
    compose_asked(&mail, asked, account->address, sbx_mix(++google_state()->next_id));
    return message_answer(google_deliver(account, &mail,
                                         google_thread_get(account, sbx_json_text(asked, "thread")),
                                         sbx_json_bool(asked, "spam", false)));
}

static struct json_object *fill(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    int64_t count = sbx_json_int(asked, "count", 0);

    if (!account)
        return no_account();
    for (int64_t i = 0; i < count; i++) {
        auto_free char *from = NULL;
        struct buf mail = {0};

        compose_unrelated(&mail, account->address, sbx_hash(5, account->address, (uint64_t)i),
                          &from);
        google_deliver(account, &mail, NULL, false);
    }
    return counted("messages", account->all.count);
}

static struct json_object *message_dump(const struct google_message *message)
{
    struct json_object *object = google_message_brief(message, true);

    json_object_object_add(object, "headers", mime_headers_dump(&message->headers));
    return object;
}

static struct json_object *mailbox_dump(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct json_object *answer, *list;

    if (!account)
        return no_account();
    answer = control_ok();
    list = json_object_new_array();
    for (size_t i = 0; i < account->all.count; i++)
        json_object_array_add(list, message_dump(account->all.list[i]));
    json_object_object_add(answer, "messages", list);
    return answer;
}

/* By X-Postrider-Id. */
static struct json_object *find(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    const char *marker = sbx_json_text(asked, "marker");
    struct google_message *message = NULL;

    if (account && marker)
        message = map_get_str(&account->markers, marker);
    return message ? message_answer(message) : control_error("no message with that marker");
}

static struct json_object *drafts_count(struct json_object *asked)
{
    struct google_account *account = account_of(asked);

    if (!account)
        return no_account();
    return counted("drafts", google_label_get(account, "DRAFT")->messages.count);
}

static struct json_object *labels_dump(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct json_object *answer, *list;

    if (!account)
        return no_account();
    answer = control_ok();
    list = json_object_new_array();
    for (size_t i = 0; i < account->label_count; i++) {
        const struct google_label *label = account->label_list[i];
        struct json_object *one = json_object_new_object(), *ids = json_object_new_array();

        sbx_json_put(one, "id", label->id);
        sbx_json_put(one, "name", label->name);
        for (size_t j = 0; j < label->messages.count; j++)
            json_object_array_add(ids, json_object_new_string(label->messages.list[j]->id));
        json_object_object_add(one, "messages", ids);
        json_object_array_add(list, one);
    }
    json_object_object_add(answer, "labels", list);
    return answer;
}

/* -- the owner's own hand --------------------------------------------------------------------- */

static struct json_object *owner_label(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct google_message *message;
    const char *name = sbx_json_text(asked, "label");
    struct google_label *label;

    if (!account)
        return no_account();
    message = google_message_get(account, sbx_json_text(asked, "id"));
    if (!message || !name)
        return control_error("google.owner.label needs \"id\" of a message, and \"label\", a name");
    label = google_label_named(account, name);
    if (!label)
        label = google_label_new(account, name);
    google_message_label(message, label, !sbx_json_bool(asked, "remove", false));
    return control_ok();
}

static struct json_object *owner_trash(struct json_object *asked)
{
    struct google_account *account = account_of(asked);
    struct google_message *message;

    if (!account)
        return no_account();
    message = google_message_get(account, sbx_json_text(asked, "id"));
    if (!message)
        return control_error("google.owner.trash needs \"id\" of a message that is there");
    if (sbx_json_bool(asked, "forever", false)) {
        google_draft_forget(message);
        google_message_delete(message);
        return control_ok();
    }
    google_message_label(message, google_label_get(account, "TRASH"), true);
    google_message_label(message, google_label_get(account, "INBOX"), false);
    return control_ok();
}

/* All mailboxes and people begin anew; accounts, clients, grants and settings stay. */
static struct json_object *forget(struct json_object *asked)
{
    struct google_account *account;
    size_t at = 0;

    (void)asked;
    while ((account = map_next(&google_state()->accounts, &at, NULL, NULL)))
        google_mailbox_forget(account);
    people_forget();
    return control_ok();
}

static const struct {
    const char *name;
    struct json_object *(*run)(struct json_object *asked);
} commands[] = {
    {"google.account.add", account_add},
    {"google.account.show", account_show},
    {"google.account.password_changed", password_changed},
    {"google.account.suspend", account_suspend},
    {"google.client.add", client_make},
    {"google.consent", consent},
    {"google.grant.revoke", grant_revoke},
    {"google.token.expire", token_expire},
    {"google.token.lifetime", token_settings},
    {"google.token", token_settings},
    {"google.quota", google_quota_set},
    {"google.history.horizon", history_horizon},
    {"google.history.traps", history_traps},
    {"google.history.start", history_start},
    {"google.index", index_lag},
    {"google.people", people_set},
    {"google.script", people_script},
    {"google.deliver", deliver},
    {"google.fill", fill},
    {"google.mailbox.dump", mailbox_dump},
    {"google.find", find},
    {"google.drafts.count", drafts_count},
    {"google.labels.dump", labels_dump},
    {"google.owner.label", owner_label},
    {"google.owner.trash", owner_trash},
    {"google.forget", forget},
};

static struct json_object *command(void *arg, struct json_object *asked)
{
    const char *name = sbx_json_text(asked, "do");

    (void)arg;
    for (size_t i = 0; name && i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(asked);
    return control_error("no such command: see \"The Google side\" in tools/sandbox/README.md");
}

void google_register(void)
{
    google_people_register();
    world_register("google.", command, NULL);
}

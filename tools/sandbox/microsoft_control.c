/* sandbox/microsoft_control.c: what tests and the sandbox's user may ask of the Microsoft side. */
#include "sandbox/microsoft.h"
#include "sandbox/microsoft_graph.h"
#include "sandbox/microsoft_tokens.h"

#include "sandbox/control.h"
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
static struct ms_account *account_of(struct json_object *asked)
{
    const char *address = sbx_json_text(asked, "account");

    return ms_account_get(address ? address : sbx_json_text(asked, "address"));
}

static struct json_object *no_account(void)
{
    return control_error(
        "no such account: name one with \"account\" that microsoft.account.add made");
}

/* -- accounts, tenants and clients ------------------------------------------------------------ */

static void strings_set(char ***list, struct json_object *asked, const char *key)
{
    char **strings = sbx_json_strings(sbx_json_get(asked, key));

    if (!strings)
        return;
    mem_strv_free(*list);
    *list = strings;
}

static struct json_object *account_show(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    struct json_object *answer;

    if (!account)
        return no_account();
    answer = control_ok();
    sbx_json_put(answer, "address", account->address);
    sbx_json_put(answer, "name", account->name);
    sbx_json_put(answer, "sub", account->sub);
    sbx_json_put(answer, "oid", account->oid);
    sbx_json_put(answer, "tenant", account->tenant->id);
    sbx_json_put(answer, "domain", account->tenant->domain);
    sbx_json_put(answer, "suspended", account->suspended);
    for (size_t i = 0; i < account->folder_count; i++)
        if (account->folder_list[i]->well_known)
            json_object_object_add(answer, account->folder_list[i]->well_known,
                                   json_object_new_int64((int64_t)account->folder_list[i]->count));
    return answer;
}

static struct json_object *account_add(struct json_object *asked)
{
    const char *address = sbx_json_text(asked, "address");
    const char *domain = sbx_json_text(asked, "tenant");
    struct ms_account *account = ms_account_get(address);
    struct ms_tenant *tenant = domain ? ms_tenant_get(domain) : NULL;

    if (!address || !strchr(address, '@'))
        return control_error("microsoft.account.add needs \"address\"");
    if (!account)
        account = ms_account_new(address, sbx_json_text(asked, "name"));
    if (domain)
        account->tenant = tenant ? tenant : ms_tenant_of_domain(domain);
    strings_set(&account->aliases, asked, "aliases");
    strings_set(&account->send_as, asked, "send_as");
    strings_set(&account->on_behalf, asked, "on_behalf");
    strings_set(&account->full_access, asked, "full_access");
    for (char **alias = account->aliases; alias && *alias; alias++)
        ms_account_alias(account, *alias);
    if (json_object_object_get_ex(asked, "mail", NULL))
        mem_str_set(&account->mail, sbx_json_text(asked, "mail"));
    account->admin = sbx_json_bool(asked, "admin", account->admin);
    account->recipient_limit =
        (uint64_t)sbx_json_int(asked, "recipient_limit", (int64_t)account->recipient_limit);
    account->minute_limit =
        (uint64_t)sbx_json_int(asked, "minute_limit", (int64_t)account->minute_limit);
    return account_show(asked);
}

static struct json_object *account_suspend(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *mode = sbx_json_text(asked, "mode");

    if (!account)
        return no_account();
    mode = mode ? mode : "MailboxNotEnabledForRESTAPI";
    mem_str_set(&account->suspended, strcmp(mode, "none") == 0 ? NULL : mode);
    return control_ok();
}

/* By the person: tokens of confidential clients live on (facts, section 3.3). */
static struct json_object *password_changed(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    bool admin = text_same(sbx_json_text(asked, "by"), "admin");

    return account ? counted("ended", ms_grants_end(account, !admin)) : no_account();
}

static struct json_object *grant_revoke(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);

    return account ? counted("ended", ms_grants_end(account, false)) : no_account();
}

static struct json_object *token_expire(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);

    return account ? counted("expired", ms_tokens_expire(account)) : no_account();
}

/* Access tokens are refused with a claims challenge until one is issued in answer to it. */
static struct json_object *claims(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *text = sbx_json_text(asked, "claims");

    if (!account)
        return no_account();
    if (!text)
        text = "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1604106651\"}}}";
    mem_str_set(&account->challenge, sbx_json_bool(asked, "off", false) ? NULL : text);
    account->challenge_interactive = sbx_json_bool(asked, "interactive", false);
    return control_ok();
}

static struct json_object *demand(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *what = sbx_json_text(asked, "what");

    if (!account)
        return no_account();
    if (!what || (strcmp(what, "mfa") != 0 && strcmp(what, "consent") != 0 &&
                  strcmp(what, "blocked") != 0 && strcmp(what, "none") != 0))
        return control_error("microsoft.demand needs \"what\": mfa, consent, blocked or none");
    mem_str_set(&account->demand, strcmp(what, "none") == 0 ? NULL : what);
    return control_ok();
}

static struct json_object *tenant_set(struct json_object *asked)
{
    const char *domain = sbx_json_text(asked, "domain"),
               *error = sbx_json_text(asked, "admin_error");
    struct ms_tenant *tenant;
    struct json_object *answer;

    if (!domain)
        return control_error("microsoft.tenant needs \"domain\"");
    tenant = ms_tenant_get(domain);
    if (!tenant)
        tenant = ms_tenant_of_domain(domain);
    tenant->admin_only = sbx_json_bool(asked, "admin_consent", tenant->admin_only);
    tenant->external_limit =
        (uint64_t)sbx_json_int(asked, "external_limit", (int64_t)tenant->external_limit);
    if (error)
        mem_str_set(&tenant->admin_error, error);
    answer = control_ok();
    sbx_json_put(answer, "id", tenant->id);
    sbx_json_put(answer, "domain", tenant->domain);
    json_object_object_add(answer, "admin_consent", json_object_new_boolean(tenant->admin_only));
    json_object_object_add(answer, "consented",
                           json_object_new_int64((int64_t)tenant->consented.count));
    return answer;
}

static struct json_object *client_make(struct json_object *asked)
{
    const char *fault = client_add(&ms_state()->clients, asked);

    return fault ? control_error("%s", fault) : control_ok();
}

static struct json_object *consent(struct json_object *asked)
{
    struct ms_consent_mode *now = &ms_state()->consent;

    now->automatic = !text_same(sbx_json_text(asked, "mode"), "page");
    now->deny = sbx_json_bool(asked, "deny", false);
    now->signed_out = sbx_json_bool(asked, "signed_out", false);
    mem_str_set(&now->account, sbx_json_text(asked, "account"));
    return control_ok();
}

/* -- settings --------------------------------------------------------------------------------- */

static struct json_object *token_settings(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;

    settings->token_lifetime =
        sbx_json_int(asked, "seconds", settings->token_lifetime / 1000) * 1000;
    settings->refresh_lifetime =
        sbx_json_int(asked, "refresh_seconds", settings->refresh_lifetime / 1000) * 1000;
    settings->revoke_old = sbx_json_bool(asked, "revoke_old", settings->revoke_old);
    settings->token_unavailable = sbx_json_int(asked, "unavailable", settings->token_unavailable);
    settings->expires_in_set = sbx_json_get(asked, "expires_in") != NULL;
    settings->expires_in = sbx_json_int(asked, "expires_in", 0);
    return control_ok();
}

static struct json_object *throttle(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;

    settings->latency = sbx_json_int(asked, "latency_ms", settings->latency);
    settings->concurrency = sbx_json_int(asked, "concurrency", settings->concurrency);
    settings->retry_after = sbx_json_int(asked, "retry_after", settings->retry_after);
    settings->request_limit =
        (uint64_t)sbx_json_int(asked, "requests", (int64_t)settings->request_limit);
    settings->every = (uint64_t)sbx_json_int(asked, "every", (int64_t)settings->every);
    return control_ok();
}

static struct json_object *index_lag(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;
    const char *shown = sbx_json_text(asked, "shown");

    settings->sent_lag = sbx_json_int(asked, "sent_ms", settings->sent_lag);
    settings->list_lag = sbx_json_int(asked, "list_ms", settings->list_lag);
    settings->delta_lag = sbx_json_int(asked, "delta_ms", settings->delta_lag);
    if (shown)
        settings->shown = strcmp(shown, "draft") == 0  ? MS_SHOWN_DRAFT
                          : strcmp(shown, "gone") == 0 ? MS_SHOWN_GONE
                                                       : MS_SHOWN_BOTH;
    return control_ok();
}

static struct json_object *manners(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;

    settings->keep_message_id = sbx_json_bool(asked, "keep_message_id", settings->keep_message_id);
    settings->sent_headers = sbx_json_bool(asked, "sent_headers", settings->sent_headers);
    settings->share_subject = sbx_json_bool(asked, "share_subject", settings->share_subject);
    settings->drift = sbx_json_double(asked, "drift", settings->drift);
    settings->long_scopes = sbx_json_bool(asked, "long_scopes", settings->long_scopes);
    settings->stuck = sbx_json_double(asked, "stuck", settings->stuck);
    settings->inner_error = sbx_json_bool(asked, "inner_error", settings->inner_error);
    return control_ok();
}

static struct json_object *links(struct json_object *asked)
{
    mem_str_set(&ms_state()->settings.link_base, sbx_json_text(asked, "base"));
    ms_state()->settings.link_foreign = sbx_json_bool(asked, "foreign", false);
    return control_ok();
}

static struct json_object *delta_traps(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;

    settings->delta_empty_pages = sbx_json_bool(asked, "empty_pages", settings->delta_empty_pages);
    settings->delta_duplicates = sbx_json_bool(asked, "duplicates", settings->delta_duplicates);
    settings->delta_replays = sbx_json_bool(asked, "replays", settings->delta_replays);
    settings->delta_horizon = sbx_json_int(asked, "horizon_ms", settings->delta_horizon);
    return control_ok();
}

/* All tokens from before are dead, or (`next`: n) the next n next links are. */
static struct json_object *delta_expire(struct json_object *asked)
{
    struct ms_settings *settings = &ms_state()->settings;
    const char *how = sbx_json_text(asked, "how");

    if (how)
        mem_str_set(&settings->delta_how, how);
    settings->delta_expire_mid = sbx_json_int(asked, "next", 0);
    if (!sbx_json_get(asked, "next"))
        settings->delta_died = settings->delta_rounds;
    return control_ok();
}

/* -- mail ------------------------------------------------------------------------------------- */

static struct json_object *message_answer(const struct ms_message *message)
{
    struct json_object *answer = control_ok();

    sbx_json_put(answer, "id", message->immutable_id);
    sbx_json_put(answer, "plain_id", message->plain_id);
    sbx_json_put(answer, "thread_id", message->conversation->id);
    sbx_json_put(answer, "message_id", message->content->message_id);
    return answer;
}

static struct json_object *deliver(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *thread = sbx_json_text(asked, "thread");
    const struct ms_message *of = NULL;
    struct buf mail = {0};

    if (!account)
        return no_account();
    compose_asked(&mail, asked, account->address, sbx_mix(++ms_state()->next_id));
    for (size_t i = 0; thread && i < account->message_count; i++)
        if (strcmp(account->all[i]->conversation->id, thread) == 0)
            of = account->all[i];
    return message_answer(ms_deliver(account, &mail, of ? of->conversation : NULL,
                                     sbx_json_bool(asked, "spam", false)));
}

static struct json_object *fill(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    int64_t count = sbx_json_int(asked, "count", 0);

    if (!account)
        return no_account();
    for (int64_t i = 0; i < count; i++) {
        auto_free char *from = NULL;
        struct buf mail = {0};

        compose_unrelated(&mail, account->address, sbx_hash(5, account->address, (uint64_t)i),
                          &from);
        ms_deliver(account, &mail, NULL, false);
    }
    return counted("messages", account->message_count);
}

static struct json_object *message_dump(const struct ms_message *message)
{
    struct json_object *object = json_object_new_object(), *labels = json_object_new_array();
    const char *folder = message->folder->well_known;

    sbx_json_put(object, "id", message->immutable_id);
    sbx_json_put(object, "plain_id", message->plain_id);
    sbx_json_put(object, "threadId", message->conversation->id);
    sbx_json_put(object, "folder", folder ? folder : message->folder->name);
    json_object_object_add(object, "draft", json_object_new_boolean(message->draft));
    for (char **name = message->categories; *name; name++)
        json_object_array_add(labels, sbx_json_safe(*name, strlen(*name)));
    json_object_object_add(object, "labelIds", labels);
    json_object_object_add(object, "headers", mime_headers_dump(&message->content->headers));
    return object;
}

static struct json_object *mailbox_dump(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    struct json_object *answer, *list;

    if (!account)
        return no_account();
    answer = control_ok();
    list = json_object_new_array();
    for (size_t i = 0; i < account->message_count; i++)
        if (!account->all[i]->gone)
            json_object_array_add(list, message_dump(account->all[i]));
    json_object_object_add(answer, "messages", list);
    return answer;
}

/* By X-Postrider-Id. */
static struct json_object *find(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *marker = sbx_json_text(asked, "marker");
    struct ms_message *message = NULL;

    if (account && marker)
        message = map_get_str(&account->markers, marker);
    return message ? message_answer(message) : control_error("no message with that marker");
}

static struct json_object *drafts_count(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);

    return account ? counted("drafts", ms_folder_get(account, "drafts")->count) : no_account();
}

static void label_add(struct json_object *list, const struct ms_account *account,
                      const struct ms_category *category)
{
    struct json_object *one = json_object_new_object(), *ids = json_object_new_array();

    sbx_json_put(one, "id", category->id);
    sbx_json_put(one, "name", category->name);
    sbx_json_put(one, "color", category->color);
    for (size_t i = 0; i < account->message_count; i++) {
        const struct ms_message *message = account->all[i];

        for (char **name = message->categories; !message->gone && *name; name++)
            if (strcmp(*name, category->name) == 0)
                json_object_array_add(ids, json_object_new_string(message->immutable_id));
    }
    json_object_object_add(one, "messages", ids);
    json_object_array_add(list, one);
}

/* The master list, and which messages have each. */
static struct json_object *labels_dump(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    struct json_object *answer, *list;

    if (!account)
        return no_account();
    answer = control_ok();
    list = json_object_new_array();
    for (size_t i = 0; i < account->category_count; i++)
        label_add(list, account, &account->categories[i]);
    json_object_object_add(answer, "labels", list);
    return answer;
}

/* -- the owner's own hand --------------------------------------------------------------------- */

static struct json_object *owner_label(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    struct ms_message *message;
    const char *name = sbx_json_text(asked, "label");
    bool remove = sbx_json_bool(asked, "remove", false);
    char **list;
    size_t count = 0;

    if (!account)
        return no_account();
    message = ms_message_get(account, sbx_json_text(asked, "id"));
    if (!message || !name)
        return control_error("microsoft.owner.label needs \"id\" of a message, and \"label\"");
    while (message->categories[count])
        count++;
    list = mem_array(count + 2, sizeof(*list));
    count = 0;
    for (char **old = message->categories; *old; old++)
        if (strcmp(*old, name) != 0)
            list[count++] = mem_str(*old);
    if (!remove)
        list[count] = mem_str(name);
    ms_message_categories(message, list);
    ms_message_touch(message);
    return control_ok();
}

static struct json_object *owner_trash(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    struct ms_message *message;

    if (!account)
        return no_account();
    message = ms_message_get(account, sbx_json_text(asked, "id"));
    if (!message)
        return control_error("microsoft.owner.trash needs \"id\" of a message that is there");
    if (sbx_json_bool(asked, "forever", false))
        ms_message_delete(message);
    else
        ms_message_move(message, ms_folder_get(account, "deleteditems"));
    return control_ok();
}

/* To a folder of that name, made if need be. */
static struct json_object *owner_move(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);
    const char *name = sbx_json_text(asked, "folder");
    struct ms_message *message;
    struct ms_folder *folder;

    if (!account)
        return no_account();
    message = ms_message_get(account, sbx_json_text(asked, "id"));
    if (!message || !name)
        return control_error("microsoft.owner.move needs \"id\" of a message, and \"folder\"");
    folder = ms_folder_get(account, name);
    for (size_t i = 0; i < account->folder_count && !folder; i++)
        if (text_same(account->folder_list[i]->name, name))
            folder = account->folder_list[i];
    if (!folder)
        folder = ms_folder_new(account, name, NULL, ms_folder_get(account, "msgfolderroot"));
    ms_message_move(message, folder);
    return message_answer(message);
}

static struct json_object *subscriptions(struct json_object *asked)
{
    struct ms_account *account = account_of(asked);

    return account ? ms_subscriptions_control(account, sbx_json_text(asked, "event"))
                   : no_account();
}

/* All mailboxes and people begin anew; accounts, clients, grants and settings stay. */
static struct json_object *forget(struct json_object *asked)
{
    (void)asked;
    for (size_t i = 0; i < ms_state()->account_count; i++)
        ms_mailbox_forget(ms_state()->account_list[i]);
    ms_state()->settings.delta_died = ms_state()->settings.delta_rounds;
    people_forget();
    return control_ok();
}

static const struct {
    const char *name;
    struct json_object *(*run)(struct json_object *asked);
} commands[] = {
    {"microsoft.account.add", account_add},
    {"microsoft.account.show", account_show},
    {"microsoft.account.password_changed", password_changed},
    {"microsoft.account.suspend", account_suspend},
    {"microsoft.tenant", tenant_set},
    {"microsoft.client.add", client_make},
    {"microsoft.consent", consent},
    {"microsoft.grant.revoke", grant_revoke},
    {"microsoft.token.expire", token_expire},
    {"microsoft.token", token_settings},
    {"microsoft.claims", claims},
    {"microsoft.demand", demand},
    {"microsoft.throttle", throttle},
    {"microsoft.index", index_lag},
    {"microsoft.manners", manners},
    {"microsoft.links", links},
    {"microsoft.delta.traps", delta_traps},
    {"microsoft.delta.expire", delta_expire},
    {"microsoft.people", people_set},
    {"microsoft.script", people_script},
    {"microsoft.deliver", deliver},
    {"microsoft.fill", fill},
    {"microsoft.mailbox.dump", mailbox_dump},
    {"microsoft.find", find},
    {"microsoft.drafts.count", drafts_count},
    {"microsoft.labels.dump", labels_dump},
    {"microsoft.owner.label", owner_label},
    {"microsoft.owner.trash", owner_trash},
    {"microsoft.owner.move", owner_move},
    {"microsoft.subscriptions", subscriptions},
    {"microsoft.forget", forget},
};

static struct json_object *command(void *arg, struct json_object *asked)
{
    const char *name = sbx_json_text(asked, "do");

    (void)arg;
    for (size_t i = 0; name && i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(asked);
    return control_error("no such command: see \"The Microsoft side\" in tools/sandbox/README.md");
}

void microsoft_register(void)
{
    ms_people_register();
    world_register("microsoft.", command, NULL);
}

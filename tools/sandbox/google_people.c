/* sandbox/google_people.c: the people who get the mail: by script or by seed they answer or not. */
#include "sandbox/google_people.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static const struct {
    enum google_deed_kind kind;
    const char *name; /* in google.script, and google.people's shares */
    const char *told; /* "kind" in receiver.log */
    bool last;        /* whoever did this does no more, unless a script says so */
} deeds[] = {
    {DEED_REPLY, "reply", "reply", true},
    {DEED_OTHER_ADDRESS, "other_address", "reply", true},
    {DEED_OTHER_ADDRESS, "reply_other_address", "reply", true},
    {DEED_NO_REFERENCES, "reply_without_references", "reply", true},
    {DEED_CHANGED_SUBJECT, "reply_changed_subject", "reply", true},
    {DEED_SPAM, "reply_filed_as_spam", "reply", true},
    {DEED_AUTO_REPLY, "auto_reply", "auto_reply", false},
    {DEED_OUT_OF_OFFICE, "out_of_office", "out_of_office", false},
    {DEED_BOUNCE_HARD, "bounce_hard", "bounce_hard", true},
    {DEED_BOUNCE_SOFT, "bounce_soft", "bounce_soft", false},
    {DEED_UNSUBSCRIBE, "unsubscribe", "unsubscribe", true},
    {DEED_COMPLAINT, "complaint", "complaint", true},
    {DEED_UNRELATED, "unrelated", "unrelated", false},
    {DEED_NOTHING, "nothing", NULL, false},
};

struct person {
    uint64_t count; /* messages accepted to them */
    bool done, no_mailbox;
};

struct script {
    char *person; /* "*": anybody */
    uint64_t nth; /* 0: every one */
    enum google_deed_kind kind;
    int64_t after;
};

static struct {
    bool seeded;
    uint64_t seed;
    double shares[ARRAY_LEN(deeds)];
    int64_t delay_min, delay_max;
    struct script *scripts;
    size_t script_count;
    struct map persons;
    struct list pending; /* so that what is still to come can be reached */
} people = {.delay_min = 60 * 1000, .delay_max = GOOGLE_DAY};

static size_t deed_named(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(deeds); i++)
        if (strcmp(deeds[i].name, name) == 0)
            return i;
    return ARRAY_LEN(deeds);
}

static size_t deed_row(enum google_deed_kind kind)
{
    size_t row = 0;

    while (deeds[row].kind != kind)
        row++;
    return row;
}

static void tell(const struct google_deed *deed, const struct google_message *message,
                 const char *from, const char *how)
{
    struct json_object *entry = json_object_new_object();
    const struct google_message *of = deed->of;

    google_json_put(entry, "kind", deeds[deed_row(deed->kind)].told);
    google_json_put(entry, "account", of->account->address);
    google_json_put(entry, "person", deed->kind == DEED_UNRELATED ? NULL : deed->person);
    google_json_put(entry, "from", from);
    google_json_put(entry, "id", message ? message->id : NULL);
    google_json_put(entry, "message_id", message ? message->message_id : NULL);
    google_json_put(entry, "of", deed->kind == DEED_UNRELATED ? NULL : of->message_id);
    google_json_put(entry, "thread_id", message ? message->thread->id : NULL);
    json_object_object_add(entry, "nth", json_object_new_int64((int64_t)deed->nth));
    if (how)
        google_json_put(entry, "how", how);
    world_receive(entry);
}

/* The first <scheme:...> of List-Unsubscribe; NULL: none. Allocated. */
static char *unsubscribe_link(const struct google_message *message, const char *scheme)
{
    const char *value = google_message_header(message, "List-Unsubscribe");

    for (const char *p = value ? strchr(value, '<') : NULL; p; p = strchr(p + 1, '<'))
        if (text_starts_fold(p + 1, scheme))
            return mem_strn(p + 1, strcspn(p + 1, ">"));
    return NULL;
}

/* One-click where that is offered (RFC 8058); else by mail. True: done without any mail. */
static bool unsubscribe_click(const struct google_deed *deed)
{
    auto_free char *url = unsubscribe_link(deed->of, "http");

    if (!url || !google_message_header(deed->of, "List-Unsubscribe-Post"))
        return false;
    tell(deed, NULL, deed->person, "one_click");
    world_post(url, "List-Unsubscribe=One-Click");
    return true;
}

/* Bounces and whatever lacks the marks of an answer: does Gmail put it in the same thread? */
static struct google_thread *thread_of(const struct google_deed *deed)
{
    bool bounce = deed->kind == DEED_BOUNCE_HARD || deed->kind == DEED_BOUNCE_SOFT;

    return bounce ? deed->of->thread : NULL;
}

/* An address that only differs by its plus tag is the same mailbox. */
static struct google_account *account_at(const char *address)
{
    struct google_account *account = google_account_get(address);
    const char *plus = strchr(address, '+'), *at = strchr(address, '@');

    if (!account && plus && at && plus < at) {
        auto_free char *bare = mem_printf("%.*s%s", (int)(plus - address), address, at);

        account = google_account_get(bare);
    }
    return account;
}

/* Where the mail of this deed arrives. */
static struct google_account *goes_to(const struct google_deed *deed)
{
    const char *reply_to = google_message_header(deed->of, "Reply-To");
    auto_free char *link = NULL, *address = google_address_first(reply_to);
    struct google_account *account = address ? account_at(address) : NULL;

    if (deed->kind == DEED_UNSUBSCRIBE) {
        link = unsubscribe_link(deed->of, "mailto:");
        if (link) {
            link[7 + strcspn(link + 7, "?")] = '\0';
            account = account_at(link + 7);
        }
    } else if (deed->kind == DEED_BOUNCE_HARD || deed->kind == DEED_BOUNCE_SOFT) {
        account = NULL;
    }
    return account ? account : deed->of->account;
}

static void happen(void *arg)
{
    struct google_deed *deed = arg;
    struct google_account *account;
    struct google_message *message;
    struct buf mail = {0};
    auto_free char *from = NULL;

    list_remove(&deed->node);
    if (deed->kind == DEED_NOTHING) { /* forgotten */
        free(deed->person);
        free(deed);
        return;
    }
    if (deed->kind != DEED_UNSUBSCRIBE || !unsubscribe_click(deed)) {
        if (deed->kind == DEED_UNRELATED)
            google_compose_unrelated(&mail, deed->of->account, deed->hash, &from);
        else
            google_compose(&mail, deed, &from);
        account = goes_to(deed);
        message =
            google_deliver(account, &mail, account == deed->of->account ? thread_of(deed) : NULL,
                           deed->kind == DEED_SPAM);
        tell(deed, message, from, deed->kind == DEED_UNSUBSCRIBE ? "mail" : NULL);
    }
    free(deed->person);
    free(deed);
}

static void schedule(struct google_message *of, const char *person, uint64_t nth, uint64_t hash,
                     enum google_deed_kind kind, int64_t after)
{
    struct google_deed *deed = mem_new(sizeof(*deed));

    if (!people.pending.next)
        list_init(&people.pending);
    deed->kind = kind;
    deed->of = of;
    deed->person = mem_str(person);
    deed->nth = nth;
    deed->hash = hash;
    list_add(&people.pending, &deed->node);
    world_at(world_now() + after, happen, deed);
}

static int64_t delay_of(uint64_t hash)
{
    int64_t span = people.delay_max - people.delay_min;

    return people.delay_min + (int64_t)(google_share(hash) * (double)(span > 0 ? span : 0));
}

/* The newest script for this message; NULL: none. */
static const struct script *script_for(const char *person, uint64_t nth)
{
    for (size_t i = people.script_count; i > 0; i--) {
        const struct script *script = &people.scripts[i - 1];

        if ((script->nth == 0 || script->nth == nth) &&
            (strcmp(script->person, "*") == 0 || strcmp(script->person, person) == 0))
            return script;
    }
    return NULL;
}

static enum google_deed_kind draw(uint64_t hash)
{
    double at = google_share(hash);

    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        if (deeds[i].kind == DEED_UNRELATED)
            continue;
        at -= people.shares[i];
        if (at < 0)
            return deeds[i].kind;
    }
    return DEED_NOTHING;
}

/* A person with no mailbox bounces again; one who answered is silent. */
static enum google_deed_kind decide(const struct person *person, uint64_t hash)
{
    if (person->no_mailbox)
        return DEED_BOUNCE_HARD;
    return !people.seeded || person->done ? DEED_NOTHING : draw(hash);
}

static struct person *person_of(const char *address)
{
    struct person *person = map_get_str(&people.persons, address);

    if (!person) {
        person = mem_new(sizeof(*person));
        map_put_str(&people.persons, address, person);
    }
    return person;
}

void google_people_received(struct google_message *message, const char *address)
{
    struct person *person = person_of(address);
    uint64_t nth = ++person->count, hash = google_hash(people.seed, address, nth);
    const struct script *script = script_for(address, nth);
    enum google_deed_kind kind = script ? script->kind : decide(person, hash);
    uint64_t stranger = google_mix(hash ^ 3);
    double share = people.shares[deed_row(DEED_UNRELATED)];

    if (kind != DEED_NOTHING) {
        if (deeds[deed_row(kind)].last)
            person->done = true;
        if (kind == DEED_BOUNCE_HARD)
            person->no_mailbox = true;
        schedule(message, address, nth, google_mix(hash ^ 1), kind,
                 script ? script->after : delay_of(google_mix(hash ^ 2)));
    }
    if (people.seeded && google_share(stranger) < share)
        schedule(message, address, nth, google_mix(hash ^ 4), DEED_UNRELATED,
                 delay_of(google_mix(hash ^ 5)));
}

void google_people_forget(void)
{
    size_t at = 0;
    struct person *person;

    while ((person = map_next(&people.persons, &at, NULL, NULL)))
        *person = (struct person){0};
    if (people.pending.next)
        LIST_EACH (node, &people.pending)
            LIST_ENTRY(node, struct google_deed, node)->kind = DEED_NOTHING;
}

static struct json_object *done(const char *error)
{
    struct json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(error == NULL));
    if (error)
        google_json_put(answer, "error", error);
    return answer;
}

struct json_object *google_people_set(struct json_object *asked)
{
    people.seeded = true;
    people.seed = (uint64_t)google_json_int(asked, "seed", 1);
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
        people.shares[i] = google_json_double(asked, deeds[i].name, 0);
    people.delay_min = google_json_int(asked, "delay_min_ms", people.delay_min);
    people.delay_max = google_json_int(asked, "delay_max_ms", people.delay_max);
    return done(people.delay_max < people.delay_min ? "delay_max_ms is below delay_min_ms" : NULL);
}

struct json_object *google_people_script(struct json_object *asked)
{
    const char *person = google_json_text(asked, "person"), *name = google_json_text(asked, "act");
    size_t row = deed_named(name);
    struct script *script;

    if (!person)
        return done("google.script needs \"person\": an address, or \"*\" for anybody");
    if (row == ARRAY_LEN(deeds))
        return done("google.script needs \"act\": reply, reply_other_address, "
                    "reply_without_references, reply_changed_subject, reply_filed_as_spam, "
                    "auto_reply, out_of_office, bounce_hard, bounce_soft, unsubscribe, complaint, "
                    "unrelated or nothing");
    people.scripts = mem_grow(people.scripts, people.script_count + 1, sizeof(*people.scripts));
    script = &people.scripts[people.script_count++];
    *script = (struct script){google_lower(person), (uint64_t)google_json_int(asked, "on_step", 0),
                              deeds[row].kind, google_json_int(asked, "after_ms", 60 * 1000)};
    return done(NULL);
}

/* sandbox/people.c: the people who get the mail: by script or by seed they answer or not. */
#include "sandbox/people.h"

#include "sandbox/values.h"
#include "sandbox/world.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { REFUSED_AFTER = 5 * 1000 };

static const struct {
    enum deed_kind kind;
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
    {DEED_LIMIT, "limit", "bounce_soft", false},
    {DEED_NOTHING, "nothing", NULL, false},
};

struct person {
    uint64_t count; /* messages accepted to them */
    bool done, no_mailbox;
};

struct script {
    char *person; /* "*": anybody */
    uint64_t nth; /* 0: every one */
    enum deed_kind kind;
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
    uint64_t refused;
    struct list pending; /* so that what is still to come can be reached */
} people = {.delay_min = 60 * 1000, .delay_max = SBX_DAY};

struct box { /* a mailbox of some side */
    const struct people_side *side;
    void *account;
};

static struct list sides = {&sides, &sides};

static size_t deed_named(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(deeds); i++)
        if (strcmp(deeds[i].name, name) == 0)
            return i;
    return ARRAY_LEN(deeds);
}

static size_t deed_row(enum deed_kind kind)
{
    size_t row = 0;

    while (deeds[row].kind != kind)
        row++;
    return row;
}

static void tell(const struct deed *deed, const struct people_arrived *mail, const char *from,
                 const char *how)
{
    struct json_object *entry = json_object_new_object();
    bool stranger = deed->kind == DEED_UNRELATED;

    sbx_json_put(entry, "kind", deeds[deed_row(deed->kind)].told);
    sbx_json_put(entry, "account", deed->of.address);
    sbx_json_put(entry, "person", stranger ? NULL : deed->person);
    sbx_json_put(entry, "from", from);
    sbx_json_put(entry, "id", mail->id);
    sbx_json_put(entry, "message_id", mail->message_id);
    sbx_json_put(entry, "of", stranger ? NULL : deed->of.message_id);
    sbx_json_put(entry, "thread_id", mail->thread_id);
    json_object_object_add(entry, "nth", json_object_new_int64((int64_t)deed->nth));
    if (how)
        sbx_json_put(entry, "how", how);
    world_receive(entry);
}

/* The first <scheme:...> of List-Unsubscribe; NULL: none. Allocated. */
static char *unsubscribe_link(const struct people_mail *mail, const char *scheme)
{
    const char *value = mime_headers_get(mail->headers, "List-Unsubscribe");

    for (const char *p = value ? strchr(value, '<') : NULL; p; p = strchr(p + 1, '<'))
        if (text_starts_fold(p + 1, scheme))
            return mem_strn(p + 1, strcspn(p + 1, ">"));
    return NULL;
}

/* One-click where that is offered (RFC 8058); else by mail. True: done without any mail. */
static bool unsubscribe_click(const struct deed *deed)
{
    auto_free char *url = unsubscribe_link(&deed->of, "http");

    if (!url || !mime_headers_get(deed->of.headers, "List-Unsubscribe-Post"))
        return false;
    tell(deed, &(struct people_arrived){0}, deed->person, "one_click");
    world_post(url, "List-Unsubscribe=One-Click");
    return true;
}

/* The account of that address, whichever side has it. One that only differs by its plus tag is the
 * same mailbox. */
static struct box box_at(const char *address)
{
    const char *plus = strchr(address, '+'), *at = strchr(address, '@');
    struct box box = {0};

    LIST_EACH (node, &sides) {
        box.side = LIST_ENTRY(node, struct people_side, node);
        box.account = box.side->account(address);
        if (box.account)
            return box;
    }
    if (!plus || !at || plus > at)
        return box;
    auto_free char *bare = mem_printf("%.*s%s", (int)(plus - address), address, at);
    return box_at(bare);
}

static bool is_bounce(const struct deed *deed)
{
    return deed->kind == DEED_BOUNCE_HARD || deed->kind == DEED_BOUNCE_SOFT ||
           deed->kind == DEED_LIMIT;
}

/* Where the mail of this deed arrives. */
static struct box goes_to(const struct deed *deed)
{
    const char *reply_to = mime_headers_get(deed->of.headers, "Reply-To");
    auto_free char *link = NULL, *address = mime_address_first(reply_to);
    struct box box = {0};

    if (deed->kind == DEED_UNSUBSCRIBE) {
        link = unsubscribe_link(&deed->of, "mailto:");
        if (link) {
            link[7 + strcspn(link + 7, "?")] = '\0';
            box = box_at(link + 7);
        }
    }
    if (!box.account && address && !is_bounce(deed) && !link)
        box = box_at(address);
    return box.account ? box : (struct box){deed->of.side, deed->of.account};
}

static void mail_arrives(const struct deed *deed)
{
    struct people_arrived arrived = {0};
    struct box box = goes_to(deed);
    struct buf mail = {0};
    auto_free char *from = NULL;

    if (deed->kind == DEED_UNRELATED)
        compose_unrelated(&mail, deed->of.address, deed->hash, &from);
    else
        compose(&mail, deed, &from);
    box.side->deliver(box.account, &mail, is_bounce(deed) ? deed->of.message : NULL,
                      deed->kind == DEED_SPAM, &arrived);
    tell(deed, &arrived, from,
         deed->kind == DEED_UNSUBSCRIBE ? "mail"
         : deed->kind == DEED_LIMIT     ? "tenant_limit"
                                        : NULL);
}

static void happen(void *arg)
{
    struct deed *deed = arg;

    list_remove(&deed->node);
    if (deed->kind != DEED_NOTHING && /* forgotten */
        (deed->kind != DEED_UNSUBSCRIBE || !unsubscribe_click(deed)))
        mail_arrives(deed);
    free(deed->person);
    free(deed);
}

static void schedule(const struct people_mail *of, const char *person, uint64_t nth, uint64_t hash,
                     enum deed_kind kind, int64_t after)
{
    struct deed *deed = mem_new(sizeof(*deed));

    if (!people.pending.next)
        list_init(&people.pending);
    deed->kind = kind;
    deed->of = *of;
    deed->person = mem_str(person);
    deed->nth = nth;
    deed->hash = hash;
    list_add(&people.pending, &deed->node);
    world_at(world_now() + after, happen, deed);
}

static int64_t delay_of(uint64_t hash)
{
    int64_t span = people.delay_max - people.delay_min;

    return people.delay_min + (int64_t)(sbx_share(hash) * (double)(span > 0 ? span : 0));
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

static enum deed_kind draw(uint64_t hash)
{
    double at = sbx_share(hash);

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
static enum deed_kind decide(const struct person *person, uint64_t hash)
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

void people_received(const struct people_mail *mail, const char *address)
{
    struct person *person = person_of(address);
    uint64_t nth = ++person->count, hash = sbx_hash(people.seed, address, nth);
    const struct script *script = script_for(address, nth);
    enum deed_kind kind = script ? script->kind : decide(person, hash);
    uint64_t stranger = sbx_mix(hash ^ 3);
    double share = people.shares[deed_row(DEED_UNRELATED)];

    if (kind != DEED_NOTHING) {
        if (deeds[deed_row(kind)].last)
            person->done = true;
        if (kind == DEED_BOUNCE_HARD)
            person->no_mailbox = true;
        schedule(mail, address, nth, sbx_mix(hash ^ 1), kind,
                 script ? script->after : delay_of(sbx_mix(hash ^ 2)));
    }
    if (people.seeded && sbx_share(stranger) < share)
        schedule(mail, address, nth, sbx_mix(hash ^ 4), DEED_UNRELATED,
                 delay_of(sbx_mix(hash ^ 5)));
}

void people_refused(const struct people_mail *mail, const char *address, enum deed_kind kind)
{
    uint64_t hash = sbx_hash(people.seed, address, ++people.refused);

    schedule(mail, address, 0, hash, kind, REFUSED_AFTER);
}

void people_forget(void)
{
    size_t at = 0;
    struct person *person;

    while ((person = map_next(&people.persons, &at, NULL, NULL)))
        *person = (struct person){0};
    if (people.pending.next)
        LIST_EACH (node, &people.pending)
            LIST_ENTRY(node, struct deed, node)->kind = DEED_NOTHING;
}

void people_side_add(struct people_side *side)
{
    list_add(&sides, &side->node);
}

bool people_deliver(const char *address, const void *mail, size_t len)
{
    struct people_arrived arrived = {0};
    struct box box = box_at(address);
    struct buf copy = {0};

    if (!box.account)
        return false;
    buf_add(&copy, mail, len);
    box.side->deliver(box.account, &copy, NULL, false, &arrived);
    return true;
}

static struct json_object *done(const char *error)
{
    struct json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(error == NULL));
    if (error)
        sbx_json_put(answer, "error", error);
    return answer;
}

struct json_object *people_set(struct json_object *asked)
{
    people.seeded = true;
    people.seed = (uint64_t)sbx_json_int(asked, "seed", 1);
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
        people.shares[i] = sbx_json_double(asked, deeds[i].name, 0);
    people.delay_min = sbx_json_int(asked, "delay_min_ms", people.delay_min);
    people.delay_max = sbx_json_int(asked, "delay_max_ms", people.delay_max);
    return done(people.delay_max < people.delay_min ? "delay_max_ms is below delay_min_ms" : NULL);
}

struct json_object *people_script(struct json_object *asked)
{
    const char *person = sbx_json_text(asked, "person"), *name = sbx_json_text(asked, "act");
    size_t row = deed_named(name);
    struct script *script;

    if (!person)
        return done("script needs \"person\": an address, or \"*\" for anybody");
    if (row == ARRAY_LEN(deeds))
        return done("script needs \"act\": reply, reply_other_address, "
                    "reply_without_references, reply_changed_subject, reply_filed_as_spam, "
                    "auto_reply, out_of_office, bounce_hard, bounce_soft, unsubscribe, complaint, "
                    "unrelated or nothing");
    people.scripts = mem_grow(people.scripts, people.script_count + 1, sizeof(*people.scripts));
    script = &people.scripts[people.script_count++];
    *script = (struct script){sbx_lower(person), (uint64_t)sbx_json_int(asked, "on_step", 0),
                              deeds[row].kind, sbx_json_int(asked, "after_ms", 60 * 1000)};
    return done(NULL);
}

/* smtp-imap/imap.c: an IMAP connection: commands, their answers, and what is learnt on the way. */
#include "imap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    OPEN_TIMEOUT = 30000,
    UNTAGGED_MAX = 200000, /* responses to one command */
    UNTAKEN_MAX = 3 * 1024 * 1024,
    FOLDERS_MAX = 5000
};

struct imap_inner {
    struct line *line;
    struct imap_scan scan;
    char tag[20]; /* of the command that was given; "": none */
    bool met;     /* the first answer of our own came: from here on all is ours */
    bool folders; /* to be listed */
    bool doomed;  /* failed was called */
    bool opening; /* the command is EXAMINE or SELECT */
    bool commits; /* the command's last byte was written, and may have taken effect */
    const char *doing;
    size_t heard;
    struct rider_bytes literal; /* waits for a + */
    char *bye;                  /* what the server said at its end */
    imap_heard *untagged, *then;
    void *then_arg;
    void (*ready)(void *arg);
    void (*failed)(void *arg, const struct failure *why);
    void *arg;
    bool *freed; /* set when it goes while it reads */
};

static void forget_open(struct imap_open *open)
{
    free(open->name);
    if (open->keywords)
        text_list_free(open->keywords);
    *open = (struct imap_open){0};
}

static void forget_folders(struct imap *imap)
{
    for (size_t i = 0; i < imap->folder_count; i++)
        free(imap->folders[i].name);
    free(imap->folders);
    imap->folders = NULL;
    imap->folder_count = 0;
}

void imap_free(struct imap *imap)
{
    if (!imap)
        return;
    if (imap->own->freed)
        *imap->own->freed = true;
    line_free(imap->own->line);
    forget_open(&imap->open);
    forget_folders(imap);
    text_free(&imap->prefix);
    free(imap->made_id);
    free(imap->own->bye);
    free(imap->own);
    free(imap);
}

/* The end: nothing is read or written any more. */
static void give_up(struct imap *imap, const struct failure *why)
{
    struct imap_inner *own = imap->own;

    if (own->doomed)
        return;
    own->doomed = true;
    line_free(own->line);
    own->line = NULL;
    own->failed(own->arg, why);
}

static void broken(struct imap *imap, const char *what)
{
    struct failure failure;

    failure_say(&failure, RIDER_BROKEN, RIDER_MAILBOX, "the IMAP server's answer to %s %s",
                imap->own->doing, what);
    failure.failure.holds = RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL;
    give_up(imap, &failure);
}

/* ---- what every response may tell -------------------------------------------------------------
 */

static const struct {
    const char *name;
    uint32_t has;
} capabilities[] = {
    {"IDLE", IMAP_HAS_IDLE},
    {"CONDSTORE", IMAP_HAS_CONDSTORE},
    {"QRESYNC", IMAP_HAS_QRESYNC | IMAP_HAS_CONDSTORE},
    {"ENABLE", IMAP_HAS_ENABLE},
    {"ESEARCH", IMAP_HAS_ESEARCH},
    {"SPECIAL-USE", IMAP_HAS_SPECIAL_USE},
    {"LIST-EXTENDED", IMAP_HAS_LIST_EXTENDED},
    {"UIDPLUS", IMAP_HAS_UIDPLUS},
    {"LITERAL+", IMAP_HAS_LITERAL_PLUS},
    {"ID", IMAP_HAS_ID},
    {"NAMESPACE", IMAP_HAS_NAMESPACE},
    {"IMAP4rev2", IMAP_HAS_IDLE | IMAP_HAS_ENABLE | IMAP_HAS_ESEARCH | IMAP_HAS_SPECIAL_USE |
                      IMAP_HAS_LIST_EXTENDED | IMAP_HAS_UIDPLUS | IMAP_HAS_NAMESPACE},
};

static void take_capabilities(struct imap *imap, const struct imap_response *response)
{
    imap->has = 0;
    for (uint32_t i = 0; i < response->count; i++) {
        for (size_t c = 0; c < sizeof(capabilities) / sizeof(capabilities[0]); c++) {
            if (imap_value_is(&response->values[i], capabilities[c].name))
                imap->has |= capabilities[c].has;
        }
    }
}

static void take_keywords(struct imap_open *open, const struct imap_response *response)
{
    const struct imap_value *list = imap_at(response, 0);
    size_t count = 0;

    if (open->keywords)
        text_list_free(open->keywords);
    open->keywords = NULL;
    open->any_keyword = imap_list_has(response, 0, "\\*");
    if (!list || list->type != IMAP_LIST)
        return;
    open->keywords = text_alloc((response->count + 1) * sizeof(*open->keywords));
    for (uint32_t i = 1; i < list->next; i++) {
        if (response->values[i].type == IMAP_ATOM && *response->values[i].data != '\\')
            open->keywords[count++] = imap_value_dup(&response->values[i]);
    }
}

static void take_made(struct imap *imap, const struct imap_response *response)
{
    uint64_t validity, uid;
    struct text id = {0};

    free(imap->made_id);
    imap->made_id = NULL;
    if (!imap_number(imap_at(response, 0), &validity) || !imap_number(imap_at(response, 1), &uid))
        return;
    text_printf(&id, "%llu/%llu", (unsigned long long)validity, (unsigned long long)uid);
    imap->made_id = id.data;
}

static void take_code(struct imap *imap, const struct imap_response *response)
{
    const struct imap_value *first = imap_at(response, 0);
    struct imap_open *open = &imap->open;

    if (strcmp(response->code, "CAPABILITY") == 0)
        take_capabilities(imap, response);
    else if (strcmp(response->code, "UIDVALIDITY") == 0)
        imap_number(first, &open->validity);
    else if (strcmp(response->code, "UIDNEXT") == 0)
        imap_number(first, &open->next);
    else if (strcmp(response->code, "HIGHESTMODSEQ") == 0)
        imap_number(first, &open->modseq);
    else if (strcmp(response->code, "NOMODSEQ") == 0)
        open->modseq = 0;
    else if (strcmp(response->code, "PERMANENTFLAGS") == 0)
        take_keywords(open, response);
}

static void take_common(struct imap *imap, const struct imap_response *response)
{
    if (response->code)
        take_code(imap, response);
    else if (strcmp(response->name, "CAPABILITY") == 0)
        take_capabilities(imap, response);
    if (response->status == IMAP_BYE) {
        struct text said = {0};

        text_clean(&said, response->rest, strlen(response->rest), 100);
        free(imap->own->bye);
        imap->own->bye = said.data;
    }
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void answered(struct imap *imap, const struct imap_response *response)
{
    struct imap_inner *own = imap->own;

    own->met = true;
    own->tag[0] = '\0';
    own->untagged = NULL;  /* who asked may be gone when the server says more */
    if (own->literal.data) /* refused before its literal left, or answered behind it */
        own->literal = (struct rider_bytes){0};
    if (response->code && strcmp(response->code, "APPENDUID") == 0 &&
        strcmp(own->doing, "APPEND") == 0)
        take_made(imap, response);
    if (own->opening && response->status != IMAP_OK) /* then none is open */
        forget_open(&imap->open);
    if (own->commits)
        line_answered(own->line);
    own->opening = own->commits = false;
    own->then(own->then_arg, response);
}

static void continued(struct imap *imap, const struct imap_response *response)
{
    struct imap_inner *own = imap->own;
    struct rider_bytes literal = own->literal;

    if (literal.data) {
        own->literal = (struct rider_bytes){0};
        line_write(own->line, literal.data, literal.len, false);
        line_write(own->line, "\r\n", 2, true);
        own->commits = true;
    } else if (own->untagged && own->met) {
        own->untagged(own->then_arg, response);
    }
}

static void heard(struct imap *imap, const struct imap_response *response)
{
    struct imap_inner *own = imap->own;

    if (strcmp(response->tag, "+") == 0) {
        continued(imap, response);
    } else if (strcmp(response->tag, "*") == 0) {
        take_common(imap, response);
        if (++own->heard > UNTAGGED_MAX)
            broken(imap, "has no end");
        else if (own->untagged && (own->met || !imap->ready))
            own->untagged(own->then_arg, response);
    } else if (own->tag[0] && strcmp(response->tag, own->tag) == 0) {
        take_common(imap, response);
        answered(imap, response);
    } else if (own->met) {
        broken(imap, "carries a tag that we never gave");
    }
}

static void on_data(void *arg)
{
    struct imap *imap = arg;
    struct imap_inner *own = imap->own;
    bool freed = false;

    imap->stale = false;
    own->freed = &freed;
    while (!freed && !own->doomed) {
        struct rider_bytes bytes = line_bytes(own->line);
        struct imap_response response;
        size_t len;
        int r = imap_whole(&own->scan, bytes, &len);

        if (r < 0)
            broken(imap, "is larger than it can be");
        if (r <= 0)
            break;
        bytes.len = len;
        r = imap_response_read(&response, bytes);
        line_take(own->line, len);
        if (r == 0)
            heard(imap, &response);
        else if (own->met)
            imap->unreadable++;
        imap_response_free(&response);
    }
    if (!freed)
        own->freed = NULL;
}

static void on_closed(void *arg, const struct rider_failure *why)
{
    struct imap *imap = arg;
    struct imap_inner *own = imap->own;
    struct failure failure;

    if (own->bye && (!why || why->kind != RIDER_AUTH)) {
        failure_say(&failure, RIDER_TRANSIENT, RIDER_MAILBOX, "the IMAP server hung up: %s",
                    own->bye);
        failure.failure.holds = RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL;
    } else {
        failure_copy(&failure, why, own->doing);
    }
    give_up(imap, &failure);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

/* What nobody who writes a mail can foresee. */
static void new_tag(char tag[20])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    for (size_t i = 0; i < sizeof(bytes); i++)
        tag[i] = digits[bytes[i] & 31];
    tag[sizeof(bytes)] = '\0';
}

static void begin(struct imap *imap, const char *doing, imap_heard *untagged, imap_heard *then,
                  void *arg)
{
    struct imap_inner *own = imap->own;

    new_tag(own->tag);
    own->doing = doing;
    own->untagged = untagged;
    own->then = then;
    own->then_arg = arg;
    own->heard = 0;
    imap->unreadable = 0;
    free(imap->made_id);
    imap->made_id = NULL;
}

void imap_say(struct imap *imap, const char *doing, const char *command, imap_heard *untagged,
              imap_heard *then, void *arg)
{
    struct text line = {0};

    begin(imap, doing, untagged, then, arg);
    text_printf(&line, "%s %s\r\n", imap->own->tag, command);
    line_write(imap->own->line, line.data, line.len, false);
    text_free(&line);
}

void imap_say_literal(struct imap *imap, const char *doing, const char *command,
                      struct rider_bytes literal, imap_heard *then, void *arg)
{
    bool waits = !(imap->has & IMAP_HAS_LITERAL_PLUS);
    struct text line = {0};

    begin(imap, doing, NULL, then, arg);
    text_printf(&line, "%s %s {%zu%s}\r\n", imap->own->tag, command, literal.len, waits ? "" : "+");
    line_write(imap->own->line, line.data, line.len, false);
    text_free(&line);
    imap->own->literal = literal;
    if (!waits)
        continued(imap, NULL);
}

void imap_done(struct imap *imap)
{
    line_write(imap->own->line, "DONE\r\n", 6, false);
}

void imap_open_folder(struct imap *imap, const char *name, bool select, imap_heard *then, void *arg)
{
    struct text command = {0};

    forget_open(&imap->open);
    text_str(&command, select ? "SELECT " : "EXAMINE ");
    if (!imap_quote(&command, name)) /* not seen: names come from LIST, which has no 8 bit */
        text_str(&command, "\"\"");
    if (imap->has & IMAP_HAS_CONDSTORE)
        text_str(&command, " (CONDSTORE)");
    imap->open.name = text_dup(name);
    imap->open.select = select;
    imap->own->opening = true;
    imap_say(imap, select ? "SELECT" : "EXAMINE", command.data, NULL, then, arg);
    text_free(&command);
}

void imap_use(struct imap *imap, struct rider_op *op)
{
    line_use(imap->own->line, op);
}

/* ---- the beginning ----------------------------------------------------------------------------
 */

/* What was offered and is refused is done without; but nothing is done without folders. */
static void step(struct imap *imap, int which);

static void got_folders(void *arg, const struct imap_response *response)
{
    struct imap *imap = arg;
    struct failure failure;

    if (response->status != IMAP_OK) {
        imap_refusal(imap, "LIST", response, &failure);
        give_up(imap, &failure);
        return;
    }
    step(imap, 4);
}

static void add_folder(struct imap *imap, const struct imap_folder *folder)
{
    imap->folders = realloc(imap->folders, (imap->folder_count + 1) * sizeof(*imap->folders));
    if (!imap->folders)
        abort();
    imap->folders[imap->folder_count++] = *folder;
}

static void heard_folder(void *arg, const struct imap_response *response)
{
    struct imap *imap = arg;
    struct imap_folder folder;

    if (imap->folder_count == 2 * FOLDERS_MAX || imap_folder_read(&folder, response) < 0)
        return;
    if (imap->folder_count >= FOLDERS_MAX && !folder.use) { /* Sent may come last */
        free(folder.name);
        return;
    }
    if (folder.use & IMAP_USE_INBOX)
        imap->delimiter = folder.delimiter;
    add_folder(imap, &folder);
}

static void heard_namespace(void *arg, const struct imap_response *response)
{
    struct imap *imap = arg;
    const struct imap_value *prefix = imap_at(response, 2); /* (("prefix" "delimiter") ...) */

    if (strcmp(response->name, "NAMESPACE") != 0 || !prefix || prefix->type != IMAP_STRING)
        return;
    imap->prefix.len = 0;
    text_add(&imap->prefix, prefix->data, prefix->len);
}

static void did_namespace(void *arg, const struct imap_response *response)
{
    (void)response;
    step(arg, 3);
}

static void did_enable(void *arg, const struct imap_response *response)
{
    (void)response;
    step(arg, 2);
}

static void did_id(void *arg, const struct imap_response *response)
{
    (void)response;
    step(arg, 1);
}

static void got_capabilities(void *arg, const struct imap_response *response)
{
    struct imap *imap = arg;
    struct failure failure;

    if (response->status != IMAP_OK) {
        imap_refusal(imap, "CAPABILITY", response, &failure);
        give_up(imap, &failure);
        return;
    }
    step(imap, 0);
}

static void step(struct imap *imap, int which)
{
    if (which <= 0 && imap->has & IMAP_HAS_ID)
        imap_say(imap, "ID", "ID (\"name\" \"postrider\")", NULL, did_id, imap);
    else if (which <= 1 && imap->has & IMAP_HAS_ENABLE && imap->has & IMAP_HAS_QRESYNC)
        imap_say(imap, "ENABLE", "ENABLE QRESYNC", NULL, did_enable, imap);
    else if (which <= 1 && imap->has & IMAP_HAS_ENABLE && imap->has & IMAP_HAS_CONDSTORE)
        imap_say(imap, "ENABLE", "ENABLE CONDSTORE", NULL, did_enable, imap);
    else if (which <= 2 && imap->own->folders && imap->has & IMAP_HAS_NAMESPACE)
        imap_say(imap, "NAMESPACE", "NAMESPACE", heard_namespace, did_namespace, imap);
    else if (which <= 3 && imap->own->folders)
        imap_say(imap, "LIST",
                 imap->has & IMAP_HAS_SPECIAL_USE && imap->has & IMAP_HAS_LIST_EXTENDED
                     ? "LIST \"\" \"*\" RETURN (SPECIAL-USE)"
                     : "LIST \"\" \"*\"",
                 heard_folder, got_folders, imap);
    else {
        imap->ready = true;
        imap->own->ready(imap->own->arg);
    }
}

static void on_opened(void *arg)
{
    struct imap *imap = arg;

    imap_say(imap, "CAPABILITY", "CAPABILITY", NULL, got_capabilities, imap);
}

struct imap *imap_new(struct rider_session *session, struct rider_op *op, bool with_folders,
                      void (*ready)(void *arg),
                      void (*failed)(void *arg, const struct failure *why), void *arg)
{
    static const struct line_events events = {
        .opened = on_opened, .data = on_data, .closed = on_closed};
    struct imap *imap = text_alloc(sizeof(*imap));

    imap->session = session;
    imap->own = text_alloc(sizeof(*imap->own));
    imap->own->ready = ready;
    imap->own->failed = failed;
    imap->own->arg = arg;
    imap->own->folders = with_folders;
    imap->own->doing = "signing in";
    imap->own->line =
        line_open(session->host, session->imap_url, op, OPEN_TIMEOUT, UNTAKEN_MAX, &events, imap);
    return imap;
}

/* ---- what a refusal means (RFC 5530) ----------------------------------------------------------
 */

enum { HOLDS_IMAP = RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL };

static const struct {
    const char *code;
    enum rider_kind kind;
    uint32_t holds; /* what is not about this command alone */
    const char *detail;
} refusals[] = {
    {"UNAVAILABLE", RIDER_TRANSIENT, HOLDS_IMAP, "a part of the server is not available just now"},
    {"INUSE", RIDER_TRANSIENT, 0, "the folder is in use just now"},
    {"SERVERBUG", RIDER_TRANSIENT, 0, "the server says that it has met a bug of its own"},
    {"LIMIT", RIDER_THROTTLED, HOLDS_IMAP, "a limit of the server's is reached"},
    {"AUTHENTICATIONFAILED", RIDER_AUTH, HOLDS_IMAP,
     "the secret is refused: give the mailbox a new one"},
    {"AUTHORIZATIONFAILED", RIDER_AUTH, HOLDS_IMAP, "this user may not use that mailbox"},
    {"EXPIRED", RIDER_AUTH, HOLDS_IMAP, "the secret has run out: give the mailbox a new one"},
    {"NOPERM", RIDER_PERMANENT, 0, "this user has no right to do that there"},
    {"OVERQUOTA", RIDER_PERMANENT, 0, "the mailbox is full: make room in it"},
    {"CORRUPTION", RIDER_PERMANENT, 0, "the folder is damaged on the server"},
    {"CANNOT", RIDER_PERMANENT, 0, "the server cannot do that"},
    {"NONEXISTENT", RIDER_ABSENT, 0, "there is no such folder"},
    {"TRYCREATE", RIDER_ABSENT, 0, "there is no such folder"},
    {"CONTACTADMIN", RIDER_PERMANENT, 0, "the server says: ask its administrator"},
};

void imap_refusal(struct imap *imap, const char *doing, const struct imap_response *response,
                  struct failure *failure)
{
    struct text said = {0};

    (void)imap; /* a server may write there what it likes */
    text_clean(&said, response->name, strlen(response->name), 40);
    if (response->code) {
        text_str(&said, " ");
        text_clean(&said, response->code, strlen(response->code), 40);
    }
    failure_say(failure, response->status == IMAP_BAD ? RIDER_BROKEN : RIDER_TRANSIENT,
                RIDER_MAILBOX, "the IMAP server refuses %s (%s)", doing, text_of(&said));
    text_free(&said);
    for (size_t i = 0; response->code && i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strcmp(response->code, refusals[i].code) != 0)
            continue;
        failure_say(failure, refusals[i].kind, RIDER_MAILBOX, "the IMAP server refuses %s: %s (%s)",
                    doing, refusals[i].detail, response->code);
        failure->failure.holds = refusals[i].holds;
    }
}

bool imap_no_folder(struct imap *imap, const char *name, const struct imap_response *response)
{
    struct failure failure;

    if (response->status == IMAP_OK)
        return false;
    imap_refusal(imap, "", response, &failure);
    return failure.failure.kind == RIDER_ABSENT ||
           (!response->code && strcmp(name, "INBOX") != 0 && !imap_folder_named(imap, name));
}

void imap_folder_made(struct imap *imap, const char *name)
{
    if (!imap_folder_named(imap, name))
        add_folder(imap, &(struct imap_folder){.name = text_dup(name)});
}

const struct imap_folder *imap_folder_for(const struct imap *imap, uint32_t use)
{
    for (size_t i = 0; i < imap->folder_count; i++) {
        if (imap->folders[i].use & use && !imap->folders[i].closed)
            return &imap->folders[i];
    }
    return NULL;
}

const struct imap_folder *imap_folder_named(const struct imap *imap, const char *name)
{
    for (size_t i = 0; i < imap->folder_count; i++) {
        if (strcmp(imap->folders[i].name, name) == 0)
            return &imap->folders[i];
    }
    return NULL;
}

/* ---- ids --------------------------------------------------------------------------------------
 */

void mail_id_write(struct text *out, const char *folder, uint64_t validity, uint64_t uid)
{
    text_percent(out, folder);
    text_printf(out, "/%llu/%llu", (unsigned long long)validity, (unsigned long long)uid);
}

static bool whole_number(const char *at, size_t len, uint64_t *number_r)
{
    const struct imap_value value = {.type = IMAP_ATOM, .data = at, .len = len};

    return imap_number(&value, number_r) && *number_r;
}

int mail_id_read(struct mail_id *id, const char *text)
{
    const char *first = strchr(text, '/'), *second = first ? strchr(first + 1, '/') : NULL;
    struct text folder = {0};
    char *name = first ? text_dup_len(text, (size_t)(first - text)) : NULL;

    *id = (struct mail_id){0};
    if (!second || !whole_number(first + 1, (size_t)(second - first - 1), &id->validity) ||
        !whole_number(second + 1, strlen(second + 1), &id->uid) || !*name ||
        !text_unpercent(&folder, name)) {
        free(name);
        text_free(&folder);
        return -1;
    }
    free(name);
    id->folder = folder.data;
    return 0;
}

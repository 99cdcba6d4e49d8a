/* sandbox/fault.c: rules of what goes wrong, and drawing from them. */
#include "sandbox/fault.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/control.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct rule {
    struct list node;
    int number;
    char *method, *path, *account; /* NULL: any */
    uint64_t nth, every;           /* 0: all */
    double chance;                 /* of those; 1: all */
    int reused, version;           /* -1, 0: any */
    bool drawn;                    /* kind and when are drawn anew each time */
    struct fault fault;            /* name is unused here */
    uint64_t times;                /* how often it may strike; 0: ever */
    uint64_t matched, struck, random;
    uint64_t first; /* drawn: the number of the first request it was asked about */
};

static struct {
    struct list rules;
    int number;
    uint64_t seed;
} faults;

static const struct {
    const char *name;
    enum fault_kind kind;
} kinds[] = {
    {"status", FAULT_STATUS},     {"reset", FAULT_RESET},     {"rst_stream", FAULT_RST_STREAM},
    {"goaway", FAULT_GOAWAY},     {"hang", FAULT_HANG},       {"slow", FAULT_SLOW},
    {"truncate", FAULT_TRUNCATE}, {"garbage", FAULT_GARBAGE}, {"empty", FAULT_EMPTY},
    {"delay", FAULT_DELAY},
};

static const char *kind_name(enum fault_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "none";
}

void fault_start(uint64_t seed)
{
    list_init(&faults.rules);
    faults.seed = seed;
}

static void rule_free(struct rule *rule)
{
    list_remove(&rule->node);
    free(rule->method);
    free(rule->path);
    free(rule->account);
    fault_finish(&rule->fault);
    free(rule);
}

void fault_stop(void)
{
    while (!list_empty(&faults.rules))
        rule_free(LIST_ENTRY(faults.rules.next, struct rule, node));
}

void fault_finish(struct fault *fault)
{
    json_object_put(fault->headers);
    free(fault->body);
    *fault = (struct fault){0};
}

/* splitmix64; each rule draws from its own, so that rules don't disturb each other's course. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double draw_chance(uint64_t *state)
{
    return (double)(draw(state) >> 11) / 9007199254740992.0;
}

static bool matches(const struct rule *rule, const struct sbx_request *request, const char *account)
{
    return (rule->method == NULL || strcmp(rule->method, request->method) == 0) &&
           (rule->path == NULL || fnmatch(rule->path, request->path, 0) == 0) &&
           (rule->account == NULL || text_same(rule->account, account)) &&
           (rule->reused < 0 || (rule->reused > 0) == request->reused) &&
           (rule->version == 0 || rule->version == request->version);
}

static bool strikes(struct rule *rule)
{
    rule->matched++;
    if (rule->nth > 0 && rule->matched != rule->nth)
        return false;
    if (rule->every > 0 && rule->matched % rule->every != 0)
        return false;
    return rule->chance >= 1 || draw_chance(&rule->random) < rule->chance;
}

/* The seeded kind: what the world does to a client, none of which may take for ever. */
static void draw_fault(uint64_t *state, struct fault *fault)
{
    static const struct fault drawn[] = {
        {.kind = FAULT_STATUS, .status = 503},
        {.kind = FAULT_STATUS, .status = 500},
        {.kind = FAULT_STATUS, .status = 502},
        {.kind = FAULT_STATUS, .status = 503, .after = true},
        {.kind = FAULT_STATUS, .status = 500, .after = true},
        {.kind = FAULT_RESET},
        {.kind = FAULT_RESET, .after = true},
        {.kind = FAULT_RST_STREAM},
        {.kind = FAULT_RST_STREAM, .after = true},
        {.kind = FAULT_GOAWAY},
        {.kind = FAULT_GOAWAY, .after = true},
        {.kind = FAULT_TRUNCATE, .after = true},
        {.kind = FAULT_GARBAGE},
        {.kind = FAULT_GARBAGE, .after = true},
        {.kind = FAULT_EMPTY, .after = true},
        {.kind = FAULT_DELAY, .ms = 300},
        {.kind = FAULT_DELAY, .ms = 300, .after = true},
        {.kind = FAULT_SLOW, .ms = 1, .most_ms = 500, .after = true},
    };

    *fault = drawn[draw(state) % ARRAY_LEN(drawn)];
}

static void copy_fault(const struct rule *rule, struct fault *fault)
{
    *fault = rule->fault;
    fault->headers = json_object_get(rule->fault.headers);
    fault->body = mem_str(rule->fault.body);
}

/* A drawn rule is asked at both points but strikes at one. It draws from the request's number, so
 * that it says the same at both, however many other requests came between; counted from the first
 * it sees, so that a seed repeats in a sandbox that had others before. */
static bool pick_drawn(struct rule *rule, const struct sbx_request *request, bool after,
                       struct fault *fault)
{
    uint64_t state;

    if (rule->first == 0)
        rule->first = request->number;
    state = rule->random ^ ((request->number - rule->first + 1) * 0xd1342543de82ef95u);
    if (draw_chance(&state) >= rule->chance)
        return false;
    draw_fault(&state, fault);
    return fault->after == after;
}

bool fault_pick(const struct sbx_request *request, const char *account, bool after,
                struct fault *fault_r)
{
    struct fault fault = {0};
    bool found = false;

    LIST_EACH (node, &faults.rules) {
        struct rule *rule = LIST_ENTRY(node, struct rule, node);

        if ((rule->times > 0 && rule->struck >= rule->times) ||
            (!rule->drawn && rule->fault.after != after) || !matches(rule, request, account))
            continue;
        if (!rule->drawn && (!strikes(rule) || found))
            continue;
        if (rule->drawn && (found || !pick_drawn(rule, request, after, &fault)))
            continue;
        if (!rule->drawn)
            copy_fault(rule, &fault);
        rule->struck++;
        snprintf(fault.name, sizeof fault.name, "%s %s #%d", kind_name(fault.kind),
                 after ? "after" : "before", rule->number);
        found = true;
    }
    if (found)
        *fault_r = fault;
    return found;
}

static void drop_response(struct sbx_response *response)
{
    char *note = response->note;

    response->note = NULL;
    sbx_response_finish(response);
    response->note = note;
}

void fault_answer(const struct fault *fault, struct sbx_response *response)
{
    if (fault->kind == FAULT_STATUS) {
        drop_response(response);
        sbx_response_text(response, fault->status, "application/json",
                          fault->body != NULL ? fault->body : "{}");
        if (fault->headers != NULL) {
            json_object_object_foreach (fault->headers, name, value) {
                sbx_response_header(response, name, json_object_get_string(value));
            }
        }
    } else if (fault->kind == FAULT_GARBAGE) {
        drop_response(response);
        sbx_response_text(response, 200, "text/html; charset=utf-8",
                          "<!DOCTYPE html><html><head><title>Welcome</title></head><body>"
                          "<h1>Please log in to this network</h1></body></html>\n");
    } else if (fault->kind == FAULT_EMPTY) {
        drop_response(response);
        response->status = 200;
    }
}

static const char *string_of(struct json_object *object, const char *key)
{
    struct json_object *value;

    if (object == NULL || !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static int64_t number_of(struct json_object *object, const char *key, int64_t otherwise)
{
    struct json_object *value;

    if (object == NULL || !json_object_object_get_ex(object, key, &value))
        return otherwise;
    return json_object_get_int64(value);
}

static void read_match(struct rule *rule, struct json_object *match)
{
    struct json_object *value;
    const char *version = string_of(match, "version");

    rule->method = mem_str(string_of(match, "method"));
    rule->path = mem_str(string_of(match, "path"));
    rule->account = mem_str(string_of(match, "account"));
    rule->nth = (uint64_t)number_of(match, "nth", 0);
    rule->every = (uint64_t)number_of(match, "every", 0);
    rule->chance = 1;
    if (match != NULL && json_object_object_get_ex(match, "chance", &value))
        rule->chance = json_object_get_double(value);
    rule->reused = -1;
    if (match != NULL && json_object_object_get_ex(match, "reused", &value))
        rule->reused = json_object_get_boolean(value) ? 1 : 0;
    rule->version = version != NULL ? version[0] - '0' : (int)number_of(match, "version", 0);
}

/* "reset", {"hang": 500} or {"status": 503, "headers": {...}, "body": ...}. NULL, or what is
 * wrong. */
static const char *read_apply(struct fault *fault, struct json_object *apply)
{
    struct json_object *value;
    const char *text =
        json_object_is_type(apply, json_type_string) ? json_object_get_string(apply) : NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && fault->kind == FAULT_NONE; i++) {
        if (text != NULL ? strcmp(text, kinds[i].name) == 0
                         : json_object_object_get_ex(apply, kinds[i].name, &value))
            fault->kind = kinds[i].kind;
    }
    if (fault->kind == FAULT_NONE)
        return "\"apply\" is none of status, reset, rst_stream, goaway, hang, slow, truncate, "
               "garbage, empty, delay";
    if (text != NULL)
        return fault->kind == FAULT_STATUS ? "a status fault is an object: {\"status\": 503}"
                                           : NULL;
    fault->ms = fault->kind == FAULT_STATUS
                    ? 0
                    : number_of(apply, "ms", number_of(apply, kind_name(fault->kind), 0));
    fault->status = (int)number_of(apply, "status", 0);
    if (fault->kind == FAULT_STATUS && (fault->status < 200 || fault->status > 599))
        return "the status is not between 200 and 599";
    if (json_object_object_get_ex(apply, "headers", &value)) {
        if (!json_object_is_type(value, json_type_object))
            return "\"headers\" is an object of names and values";
        fault->headers = json_object_get(value);
    }
    if (json_object_object_get_ex(apply, "body", &value))
        fault->body = mem_str(json_object_get_string(value));
    return NULL;
}

static const char *read_rule(struct rule *rule, struct json_object *asked)
{
    struct json_object *match = NULL, *apply, *value;
    const char *when = string_of(asked, "when"), *why;

    if (json_object_object_get_ex(asked, "match", &match) &&
        !json_object_is_type(match, json_type_object))
        return "\"match\" is an object";
    read_match(rule, match);
    rule->times = (uint64_t)number_of(asked, "times", 0);
    if (json_object_object_get_ex(asked, "rate", &value)) {
        rule->drawn = true;
        rule->chance = json_object_get_double(value);
        rule->random = (uint64_t)number_of(asked, "seed", (int64_t)rule->random);
        return NULL;
    }
    if (when == NULL || (strcmp(when, "before") != 0 && strcmp(when, "after") != 0))
        return "\"when\" is \"before\" (not accepted) or \"after\" (accepted, the answer spoiled)";
    rule->fault.after = strcmp(when, "after") == 0;
    if (!json_object_object_get_ex(asked, "apply", &apply) ||
        (!json_object_is_type(apply, json_type_string) &&
         !json_object_is_type(apply, json_type_object)))
        return "\"apply\" is missing: say what to do, such as \"reset\" or {\"status\": 503}";
    why = read_apply(&rule->fault, apply);
    if (why != NULL)
        return why;
    rule->fault.ms = number_of(asked, "ms", rule->fault.ms);
    if (rule->fault.kind == FAULT_DELAY && rule->fault.ms <= 0)
        return "a delay needs \"ms\"";
    return NULL;
}

static struct json_object *add(struct json_object *asked)
{
    struct rule *rule = mem_new(sizeof *rule);
    struct json_object *answer;
    const char *why;

    list_init(&rule->node);
    rule->number = faults.number + 1;
    rule->random = faults.seed ^ ((uint64_t)rule->number << 32);
    why = read_rule(rule, asked);
    if (why != NULL) {
        rule_free(rule);
        return control_error("fault.add: %s", why);
    }
    faults.number++;
    list_add(&faults.rules, &rule->node);
    answer = control_ok();
    json_object_object_add(answer, "fault", json_object_new_int(rule->number));
    return answer;
}

static struct json_object *clear(struct json_object *asked)
{
    int64_t number = number_of(asked, "fault", 0);
    bool found = number == 0;

    LIST_EACH_SAFE (node, &faults.rules) {
        struct rule *rule = LIST_ENTRY(node, struct rule, node);

        if (number == 0 || rule->number == number) {
            rule_free(rule);
            found = true;
        }
    }
    return found ? control_ok() : control_error("fault.clear: there is no fault %d", (int)number);
}

static struct json_object *list(void)
{
    struct json_object *answer = control_ok(), *all = json_object_new_array();

    LIST_EACH (node, &faults.rules) {
        const struct rule *rule = LIST_ENTRY(node, struct rule, node);
        struct json_object *one = json_object_new_object();
        const char *what = rule->drawn ? "drawn" : kind_name(rule->fault.kind);

        json_object_object_add(one, "fault", json_object_new_int(rule->number));
        json_object_object_add(one, "apply", json_object_new_string(what));
        if (!rule->drawn)
            json_object_object_add(one, "when",
                                   json_object_new_string(rule->fault.after ? "after" : "before"));
        if (rule->path != NULL)
            json_object_object_add(one, "path", json_object_new_string(rule->path));
        json_object_object_add(one, "matched", json_object_new_int64((int64_t)rule->matched));
        json_object_object_add(one, "struck", json_object_new_int64((int64_t)rule->struck));
        json_object_array_add(all, one);
    }
    json_object_object_add(answer, "faults", all);
    return answer;
}

struct json_object *fault_command(const char *verb, struct json_object *asked)
{
    if (strcmp(verb, "fault.add") == 0)
        return add(asked);
    if (strcmp(verb, "fault.clear") == 0)
        return clear(asked);
    if (strcmp(verb, "fault.list") == 0)
        return list();
    return NULL;
}

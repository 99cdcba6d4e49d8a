/* sandbox/microsoft_filter.c: as much of OData's $filter as mail clients use. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/vclock.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum kind { AND, OR, NOT, COMPARE, STARTS, CONTAINS, CATEGORY, EXTENDED };

struct node {
    enum kind kind;
    struct node *left, *right;
    char *path, *text; /* the property; the literal, or the id of an extended property */
    char *value;       /* of an extended property; NULL: any */
    char op[4];        /* "eq" */
    int64_t time;      /* the literal as a moment */
};

struct ms_filter {
    struct node *root; /* NULL: everything fits */
    char *paths[16];   /* in the order they stand in the text */
    size_t path_count;
    bool extended;
};

struct reader {
    struct ms_call *call;
    struct ms_filter *filter;
    const char *at;
    bool failed;
};

static const char *const times[] = {"receivedDateTime", "sentDateTime", "createdDateTime",
                                    "lastModifiedDateTime"};
static const char *const texts[] = {"subject",
                                    "internetMessageId",
                                    "conversationId",
                                    "isDraft",
                                    "isRead",
                                    "hasAttachments",
                                    "importance",
                                    "parentFolderId",
                                    "from/emailAddress/address",
                                    "sender/emailAddress/address",
                                    "bodyPreview",
                                    "body/content"};

static void node_free(struct node *node)
{
    if (!node)
        return;
    node_free(node->left);
    node_free(node->right);
    free(node->path);
    free(node->text);
    free(node->value);
    free(node);
}

void ms_filter_free(struct ms_filter *filter)
{
    if (!filter)
        return;
    node_free(filter->root);
    for (size_t i = 0; i < filter->path_count; i++)
        free(filter->paths[i]);
    free(filter);
}

/* -- reading ---------------------------------------------------------------------------------- */

static struct node *fail(struct reader *reader, int status, const char *code, const char *message)
{
    if (!reader->failed)
        ms_fail(reader->call->response, status, code, message);
    reader->failed = true;
    return NULL;
}

static struct node *syntax(struct reader *reader)
{
    return fail(reader, 400, "BadRequest", "Invalid filter clause: the sandbox can't read it.");
}

static void blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " ");
}

static bool word(struct reader *reader, const char *text)
{
    size_t len = strlen(text);

    blanks(reader);
    if (strncasecmp(reader->at, text, len) != 0 || isalnum((unsigned char)reader->at[len]))
        return false;
    reader->at += len;
    return true;
}

static bool sign(struct reader *reader, char c)
{
    blanks(reader);
    if (*reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* 'it''s', or a bare word; NULL: neither. */
static char *literal(struct reader *reader)
{
    struct buf text = {0};
    size_t len;

    blanks(reader);
    if (*reader->at != '\'') {
        len = strcspn(reader->at, " ),");
        reader->at += len;
        return len > 0 ? mem_strn(reader->at - len, len) : NULL;
    }
    for (reader->at++; *reader->at; reader->at++) {
        if (*reader->at == '\'' && reader->at[1] != '\'') {
            reader->at++;
            return text.data ? buf_take(&text) : mem_str("");
        }
        reader->at += *reader->at == '\'';
        buf_add_char(&text, *reader->at);
    }
    buf_finish(&text);
    return NULL;
}

static void path_note(struct reader *reader, const char *path)
{
    struct ms_filter *filter = reader->filter;

    if (filter->path_count < ARRAY_LEN(filter->paths))
        filter->paths[filter->path_count++] = mem_str(path);
}

static struct node *node_new(enum kind kind, char *path, char *text)
{
    struct node *node = mem_new(sizeof(*node));

    node->kind = kind;
    node->path = path;
    node->text = text;
    return node;
}

static bool among(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static char *path_read(struct reader *reader)
{
    size_t len;

    blanks(reader);
    for (len = 0; isalnum((unsigned char)reader->at[len]) || strchr("/_", reader->at[len]); len++)
        if (!reader->at[len])
            break;
    reader->at += len;
    return mem_strn(reader->at - len, len);
}

/* "/any(c:c eq 'x')" of categories, "/any(ep: ep/id eq '..' and ep/value eq '..')" of extended
 * properties. */
static struct node *lambda(struct reader *reader, const char *path)
{
    bool extended = text_starts(path, "singleValueExtendedProperties");
    struct node *node;
    char *variable, *text;

    if (!extended && !text_starts(path, "categories"))
        return fail(reader, 400, "ErrorInvalidUrlQueryFilter",
                    "The query filter contains one or more invalid nodes.");
    if (!sign(reader, '('))
        return syntax(reader);
    variable = path_read(reader);
    free(variable);
    if (!sign(reader, ':'))
        return syntax(reader);
    free(path_read(reader));
    text = word(reader, "eq") ? literal(reader) : NULL;
    if (!text)
        return syntax(reader);
    node = node_new(extended ? EXTENDED : CATEGORY, mem_str(path), text);
    reader->filter->extended |= extended;
    if (extended && word(reader, "and")) {
        free(path_read(reader));
        node->value = word(reader, "eq") ? literal(reader) : NULL;
    }
    if (sign(reader, ')'))
        return node;
    node_free(node);
    return syntax(reader);
}

static struct node *function(struct reader *reader, enum kind kind)
{
    struct node *node = NULL;
    char *path, *text;

    if (!sign(reader, '('))
        return syntax(reader);
    path = path_read(reader);
    text = sign(reader, ',') ? literal(reader) : NULL;
    if (text && sign(reader, ')') && among(texts, ARRAY_LEN(texts), path)) {
        path_note(reader, path);
        node = node_new(kind, path, text);
        return node;
    }
    free(path);
    free(text);
    return syntax(reader);
}

static struct node *comparison(struct reader *reader)
{
    static const char *const operators[] = {"eq", "ne", "gt", "ge", "lt", "le"};
    char *path = path_read(reader);
    struct node *node;
    size_t op = 0;

    if (strlen(path) > 4 && strcasecmp(path + strlen(path) - 4, "/any") == 0) {
        path_note(reader, path);
        node = lambda(reader, path);
        free(path);
        return node;
    }
    while (op < ARRAY_LEN(operators) && !word(reader, operators[op]))
        op++;
    node = node_new(COMPARE, path, op < ARRAY_LEN(operators) ? literal(reader) : NULL);
    path_note(reader, path);
    if (!node->text ||
        (!among(times, ARRAY_LEN(times), path) && !among(texts, ARRAY_LEN(texts), path))) {
        node_free(node);
        return fail(reader, 400, "ErrorInvalidUrlQueryFilter",
                    "The query filter contains one or more invalid nodes.");
    }
    memcpy(node->op, operators[op], 3);
    if (among(times, ARRAY_LEN(times), path) && !vclock_parse(node->text, &node->time)) {
        node_free(node);
        return syntax(reader);
    }
    return node;
}

static struct node *either(struct reader *reader, int depth);

static struct node *primary(struct reader *reader, int depth)
{
    struct node *node;

    if (depth > 20)
        return syntax(reader);
    if (word(reader, "not")) {
        node = node_new(NOT, NULL, NULL);
        node->left = primary(reader, depth + 1);
        return node;
    }
    if (sign(reader, '(')) {
        node = either(reader, depth + 1);
        if (!sign(reader, ')'))
            syntax(reader);
        return node;
    }
    if (word(reader, "startswith"))
        return function(reader, STARTS);
    if (word(reader, "contains"))
        return function(reader, CONTAINS);
    return comparison(reader);
}

static struct node *both(struct reader *reader, int depth)
{
    struct node *node = primary(reader, depth), *joint;

    while (!reader->failed && word(reader, "and")) {
        joint = node_new(AND, NULL, NULL);
        joint->left = node;
        joint->right = primary(reader, depth);
        node = joint;
    }
    return node;
}

static struct node *either(struct reader *reader, int depth)
{
    struct node *node = both(reader, depth), *joint;

    while (!reader->failed && word(reader, "or")) {
        joint = node_new(OR, NULL, NULL);
        joint->left = node;
        joint->right = both(reader, depth);
        node = joint;
    }
    return node;
}

/* Each property of $orderby must be in $filter, in the same order, and before any other. */
static bool order_fits(const struct ms_filter *filter, const char *order)
{
    size_t at = 0;

    while (*order) {
        size_t len = strcspn(order, " ,");

        if (at >= filter->path_count || strlen(filter->paths[at]) != len ||
            strncmp(filter->paths[at], order, len) != 0)
            return false;
        at++;
        order += strcspn(order, ",");
        order += strspn(order, ", ");
    }
    return true;
}

struct ms_filter *ms_filter_new(struct ms_call *call, const char *text, const char *order)
{
    struct ms_filter *filter = mem_new(sizeof(*filter));
    struct reader reader = {.call = call, .filter = filter, .at = text};

    if (!text)
        return filter;
    filter->root = either(&reader, 0);
    blanks(&reader);
    if (!reader.failed && *reader.at)
        syntax(&reader);
    if (!reader.failed && filter->extended && !ms_full_read(call))
        fail(&reader, 403, "ErrorAccessDenied",
             "Access is denied. Mail.ReadBasic does not give "
             "extended properties.");
    for (size_t i = 0; i < filter->path_count; i++)
        if (text_starts(filter->paths[i], "body") && !ms_full_read(call))
            fail(&reader, 403, "ErrorAccessDenied",
                 "Access is denied. Mail.ReadBasic does not give the body of a message.");
    if (!reader.failed && order && !order_fits(filter, order))
        fail(&reader, 400, "InefficientFilter",
             "The restriction or sort order is too complex for this operation.");
    if (!reader.failed)
        return filter;
    ms_filter_free(filter);
    return NULL;
}

/* -- does it fit? ----------------------------------------------------------------------------- */

static int64_t time_of(const struct ms_message *message, const char *path)
{
    return strcmp(path, "receivedDateTime") == 0  ? message->received
           : strcmp(path, "sentDateTime") == 0    ? message->sent
           : strcmp(path, "createdDateTime") == 0 ? message->created
                                                  : message->modified;
}

/* Allocated. */
static char *text_of(const struct ms_message *message, const char *path)
{
    struct buf text = {0};

    if (strcmp(path, "internetMessageId") == 0)
        return mem_str(message->content->message_id ? message->content->message_id : "");
    if (strcmp(path, "conversationId") == 0)
        return mem_str(message->conversation->id);
    if (strcmp(path, "parentFolderId") == 0)
        return mem_str(message->folder->id);
    if (strcmp(path, "isDraft") == 0)
        return mem_str(message->draft ? "true" : "false");
    if (strcmp(path, "isRead") == 0)
        return mem_str(message->read ? "true" : "false");
    if (strcmp(path, "hasAttachments") == 0)
        return mem_str("false");
    if (strcmp(path, "importance") == 0)
        return mem_str("normal");
    if (text_starts(path, "from/") || text_starts(path, "sender/")) {
        char *address = mime_address_first(ms_message_header(message, "From"));

        return address ? address : mem_str("");
    }
    if (text_starts(path, "body"))
        mime_text(&text, message->content->raw, message->content->len, "text/");
    else
        mime_words_decode(&text, ms_message_header(message, "Subject")
                                     ? ms_message_header(message, "Subject")
                                     : "");
    return text.data ? buf_take(&text) : mem_str("");
}

static bool compares(const char *op, int order)
{
    return strcmp(op, "eq") == 0   ? order == 0
           : strcmp(op, "ne") == 0 ? order != 0
           : strcmp(op, "gt") == 0 ? order > 0
           : strcmp(op, "ge") == 0 ? order >= 0
           : strcmp(op, "lt") == 0 ? order < 0
                                   : order <= 0;
}

static bool has_category(const struct ms_message *message, const char *name)
{
    for (char **one = message->categories; *one; one++)
        if (strcasecmp(*one, name) == 0)
            return true;
    return false;
}

static bool has_property(const struct ms_message *message, const struct node *node)
{
    const char *value = ms_message_property_get(message, node->text);

    return value && (!node->value || strcmp(value, node->value) == 0);
}

static bool text_fits(const struct node *node, const struct ms_message *message)
{
    auto_free char *text = text_of(message, node->path);

    if (node->kind == STARTS)
        return text_starts_fold(text, node->text);
    if (node->kind == CONTAINS)
        return strcasestr(text, node->text) != NULL;
    return compares(node->op, strcasecmp(text, node->text));
}

static bool fits(const struct node *node, const struct ms_message *message)
{
    int64_t when;

    switch (node->kind) {
    case AND:
        return fits(node->left, message) && fits(node->right, message);
    case OR:
        return fits(node->left, message) || fits(node->right, message);
    case NOT:
        return !fits(node->left, message);
    case CATEGORY:
        return has_category(message, node->text);
    case EXTENDED:
        return has_property(message, node);
    case COMPARE:
        if (!among(times, ARRAY_LEN(times), node->path))
            break;
        when = time_of(message, node->path) / 1000 * 1000; /* Graph tells seconds */
        return compares(node->op, when < node->time ? -1 : when > node->time);
    case STARTS:
    case CONTAINS:
        break;
    }
    return text_fits(node, message);
}

bool ms_moment_read(const char *text, int64_t *ms_r)
{
    return vclock_parse(text, ms_r);
}

bool ms_filter_fits(const struct ms_filter *filter, const struct ms_message *message)
{
    return !filter->root || fits(filter->root, message);
}

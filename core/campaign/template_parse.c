/* campaign/template_parse.c: from the author's text to nodes, with every mistake on its line. */
#include "campaign/template_parse.h"

#include "base/mem.h"
#include "config/csv.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, TERMS_MAX = 32, VARIABLES_MAX = 256, SIZE_MAX_TEXT = 1024 * 1024 };
enum tag { TAG_NONE = 0, TAG_IF, TAG_ELSIF, TAG_ELSE, TAG_ENDIF, TAG_END };

struct parser {
    struct template *tmpl;
    struct mistakes *mistakes;
    const char *at;
    int line;
    bool line_begins, only_tags;
    const char *inside; /* of the tag that ended the nodes: after its word */
    size_t inside_len;
    int tag_line;
};

/* Notes a mistake at this line; formats quote the template with %.*s. */
static void wrong(struct parser *parser, const char *right, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void wrong(struct parser *parser, const char *right, const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mistakes_add(parser->mistakes, parser->tmpl->file, parser->line, parser->tmpl->path, right,
                 "%s", text);
}

/* How much of a text a mistake shows: not half a character. */
static int shown(const char *text, size_t len)
{
    if (len <= 48)
        return (int)len;
    len = 48;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return (int)len;
}

static bool name_char(char c, bool first)
{
    unsigned char u = (unsigned char)c;

    return isalpha(u) || u == '_' || u >= 0x80 || (!first && isdigit(u));
}

bool template_name_valid(const char *name, size_t len)
{
    bool first = true;

    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.' && !first)
            first = true;
        else if (name_char(name[i], first))
            first = false;
        else
            return false;
    }
    return len && !first && len < 100;
}

static void trim(const char **text, size_t *len)
{
    while (*len && isspace((unsigned char)**text))
        (*text)++, (*len)--;
    while (*len && isspace((unsigned char)(*text)[*len - 1]))
        (*len)--;
}

/* The length of a quoted text with its quotes, 0 if it does not close within len. */
static size_t quoted_len(const char *text, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (text[i] == text[0])
            return i + 1;
    return 0;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* Where the tag that opens at text closes with `close`, on this line, not in quotes; NULL: nowhere.
 */
static const char *find_close(const char *text, const char *close)
{
    const char *end = text + strcspn(text, "\n"), *p = text;

    while (p < end) {
        size_t quoted = is_quote(*p) ? quoted_len(p, (size_t)(end - p)) : 0;

        if (p[0] == close[0] && p[1] == close[1])
            return p;
        p += quoted ? quoted : 1;
    }
    return memmem(text, (size_t)(end - text), close, 2); /* a quote that is none: {{ it's }} */
}

static struct template_node *add_node(struct template_nodes *nodes, enum template_node_kind kind,
                                      int line)
{
    nodes->list = mem_grow(nodes->list, nodes->count + 1, sizeof(*nodes->list));
    nodes->list[nodes->count] = (struct template_node){.kind = kind, .line = line};
    return &nodes->list[nodes->count++];
}

static void add_variable(struct parser *parser, const char *name, bool needed)
{
    struct template *tmpl = parser->tmpl;

    for (size_t i = 0; i < tmpl->variable_count; i++)
        if (strcmp(tmpl->variables[i].name, name) == 0) {
            if (needed && !tmpl->variables[i].needed)
                tmpl->variables[i].line = parser->line;
            tmpl->variables[i].needed = tmpl->variables[i].needed || needed;
            return;
        }
    tmpl->variables = mem_grow(tmpl->variables, tmpl->variable_count + 1, sizeof(*tmpl->variables));
    tmpl->variables[tmpl->variable_count++] =
        (struct template_variable){mem_str(name), parser->line, needed};
}

/* -- {{value}} ------------------------------------------------------------------------ */

static char *read_fallback(struct parser *parser, const char *text, size_t len)
{
    static const char word[] = "default:";

    trim(&text, &len);
    if (len < sizeof(word) - 1 || strncmp(text, word, sizeof(word) - 1) != 0) {
        wrong(parser, "the one filter is default, e.g. {{first_name | default: there}}",
              "\"| %.*s\" is not known", shown(text, len), text);
        return NULL;
    }
    text += sizeof(word) - 1;
    len -= sizeof(word) - 1;
    trim(&text, &len);
    if (!len) {
        wrong(parser, "write what stands in, or \"\" for nothing", "default: has no value");
        return NULL;
    }
    if (is_quote(*text) && quoted_len(text, len) == len)
        return mem_strn(text + 1, len - 2);
    if (memchr(text, '|', len) || memmem(text, len, "{{", 2)) {
        wrong(parser, "put it in quotes; a default is a fixed text", "\"%.*s\" can't be a default",
              shown(text, len), text);
        return NULL;
    }
    return mem_strn(text, len);
}

/* What the author most likely meant by a name that is none: "First Name" is first_name. */
static void wrong_name(struct parser *parser, const char *name, size_t len)
{
    auto_free char *raw = mem_strn(name, len), *plain = csv_header_name(raw), *right = NULL;

    right = *plain ? mem_printf("write {{%s}}: names have letters, digits and _", plain)
                   : mem_str("write a name, e.g. {{first_name}}");
    wrong(parser, right, "\"%.*s\" is no variable's name", shown(name, len), name);
}

/* Names that enclosing conditions test need no default inside them. */
struct guard {
    const struct guard *up;
    const struct template_branch *branch;
};

static bool is_guarded(const struct guard *guard, const char *name)
{
    for (; guard; guard = guard->up)
        for (size_t i = 0; i < guard->branch->count; i++) {
            const struct template_term *term = &guard->branch->terms[i];

            if ((!term->left.literal && strcmp(term->left.text, name) == 0) ||
                (term->right.text && !term->right.literal && strcmp(term->right.text, name) == 0))
                return true;
        }
    return false;
}

static void read_value(struct parser *parser, struct template_nodes *nodes,
                       const struct guard *guard, const char *text, size_t len)
{
    struct template_node *node = add_node(nodes, NODE_VALUE, parser->line);
    const char *bar;
    size_t quoted;

    trim(&text, &len);
    node->value = (struct template_operand){mem_str(""), true};
    quoted = len && is_quote(*text) ? quoted_len(text, len) : 0;
    if (quoted && quoted == len) {
        mem_str_set(&node->value.text, NULL);
        node->value.text = mem_strn(text + 1, len - 2);
        return;
    }
    bar = memchr(text, '|', len);
    if (bar) {
        node->fallback = read_fallback(parser, bar + 1, (size_t)(text + len - bar - 1));
        len = (size_t)(bar - text);
        trim(&text, &len);
    }
    if (!template_name_valid(text, len)) {
        wrong_name(parser, text, len);
        return;
    }
    free(node->value.text);
    node->value = (struct template_operand){mem_strn(text, len), false};
    add_variable(parser, node->value.text, !node->fallback && !is_guarded(guard, node->value.text));
}

static void take_value(struct parser *parser, struct template_nodes *nodes,
                       const struct guard *guard)
{
    const char *begin = parser->at + 2, *end = find_close(begin, "}}");
    size_t line = strcspn(parser->at, "\n");

    if (parser->at[2] == '{') {
        wrong(parser, "write two braces: {{first_name}}", "three braces: %.*s",
              shown(parser->at, line), parser->at);
        end = memmem(parser->at, line, "}}", 2);
        parser->at = end ? end + 2 : parser->at + 3;
        while (*parser->at == '}')
            parser->at++;
        return;
    }
    if (!end) {
        wrong(parser, "close it with }} on the same line", "{{ is not closed: %.*s",
              shown(parser->at, line), parser->at);
        parser->at += 2;
        return;
    }
    parser->at = end + 2;
    read_value(parser, nodes, guard, begin, (size_t)(end - begin));
}

/* -- {% if %} ------------------------------------------------------------------------- */

struct lexer {
    const char *text;
    size_t len;
};

static bool take_word(struct lexer *lexer, const char **word_r, size_t *len_r)
{
    size_t len = 0;

    trim(&lexer->text, &lexer->len);
    if (!lexer->len)
        return false;
    if (is_quote(*lexer->text))
        len = quoted_len(lexer->text, lexer->len);
    else if (strchr("=!<>", *lexer->text))
        len = strspn(lexer->text, "=!<>");
    else
        while (len < lexer->len && !isspace((unsigned char)lexer->text[len]) &&
               !strchr("=!<>\"'", lexer->text[len]))
            len++;
    if (!len || len > lexer->len)
        len = lexer->len;
    *word_r = lexer->text;
    *len_r = len;
    lexer->text += len;
    lexer->len -= len;
    return true;
}

static bool word_is(const char *word, size_t len, const char *wanted)
{
    return strlen(wanted) == len && strncmp(word, wanted, len) == 0;
}

static bool is_number(const char *word, size_t len)
{
    size_t i = len && word[0] == '-' ? 1 : 0;

    for (; i < len; i++)
        if (!isdigit((unsigned char)word[i]) && word[i] != '.')
            return false;
    return len && isdigit((unsigned char)word[len - 1]);
}

static bool read_operand(struct parser *parser, struct lexer *lexer,
                         struct template_operand *operand)
{
    const char *word;
    size_t len;

    if (!take_word(lexer, &word, &len)) {
        wrong(parser, "write e.g. {% if company %} or {% if company == \"Acme\" %}",
              "the condition ends too early");
        return false;
    }
    if (is_quote(*word) && len >= 2 && word[len - 1] == *word) {
        *operand = (struct template_operand){mem_strn(word + 1, len - 2), true};
        return true;
    }
    if (is_number(word, len)) {
        *operand = (struct template_operand){mem_strn(word, len), true};
        return true;
    }
    if (word_is(word, len, "not") || !template_name_valid(word, len)) {
        wrong(parser, "write a name, a number, or a text in quotes; for \"not x\": x == \"\"",
              "\"%.*s\" can't be compared", shown(word, len), word);
        return false;
    }
    *operand = (struct template_operand){mem_strn(word, len), false};
    add_variable(parser, operand->text, false);
    return true;
}

/* Reads one comparison and the and/or behind it. 1: another follows; 0: it was the last. */
static int read_term(struct parser *parser, struct lexer *lexer, struct template_term *term,
                     bool *or_r)
{
    const char *word;
    size_t len;

    if (!read_operand(parser, lexer, &term->left))
        return -1;
    if (!take_word(lexer, &word, &len))
        return 0;
    if (word_is(word, len, "==") || word_is(word, len, "!=")) {
        term->op = *word == '=' ? OP_SAME : OP_OTHER;
        if (!read_operand(parser, lexer, &term->right))
            return -1;
        if (!take_word(lexer, &word, &len))
            return 0;
    }
    *or_r = word_is(word, len, "or");
    if (*or_r || word_is(word, len, "and"))
        return 1;
    wrong(parser, "conditions know ==, !=, and, or", "\"%.*s\" is not known in a condition",
          shown(word, len), word);
    return -1;
}

static void read_condition(struct parser *parser, struct template_branch *branch)
{
    struct lexer lexer = {parser->inside, parser->inside_len};
    bool or_before = false;
    int r;

    do {
        struct template_term term = {.or_before = or_before};

        r = read_term(parser, &lexer, &term, &or_before);
        if (r < 0 && !term.left.text)
            break;
        branch->terms = mem_grow(branch->terms, branch->count + 1, sizeof(*branch->terms));
        branch->terms[branch->count++] = term;
        if (branch->count == TERMS_MAX && r > 0) {
            wrong(parser, "split it into several", "a condition of more than 32 parts");
            r = -1;
        }
    } while (r > 0);
    if (!branch->count) { /* so that it is not taken for an else; a mistake was noted */
        branch->terms = mem_grow(NULL, 1, sizeof(*branch->terms));
        branch->terms[branch->count++] =
            (struct template_term){.left = {mem_str(""), true}, .op = OP_TRUE};
    }
}

/* Reads {% word ... %} and goes behind it. */
static enum tag take_tag(struct parser *parser)
{
    static const char *const words[] = {NULL, "if", "elsif", "else", "endif"};
    const char *begin = parser->at + 2, *end = find_close(begin, "%}"), *word;
    struct lexer lexer;
    size_t len = 0;

    if (!end) {
        wrong(parser, "close it with %} on the same line", "{%% is not closed");
        parser->at += 2;
        return TAG_NONE;
    }
    lexer = (struct lexer){begin, (size_t)(end - begin)};
    parser->at = end + 2;
    parser->tag_line = parser->line;
    if (!take_word(&lexer, &word, &len))
        word = "";
    parser->inside = lexer.text;
    parser->inside_len = lexer.len;
    for (enum tag tag = TAG_IF; tag < TAG_END; tag++)
        if (word_is(word, len, words[tag]))
            return tag;
    wrong(parser, "there are if, elsif, else and endif", "\"%.*s\" is no tag", shown(word, len),
          word);
    return TAG_NONE;
}

/* -- the whole ------------------------------------------------------------------------ */

/* Whether the line has nothing but {% %} tags, at least one, and blanks. */
static bool line_only_tags(const char *line)
{
    bool tag = false;

    for (;;) {
        while (*line == ' ' || *line == '\t' || *line == '\r')
            line++;
        if (*line == '\n' || !*line)
            return tag;
        if (line[0] != '{' || line[1] != '%')
            return false;
        line = find_close(line + 2, "%}");
        if (!line)
            return false;
        line += 2;
        tag = true;
    }
}

static void flush_text(struct parser *parser, struct template_nodes *nodes, struct buf *text)
{
    if (text->len)
        add_node(nodes, NODE_TEXT, parser->line)->text = buf_take(text);
}

static void take_char(struct parser *parser, struct buf *text)
{
    char c = *parser->at++;

    if (!parser->only_tags)
        buf_add_char(text, c);
    if (c == '\n') {
        parser->line++;
        parser->line_begins = true;
    }
}

static void check_stray(struct parser *parser)
{
    /* In HTML these are everyday CSS: @media{a{width:100%}} */
    if (parser->tmpl->kind == TEMPLATE_HTML)
        return;
    if (parser->at[0] == '}' && parser->at[1] == '}')
        wrong(parser, "write {{name}}; for the braces themselves {{ \"}}\" }}",
              "}} closes nothing");
    else if (parser->at[0] == '%' && parser->at[1] == '}')
        wrong(parser, "write {% if name %}", "%%} closes nothing");
    else
        return;
    parser->at += 2;
}

static void read_if(struct parser *parser, struct template_nodes *nodes, const struct guard *guard,
                    int depth);

/* Reads nodes until a tag that is not an if ends them. */
static enum tag read_nodes(struct parser *parser, struct template_nodes *nodes,
                           const struct guard *guard, int depth)
{
    auto_buf struct buf text = {0};

    while (*parser->at && !parser->mistakes->more) {
        enum tag tag;

        if (parser->line_begins)
            parser->only_tags = line_only_tags(parser->at);
        parser->line_begins = false;
        check_stray(parser);
        if (parser->at[0] == '{' && parser->at[1] == '{') {
            flush_text(parser, nodes, &text);
            take_value(parser, nodes, guard);
            continue;
        }
        if (parser->at[0] != '{' || parser->at[1] != '%') {
            if (*parser->at)
                take_char(parser, &text);
            continue;
        }
        flush_text(parser, nodes, &text);
        tag = take_tag(parser);
        if (tag == TAG_IF)
            read_if(parser, nodes, guard, depth + 1);
        else if (tag != TAG_NONE)
            return tag;
    }
    flush_text(parser, nodes, &text);
    return TAG_END;
}

/* The branches are gathered apart, since nodes->list may move while they are read. */
static void read_if(struct parser *parser, struct template_nodes *nodes, const struct guard *guard,
                    int depth)
{
    struct template_node node = {.kind = NODE_IF, .line = parser->line};
    enum tag tag = TAG_IF;
    bool had_else = false;
    int opened = parser->line;

    if (depth > DEPTH_MAX) {
        wrong(parser, "at most 32 levels", "if is nested too deep");
        parser->at += strlen(parser->at);
        return;
    }
    while (tag == TAG_IF || tag == TAG_ELSIF || tag == TAG_ELSE) {
        struct template_branch branch = {0};
        struct guard inner = {guard, &branch};

        if (had_else)
            wrong(parser, "close the if with {% endif %}", "there is a branch after the else");
        had_else = had_else || tag == TAG_ELSE;
        if (tag != TAG_ELSE)
            read_condition(parser, &branch);
        tag = read_nodes(parser, &branch.body, &inner, depth);
        node.branches = mem_grow(node.branches, node.branch_count + 1, sizeof(*node.branches));
        node.branches[node.branch_count++] = branch;
    }
    if (tag == TAG_END)
        mistakes_add(parser->mistakes, parser->tmpl->file, opened, parser->tmpl->path,
                     "close it with {% endif %}", "{%% if %%} is not closed");
    *add_node(nodes, NODE_IF, node.line) = node;
}

static void read_all(struct parser *parser)
{
    for (;;) {
        enum tag tag = read_nodes(parser, &parser->tmpl->nodes, NULL, 0);

        if (tag == TAG_END)
            return;
        wrong(parser, "open it with {% if name %}, or leave it out", "there is no if open here");
    }
}

struct template *template_new(enum template_kind kind, const char *text, const char *file, int line,
                              const char *path, struct mistakes *mistakes)
{
    struct template *tmpl = mem_new(sizeof(*tmpl));
    auto_free char *own = mem_str(text);
    struct parser parser = {.tmpl = tmpl, .mistakes = mistakes, .at = own, .line = line};
    size_t before = mistakes->count, len = strlen(own);

    tmpl->kind = kind;
    tmpl->file = mem_str(file);
    tmpl->path = mem_str(path);
    parser.line_begins = true;
    if (kind == TEMPLATE_SUBJECT) {
        while (len && isspace((unsigned char)own[len - 1]))
            own[--len] = '\0';
        if (strpbrk(own, "\r\n"))
            wrong(&parser, "write it on one line", "a subject can't have a line end");
    }
    if (len > SIZE_MAX_TEXT)
        wrong(&parser, "at most 1 MiB", "the text is too long");
    else
        read_all(&parser);
    if (mistakes->count > before || mistakes->more) {
        template_free(tmpl);
        return NULL;
    }
    return tmpl;
}

/* config/tree.c: builds the tree from libyaml's events, and marks it with lines. */
#include "config/tree.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/check.h"
#include "config/json_lines.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct tree *tree;
    struct mistakes *mistakes;
    struct buf path;
};

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int refuse(struct reader *reader, yaml_mark_t mark, const char *right, const char *wrong)
{
    mistakes_add(reader->mistakes, reader->tree->file, line_of(mark), buf_text(&reader->path),
                 right, "%s", wrong);
    return -EINVAL;
}

/* What a person most likely did, for the errors that libyaml has in its own words. */
static const char *yaml_right(const char *problem)
{
    if (strstr(problem, "mapping values are not allowed"))
        return "text with \": \" in it needs quotes, and keys of one map the same indent";
    if (strstr(problem, "cannot start any token"))
        return "indent with blanks, not tabs; text that begins with @, %, ` or a tab needs quotes";
    if (strstr(problem, "flow") || strstr(problem, "unhashable"))
        return "text that begins with { or [ (such as {{first_name}}) needs quotes";
    if (strstr(problem, "end of stream") || strstr(problem, "quoted scalar"))
        return "close the quote";
    if (strstr(problem, "expected key") || strstr(problem, "block"))
        return "indent the keys of one map alike, with blanks; text that begins with { or [ needs "
               "quotes";
    return "see that the indents, quotes and brackets match";
}

static int parse_failed(struct reader *reader)
{
    const char *problem = reader->parser.problem ? reader->parser.problem : "it is no YAML";
    yaml_mark_t mark = reader->parser.problem_mark;

    mistakes_add(reader->mistakes, reader->tree->file, line_of(mark), buf_text(&reader->path),
                 yaml_right(problem), "not readable as YAML: %s (column %zu)", problem,
                 mark.column + 1);
    return -EINVAL;
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
    return yaml_parser_parse(&reader->parser, event) ? 0 : parse_failed(reader);
}

void tree_set_mark(struct tree *tree, const char *path, int line, int column, int text_line)
{
    struct tree_mark *mark = mem_new(sizeof(*mark));

    *mark = (struct tree_mark){line, column, text_line};
    free(map_put_str(&tree->marks, path, mark));
}

static bool is_number(const char *text, bool *whole_r)
{
    const char *p = text;
    size_t digits;

    if (*p == '-' || *p == '+')
        p++;
    if (p[0] == '0' && isdigit((unsigned char)p[1])) /* 007 is a name, 0.7 a number */
        return false;
    digits = strspn(p, "0123456789");
    p += digits;
    *whole_r = *p == '\0';
    if (*p == '.') {
        size_t after = strspn(++p, "0123456789");

        digits = after ? digits : 0;
        p += after;
    }
    return digits > 0 && digits < 19 && *p == '\0';
}

static struct json_object *plain_scalar(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    bool whole = false;

    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        if (strcmp(text, nulls[i]) == 0)
            return NULL;
    if (!strcmp(text, "true") || !strcmp(text, "True") || !strcmp(text, "TRUE"))
        return json_truth(1);
    if (!strcmp(text, "false") || !strcmp(text, "False") || !strcmp(text, "FALSE"))
        return json_truth(0);
    if (is_number(text, &whole))
        return whole ? json_integer(strtoll(text, NULL, 10)) : json_fraction(text);
    return json_string(text);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, struct json_object **out)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    yaml_scalar_style_t style = event->data.scalar.style;
    int line = line_of(event->start_mark);
    bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;

    if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
        return refuse(reader, event->start_mark, "leave the tag out; quotes make a text",
                      "YAML tags are not taken");
    if (strlen(text) != event->data.scalar.length)
        return refuse(reader, event->start_mark, "leave the NUL character out",
                      "a text can't have a NUL character");
    tree_set_mark(reader->tree, buf_text(&reader->path), line, (int)event->start_mark.column + 1,
                  block ? line + 1 : line);
    *out = style == YAML_PLAIN_SCALAR_STYLE && !tag ? plain_scalar(text)
                                                    : json_strn(text, event->data.scalar.length);
    return 0;
}

static int read_node(struct reader *reader, const yaml_event_t *event, int depth,
                     struct json_object **out);

static int read_list(struct reader *reader, int depth, struct json_object *list)
{
    size_t path = reader->path.len;

    for (size_t index = 0;; index++) {
        struct json_object *item = NULL;
        yaml_event_t event;
        int r = next_event(reader, &event);

        if (r < 0)
            return r;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        buf_printf(&reader->path, "[%zu]", index);
        r = read_node(reader, &event, depth, &item);
        yaml_event_delete(&event);
        buf_truncate(&reader->path, path);
        if (r < 0)
            return r;
        json_add(list, item);
    }
}

/* The key of a map's next pair. 1: there is one; 0: the map ends. */
static int read_key(struct reader *reader, struct json_object *map, char **key_r)
{
    yaml_event_t event;
    int r = next_event(reader, &event);

    if (r < 0)
        return r;
    if (event.type == YAML_MAPPING_END_EVENT) {
        r = 0;
    } else if (event.type != YAML_SCALAR_EVENT) {
        r = refuse(reader, event.start_mark,
                   "text that begins with { or [ (such as {{first_name}}) needs quotes",
                   "a key must be a plain text");
    } else if (json_object_object_get_ex(map, (const char *)event.data.scalar.value, NULL)) {
        auto_free char *wrong =
            mem_printf("the key \"%s\" is there twice", (const char *)event.data.scalar.value);

        r = refuse(reader, event.start_mark, "keep one of the two", wrong);
    } else {
        *key_r = mem_str((const char *)event.data.scalar.value);
        r = 1;
    }
    yaml_event_delete(&event);
    return r;
}

static int read_map(struct reader *reader, int depth, struct json_object *map)
{
    size_t path = reader->path.len;

    for (;;) {
        auto_free char *key = NULL;
        struct json_object *value = NULL;
        yaml_event_t event;
        int r = read_key(reader, map, &key);

        if (r <= 0)
            return r;
        r = next_event(reader, &event);
        if (r < 0)
            return r;
        buf_printf(&reader->path, "%s%s", path ? "." : "", key);
        r = read_node(reader, &event, depth, &value);
        yaml_event_delete(&event);
        buf_truncate(&reader->path, path);
        if (r < 0)
            return r;
        json_put(map, key, value);
    }
}

static int read_node(struct reader *reader, const yaml_event_t *event, int depth,
                     struct json_object **out)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor = NULL;
    struct json_object *node;
    int r;

    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor;
    else if (map)
        anchor = event->data.mapping_start.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor;
    if (anchor || event->type == YAML_ALIAS_EVENT)
        return refuse(reader, event->start_mark,
                      "write the value out; text that begins with & or * needs quotes",
                      "YAML anchors and aliases are not taken");
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(reader, event, out);
    if (depth >= TREE_DEPTH_MAX)
        return refuse(reader, event->start_mark, "at most 32 levels", "nested too deep");
    tree_set_mark(reader->tree, buf_text(&reader->path), line_of(event->start_mark),
                  (int)event->start_mark.column + 1, line_of(event->start_mark));
    node = map ? json_map() : json_list();
    r = map ? read_map(reader, depth + 1, node) : read_list(reader, depth + 1, node);
    if (r < 0)
        json_object_put(node);
    else
        *out = node;
    return r;
}

static int read_stream(struct reader *reader)
{
    bool seen = false;

    for (;;) {
        yaml_event_t event;
        int r = next_event(reader, &event);
        yaml_event_type_t type = r < 0 ? YAML_NO_EVENT : event.type;

        if (r < 0)
            return r;
        if (type == YAML_SCALAR_EVENT || type == YAML_MAPPING_START_EVENT ||
            type == YAML_SEQUENCE_START_EVENT || type == YAML_ALIAS_EVENT)
            r = read_node(reader, &event, 0, &reader->tree->root);
        else if (type == YAML_DOCUMENT_START_EVENT && seen)
            r = refuse(reader, event.start_mark, "leave out the second --- and what follows",
                       "there is more than one document");
        seen = seen || type == YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&event);
        if (r < 0 || type == YAML_STREAM_END_EVENT)
            return r;
    }
}

static int parse_yaml(struct tree *tree, const void *data, size_t len, struct mistakes *mistakes)
{
    struct reader reader = {.tree = tree, .mistakes = mistakes};
    int r;

    if (!yaml_parser_initialize(&reader.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, data, len);
    r = read_stream(&reader);
    yaml_parser_delete(&reader.parser);
    buf_finish(&reader.path);
    return r;
}

static struct tree *tree_begin(const char *file)
{
    struct tree *tree = mem_new(sizeof(*tree));

    tree->file = mem_str(file);
    return tree;
}

static bool has_suffix(const char *file, const char *suffix)
{
    size_t len = strlen(file), end = strlen(suffix);

    return len >= end && text_same(file + len - end, suffix);
}

/* What looks like JSON is tried as JSON; only then as YAML, whose flow style looks the same. */
static int parse_any(struct tree *tree, const char *text, size_t len, struct mistakes *mistakes)
{
    auto_mistakes struct mistakes json = {0};
    size_t begin = 0;
    int r;

    while (begin < len && isspace((unsigned char)text[begin]))
        begin++;
    if (begin == len || (text[begin] != '{' && text[begin] != '['))
        return parse_yaml(tree, text, len, mistakes);
    r = json_lines_parse(tree, text, len, &json);
    if (r == 0)
        return 0;
    if (has_suffix(tree->file, ".yaml") || has_suffix(tree->file, ".yml"))
        return parse_yaml(tree, text, len, mistakes);
    mistakes_take(mistakes, &json);
    return r;
}

int tree_parse(const char *file, const void *data, size_t len, struct mistakes *mistakes,
               struct tree **tree_r)
{
    struct tree *tree = tree_begin(file);
    const char *text = data;
    int r;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3, len -= 3;
    if (len > TREE_SIZE_MAX) {
        mistakes_add(mistakes, file, 0, "", "at most 4 MiB", "%zu bytes are too much", len);
        r = -EINVAL;
    } else if (!text_is_utf8(text, len)) {
        mistakes_add(mistakes, file, 0, "", "save it as UTF-8", "it is not UTF-8");
        r = -EINVAL;
    } else {
        r = parse_any(tree, text ? text : "", len, mistakes);
    }
    if (r < 0)
        tree_free(tree);
    else
        *tree_r = tree;
    return r;
}

static int read_all(int fd, struct buf *out)
{
    for (;;) {
        char *at = buf_reserve(out, 64 * 1024);
        ssize_t got = read(fd, at, 64 * 1024);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0 || out->len > TREE_SIZE_MAX)
            return 0;
        buf_advance(out, (size_t)got);
    }
}

int tree_read(const char *file, struct mistakes *mistakes, struct tree **tree_r)
{
    auto_buf struct buf text = {0};
    int fd = open(file, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;

    if (r == 0) {
        r = read_all(fd, &text);
        close(fd);
    }
    if (r < 0) {
        mistakes_add(mistakes, file, 0, "", "give the path of a file that this user may read",
                     "can't be read: %s", strerror(-r));
        return -EINVAL;
    }
    return tree_parse(file, buf_text(&text), text.len, mistakes, tree_r);
}

struct tree *tree_from_json(const char *file, struct json_object *root)
{
    struct tree *tree = tree_begin(file);

    tree->root = json_object_get(root);
    return tree;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    json_object_put(tree->root);
    map_finish(&tree->marks, free);
    free(tree->file);
    free(tree);
}

const struct tree_mark *tree_mark(const struct tree *tree, const char *path)
{
    return map_get_str(&tree->marks, path);
}

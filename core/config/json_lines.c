/* config/json_lines.c: JSON by json-c, then a walk along the same text for lines and double keys.
 */
#include "config/json_lines.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct walk {
    struct tree *tree;
    struct mistakes *mistakes;
    const char *at, *end, *line_begin;
    int line;
    struct buf path;
};

static void skip_blanks(struct walk *walk)
{
    for (; walk->at < walk->end && strchr(" \t\r\n", *walk->at) && *walk->at; walk->at++)
        if (*walk->at == '\n') {
            walk->line++;
            walk->line_begin = walk->at + 1;
        }
}

/* Passes a string, quotes and all; a JSON string has no bare line end. */
static void skip_string(struct walk *walk)
{
    for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
        if (*walk->at == '\\' && walk->at + 1 < walk->end)
            walk->at++;
    if (walk->at < walk->end)
        walk->at++;
}

static char *take_key(struct walk *walk)
{
    const char *begin = walk->at;
    struct json_object *key;
    char *raw, *name;

    skip_string(walk);
    raw = mem_strn(begin, (size_t)(walk->at - begin));
    key = json_tokener_parse(raw);
    name = mem_str(key ? json_object_get_string(key) : raw);
    json_object_put(key);
    free(raw);
    return name;
}

static void walk_value(struct walk *walk);

static void walk_pair(struct walk *walk, struct map *seen)
{
    size_t path = walk->path.len;
    auto_free char *key = take_key(walk);

    buf_printf(&walk->path, "%s%s", path ? "." : "", key);
    if (map_put_str(seen, key, walk))
        mistakes_add(walk->mistakes, walk->tree->file, walk->line, buf_text(&walk->path),
                     "keep one of the two", "the key \"%s\" is there twice", key);
    skip_blanks(walk);
    if (walk->at < walk->end) /* the colon */
        walk->at++;
    walk_value(walk);
    buf_truncate(&walk->path, path);
}

static void walk_item(struct walk *walk, size_t index)
{
    size_t path = walk->path.len;

    buf_printf(&walk->path, "[%zu]", index);
    walk_value(walk);
    buf_truncate(&walk->path, path);
}

static void walk_inside(struct walk *walk, char close)
{
    struct map seen = {0};

    walk->at++;
    for (size_t index = 0;; index++) {
        skip_blanks(walk);
        if (walk->at >= walk->end || *walk->at == close)
            break;
        if (close == '}')
            walk_pair(walk, &seen);
        else
            walk_item(walk, index);
        skip_blanks(walk);
        if (walk->at < walk->end && *walk->at == ',')
            walk->at++;
    }
    if (walk->at < walk->end)
        walk->at++;
    map_finish(&seen, NULL);
}

static void walk_value(struct walk *walk)
{
    skip_blanks(walk);
    if (walk->at >= walk->end)
        return;
    tree_set_mark(walk->tree, buf_text(&walk->path), walk->line,
                  (int)(walk->at - walk->line_begin) + 1, walk->line);
    if (*walk->at == '{' || *walk->at == '[')
        walk_inside(walk, *walk->at == '{' ? '}' : ']');
    else if (*walk->at == '"')
        skip_string(walk);
    else
        while (walk->at < walk->end && !strchr(",]} \t\r\n", *walk->at))
            walk->at++;
}

static int line_at(const char *text, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset; i++)
        line += text[i] == '\n';
    return line;
}

static bool has_nul(struct json_object *node)
{
    if (json_object_is_type(node, json_type_string))
        return strlen(json_object_get_string(node)) != (size_t)json_object_get_string_len(node);
    if (json_object_is_type(node, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(node); i++)
            if (has_nul(json_object_array_get_idx(node, i)))
                return true;
    } else if (json_object_is_type(node, json_type_object)) {
        json_object_object_foreach (node, key, value) {
            (void)key;
            if (has_nul(value))
                return true;
        }
    }
    return false;
}

static int parse(const char *text, size_t len, struct tree *tree, struct mistakes *mistakes)
{
    struct json_tokener *tokener = json_tokener_new_ex(TREE_DEPTH_MAX);
    enum json_tokener_error error;
    int r = 0;

    if (!tokener)
        mem_none();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    tree->root = json_tokener_parse_ex(tokener, text, (int)len);
    error = json_tokener_get_error(tokener);
    if (error != json_tokener_success) {
        size_t at = json_tokener_get_parse_end(tokener);

        mistakes_add(mistakes, tree->file, line_at(text, at < len ? at : len), "",
                     error == json_tokener_continue ? "close what is open" : NULL,
                     "not readable as JSON: %s",
                     error == json_tokener_continue ? "it ends too early"
                                                    : json_tokener_error_desc(error));
        r = -EINVAL;
    } else if (tree->root && has_nul(tree->root)) {
        mistakes_add(mistakes, tree->file, 0, "", "leave the NUL character out",
                     "a text can't have a NUL character");
        r = -EINVAL;
    }
    json_tokener_free(tokener);
    return r;
}

int json_lines_parse(struct tree *tree, const char *text, size_t len, struct mistakes *mistakes)
{
    struct walk walk = {tree, mistakes, text, text + len, text, 1, {0}};
    size_t before = mistakes->count;
    int r;

    while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1]) /* strict minds a blank end */
        len--;
    r = parse(text, len, tree, mistakes);
    if (r == 0)
        walk_value(&walk);
    buf_finish(&walk.path);
    if (r == 0 && mistakes->count > before)
        r = -EINVAL;
    if (r < 0) {
        json_object_put(tree->root);
        tree->root = NULL;
        map_finish(&tree->marks, free);
    }
    return r;
}

/* config/check.c: getters that note what is wrong and go on. */
#include "config/check.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 64 };

static int line_of_path(const struct tree *tree, const char *path, bool text)
{
    char near[CHECK_PATH];
    const struct tree_mark *mark;

    snprintf(near, sizeof(near), "%s", path);
    for (;;) { /* what has no mark itself stands where its parent does */
        char *cut;

        mark = tree_mark(tree, near);
        if (mark || !*near)
            break;
        cut = near + strlen(near) - 1;
        while (cut > near && *cut != '.' && *cut != '[')
            cut--;
        *cut = '\0';
    }
    if (!mark)
        return 0;
    return text ? mark->text_line : mark->line;
}

int check_line(const struct check *at)
{
    return line_of_path(at->tree, at->path, false);
}

int check_text_line(const struct check *at)
{
    return line_of_path(at->tree, at->path, true);
}

void check_wrong(const struct check *at, const char *right, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    mistakes_add(at->mistakes, at->tree->file, check_line(at), at->path, right, "%s",
                 n < 0 ? format : text);
    free(text);
}

static const char *kind_name(struct json_object *json)
{
    switch (json_object_get_type(json)) {
    case json_type_boolean:
        return "true or false";
    case json_type_int:
    case json_type_double:
        return "a number";
    case json_type_object:
        return "a map";
    case json_type_array:
        return "a list";
    case json_type_string:
        return "a text";
    default:
        return "nothing";
    }
}

bool check_root(const struct tree *tree, struct mistakes *mistakes, struct check *root_r)
{
    struct check root = {tree, mistakes, tree->root, ""};

    if (!json_object_is_type(tree->root, json_type_object)) {
        check_wrong(&root, "write it as keys and values, e.g. name: Backend engineers",
                    tree->root ? "it is %s, not a map" : "it is empty: it has %s",
                    kind_name(tree->root));
        return false;
    }
    *root_r = root;
    return true;
}

static void child(const struct check *map, const char *key, struct json_object *json,
                  struct check *at_r)
{
    struct check at = {map->tree, map->mistakes, json, ""};

    if (snprintf(at.path, sizeof(at.path), "%s%s%s", map->path, *map->path ? "." : "", key) < 0)
        at.path[0] = '\0';
    *at_r = at;
}

bool check_get(const struct check *map, const char *key, struct check *at_r)
{
    struct json_object *json = NULL;
    struct check at;

    if (!json_object_object_get_ex(map->json, key, &json))
        return false;
    child(map, key, json, &at);
    if (!json) {
        check_wrong(&at, "give it a value or leave the line out", "it has no value");
        return false;
    }
    *at_r = at;
    return true;
}

bool check_need(const struct check *map, const char *key, const char *right, struct check *at_r)
{
    struct check at;

    if (json_object_object_get_ex(map->json, key, NULL))
        return check_get(map, key, at_r);
    child(map, key, NULL, &at);
    check_wrong(&at, right, "it is missing");
    return false;
}

bool check_is_map(const struct check *at)
{
    if (json_object_is_type(at->json, json_type_object))
        return true;
    check_wrong(at, "write it as keys and values", "it is %s, not a map", kind_name(at->json));
    return false;
}

bool check_is_list(const struct check *at)
{
    if (json_object_is_type(at->json, json_type_array))
        return true;
    check_wrong(at, "write it as [one, two] or with a - before each", "it is %s, not a list",
                kind_name(at->json));
    return false;
}

size_t check_count(const struct check *list)
{
    return json_object_is_type(list->json, json_type_array) ? json_object_array_length(list->json)
                                                            : 0;
}

void check_item(const struct check *list, size_t index, struct check *at_r)
{
    struct check at = {list->tree, list->mistakes, json_object_array_get_idx(list->json, index),
                       ""};

    if (snprintf(at.path, sizeof(at.path), "%s[%zu]", list->path, index) < 0)
        at.path[0] = '\0';
    *at_r = at;
}

static void add_choices(struct buf *out, const char *const *known)
{
    for (size_t i = 0; known[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "", known[i]);
}

void check_keys(const struct check *map, const char *const *known)
{
    if (!json_object_is_type(map->json, json_type_object))
        return;
    json_object_object_foreach (map->json, key, value) {
        auto_buf struct buf right = {0};
        const char *near = check_nearest(key, known);
        struct check at;
        size_t i = 0;

        if (map->mistakes->more)
            return;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (known[i])
            continue;
        child(map, key, value, &at);
        if (near)
            buf_printf(&right, "did you mean \"%s\"?", near);
        else
            buf_add_str(&right, "known here: "), add_choices(&right, known);
        check_wrong(&at, buf_text(&right), "there is no key \"%.*s\"", WORD_MAX, key);
    }
}

const char *check_text(const struct check *at)
{
    enum json_type type = json_object_get_type(at->json);

    if (type == json_type_int || type == json_type_double)
        return json_object_get_string(at->json);
    if (type != json_type_string) {
        check_wrong(at, type == json_type_boolean ? "put it in quotes" : "write a text",
                    "it is %s, not a text", kind_name(at->json));
        return NULL;
    }
    if (!json_object_get_string_len(at->json)) {
        check_wrong(at, "write a text, or leave the line out", "it is empty");
        return NULL;
    }
    return json_object_get_string(at->json);
}

bool check_int(const struct check *at, int64_t min, int64_t max, int64_t *value_r)
{
    auto_free char *right =
        mem_printf("write a whole number from %lld to %lld", (long long)min, (long long)max);
    int64_t value;

    if (json_object_is_type(at->json, json_type_int)) {
        value = json_object_get_int64(at->json);
    } else if (!json_object_is_type(at->json, json_type_string) ||
               !text_i64(json_object_get_string(at->json), &value)) {
        check_wrong(at, right, "it is %s, not a whole number", kind_name(at->json));
        return false;
    }
    if (value < min || value > max) {
        check_wrong(at, right, "%lld is out of range", (long long)value);
        return false;
    }
    *value_r = value;
    return true;
}

bool check_bool(const struct check *at, bool *value_r)
{
    static const char *const words[] = {"yes", "on", "no", "off", NULL};

    if (json_object_is_type(at->json, json_type_boolean)) {
        *value_r = json_object_get_boolean(at->json);
        return true;
    }
    if (json_object_is_type(at->json, json_type_string))
        for (size_t i = 0; words[i]; i++)
            if (text_same(words[i], json_object_get_string(at->json))) {
                *value_r = i < 2;
                return true;
            }
    check_wrong(at, "write true or false", "it is neither true nor false");
    return false;
}

bool check_duration(const struct check *at, struct duration *value_r)
{
    const char *text = check_text(at);

    if (!text)
        return false;
    if (duration_parse(text, value_r))
        return true;
    check_wrong(at, duration_right, "\"%.*s\" is no span of time", WORD_MAX, text);
    return false;
}

int check_choice(const struct check *at, const char *const *choices)
{
    auto_buf struct buf right = {0};
    const char *text = check_text(at), *near;

    if (!text)
        return -1;
    for (int i = 0; choices[i]; i++)
        if (text_same(choices[i], text))
            return i;
    near = check_nearest(text, choices);
    if (near)
        buf_printf(&right, "did you mean \"%s\"?", near);
    else
        buf_add_str(&right, "write one of: "), add_choices(&right, choices);
    check_wrong(at, buf_text(&right), "\"%.*s\" is not known", WORD_MAX, text);
    return -1;
}

/* Lower-cased, without what people vary: blanks, _ and -. */
static size_t fold_word(const char *word, char *out)
{
    size_t len = 0;

    for (; *word && len < WORD_MAX - 1; word++)
        if (!strchr(" _-", *word))
            out[len++] = (char)tolower((unsigned char)*word);
    out[len] = '\0';
    return len;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Damerau and Levenshtein's distance, neighbours swapped at most once. */
size_t check_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    size_t la = strlen(a), lb = strlen(b);

    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    memset(rows, 0, sizeof(rows));
    for (size_t j = 0; j <= lb; j++)
        above[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = above, above = row, row = spare;
    }
    return above[lb];
}

const char *check_nearest(const char *word, const char *const *list)
{
    char a[WORD_MAX], b[WORD_MAX];
    size_t len = fold_word(word, a), best = WORD_MAX;
    const char *near = NULL;

    for (size_t i = 0; list && list[i]; i++) {
        size_t other = fold_word(list[i], b), longer = len > other ? len : other;
        size_t distance = check_distance(a, b);

        if (distance < best && distance <= longer / 3 && distance <= 3)
            best = distance, near = list[i];
    }
    return near;
}

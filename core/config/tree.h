/* config/tree.h: YAML (libyaml) and JSON (json-c) in one json-c tree that remembers where each node
 * stood.
 *
 * Refused, each with its line: deeper than 32, larger than 4 MiB, aliases and anchors, tags other
 * than !!str, keys twice in one map, keys that are no text, more than one document, what is not
 * UTF-8. Plain YAML scalars are true/false, null or ~, decimal numbers, else text: `yes`, `on`,
 * `09:00` and `2026-03-02` are text. Pure but for tree_read's one file; any thread. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H
#include "base/buf.h"
#include "base/map.h"

#include <json-c/json.h>

enum { TREE_DEPTH_MAX = 32, TREE_SIZE_MAX = 4 * 1024 * 1024 };

struct mistakes;
struct tree_mark {
    int line, column; /* where the value stands, from 1                          */
    int text_line;    /* where its text begins: the line below a YAML | or >     */
};
struct tree {
    char *file;               /* as given; stands in every mistake               */
    struct json_object *root; /* NULL: the document is empty (or null)           */
    struct map marks;         /* path ("steps[1].after") to struct tree_mark *   */
};

/* Reads text; `file` is only its name for mistakes ("berlin.yaml"; "request" for an API body). JSON
 * is what begins with { or [ and parses as JSON; everything else is YAML. -EINVAL: not readable,
 * the mistakes say where and what would be right; nothing is given then. */
int tree_parse(const char *file, const void *data, size_t len, struct mistakes *mistakes,
               struct tree **tree_r);
/* The same from the file itself; its failure to open or read is a mistake as well. */
int tree_read(const char *file, struct mistakes *mistakes, struct tree **tree_r);
/* Makes a tree of a json-c value (one reference is taken, lines are 0). */
struct tree *tree_from_json(const char *file, struct json_object *root);
void tree_free(struct tree *tree);

/* Lent; NULL: no such path. "" is the root. */
const struct tree_mark *tree_mark(const struct tree *tree, const char *path);

static inline void tree_free_slot(struct tree **tree)
{
    tree_free(*tree);
}
#define auto_tree __attribute__((cleanup(tree_free_slot)))
#endif

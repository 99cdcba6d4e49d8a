/* config/json_lines.h: the JSON half of tree.c: json-c's reading, with lines found beside it. */
#ifndef CONFIG_JSON_LINES_H
#define CONFIG_JSON_LINES_H
#include "config/check.h"
#include "config/tree.h"

#include <stddef.h>

/* Fills root and marks of an empty tree; -EINVAL with mistakes, the tree is empty again then. */
int json_lines_parse(struct tree *tree, const char *text, size_t len, struct mistakes *mistakes);
void tree_set_mark(struct tree *tree, const char *path, int line, int column, int text_line);
#endif

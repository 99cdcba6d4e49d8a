/* config/check.h: walks a tree, takes values out of it and collects every mistake on the way.
 *
 * Each mistake has file, line, path, what is wrong and what would be right. Getters return false
 * (or NULL) after noting a mistake, so a reader goes on and reports all of them at once; whether it
 * may use what it read is asked at the end by mistakes->count. Pure; any thread. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H
#include "base/buf.h"
#include "config/duration.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stdint.h>

enum { MISTAKES_MAX = 200, CHECK_PATH = 256 };

struct mistake {
    char *file;
    int line;   /* 0: not known                                         */
    char *path; /* "" for the whole file                                */
    char *wrong;
    char *right; /* what would be right; may be NULL                     */
};
struct mistakes { /* a zeroed one is empty and ready                      */
    struct mistake *list;
    size_t count;
    bool more; /* there were more than MISTAKES_MAX                    */
};
void mistakes_add(struct mistakes *mistakes, const char *file, int line, const char *path,
                  const char *right, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* One a line: `berlin.yaml:12: steps[1].after: "3 buisness days" is no duration; write ...`. */
void mistakes_text(const struct mistakes *mistakes, struct buf *out);
/* [{"file", "line", "path", "wrong", "right"}]; the caller puts it. */
struct json_object *mistakes_json(const struct mistakes *mistakes);
/* Moves all of `from` behind what is there; `from` is empty then. */
void mistakes_take(struct mistakes *mistakes, struct mistakes *from);
void mistakes_finish(struct mistakes *mistakes);
#define auto_mistakes __attribute__((cleanup(mistakes_finish)))

struct check { /* one node of a tree; copied freely, owns nothing      */
    const struct tree *tree;
    struct mistakes *mistakes;
    struct json_object *json;
    char path[CHECK_PATH];
};
/* The root, which must be a map; false with a mistake else. */
bool check_root(const struct tree *tree, struct mistakes *mistakes, struct check *root_r);
/* A key's value. false: it is not there (no mistake), or it is null (a mistake). */
bool check_get(const struct check *map, const char *key, struct check *at_r);
/* The same, but not being there is a mistake, in which `right` says what to write. */
bool check_need(const struct check *map, const char *key, const char *right, struct check *at_r);
bool check_is_map(const struct check *at);  /* else a mistake                         */
bool check_is_list(const struct check *at); /* else a mistake                         */
size_t check_count(const struct check *list);
void check_item(const struct check *list, size_t index, struct check *at_r);
/* Every key of the map that is not in `known` (NULL-ended) is a mistake, with "did you mean". */
void check_keys(const struct check *map, const char *const *known);

const char *check_text(const struct check *at); /* lent; numbers count as their text; not empty */
bool check_int(const struct check *at, int64_t min, int64_t max, int64_t *value_r);
bool check_bool(const struct check *at, bool *value_r);
bool check_duration(const struct check *at, struct duration *value_r);
/* The index in the NULL-ended list, -1 with a mistake. */
int check_choice(const struct check *at, const char *const *choices);
/* Notes a mistake at this node. */
void check_wrong(const struct check *at, const char *right, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int check_line(const struct check *at);      /* 0: not known                          */
int check_text_line(const struct check *at); /* where its text begins                 */

/* The nearest of a NULL-ended list, if near enough to be a slip of the hand; NULL: none. Case, `_`,
 * `-` and blanks do not count. */
const char *check_nearest(const char *word, const char *const *list);
size_t check_distance(const char *a, const char *b); /* edits, a swap of neighbours is one */
#endif

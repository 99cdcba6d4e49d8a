/* campaign/template_parse.h: a parsed template from the inside: template_parse.c makes it,
 * template.c renders it. */
#ifndef CAMPAIGN_TEMPLATE_PARSE_H
#define CAMPAIGN_TEMPLATE_PARSE_H
#include "campaign/template.h"

enum template_op { OP_TRUE = 0, OP_SAME, OP_OTHER };

struct template_operand {
    char *text; /* a name, or the text itself        */
    bool literal;
};
struct template_term {
    struct template_operand left, right;
    enum template_op op;
    bool or_before; /* this term begins a new group of `and`s */
};
struct template_nodes {
    struct template_node *list;
    size_t count;
};
struct template_branch {
    struct template_term *terms; /* none: else                        */
    size_t count;
    struct template_nodes body;
};
enum template_node_kind { NODE_TEXT, NODE_VALUE, NODE_IF };
struct template_node {
    enum template_node_kind kind;
    int line;
    char *text;                    /* NODE_TEXT                         */
    struct template_operand value; /* NODE_VALUE                        */
    char *fallback;                /* NULL: none                        */
    struct template_branch *branches;
    size_t branch_count;
};
struct template
{
    enum template_kind kind;
    struct template_nodes nodes;
    struct template_variable *variables;
    size_t variable_count;
    char *file, *path;
};

void template_nodes_finish(struct template_nodes *nodes);
bool template_name_valid(const char *name, size_t len);
#endif

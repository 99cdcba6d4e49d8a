/* campaign/template.c: renders nodes, and says which names they use. */
#include "campaign/template.h"

#include "base/mem.h"
#include "base/text.h"
#include "campaign/template_parse.h"

#include <errno.h>
#include <string.h>

struct render {
    const struct template *tmpl;
    const char *(*lookup)(void *arg, const char *name);
    void *arg;
    struct buf *out, *error;
};

static const char *operand_text(const struct render *render, const struct template_operand *operand)
{
    const char *text =
        operand->literal ? operand->text : render->lookup(render->arg, operand->text);

    return text ? text : "";
}

static bool term_holds(const struct render *render, const struct template_term *term)
{
    const char *left = operand_text(render, &term->left);

    if (term->op == OP_TRUE)
        return *left != '\0';
    return (strcmp(left, operand_text(render, &term->right)) == 0) == (term->op == OP_SAME);
}

static bool branch_holds(const struct render *render, const struct template_branch *branch)
{
    bool holds = true;

    for (size_t i = 0; i < branch->count; i++) {
        if (branch->terms[i].or_before && holds)
            return true;
        holds = (branch->terms[i].or_before || holds) && term_holds(render, &branch->terms[i]);
    }
    return holds;
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            buf_add_str(out, "&amp;");
        else if (*text == '<')
            buf_add_str(out, "&lt;");
        else if (*text == '>')
            buf_add_str(out, "&gt;");
        else if (*text == '"')
            buf_add_str(out, "&quot;");
        else if (*text == '\'')
            buf_add_str(out, "&#39;");
        else
            buf_add_char(out, *text);
    }
}

static int render_value(const struct render *render, const struct template_node *node)
{
    const char *text = operand_text(render, &node->value);

    if (node->value.literal || (!*text && node->fallback)) {
        buf_add_str(render->out, node->value.literal ? text : node->fallback);
        return 0;
    }
    if (!*text) {
        buf_printf(render->error,
                   "{{%s}} has no value: give the person one, or write {{%s | default: ...}}",
                   node->value.text, node->value.text);
        return -ENODATA;
    }
    if (render->tmpl->kind == TEMPLATE_SUBJECT && text_has_control(text)) {
        buf_printf(render->error,
                   "{{%s}} has a line end or another control character, which a subject can't "
                   "have: correct the person's value",
                   node->value.text);
        return -EINVAL;
    }
    if (render->tmpl->kind == TEMPLATE_HTML)
        add_escaped(render->out, text);
    else
        buf_add_str(render->out, text);
    return 0;
}

static int render_nodes(const struct render *render, const struct template_nodes *nodes)
{
    int r = 0;

    for (size_t i = 0; i < nodes->count && r == 0; i++) {
        const struct template_node *node = &nodes->list[i];

        if (node->kind == NODE_TEXT)
            buf_add_str(render->out, node->text);
        else if (node->kind == NODE_VALUE)
            r = render_value(render, node);
        for (size_t j = 0; j < node->branch_count; j++)
            if (branch_holds(render, &node->branches[j])) {
                r = render_nodes(render, &node->branches[j].body);
                break;
            }
    }
    return r;
}

int template_render(const struct template *tmpl, const char *(*lookup)(void *arg, const char *name),
                    void *arg, struct buf *out, struct buf *error)
{
    struct render render = {tmpl, lookup, arg, out, error};
    size_t before = out->len;
    int r = render_nodes(&render, &tmpl->nodes);

    if (r < 0)
        buf_truncate(out, before);
    return r;
}

size_t template_variables(const struct template *tmpl, const struct template_variable **list_r)
{
    *list_r = tmpl->variables;
    return tmpl->variable_count;
}

static bool is_known(const char *name, const char *const *known)
{
    for (size_t i = 0; known && known[i]; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static void say_unknown(const struct template *tmpl, const struct template_variable *variable,
                        const char *near, const char *const *known, struct mistakes *mistakes)
{
    auto_buf struct buf right = {0};

    if (near) {
        buf_printf(&right, "did you mean {{%s}}?", near);
    } else {
        buf_add_str(&right, "add the column, write {{name | default: ...}}, or use one of: ");
        for (size_t i = 0; known && known[i]; i++)
            buf_printf(&right, "%s, ", known[i]);
        buf_add_str(&right, "email, sender.name, sender.address, unsubscribe_url");
    }
    mistakes_add(mistakes, tmpl->file, variable->line, tmpl->path, buf_text(&right),
                 "{{%s}} is not known: the people have no such column", variable->name);
}

void template_check(const struct template *tmpl, const char *const *known,
                    struct mistakes *mistakes)
{
    static const char *const always[] = {"email", "sender.name", "sender.address",
                                         "unsubscribe_url", NULL};

    for (size_t i = 0; i < tmpl->variable_count; i++) {
        const struct template_variable *variable = &tmpl->variables[i];
        const char *near;

        if (is_known(variable->name, known) || is_known(variable->name, always))
            continue;
        near = check_nearest(variable->name, known);
        if (!near)
            near = check_nearest(variable->name, always);
        if (near || variable->needed)
            say_unknown(tmpl, variable, near, known, mistakes);
    }
}

static void branch_finish(struct template_branch *branch)
{
    for (size_t i = 0; i < branch->count; i++) {
        free(branch->terms[i].left.text);
        free(branch->terms[i].right.text);
    }
    free(branch->terms);
    template_nodes_finish(&branch->body);
}

void template_nodes_finish(struct template_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        struct template_node *node = &nodes->list[i];

        for (size_t j = 0; j < node->branch_count; j++)
            branch_finish(&node->branches[j]);
        free(node->branches);
        free(node->text);
        free(node->value.text);
        free(node->fallback);
    }
    free(nodes->list);
    *nodes = (struct template_nodes){0};
}

void template_free(struct template *tmpl)
{
    if (!tmpl)
        return;
    template_nodes_finish(&tmpl->nodes);
    for (size_t i = 0; i < tmpl->variable_count; i++)
        free((char *)(uintptr_t)tmpl->variables[i].name);
    free(tmpl->variables);
    free(tmpl->file);
    free(tmpl->path);
    free(tmpl);
}

/* provider/finish.c: how a plugin ends an operation: once, and the rest is told and ignored. */
#include "provider/private.h"

#include "base/log.h"
#include "base/mem.h"

/* The operation, if it is still to be ended. */
static struct provider_op *claim(struct rider_op *handle)
{
    struct provider_op *op = (struct provider_op *)(void *)handle;

    if (handle_of(handle) != HANDLE_OP) {
        misdeeds.finished_twice++;
        log_error("a plugin finished an operation that postrider does not know, or no longer: "
                  "ignored; tell the plugin's author");
        return NULL;
    }
    if (op->state == OP_RUNNING)
        return op;
    if (op->state == OP_RETIRED) {
        misdeeds.finished_twice++;
        log_error("a plugin finished the same %s twice: ignored; tell the plugin's author",
                  op_name(op->kind));
        return NULL;
    }
    if (op->state == OP_ENDED && !op->by_host) {
        misdeeds.finished_twice++;
        seat_log(op->seat, LOG_LEVEL_ERROR,
                 "the plugin finished the same %s twice: ignored; tell the plugin's author",
                 op_name(op->kind));
        return NULL;
    }
    seat_log(op->seat, LOG_LEVEL_INFO, "the plugin finished %s after the host had ended it",
             op_name(op->kind));
    op->by_host = false;
    if (op->state == OP_ABANDONED)
        op_retire(op);
    return NULL;
}

/* A success in the wrong words: for a send it may well have happened. */
static void misspoken(struct provider_op *op)
{
    misdeeds.made_no_sense++;
    seat_log(op->seat, LOG_LEVEL_ERROR,
             "the plugin finished %s with an answer that makes no sense for it", op_name(op->kind));
    op_fail(op, op->kind == OP_SEND ? RIDER_UNCERTAIN : RIDER_BROKEN, RIDER_MESSAGE,
            "the plugin's answer makes no sense");
}

void host_fail(struct rider_op *handle, const struct rider_failure *failure)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (!copy_failure(&op->arena, &op->failure, failure)) {
        op_fail(op, 0, RIDER_MESSAGE, "the plugin's failure has no size");
        return;
    }
    op->result.failure = &op->failure;
    op_end(op);
}

void host_identify_done(struct rider_op *handle, const struct rider_identity *identity)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_IDENTIFY || !copy_identity(&op->arena, &op->identity, identity) ||
        !op->identity.address) {
        misspoken(op);
        return;
    }
    op->result.identity = &op->identity;
    op_end(op);
}

static bool fits(enum op_kind kind, int32_t state)
{
    switch (kind) {
    case OP_SEND:
    case OP_FILE:
        return state == RIDER_IS_SENT;
    case OP_STAGE:
        return state == RIDER_IS_STAGED;
    case OP_FIND:
        return state == RIDER_IS_SENT || state == RIDER_IS_STAGED;
    default:
        return false;
    }
}

void host_send_done(struct rider_op *handle, const struct rider_sent *sent)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (!copy_sent(&op->arena, &op->sent, sent) || !fits(op->kind, op->sent.state)) {
        misspoken(op);
        return;
    }
    op->result.sent = &op->sent;
    op_end(op);
}

void host_list_done(struct rider_op *handle, const struct rider_page *page)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_LIST || !copy_page(&op->arena, &op->page, page)) {
        misspoken(op);
        return;
    }
    op->result.page = &op->page;
    op_end(op);
}

void host_read_done(struct rider_op *handle, const struct rider_body *body)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_READ || !copy_body(&op->arena, &op->body, body)) {
        misspoken(op);
        return;
    }
    op->result.body = &op->body;
    op_end(op);
}

void host_label_done(struct rider_op *handle, const struct rider_labelled *labelled)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_LABEL || !copy_labelled(&op->arena, &op->labelled, labelled)) {
        misspoken(op);
        return;
    }
    op->result.labelled = &op->labelled;
    op_end(op);
}

void host_done(struct rider_op *handle)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_FILE && op->kind != OP_DISCARD && op->kind != OP_UNWATCH) {
        misspoken(op);
        return;
    }
    op_end(op);
}

void host_watch_done(struct rider_op *handle, const struct rider_watched *watched)
{
    struct provider_op *op = claim(handle);

    if (!op)
        return;
    if (op->kind != OP_WATCH || !COPY_STRUCT(&op->watched, watched)) {
        misspoken(op);
        return;
    }
    op->result.watched = &op->watched;
    op_end(op);
}

bool host_list_item(struct rider_op *handle, const struct rider_reply *reply)
{
    struct provider_op *op = (struct provider_op *)(void *)handle;
    struct rider_reply full;

    if (handle_of(handle) != HANDLE_OP || op->state != OP_RUNNING || op->kind != OP_LIST)
        return false;
    if (!COPY_STRUCT(&full, reply) || !full.provider_id) {
        seat_log(op->seat, LOG_LEVEL_ERROR, "the plugin listed an item without an id: not taken");
        return false;
    }
    return op->item && op->item(op->arg, &full);
}

/* unit/store/help.h: a store in a temporary directory, and applies that are waited for. */
#ifndef UNIT_STORE_HELP_H
#define UNIT_STORE_HELP_H
#include "store/store.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct help {
    char dir[64];
    sem_t woken;
    struct store *store;
    struct store_options options;
};

static void help_wake(void *arg)
{
    sem_post(arg);
}

static inline void help_init(struct help *help)
{
    memset(help, 0, sizeof *help);
    strcpy(help->dir, "/tmp/postrider-store-XXXXXX");
    assert_non_null(mkdtemp(help->dir));
    sem_init(&help->woken, 0, 0);
    help->options = (struct store_options){
        .dir = help->dir, .hash_key = {7}, .wake = help_wake, .wake_arg = &help->woken};
}

static inline void help_open(struct help *help)
{
    char *error = NULL;
    int r = store_open(&help->options, &help->store, &error);

    if (r < 0)
        print_error("%s\n", error);
    free(error);
    assert_int_equal(r, 0);
}

static inline int help_refused(struct help *help, const char *sentence)
{
    struct store *store = NULL;
    char *error = NULL;
    int r = store_open(&help->options, &store, &error);

    assert_true(r < 0);
    assert_non_null(error);
    if (!strstr(error, sentence))
        fail_msg("\"%s\" does not say \"%s\"", error, sentence);
    free(error);
    return r;
}

static inline void help_close(struct help *help)
{
    store_close(help->store);
    help->store = NULL;
}

static inline void help_remove(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "postrider.lock"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        auto_free char *path = mem_printf("%s/%s", dir, files[i]);

        unlink(path);
    }
    rmdir(dir);
}

static inline void help_finish(struct help *help)
{
    help_close(help);
    help_remove(help->dir);
    sem_destroy(&help->woken);
}

struct help_end {
    bool done;
    int status;
    store_apply *apply;
    void *arg;
};

static int help_apply(struct store_txn *txn, void *arg)
{
    struct help_end *end = arg;

    return end->apply(txn, end->arg);
}

static void help_done(void *arg, int status)
{
    struct help_end *end = arg;

    end->done = true;
    end->status = status;
}

/* Submits and waits until it is on disk. */
static inline int help_run(struct help *help, store_apply *apply, void *arg)
{
    struct help_end end = {.apply = apply, .arg = arg};

    store_submit(help->store, help_apply, help_done, &end);
    while (!end.done) {
        sem_wait(&help->woken);
        store_turn(help->store);
    }
    return end.status;
}

static inline void help_turn_all(struct help *help)
{
    while (store_waiting(help->store)) {
        sem_wait(&help->woken);
        store_turn(help->store);
    }
}

static inline void help_say(void *arg, const char *sentence)
{
    int *count = arg;

    (*count)++;
    print_message("%s\n", sentence);
}
#endif

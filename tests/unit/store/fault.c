/* unit/store/fault.c: a disk that fails, a disk or map that is full. This program's own fdatasync
 * and pwrite stand before libc's, so that LMDB gets what a test wants it to get. */
#include "help.h"

#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_int sync_error; /* errno to fail with; 0: none */
static atomic_int syncs;
static atomic_int meta_error; /* of writing what is less than a page: LMDB's meta */

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    if (atomic_load(&sync_error)) {
        errno = atomic_load(&sync_error);
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t len,
                                                      off_t at)
{
    if (len < 4096 && atomic_load(&meta_error)) {
        errno = atomic_load(&meta_error);
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, len, at);
}

static int apply_person(struct store_txn *txn, void *arg)
{
    struct person person = {.id = *(uint64_t *)arg};

    return store_person_put(txn, &person);
}

struct told {
    int fatal, error, done_after;
};

static void on_fatal(void *arg, int error)
{
    struct told *told = arg;

    told->fatal++;
    told->error = error;
}

static void open_told(struct help *help, struct told *told)
{
    help_init(help);
    help_open(help);
    store_fatal(help->store, on_fatal, told);
}

static void expect_eio(void *arg, int status)
{
    struct told *told = arg;

    assert_int_equal(status, -EIO);
    assert_int_equal(told->fatal, 1); /* known before any done */
    told->done_after++;
}

static int apply_nothing(struct store_txn *txn, void *arg)
{
    uint64_t id;

    (void)arg;
    return store_next_id(txn, SEQ_WORK, &id);
}

static bool has_person(struct help *help, uint64_t id)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(person) person = {0};

    assert_int_equal(store_read(help->store, &txn), 0);
    return !store_person_get(txn, id, &person);
}

static void test_one_flush(void **state)
{
    uint64_t id = 1;
    struct help help;
    int before;

    (void)state;
    help_init(&help);
    help_open(&help);
    before = atomic_load(&syncs);
    assert_int_equal(help_run(&help, apply_person, &id), 0);
    assert_int_equal(atomic_load(&syncs) - before, 1); /* the meta page goes by O_DSYNC */
    help_finish(&help);
}

static void test_eio(void **state)
{
    struct told told = {0, 0, 0};
    uint64_t id = 1, lost = 2;
    struct help help;

    (void)state;
    open_told(&help, &told);
    assert_int_equal(help_run(&help, apply_person, &id), 0);
    atomic_store(&sync_error, EIO);
    for (int i = 0; i < 5; i++)
        store_submit(help.store, apply_nothing, expect_eio, &told);
    help_turn_all(&help);
    assert_int_equal(told.error, -EIO);
    assert_int_equal(told.done_after, 5);

    atomic_store(&sync_error, 0); /* the disk is well again: nothing is believed any more */
    assert_int_equal(help_run(&help, apply_person, &lost), -EIO);
    assert_int_equal(told.fatal, 1);
    assert_false(has_person(&help, 2));
    help_close(&help);
    help_open(&help); /* a new process may begin from what was on disk before */
    assert_true(has_person(&help, 1));
    help_finish(&help);
}

static void test_disk_full(void **state)
{
    struct told told = {0, 0, 0};
    uint64_t id = 1, again = 2;
    struct help help;

    (void)state;
    open_told(&help, &told);
    atomic_store(&sync_error, ENOSPC);
    assert_int_equal(help_run(&help, apply_person, &id), -ENOSPC);
    atomic_store(&sync_error, 0);
    assert_int_equal(help_run(&help, apply_person, &again), 0);
    assert_int_equal(told.fatal, 0);
    assert_false(has_person(&help, 1));
    assert_true(has_person(&help, 2));
    help_finish(&help);
}

/* Then LMDB gives up: nothing can be read or written any more, so it is no disk to wait for. */
static void test_disk_full_at_the_last_page(void **state)
{
    struct told told = {0, 0, 0};
    uint64_t id = 1, lost = 2;
    struct help help;

    (void)state;
    open_told(&help, &told);
    assert_int_equal(help_run(&help, apply_person, &id), 0);
    atomic_store(&meta_error, ENOSPC);
    assert_int_equal(help_run(&help, apply_person, &lost), -EIO);
    assert_int_equal(told.fatal, 1);
    atomic_store(&meta_error, 0);
    help_close(&help);
    help_open(&help);
    assert_true(has_person(&help, 1));
    assert_false(has_person(&help, 2));
    help_finish(&help);
}

/* -- a full map ---------------------------------------------------------------------- */
static int apply_bulk(struct store_txn *txn, void *arg)
{
    char text[3000];
    uint64_t *id = arg;

    memset(text, 'x', sizeof text);
    ++*id;
    return store_body_put(txn, (struct message_ref){*id, 0}, (struct bytes){text, sizeof text});
}

static bool has_body(struct help *help, uint64_t id)
{
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0};

    assert_int_equal(store_read(help->store, &txn), 0);
    return !store_body_get(txn, (struct message_ref){id, 0}, &sealed);
}

struct good {
    uint64_t id;
    int status;
};

static int apply_good(struct store_txn *txn, void *arg)
{
    return apply_person(txn, &((struct good *)arg)->id);
}

static void good_done(void *arg, int status)
{
    ((struct good *)arg)->status = status;
}

struct huge {
    char *data;
    int status;
};

static int apply_huge(struct store_txn *txn, void *arg)
{
    struct bytes huge = {((struct huge *)arg)->data, 8 << 20};

    return store_body_put(txn, (struct message_ref){UINT64_MAX, 0}, huge);
}

static void huge_done(void *arg, int status)
{
    ((struct huge *)arg)->status = status;
}

static void test_map_full(void **state)
{
    struct good good[2] = {{1, 1}, {2, 1}};
    auto_free char *data = mem_new(8 << 20);
    struct huge huge = {data, 1};
    uint64_t id = 0, many;
    int r;
    struct help help;

    (void)state;
    help_init(&help);
    help.options.map_size = 2 << 20;
    help_open(&help);
    assert_true(store_free_percent(help.store) > 50);
    store_submit(help.store, apply_good, good_done, &good[0]);
    store_submit(help.store, apply_huge, huge_done, &huge); /* refused without its neighbours */
    store_submit(help.store, apply_good, good_done, &good[1]);
    help_turn_all(&help);
    assert_int_equal(good[0].status, 0);
    assert_int_equal(good[1].status, 0);
    assert_int_equal(huge.status, -ENOSPC);

    do
        r = help_run(&help, apply_bulk, &id);
    while (!r);
    assert_int_equal(r, -ENOSPC);
    many = id - 1;
    assert_true(many > 100);
    help_close(&help);

    help.options.map_size = 4 << 20; /* what an operator does about it; nothing was lost */
    help_open(&help);
    assert_true(has_person(&help, 1));
    assert_true(has_body(&help, many));
    assert_false(has_body(&help, many + 1));
    id = many;
    assert_int_equal(help_run(&help, apply_bulk, &id), 0);
    help_finish(&help);
}

static void test_free_percent_falls(void **state)
{
    uint64_t id = 0;
    struct help help;

    (void)state;
    help_init(&help);
    help.options.map_size = 2 << 20;
    help_open(&help);
    while (!help_run(&help, apply_bulk, &id))
        continue;
    assert_in_range(store_free_percent(help.store), 0, 9);
    help_finish(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_flush), cmocka_unit_test(test_eio),
        cmocka_unit_test(test_disk_full), cmocka_unit_test(test_disk_full_at_the_last_page),
        cmocka_unit_test(test_map_full),  cmocka_unit_test(test_free_percent_falls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unit/store/writer.c: many applies, one commit; what fails fails alone; what was told is there. */
#include "help.h"

#include <signal.h>
#include <sys/wait.h>

struct put { /* an apply that puts one person, or fails */
    struct help *help;
    uint64_t id;
    int fail; /* this instead, after writing */
    int status;
    bool done;
    const struct put *before; /* must be done first */
};

static int apply_put(struct store_txn *txn, void *arg)
{
    struct put *put = arg;
    struct person person = {.id = put->id};
    int r = store_person_put(txn, &person);

    return r < 0 ? r : put->fail;
}

static void put_done(void *arg, int status)
{
    struct put *put = arg;

    assert_false(put->done);
    assert_true(!put->before || put->before->done);
    put->done = true;
    put->status = status;
}

static bool is_there(struct help *help, uint64_t id)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(person) person = {0};
    int r;

    assert_int_equal(store_read(help->store, &txn), 0);
    r = store_person_get(txn, id, &person);
    assert_true(!r || r == -ENOENT);
    return !r;
}

static uint64_t commits(struct help *help)
{
    auto_read struct store_txn *txn = NULL;
    uint64_t count = 0;
    int r;

    assert_int_equal(store_read(help->store, &txn), 0);
    r = store_commits(txn, &count);
    assert_true(!r || r == -ENOENT);
    return count;
}

static void test_group(void **state)
{
    enum { MANY = 3000 };
    struct help help;
    struct put *puts = calloc(MANY, sizeof *puts);
    uint64_t before;

    (void)state;
    help_init(&help);
    help_open(&help);
    before = commits(&help);
    for (uint64_t i = 0; i < MANY; i++) {
        puts[i] = (struct put){.id = i + 1, .before = i ? &puts[i - 1] : NULL};
        store_submit(help.store, apply_put, put_done, &puts[i]);
        assert_false(puts[i].done); /* never inside the call */
    }
    assert_int_equal(store_waiting(help.store), MANY);
    help_turn_all(&help);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(puts[i].status, 0);
    print_message("%d submits, %d commits\n", MANY, (int)(commits(&help) - before));
    assert_true(commits(&help) - before <= MANY / 4); /* far fewer without ASan */
    assert_true(commits(&help) - before >= MANY / 1000);
    assert_true(is_there(&help, MANY));
    help_finish(&help);
    free(puts);
}

static void test_one_fails(void **state)
{
    struct help help;
    struct put puts[30];
    uint64_t before;

    (void)state;
    help_init(&help);
    help_open(&help);
    for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
        puts[i] = (struct put){.id = i + 1, .fail = i % 3 == 1 ? -EDOM : 0};
        store_submit(help.store, apply_put, put_done, &puts[i]);
    }
    help_turn_all(&help);
    for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
        assert_int_equal(puts[i].status, puts[i].fail);
        assert_int_equal(is_there(&help, i + 1), !puts[i].fail);
    }
    before = commits(&help); /* where nothing was done, nothing is committed */
    assert_int_equal(help_run(&help, apply_put, &(struct put){.id = 99, .fail = -EDOM}), -EDOM);
    assert_int_equal(commits(&help), before);
    help_finish(&help);
}

static void done_submits(void *arg, int status)
{
    struct put *put = arg;

    assert_int_equal(status, 0);
    if (put->id++ < 5)
        store_submit(put->help->store, apply_put, done_submits, put);
    else
        put->done = true;
}

static void test_close_commits(void **state)
{
    struct help help;
    struct put put = {.help = &help, .id = 1};

    (void)state;
    help_init(&help);
    help_open(&help);
    store_submit(help.store, apply_put, done_submits, &put);
    help_close(&help);
    assert_true(put.done);
    help_open(&help);
    assert_true(is_there(&help, 5));
    help_finish(&help);
}

static int apply_read_back(struct store_txn *txn, void *arg)
{
    struct mailbox mailbox = {.id = 1};

    (void)arg;
    return store_mailbox_put(txn, &mailbox);
}

static void test_reads_are_snapshots(void **state)
{
    auto_record(mailbox) mailbox = {0};
    struct store_txn *before = NULL, *after = NULL;
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    assert_int_equal(store_read(help.store, &before), 0);
    assert_int_equal(help_run(&help, apply_read_back, NULL), 0);
    assert_int_equal(store_mailbox_get(before, 1, &mailbox), -ENOENT);
    assert_int_equal(store_read(help.store, &after), 0); /* two at a time are fine */
    assert_int_equal(store_mailbox_get(after, 1, &mailbox), 0);
    assert_true(store_mailbox_put(after, &mailbox) < 0);
    store_read_end(&before);
    store_read_end(&after);
    assert_null(after);
    store_read_end(&after);
    help_finish(&help);
}

/* -- killed ---------------------------------------------------------------------------- */
static int told; /* where the child says what is done */

static void tell(void *arg, int status)
{
    struct put *put = arg;

    if (!status && write(told, &put->id, sizeof put->id) < 0)
        _exit(2);
    free(put);
}

/* Submits without end, a few at a time. */
static _Noreturn void child_submits(struct help *help, uint64_t id)
{
    help_open(help);
    for (;;) {
        for (int i = 0; i < 7; i++) {
            struct put *put = mem_new(sizeof *put);

            put->id = ++id;
            store_submit(help->store, apply_put, tell, put);
        }
        while (store_waiting(help->store) > 20) {
            sem_wait(&help->woken);
            store_turn(help->store);
        }
    }
}

static uint64_t kill_once(struct help *help, uint64_t from, unsigned wait_us)
{
    int ends[2], status;
    uint64_t id, last = from;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    told = ends[1];
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(ends[0]);
        child_submits(help, from);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &id, sizeof id), sizeof id); /* it has begun */
    last = id;
    usleep(wait_us);
    kill(child, SIGKILL);
    while (read(ends[0], &id, sizeof id) == sizeof id)
        last = id;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void test_killed(void **state)
{
    struct help help;
    uint64_t last = 0;
    unsigned seed = (unsigned)getpid();

    (void)state;
    help_init(&help);
    for (int round = 0; round < 12; round++) {
        int mistakes = 0;

        last = kill_once(&help, last, (unsigned)rand_r(&seed) % 20000);
        help_open(&help);
        assert_int_equal(store_check(help.store, help_say, &mistakes), 0);
        for (uint64_t id = 1; id <= last; id++)
            assert_true(is_there(&help, id));
        help_close(&help);
    }
    print_message("%d persons over 12 kills\n", (int)last);
    help_remove(help.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed), /* first: it forks, and no thread must be there yet */
        cmocka_unit_test(test_group),         cmocka_unit_test(test_one_fails),
        cmocka_unit_test(test_close_commits), cmocka_unit_test(test_reads_are_snapshots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

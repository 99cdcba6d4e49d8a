/* unit/store/open.c: who may have a data directory, of which version, under which key. */
#include "help.h"

#include "store/schema.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void test_second_refused(void **state)
{
    char pid[32];
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    snprintf(pid, sizeof pid, "process %ld,", (long)getpid());
    assert_int_equal(help_refused(&help, pid), -EBUSY);
    help_close(&help);
    help_open(&help);
    help_finish(&help);
}

static void test_second_process_refused(void **state)
{
    struct help help;
    int status;
    pid_t child;

    (void)state;
    help_init(&help);
    help_open(&help);
    child = fork();
    if (!child) {
        struct store *store = NULL;
        char *error = NULL;

        _exit(store_open(&help.options, &store, &error) == -EBUSY ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    help_finish(&help);
}

static void test_private(void **state)
{
    struct stat st;
    struct help help;
    char path[96];

    (void)state;
    help_init(&help);
    assert_int_equal(rmdir(help.dir), 0);
    help_open(&help); /* makes it */
    assert_int_equal(stat(help.dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/data.mdb", help.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    help_close(&help);

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(help_refused(&help, "chmod 600"), -EACCES);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(help.dir, 0755), 0);
    assert_int_equal(help_refused(&help, "chmod 700"), -EACCES);
    assert_int_equal(chmod(help.dir, 0700), 0);
    help_open(&help);
    help_finish(&help);
}

static void test_missing(void **state)
{
    struct help help;

    (void)state;
    help_init(&help);
    help_remove(help.dir);
    help.options.read_only = true;
    assert_int_equal(help_refused(&help, help.dir), -ENOENT);
    help.options.read_only = false;
    help.options.dir = "/proc/nowhere/data";
    assert_true(help_refused(&help, "/proc/nowhere/data") < 0);
}

static int apply_mailbox(struct store_txn *txn, void *arg)
{
    struct mailbox mailbox = {.id = 1, .key = arg};

    return store_mailbox_put(txn, &mailbox);
}

static void test_read_only(void **state)
{
    auto_record(mailbox) mailbox = {0};
    struct store *reader = NULL;
    struct store_txn *txn = NULL;
    char key[] = "ana@acme.example", *error = NULL;
    int mistakes = 0;
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, apply_mailbox, key), 0);
    help_close(&help);
    help.options.read_only = true;
    assert_int_equal(store_open(&help.options, &reader, &error), 0);
    assert_int_equal(store_check(reader, help_say, &mistakes), 0);
    assert_int_equal(store_read(reader, &txn), 0);
    assert_int_equal(store_mailbox_get(txn, 1, &mailbox), 0);
    store_read_end(&txn);
    store_close(reader);
    help_finish(&help);
}

static void test_other_key(void **state)
{
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    help_close(&help);
    help.options.hash_key[31] = 1;
    assert_int_equal(help_refused(&help, "another master key"), -EKEYREJECTED);
    help.options.hash_key[31] = 0;
    help_open(&help);
    help_finish(&help);
}

static void test_not_a_store(void **state)
{
    char path[96];
    struct help help;
    FILE *file;

    (void)state;
    help_init(&help);
    snprintf(path, sizeof path, "%s/data.mdb", help.dir);
    file = fopen(path, "w");
    for (int i = 0; i < 9000; i++)
        fputc('x', file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(help_refused(&help, "can't be opened") < 0);
    help_finish(&help);
}

/* -- versions ------------------------------------------------------------------------ */
static int set_version(struct store_txn *txn, void *arg)
{
    return meta_put(txn, "schema", *(uint64_t *)arg);
}

static void test_newer_refused(void **state)
{
    uint64_t version = SCHEMA_VERSION + 1;
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, set_version, &version), 0);
    help_close(&help);
    assert_int_equal(help_refused(&help, "newer postrider"), -EPROTO);
    help_finish(&help);
}

static int step_two(struct store_txn *txn)
{
    return meta_put(txn, "two", 2);
}

static int step_three(struct store_txn *txn)
{
    uint64_t two;

    return meta_get(txn, "two", &two) < 0 ? -EINVAL : meta_put(txn, "three", 3);
}

static int step_fails(struct store_txn *txn)
{
    (void)txn;
    return -EDOM;
}

static int apply_steps(struct store_txn *txn, void *arg)
{
    static const struct schema_step steps[] = {{2, step_three}, {1, step_two}, {3, step_fails}};
    uint64_t found = 0;
    char *error = NULL;

    (void)arg;
    assert_int_equal(meta_put(txn, "schema", 1), 0);
    assert_int_equal(schema_advance(txn, 1, steps, 3, &error), 0);
    assert_int_equal(meta_get(txn, "two", &found), -ENOENT); /* nothing to do */
    assert_int_equal(schema_advance(txn, 3, steps, 3, &error), 0);
    assert_int_equal(meta_get(txn, "schema", &found), 0);
    assert_int_equal(found, 3);
    assert_int_equal(meta_get(txn, "three", &found), 0);
    assert_null(error);
    assert_int_equal(schema_advance(txn, 4, steps, 3, &error), -EDOM);
    assert_non_null(strstr(error, "It is as it was"));
    free(error);
    error = NULL;
    assert_int_equal(schema_advance(txn, 5, steps, 2, &error), -EPROTO);
    assert_non_null(strstr(error, "no step"));
    free(error);
    return 0;
}

static void test_steps(void **state)
{
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, apply_steps, NULL), 0);
    help_finish(&help);
}

/* As version 1 wrote a message: its last field was not there yet. */
static int write_old(struct store_txn *txn, void *arg)
{
    struct message message = {.enrolment = 7, .mailbox = 3, .state = MESSAGE_INTENDED};
    struct key key = {.len = 0};
    struct bytes value;
    auto_buf struct buf old = {0};

    (void)arg;
    for (message.step = 0; message.step < 3; message.step++) {
        assert_int_equal(store_message_put(txn, &message), 0);
        key = key_ref((struct message_ref){7, message.step});
        assert_int_equal(txn_get(txn, TABLE_MESSAGE, &key, &value), 0);
        buf_truncate(&old, 0);
        buf_add(&old, value.data, value.len - 1);
        assert_int_equal(txn_put(txn, TABLE_MESSAGE, &key, buf_bytes(&old)), 0);
    }
    return meta_put(txn, "schema", 1);
}

static int read_new(struct store_txn *txn, void *arg)
{
    uint64_t version = 0;

    (void)arg;
    for (uint16_t step = 0; step < 3; step++) {
        auto_record(message) message = {0};

        assert_int_equal(store_message_get(txn, 7, step, &message), 0);
        assert_int_equal(message.mailbox, 3);
        assert_int_equal(message.left_at, 0);
    }
    assert_int_equal(meta_get(txn, "schema", &version), 0);
    assert_int_equal(version, SCHEMA_VERSION);
    return 0;
}

static void test_version_1_is_read(void **state)
{
    struct help help;

    (void)state;
    help_init(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, write_old, NULL), 0);
    help_close(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, read_new, NULL), 0);
    help_finish(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_refused), cmocka_unit_test(test_second_process_refused),
        cmocka_unit_test(test_private),        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_read_only),      cmocka_unit_test(test_other_key),
        cmocka_unit_test(test_not_a_store),    cmocka_unit_test(test_newer_refused),
        cmocka_unit_test(test_steps),          cmocka_unit_test(test_version_1_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

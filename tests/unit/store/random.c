/* unit/store/random.c: a store and a simple model of it under the same random applies, some of
 * which fail: LMDB's child transactions must leave the one as the other. POSTRIDER_SEED replays. */
#include "help.h"

enum { KEYS = 300, APPLIES = 1500, OPS = 12, LONGEST = 20000 };

struct op {
    uint64_t key;
    size_t len; /* 0: delete */
    char fill;
};

struct step {
    struct op ops[OPS];
    size_t count;
    int fail;
    struct model *model;
};

struct model {
    size_t len[KEYS]; /* 0: not there */
    char fill[KEYS];
    uint64_t number; /* of next ids taken */
};

static int apply_step(struct store_txn *txn, void *arg)
{
    static char bytes[LONGEST];
    const struct step *step = arg;
    uint64_t id;
    int r = store_next_id(txn, SEQ_WORK, &id);

    for (size_t i = 0; !r && i < step->count; i++) {
        const struct op *op = &step->ops[i];
        struct message_ref ref = {op->key + 1, 0};

        memset(bytes, op->fill, op->len);
        r = op->len ? store_body_put(txn, ref, (struct bytes){bytes, op->len})
                    : store_body_del(txn, ref);
    }
    return r < 0 ? r : step->fail;
}

static void step_done(void *arg, int status)
{
    struct step *step = arg;

    assert_int_equal(status, step->fail);
    for (size_t i = 0; !status && i < step->count; i++) {
        step->model->len[step->ops[i].key] = step->ops[i].len;
        step->model->fill[step->ops[i].key] = step->ops[i].fill;
    }
    step->model->number += !status;
    free(step);
}

static void compare(struct help *help, const struct model *model)
{
    auto_read struct store_txn *txn = NULL;

    assert_int_equal(store_read(help->store, &txn), 0);
    for (uint64_t key = 0; key < KEYS; key++) {
        auto_buf struct buf got = {0};
        int r = store_body_get(txn, (struct message_ref){key + 1, 0}, &got);

        assert_int_equal(r, model->len[key] ? 0 : -ENOENT);
        assert_int_equal(got.len, model->len[key]);
        for (size_t i = 0; i < got.len; i++)
            assert_int_equal(got.data[i], model->fill[key]);
    }
}

static int apply_number(struct store_txn *txn, void *arg)
{
    return store_next_id(txn, SEQ_WORK, arg);
}

static void test_random(void **state)
{
    const char *given = getenv("POSTRIDER_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    struct model model = {.number = 0};
    uint64_t number = 0;
    struct help help;

    (void)state;
    print_message("POSTRIDER_SEED=%u\n", seed);
    help_init(&help);
    help_open(&help);
    for (int i = 0; i < APPLIES; i++) {
        struct step *step = mem_new(sizeof *step);

        step->model = &model;
        step->fail = rand_r(&seed) % 4 ? 0 : -EDOM;
        step->count = (size_t)rand_r(&seed) % OPS;
        for (size_t j = 0; j < step->count; j++)
            step->ops[j] = (struct op){
                .key = (uint64_t)rand_r(&seed) % KEYS,
                .len = rand_r(&seed) % 3 ? 1 + (size_t)rand_r(&seed) % (LONGEST - 1) : 0,
                .fill = (char)('a' + rand_r(&seed) % 26),
            };
        store_submit(help.store, apply_step, step_done, step);
        if (rand_r(&seed) % 50 == 0)
            help_turn_all(&help);
        if (rand_r(&seed) % 300 == 0) {
            help_close(&help);
            help_open(&help);
            compare(&help, &model);
        }
    }
    help_turn_all(&help);
    compare(&help, &model);
    assert_int_equal(help_run(&help, apply_number, &number), 0);
    assert_int_equal(number, model.number + 1); /* a failed apply takes no id */
    help_finish(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

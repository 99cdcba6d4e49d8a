/* bench/store.c: puts a second by how many are submitted at a time, and an import.
 *
 * bench_store [enrolments=100000] [rows an apply=1000] [directory=/tmp]: prints what it measured;
 * 1000000 is the import that has to stay below 256 MiB. */
#include "store/store.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_FLIGHT = 2 };

struct bench {
    struct store *store;
    sem_t woken;
    uint64_t next;
};

struct batch {
    uint64_t first, count;
};

static void wake(void *arg)
{
    sem_post(arg);
}

static void done(void *arg, int status)
{
    if (status < 0) {
        fprintf(stderr, "an apply failed: %s\n", strerror(-status));
        exit(1);
    }
    free(arg);
}

static void wait_below(struct bench *bench, size_t most)
{
    while (store_waiting(bench->store) > most) {
        sem_wait(&bench->woken);
        store_turn(bench->store);
    }
}

/* -- single puts --------------------------------------------------------------------- */
static int apply_message(struct store_txn *txn, void *arg)
{
    const struct batch *batch = arg;
    char subject[] = "Backend engineers, Berlin", to[] = "somebody@example.org";
    struct message message = {.enrolment = batch->first,
                              .campaign = 1,
                              .mailbox = 1 + batch->first % 10,
                              .state = MESSAGE_INTENDED,
                              .subject = subject,
                              .to = to};

    return store_message_put(txn, &message);
}

static void measure_puts(struct bench *bench, size_t at_a_time, uint64_t total)
{
    int64_t began = clock_monotonic(), took;

    for (uint64_t i = 0; i < total; i++) {
        struct batch *batch = mem_new(sizeof *batch);

        batch->first = ++bench->next;
        store_submit(bench->store, apply_message, done, batch);
        wait_below(bench, at_a_time - 1);
    }
    wait_below(bench, 0);
    took = clock_monotonic() - began;
    printf("%5zu at a time: %7.0f puts/s\n", at_a_time,
           (double)total * 1000 / (double)(took ? took : 1));
}

/* -- an import ----------------------------------------------------------------------- */
static int import_row(struct store_txn *txn, uint64_t row)
{
    char key[64], first_name[] = "first_name", company[] = "company", value[] = "Somebody",
                  acme[] = "Acme Ltd";
    struct field fields[] = {{first_name, value}, {company, acme}};
    struct enrolment enrolment = {.campaign = 1,
                                  .mailbox = 1 + row % 10,
                                  .steps = 3,
                                  .status = ENROLMENT_ACTIVE,
                                  .due = (int64_t)(row / 10),
                                  .fields = fields,
                                  .field_count = 2};
    struct person person = {.address = key, .key = key, .created_at = 1};
    int r;

    snprintf(key, sizeof key, "person%llu@company%llu.example", (unsigned long long)row,
             (unsigned long long)(row / 7));
    r = store_person_find(txn, key, &person.id);
    if (r == -ENOENT)
        r = store_next_id(txn, SEQ_PERSON, &person.id);
    if (!r)
        r = store_next_id(txn, SEQ_ENROLMENT, &enrolment.id);
    enrolment.person = person.id;
    person.enrolments = &enrolment.id;
    person.enrolment_count = 1;
    if (!r)
        r = store_enrolment_put(txn, &enrolment);
    if (!r)
        r = store_person_put(txn, &person);
    return r < 0 ? r : store_company_add(txn, strchr(key, '@') + 1, enrolment.id);
}

static int apply_import(struct store_txn *txn, void *arg)
{
    const struct batch *batch = arg;
    int r = 0;

    for (uint64_t i = 0; !r && i < batch->count; i++)
        r = import_row(txn, batch->first + i);
    return r;
}

/* A number out of /proc/self/status or /proc/self/io. */
static long proc_number(const char *path, const char *word)
{
    FILE *file = fopen(path, "r");
    char line[256];
    long value = 0;

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, word, strlen(word)))
            value = strtol(line + strlen(word) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static void measure_import(struct bench *bench, uint64_t rows, uint64_t each, const char *dir)
{
    auto_free char *file = mem_printf("%s/data.mdb", dir);
    int64_t began = clock_monotonic(), took;
    struct stat st = {0};

    for (uint64_t at = 0; at < rows; at += each) {
        struct batch *batch = mem_new(sizeof *batch);

        batch->first = at;
        batch->count = rows - at < each ? rows - at : each;
        store_submit(bench->store, apply_import, done, batch);
        wait_below(bench, IN_FLIGHT);
    }
    wait_below(bench, 0);
    took = clock_monotonic() - began;
    stat(file, &st);
    printf("import of %llu: %.1f s, VmHWM %ld MiB, file %lld MiB, written %ld MiB, %d %% "
           "free\n",
           (unsigned long long)rows, (double)took / 1000,
           proc_number("/proc/self/status", "VmHWM") / 1024, (long long)st.st_size >> 20,
           proc_number("/proc/self/io", "wchar") >> 20, store_free_percent(bench->store));
}

static void remove_store(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "postrider.lock"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        auto_free char *path = mem_printf("%s/%s", dir, files[i]);

        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    uint64_t each = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    auto_free char *dir = mem_printf("%s/bench-store-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    struct bench bench = {.next = 0};
    struct store_options options = {.hash_key = {1}, .wake = wake, .wake_arg = &bench.woken};
    char *error = NULL;

    if (!mkdtemp(dir))
        return 1;
    options.dir = dir;
    sem_init(&bench.woken, 0, 0);
    if (store_open(&options, &bench.store, &error) < 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    measure_import(&bench, rows, each ? each : 1, dir);
    measure_puts(&bench, 1, 2000);
    measure_puts(&bench, 16, 10000);
    measure_puts(&bench, 64, 20000);
    measure_puts(&bench, 1000, 100000);
    store_close(bench.store);
    remove_store(dir);
    return 0;
}

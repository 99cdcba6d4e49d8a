/* store/open.c: a data directory becomes a store: private, locked, of the right version. */
#include "store/schema.h"
#include "store/writer.h"

#include "base/mem.h"
#include "base/mutant.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t MAP_SIZE = (uint64_t)64 << 30;

/* -- the directory ------------------------------------------------------------------- */
static int check_private(const char *path, const char *mode, char **error_r)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        *error_r = mem_printf("%s can't be looked at: %s.", path, strerror(errno));
        return -errno;
    }
    if (!(st.st_mode & 077) && (st.st_uid == geteuid() || !geteuid()))
        return 0;
    if (st.st_mode & 077)
        *error_r =
            mem_printf("%s can be read or written by others. Run: chmod %s %s", path, mode, path);
    else
        *error_r = mem_printf("%s belongs to another user. Run postriderd as that user, or chown "
                              "the data directory.",
                              path);
    return -EACCES;
}

static int check_directory(const char *dir, bool read_only, char **error_r)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "postrider.lock"};
    int r;

    if ((read_only ? access(dir, F_OK) : mkdir(dir, 0700)) < 0 && errno != EEXIST) {
        *error_r = mem_printf("The data directory %s can't be %s: %s. Check `data` in the "
                              "configuration.",
                              dir, read_only ? "found" : "made", strerror(errno));
        return -errno;
    }
    r = check_private(dir, "700", error_r);
    for (size_t i = 0; !r && i < ARRAY_LEN(files); i++) {
        auto_free char *path = mem_printf("%s/%s", dir, files[i]);

        r = check_private(path, "600", error_r);
    }
    return r;
}

/* LMDB syncs its file, not the name that leads to it. */
static int sync_directory(const char *dir, char **error_r)
{
    auto_free char *parent = mem_printf("%s/..", dir);
    const char *const paths[] = {dir, parent};
    int r = 0;

    for (size_t i = 0; !r && i < ARRAY_LEN(paths); i++) {
        int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && i) /* not ours to read: then it was not ours to make */
            continue;
        r = fd < 0 || fsync(fd) < 0 ? -errno : 0;
        if (fd >= 0)
            close(fd);
    }
    if (r < 0)
        *error_r = mem_printf("The data directory %s can't be synced: %s. Is its disk well?", dir,
                              strerror(-r));
    return r;
}

/* -- the lock ------------------------------------------------------------------------ */
static int lock_refused(int fd, const char *dir, char **error_r)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    *error_r = mem_printf("Another postriderd, process %s, has the data directory %s. Stop it "
                          "first, or name another directory.",
                          *pid ? pid : "unknown", dir);
    return -EBUSY;
}

/* Held, with this process's number in it, for as long as the store is open. */
static int take_lock(const char *dir, int *fd_r, char **error_r)
{
    auto_free char *path = mem_printf("%s/postrider.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = 0;

    if (fd < 0) {
        *error_r = mem_printf("The lock %s can't be opened: %s.", path, strerror(errno));
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = lock_refused(fd, dir, error_r);
    else if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        r = -errno;
        *error_r = mem_printf("The lock %s can't be written: %s.", path, strerror(errno));
    }
    if (r < 0)
        close(fd);
    else
        *fd_r = fd;
    return r;
}

/* -- the environment ----------------------------------------------------------------- */
static int open_env(struct store *store, char **error_r)
{
    unsigned flags =
        MDB_NOTLS | (MUTANT(no_sync) ? MDB_NOSYNC : 0) | (store->read_only ? MDB_RDONLY : 0);
    int dead, r = mdb_env_create(&store->env);

    if (!r)
        r = mdb_env_set_mapsize(store->env, store->map_size);
    if (!r)
        r = mdb_env_set_maxdbs(store->env, TABLE_COUNT + 16);
    if (!r)
        r = mdb_env_open(store->env, store->dir, flags, 0600);
    if (!r)
        r = mdb_reader_check(store->env, &dead); /* what a killed daemon left */
    if (!r)
        return 0;
    *error_r = mem_printf("The store in %s can't be opened: %s. If a backup is at hand, restore "
                          "it.",
                          store->dir, mdb_strerror(r));
    return store_error(r);
}

static int open_tables(struct store *store, MDB_txn *txn)
{
    unsigned flags = store->read_only ? 0 : MDB_CREATE;
    int r = 0;

    for (int i = 0; !r && i < TABLE_COUNT; i++)
        r = mdb_dbi_open(txn, table_names[i], flags, &store->tables[i]);
    return store_error(r);
}

static int open_schema(struct store *store, char **error_r)
{
    struct store_txn txn = {store, NULL};
    int r =
        store_error(mdb_txn_begin(store->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn.txn));

    if (!r) {
        r = open_tables(store, txn.txn);
        if (!r)
            r = schema_open(&txn, error_r);
        if (r < 0)
            mdb_txn_abort(txn.txn);
        else
            r = store_error(mdb_txn_commit(txn.txn));
    }
    if (r < 0 && !*error_r)
        *error_r = mem_printf("The store in %s can't be read: %s.", store->dir,
                              r == -ENOENT ? "it was not made by postrider" : strerror(-r));
    return r;
}

static int open_parts(struct store *store, char **error_r)
{
    int r = check_directory(store->dir, store->read_only, error_r);

    if (!r && !store->read_only)
        r = take_lock(store->dir, &store->lock_fd, error_r);
    if (!r)
        r = open_env(store, error_r);
    if (!r)
        r = open_schema(store, error_r);
    if (!r && !store->read_only)
        r = sync_directory(store->dir, error_r);
    if (!r)
        map_find(store);
    return r;
}

static void close_parts(struct store *store)
{
    if (store->spare_read)
        mdb_txn_abort(store->spare_read);
    if (store->env)
        mdb_env_close(store->env);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    mem_wipe(store->hash_key, sizeof store->hash_key);
    free(store->dir);
    free(store);
}

int store_open(const struct store_options *options, struct store **store_r, char **error_r)
{
    struct store *store = mem_new(sizeof *store);
    char *error = NULL;
    int r;

    store->dir = mem_str(options->dir);
    store->map_size = options->map_size ? options->map_size : MAP_SIZE;
    memcpy(store->hash_key, options->hash_key, sizeof store->hash_key);
    store->read_only = options->read_only;
    store->wake = options->wake;
    store->wake_arg = options->wake_arg;
    store->lock_fd = -1;
    r = sodium_init() < 0 ? -EIO : open_parts(store, &error);
    if (!r) {
        r = writer_start(store);
        if (!r) {
            *store_r = store;
            return 0;
        }
    }
    *error_r = error
                   ? error
                   : mem_printf("The store in %s can't be started: %s.", store->dir, strerror(-r));
    close_parts(store);
    return r;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    writer_stop(store);
    close_parts(store);
}

/* -- reading ------------------------------------------------------------------------- */
int store_read(struct store *store, struct store_txn **txn_r)
{
    MDB_txn *txn = store->spare_read;
    int r;

    store->spare_read = NULL;
    r = txn ? mdb_txn_renew(txn) : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (r) {
        if (txn)
            mdb_txn_abort(txn);
        return store_error(r);
    }
    *txn_r = mem_new(sizeof **txn_r);
    (*txn_r)->store = store;
    (*txn_r)->txn = txn;
    return 0;
}

void store_read_end(struct store_txn **txn)
{
    struct store *store;

    if (!*txn)
        return;
    store = (*txn)->store;
    if (store->spare_read) {
        mdb_txn_abort((*txn)->txn);
    } else {
        mdb_txn_reset((*txn)->txn);
        store->spare_read = (*txn)->txn;
    }
    free(*txn);
    *txn = NULL;
}

/* store/space.c: how much room is left, and how much of the map this process holds resident. */
#include "store/writer.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { RESIDENT_LIMIT = 64 << 20, FREE_EVERY_MS = 1000 };

/* -- the map ------------------------------------------------------------------------- */
/* LMDB doesn't say where its map is, so the kernel is asked. Without an answer nothing is given
 * back: that costs memory, nothing else. */
void map_find(struct store *store)
{
    char line[512];
    struct stat st;
    mdb_filehandle_t fd;
    FILE *maps;

    if (mdb_env_get_fd(store->env, &fd) || fstat(fd, &st) < 0)
        return;
    maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return;
    while (!store->map && fgets(line, sizeof line, maps)) {
        uintptr_t from, to;
        unsigned major_no, minor_no;
        uint64_t inode;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %x:%x %" SCNu64, &from, &to, &major_no,
                   &minor_no, &inode) == 5 &&
            inode == st.st_ino && to - from >= store->map_size)
            store->map = (void *)from; /* NOLINT: that is what the kernel said */
    }
    fclose(maps);
}

/* Pages of files that are resident in this process, in bytes. */
static size_t resident_files(void)
{
    unsigned long total, resident, shared = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (!statm)
        return 0;
    if (fscanf(statm, "%lu %lu %lu", &total, &resident, &shared) != 3)
        shared = 0;
    fclose(statm);
    return (size_t)shared * (size_t)sysconf(_SC_PAGESIZE);
}

/* The pages stay in the kernel's cache; whoever needs one faults it in again. */
void map_shrink(struct store *store)
{
    if (store->map && resident_files() > RESIDENT_LIMIT)
        madvise(store->map, store->map_size, MADV_DONTNEED);
}

/* -- room ---------------------------------------------------------------------------- */
/* Pages that old transactions gave back: LMDB keeps lists of them under dbi 0, each opening with
 * its length. */
static uint64_t free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t pages = 0;

    if (mdb_cursor_open(txn, 0, &cursor))
        return 0;
    while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        size_t count;

        memcpy(&count, value.mv_data, sizeof count);
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

static int map_free_percent(struct store *store)
{
    struct store_txn *txn = NULL;
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t used, size;

    if (store_read(store, &txn) < 0)
        return 0;
    mdb_env_info(store->env, &info);
    mdb_env_stat(store->env, &stat);
    used = info.me_last_pgno + 1 - free_pages(txn->txn);
    size = info.me_mapsize / stat.ms_psize;
    store_read_end(&txn);
    return used >= size ? 0 : (int)((size - used) * 100 / size);
}

/* A large disk is not full while the whole map would fit on what is free of it. */
static int disk_free_percent(const struct store *store)
{
    struct statvfs disk;
    uint64_t size, left;

    if (statvfs(store->dir, &disk) < 0)
        return 0;
    size = (uint64_t)disk.f_blocks * disk.f_frsize;
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (size > store->map_size)
        size = store->map_size;
    return !size || left >= size ? 100 : (int)(left * 100 / size);
}

int store_free_percent(struct store *store)
{
    int64_t now = clock_monotonic();
    int map, disk;

    if (store->free_at && now - store->free_at < FREE_EVERY_MS)
        return store->free_percent;
    map = map_free_percent(store);
    disk = disk_free_percent(store);
    store->free_percent = map < disk ? map : disk;
    store->free_at = now;
    return store->free_percent;
}

/* provider/plugin_file.c: verifying and copying a plugin, by descriptor. */
#include "provider/plugin_file.h"

#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT = 256 * 1024 * 1024 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd)))

static int say_errno(struct buf *error, const char *what, const char *path)
{
    int code = errno;

    buf_printf(error, "can't %s %s: %s", what, path, strerror(code));
    return -code;
}

/* -- the directory that copies run from ------------------------------------------------------- */
static void remove_old_copies(int dir_fd)
{
    int fd = dup(dir_fd);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0)
            unlinkat(dir_fd, entry->d_name, 0);
    }
    closedir(dir);
}

static int probe_exec(int dir_fd, const char *path, struct buf *error)
{
    auto_fd int fd = openat(dir_fd, ".probe", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    void *page;

    if (fd < 0 || write(fd, "probe", 5) != 5)
        return say_errno(error, "write to", path);
    page = mmap(NULL, 5, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    unlinkat(dir_fd, ".probe", 0);
    if (page == MAP_FAILED) {
        buf_printf(error,
                   "no plugin can run from %s: %s. It is probably on a file system mounted noexec; "
                   "put `data` on one that is not, or remount it with exec",
                   path, strerror(errno));
        return -EACCES;
    }
    munmap(page, 5);
    return 0;
}

int plugin_run_dir(const char *path, struct buf *error, int *fd_r)
{
    struct stat st;
    int fd, r;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return say_errno(error, "make the directory", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return say_errno(error, "open the directory", path);
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || fchmod(fd, 0700) < 0) {
        buf_printf(error, "%s belongs to uid %u: remove it, or run as its owner", path,
                   (unsigned)st.st_uid);
        close(fd);
        return -EACCES;
    }
    remove_old_copies(fd);
    r = probe_exec(fd, path, error);
    if (r < 0) {
        close(fd);
        return r;
    }
    *fd_r = fd;
    return 0;
}

/* -- who could have written it ---------------------------------------------------------------- */
static int check_owner(const struct stat *st, const char *path, struct buf *error)
{
    if (st->st_uid == 0 || st->st_uid == geteuid())
        return 0;
    buf_printf(
        error,
        "%s belongs to uid %u, who could put any code into postrider: chown it to root or to "
        "the user postrider runs as",
        path, (unsigned)st->st_uid);
    return -EACCES;
}

static int check_mode(const struct stat *st, const char *path, struct buf *error)
{
    if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    buf_printf(error,
               "%s is writable by %s (mode %04o), who could put any code into postrider: "
               "chmod go-w %s",
               path, st->st_mode & S_IWOTH ? "everybody" : "its group",
               (unsigned)(st->st_mode & 07777), path);
    return -EACCES;
}

/* A directory above may be writable by others if it is sticky (/tmp): what is ours in it can't be
 * replaced by them. */
static int check_dir(int fd, const char *path, bool last, struct buf *error)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return say_errno(error, "look at", path);
    r = check_owner(&st, path, error);
    if (r < 0)
        return r;
    if (!last && (st.st_mode & S_ISVTX))
        return 0;
    return check_mode(&st, path, error);
}

/* Walks from the root, so that no directory on the way is another than the one looked at. */
static int open_dir(const char *dir, struct buf *error, int *fd_r)
{
    auto_free char *real = realpath(dir, NULL);
    const char *at;
    int fd, r;

    if (!real) {
        int code = errno;
        buf_printf(error,
                   "the plugin directory %s can't be used: %s. Set `plugins` to where the "
                   ".so files are",
                   dir, strerror(code));
        return -code;
    }
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return say_errno(error, "open", "/");
    r = check_dir(fd, "/", real[1] == '\0', error);
    for (at = real + 1; r >= 0 && *at;) {
        size_t len = strcspn(at, "/");
        auto_free char *part = mem_strn(at, len);
        auto_free char *path = mem_strn(real, (size_t)(at - real) + len);
        int next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            r = say_errno(error, "open the directory", path);
            break;
        }
        close(fd);
        fd = next;
        at += len + (at[len] == '/');
        r = check_dir(fd, path, *at == '\0', error);
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    *fd_r = fd;
    return 0;
}

static int check_name(const char *file, struct buf *error)
{
    size_t len = strlen(file);

    for (size_t i = 0; len > 3 && len < NAME_MAX - 32 && i < len - 3; i++)
        if (!islower((unsigned char)file[i]) && !isdigit((unsigned char)file[i]) &&
            file[i] != '_' && file[i] != '-')
            len = 0;
    if (len > 3 && len < NAME_MAX - 32 && strcmp(file + len - 3, ".so") == 0)
        return 0;
    buf_printf(error,
               "'%s' is no plugin's file name: it must be like gmail.so (a-z, 0-9, _ and -, then "
               ".so), without a directory; the directory is set by `plugins`",
               file);
    return -EINVAL;
}

static int open_file(int dir_fd, const char *file, const char *path, struct buf *error, int *fd_r)
{
    struct stat st;
    int fd, r;

    fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP) {
        buf_printf(error, "%s is a symbolic link: put the file itself there", path);
        return -ELOOP;
    }
    if (fd < 0)
        return say_errno(error, "open the plugin", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT) {
        buf_printf(error, "%s is not a plugin: not a regular file of at most 256 MiB", path);
        close(fd);
        return -EINVAL;
    }
    r = check_owner(&st, path, error);
    if (r >= 0)
        r = check_mode(&st, path, error);
    if (r < 0) {
        close(fd);
        return r;
    }
    *fd_r = fd;
    return 0;
}

/* -- copying ---------------------------------------------------------------------------------- */
static int copy_bytes(int from, int to, const char *path, struct buf *error)
{
    char part[65536];

    for (;;) {
        ssize_t got = read(from, part, sizeof(part)), put = 0;
        if (got == 0)
            return 0;
        if (got < 0)
            return say_errno(error, "read the plugin", path);
        while (put < got) {
            ssize_t wrote = write(to, part + put, (size_t)(got - put));
            if (wrote < 0)
                return say_errno(error, "write a copy of the plugin", path);
            put += wrote;
        }
    }
}

static bool changed(const struct stat *a, const struct stat *b)
{
    return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec || a->st_ino != b->st_ino;
}

static int copy_to(int from, int run_fd, const char *name, const char *path, struct buf *error)
{
    struct stat before, after, copy;
    auto_fd int to = openat(run_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500);
    int r;

    if (to < 0)
        return say_errno(error, "write a copy of the plugin as", name);
    if (fstat(from, &before) < 0)
        return say_errno(error, "look at", path);
    r = copy_bytes(from, to, path, error);
    if (r < 0)
        return r;
    if (fstat(from, &after) < 0 || fstat(to, &copy) < 0)
        return say_errno(error, "look at", path);
    if (changed(&before, &after) || copy.st_size != after.st_size) {
        buf_printf(error,
                   "%s was being written while it was read: move a finished file into place "
                   "(mv, not cp), then try again",
                   path);
        return -EAGAIN;
    }
    return plugin_elf_check(to, path, error);
}

int plugin_file_copy(const char *dir, const char *file, int run_fd, const char *name,
                     struct buf *error)
{
    auto_free char *path = mem_printf("%s/%s", dir, file);
    auto_fd int dir_fd = -1;
    auto_fd int fd = -1;
    int r;

    r = check_name(file, error);
    if (r < 0)
        return r;
    r = open_dir(dir, error, &dir_fd);
    if (r < 0)
        return r;
    r = open_file(dir_fd, file, path, error, &fd);
    if (r < 0)
        return r;
    r = copy_to(fd, run_fd, name, path, error);
    if (r < 0)
        unlinkat(run_fd, name, 0);
    return r;
}

/* seal/file.c: the small files that keys live in: whole or absent, private, destroyed for good. */
#include "seal/keys.h"

#include "base/mem.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    auto_free char *dir =
        slash ? mem_strn(path, slash == path ? 1 : (size_t)(slash - path)) : mem_str(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int read_private(int fd, size_t limit, struct buf *out)
{
    struct stat st;
    size_t before = out->len;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)limit)
        return -EINVAL;
    if (st.st_mode & 077)
        return -EACCES;
    while (out->len - before <= limit) {
        ssize_t n = read(fd, buf_reserve(out, 256), 256);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (!n)
            return 0;
        buf_advance(out, (size_t)n);
    }
    return -EINVAL;
}

int key_file_read(const char *path, size_t limit, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int r;

    if (fd < 0)
        return -errno;
    r = read_private(fd, limit, out);
    close(fd);
    return r;
}

/* Written under a name of its own and linked into place, so that a crash leaves no half a key. */
int key_file_create(const char *path, struct bytes content)
{
    auto_free char *draft = mem_printf("%s.%08x.new", path, randombytes_random());
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = write_all(fd, content.data, content.len);
    close(fd);
    if (!r && link(draft, path) < 0)
        r = -errno;
    unlink(draft);
    return r < 0 ? r : sync_directory_of(path);
}

/* The bytes go before the name does: an unlinked file's blocks can be read for long. */
int key_file_destroy(const char *path)
{
    uint8_t noise[256];
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    for (off_t done = 0; !r && done < st.st_size; done += (off_t)sizeof noise) {
        randombytes_buf(noise, sizeof noise);
        r = write_all(fd, noise, sizeof noise);
    }
    close(fd);
    if (r < 0)
        return r;
    if (unlink(path) < 0)
        return -errno;
    return sync_directory_of(path);
}

/* provider/plugin_file.h: is this plugin file safe to run, and a private copy of it.
 *
 * dlopen follows whatever a path leads to, so an attacker who can write there runs code as us
 * (OpenSSH agent, CVE-2016-10009). All checks are by descriptor, and what they passed is what is
 * copied. glibc also gives the *old* code for a path that is still open, and a file truncated while
 * it is mapped is a SIGBUS: hence a copy of its own for each generation. */
#ifndef PROVIDER_PLUGIN_FILE_H
#define PROVIDER_PLUGIN_FILE_H
#include "base/buf.h"

/* Makes (0700) and opens the directory for the copies, and removes what an earlier run left there.
 * Probes that code can be mapped from it: -EACCES, with a sentence, on a noexec mount. */
int plugin_run_dir(const char *path, struct buf *error, int *fd_r);

/* Copies <dir>/<file> to <name> in run_fd. 0, or a negative errno and a sentence. */
int plugin_file_copy(const char *dir, const char *file, int run_fd, const char *name,
                     struct buf *error);

/* Is this a whole shared object for this machine? Every segment must lie inside the file, or
 * reading it would be a SIGBUS. */
int plugin_elf_check(int fd, const char *label, struct buf *error);
#endif

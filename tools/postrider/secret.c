/* postrider/secret.c: a mailbox's password: read where nobody sees it, given to the daemon. */
#include "cli.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { SECRET_MAX = 1024 };

static bool trim(struct buf *secret)
{
    while (secret->len && strchr("\r\n", secret->data[secret->len - 1]))
        buf_truncate(secret, secret->len - 1);
    return secret->len > 0;
}

/* Read at once into room that is big enough: growing it would leave copies behind. */
static ssize_t read_all(int fd, struct buf *secret)
{
    char *room = buf_reserve(secret, SECRET_MAX + 3);
    size_t len = 0;
    ssize_t part;

    do {
        part = read(fd, room + len, SECRET_MAX + 2 - len);
        len += part > 0 ? (size_t)part : 0;
    } while (part > 0 || (part < 0 && errno == EINTR));
    buf_advance(secret, len);
    return part < 0 ? -errno : (ssize_t)len;
}

static int from_file(const char *path, struct buf *secret)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t r;

    if (fd < 0) {
        complain(path, strerror(errno), "name a file that can be read, or - for standard input");
        return EXIT_USAGE;
    }
    if (fd != STDIN_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 077) {
        close(fd);
        complain(path, "others can read this file, and it holds a secret", "chmod 600 it");
        return EXIT_USAGE;
    }
    r = read_all(fd, secret);
    if (fd != STDIN_FILENO)
        close(fd);
    if (r >= 0 && trim(secret) && secret->len <= SECRET_MAX)
        return EXIT_OK;
    complain(path,
             r < 0         ? strerror((int)-r)
             : secret->len ? "it is longer than a secret can be"
                           : "it is empty",
             "is it the right file?");
    return EXIT_USAGE;
}

static volatile sig_atomic_t interrupted;

static void interrupt(int signum)
{
    interrupted = signum;
}

/* A line, its echo off before it is asked for. False: a signal came first, and the echo is as it
 * was. */
static bool ask_quietly(int tty, const char *address, struct buf *secret)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};
    struct sigaction ours = {.sa_handler = interrupt}, theirs[ARRAY_LEN(signals)];
    char *room = buf_reserve(secret, SECRET_MAX + 3);
    struct termios before, quiet;
    sigset_t blocked, open;
    fd_set typed;
    ssize_t r = -1;

    interrupted = 0;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaddset(&blocked, signals[i]);
        sigaction(signals[i], &ours, &theirs[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &open); /* they come while we wait, or after */
    if (tcgetattr(tty, &before) == 0) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(tty, TCSAFLUSH, &quiet);
        dprintf(tty, "Password, or app password, of %s (empty: its owner gives it at a link): ",
                address);
        FD_ZERO(&typed);
        FD_SET(tty, &typed);
        if (pselect(tty + 1, &typed, NULL, NULL, NULL, &open) == 1)
            r = read(tty, room, SECRET_MAX + 2);
        tcsetattr(tty, TCSAFLUSH, &before);
        dprintf(tty, "\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &theirs[i], NULL);
    sigprocmask(SIG_SETMASK, &open, NULL);
    buf_advance(secret, r > 0 ? (size_t)r : 0);
    return !interrupted;
}

/* At the terminal. What interrupts us does so once the echo is on again; whoever comes back from
 * being stopped is asked once more. */
static int from_terminal(const char *address, struct buf *secret)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (tty < 0)
        return EXIT_OK;
    while (!ask_quietly(tty, address, secret))
        raise(interrupted);
    close(tty);
    trim(secret);
    return EXIT_OK;
}

int read_secret(struct cli *cli, const char *address, struct buf *secret)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* from here on there is one in memory */
    if (cli->secret_file)
        return from_file(cli->secret_file, secret);
    return isatty(STDIN_FILENO) ? from_terminal(address, secret) : EXIT_OK;
}

int give_secret(struct cli *cli, const char *address, const struct buf *secret)
{
    auto_free char *path =
        path_of("/v1/mailboxes/", address, cli->no_proof ? "/secret?proof=no" : "/secret");
    auto_answer answer = {0};
    int result;

    if (!cli->json && isatty(STDERR_FILENO))
        fputs(cli->no_proof ? "Signing in ...\n"
                            : "Signing in, and waiting for a mail to itself to arrive ...\n",
              stderr);
    result = ask(cli, "POST", path, "text/plain", buf_bytes(secret), &answer);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK) {
        print_text(stdout, text_at(answer.json, "told"));
        putchar('\n');
    }
    return result;
}

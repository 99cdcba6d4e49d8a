/* lastword.c: whoever ends the daemon, its log's last line says so and what to do. */
#include "lastword.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_GAVE_UP = 70 };

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* there is nobody else to tell */
}

/* glibc, libuv and GLib end a process that is refused what they can't do without, and so do we. */
static void gave_up(int signum)
{
    (void)signum;
    say("postriderd: gave up: the machine refused memory or a call that it can't go on without "
        "(the line "
        "before this may say which). Nothing is lost: start it again, and it asks what became of "
        "what was "
        "being sent\n");
    _exit(EXIT_GAVE_UP);
}

static void crashed(int signum)
{
    say("postriderd: crashed (");
    say(sigabbrev_np(signum));
    say("): a bug, or memory that ran out inside a library. Nothing is lost: start it again, and "
        "it asks "
        "what became of what was being sent. Please report it with the lines before this\n");
    signal(signum, SIG_DFL);
    raise(signum);
}

/* A sanitizer that watches a signal says more than we can. */
static void take(int signum, void (*handler)(int))
{
    struct sigaction before, action = {.sa_handler = handler};

    sigemptyset(&action.sa_mask);
    if (sigaction(signum, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        sigaction(signum, &action, NULL);
}

void lastword_install(void)
{
    take(SIGABRT, gave_up);
    take(SIGTRAP, gave_up); /* how GLib aborts */
    take(SIGSEGV, crashed);
    take(SIGBUS, crashed);
    take(SIGILL, crashed);
    take(SIGFPE, crashed);
}

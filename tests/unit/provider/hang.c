/* unit/provider/hang.c: a plugin that never returns is ended by the watchdog, whose last line names
 * it. */
#include "world.h"

#include "net/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void hang(int out)
{
    struct rlimit no_core = {0, 0};
    struct world world;
    struct watchdog *watchdog;

    setrlimit(RLIMIT_CORE, &no_core);
    dup2(out, STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    world_init(&world);
    world_put(&world, "odd.so", "odd.so");
    world_add(&world, "odd.so", NULL);
    watchdog = watchdog_start(world.loop, 1);
    provider_set_watch(world.set, watchdog);
    dprintf(out, "%s\n", world.dir);
    world_send(&world, world_open(&world, "ana@acme.example"), "spin", 0);
    _exit(0);
}

static void the_watchdog_names_it(void **state)
{
    char text[8192] = "", command[512];
    size_t len = 0;
    ssize_t got;
    int pipes[2], status = 0;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0)
        hang(pipes[1]);
    close(pipes[1]);
    while ((got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    if (!strstr(text, "last seen in odd"))
        fail_msg("the last words were: %s", text);
    snprintf(command, sizeof(command), "rm -r '%.*s'",
             (int)strcspn(strstr(text, "/tmp/provider-test-"), "\n"),
             strstr(text, "/tmp/provider-test-"));
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_watchdog_names_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

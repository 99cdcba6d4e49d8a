/* tests/plugins/mail_server.h: starts tests/plugins/mail_server.py, with a CA made for it. */
#ifndef TESTS_MAIL_SERVER_H
#define TESTS_MAIL_SERVER_H
#include "base/mem.h"

#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAIL_SERVERS = 32 };
static struct {
    char dir[64];
    pid_t pid;
    int to_server, ports[MAIL_SERVERS];
    const char *const *names;
} mail_server;

static inline int mail_server_certificates(void)
{
    auto_free char *command = mem_printf(
        "cd %s && exec 2>/dev/null && openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:P-256 -nodes -keyout key.pem -out ca.pem -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost && cat key.pem ca.pem >server.pem",
        mail_server.dir);

    return system(command);
}

static inline void mail_server_run(int in, int out)
{
    const char *argv[MAIL_SERVERS + 4] = {"python3", SOURCE_DIR "/tests/plugins/mail_server.py",
                                          mail_server.dir};

    for (int i = 0; mail_server.names[i]; i++)
        argv[i + 3] = mail_server.names[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, 0);
    dup2(out, 1);
    execvp("python3", (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* names ends in NULL; 0, or -1. */
static inline int mail_server_start(const char *const *names)
{
    int from[2], to[2], count = 0;
    FILE *said;

    strcpy(mail_server.dir, "/tmp/postrider-mail-XXXXXX");
    mail_server.names = names;
    if (!mkdtemp(mail_server.dir) || mail_server_certificates() != 0 || pipe(from) || pipe(to))
        return -1;
    mail_server.pid = fork();
    if (mail_server.pid == 0) {
        close(to[1]);
        mail_server_run(to[0], from[1]);
    }
    close(from[1]);
    close(to[0]);
    mail_server.to_server = to[1];
    said = fdopen(from[0], "r");
    while (names[count] && fscanf(said, "%d", &mail_server.ports[count]) == 1)
        count++;
    fclose(said);
    return names[count] ? -1 : 0;
}

static inline int mail_server_stop(void)
{
    auto_free char *command = mem_printf("rm -rf %s", mail_server.dir);

    close(mail_server.to_server);
    kill(mail_server.pid, SIGKILL);
    waitpid(mail_server.pid, NULL, 0);
    return system(command);
}

/* "imaps://localhost:4010", allocated; its scheme is the name's. */
static inline char *mail_server_url(const char *name, const char *host)
{
    int i = 0;

    while (strcmp(mail_server.names[i], name) != 0)
        i++;
    return mem_printf("%.*s://%s:%d", (int)strcspn(name, "-"), name, host, mail_server.ports[i]);
}
#endif

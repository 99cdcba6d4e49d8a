/* tests/crash/strike.c: runs a program and kills it as one of its threads enters a chosen system
 * call.
 *
 *   strike --trace FILE PROGRAM...        every call, in order, a line each: "THREAD NUMBER"
 *   strike --at THREAD:NUMBER:N PROGRAM... SIGKILL as that thread enters that call for the N-th
 * time strike --nth N PROGRAM...              SIGKILL as any thread enters the N-th call of the
 * process
 *
 * Threads are counted from 0 as they are made, which is the same in each run. The call it is killed
 * in is not carried out. A seccomp filter stops only what is looked for, so the rest runs at full
 * speed (strace can't choose a thread). Ends as the program does; 137 is SIGKILL. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64 };

static struct {
    FILE *trace;
    long thread, number, nth; /* thread and number -1: any */
    pid_t child, threads[THREADS];
    long counts[THREADS];
    size_t thread_count;
    long seen;
} strike = {.thread = -1, .number = -1};

static void pass_on(int sig)
{
    if (strike.child > 0)
        kill(strike.child, sig);
}

/* -- the child ------------------------------------------------------------------------ */

static void filter(void)
{
    struct sock_filter one[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)strike.number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter every[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)};
    struct sock_fprog program = {4, one};

    if (strike.number < 0)
        program = (struct sock_fprog){1, every};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("strike: seccomp");
        _exit(126);
    }
}

static void run_child(char **argv)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
        perror("strike: ptrace");
        _exit(126);
    }
    raise(SIGSTOP);
    filter();
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

/* -- the parent ----------------------------------------------------------------------- */

/* true in new_r: not seen before. */
static size_t thread_of(pid_t tid, int *new_r)
{
    size_t at = 0;

    while (at < strike.thread_count && strike.threads[at] != tid)
        at++;
    *new_r = at == strike.thread_count;
    if (*new_r && strike.thread_count < THREADS)
        strike.threads[strike.thread_count++] = tid;
    return at < THREADS ? at : THREADS - 1;
}

/* 1: this is the call to die in. */
static int entered(pid_t tid)
{
    struct __ptrace_syscall_info info = {0};
    int is_new;
    size_t thread = thread_of(tid, &is_new);

    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) < 0)
        return 0;
    if (strike.trace)
        fprintf(strike.trace, "%zu %llu\n", thread, (unsigned long long)info.seccomp.nr);
    if (strike.thread >= 0)
        return (long)thread == strike.thread && ++strike.counts[thread] == strike.nth;
    return ++strike.seen == strike.nth;
}

/* Handles a stop; the signal to go on with. */
static int stopped(pid_t tid, int status)
{
    int event = status >> 16, is_new = 0;
    unsigned long made = 0;

    if (event == PTRACE_EVENT_SECCOMP) {
        if (entered(tid))
            kill(strike.child, SIGKILL);
        return 0;
    }
    if (event == PTRACE_EVENT_CLONE) {
        if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &made) == 0)
            thread_of((pid_t)made, &is_new);
        return 0;
    }
    if (event || WSTOPSIG(status) == SIGTRAP)
        return 0;
    return WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
}

static int watch(void)
{
    int status, is_new;
    pid_t tid;

    waitpid(strike.child, &status, 0);
    thread_of(strike.child, &is_new);
    ptrace(PTRACE_SETOPTIONS, strike.child, NULL,
           (void *)(long)(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL));
    ptrace(PTRACE_CONT, strike.child, NULL, NULL);
    for (;;) {
        tid = waitpid(-1, &status, __WALL);
        if (tid < 0 && errno == EINTR)
            continue;
        if (tid < 0)
            return 125;
        if (WIFSTOPPED(status))
            ptrace(PTRACE_CONT, tid, NULL, (void *)(long)stopped(tid, status));
        else if (tid == strike.child)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

static int usage(void)
{
    fputs("usage: strike --trace FILE | --at THREAD:NUMBER:N | --nth N  PROGRAM [ARGUMENT...]\n",
          stderr);
    return 125;
}

int main(int argc, char **argv)
{
    int code;

    if (argc < 4)
        return usage();
    if (strcmp(argv[1], "--trace") == 0)
        strike.trace = fopen(argv[2], "w");
    else if (strcmp(argv[1], "--at") == 0 &&
             sscanf(argv[2], "%ld:%ld:%ld", &strike.thread, &strike.number, &strike.nth) != 3)
        return usage();
    else if (strcmp(argv[1], "--nth") == 0)
        strike.nth = strtol(argv[2], NULL, 10);
    strike.child = fork();
    if (strike.child == 0)
        run_child(argv + 3);
    signal(SIGTERM, pass_on);
    signal(SIGINT, pass_on);
    code = watch();
    if (strike.trace)
        fclose(strike.trace);
    return code;
}

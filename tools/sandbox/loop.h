/* sandbox/loop.h: the one thread: epoll, timers in real time, and what is done when a turn ends.
 *
 * A turn: wait; read and answer what is ready; run timers; let the world run what is due; put the
 * logs on the disk; only then write to sockets. So no answer leaves before its log line is down. */
#ifndef SANDBOX_LOOP_H
#define SANDBOX_LOOP_H
#include "base/list.h"
#include "sandbox/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct loop_fd {
    int fd;
    void (*ready)(struct loop_fd *watch, uint32_t events);
    void (*flush)(struct loop_fd *watch);  /* writes; NULL: never asked for */
    void (*closed)(struct loop_fd *watch); /* when its turn ends: nothing will be called any more */
    uint32_t events;
    bool closing;
    struct list node;
};

struct loop_timer { /* a zeroed one is ready and not set */
    struct queue_item item;
    void (*fire)(struct loop_timer *timer);
};

int loop_start(void); /* negative errno */
void loop_finish(void);
int loop_add(struct loop_fd *watch, uint32_t events); /* fd and ready are set by the caller */
void loop_want(struct loop_fd *watch, uint32_t events);
void loop_flush_later(struct loop_fd *watch); /* flush is called when the turn ends */
void loop_close(struct loop_fd *watch);       /* closes fd now, calls closed when the turn ends */

void loop_timer_set(struct loop_timer *timer, int64_t after_ms); /* real; set again moves it */
void loop_timer_stop(struct loop_timer *timer);

/* Turns until loop_stop. `settle` ends a turn before sockets are written. `wait` says how long
 * the next wait may be, in ms; -1: any; 0: not at all. `quiet` is called when a wait of 0 found
 * nothing ready: all that others said so far was heard. */
struct loop_hooks {
    void (*settle)(void);
    int64_t (*wait)(void);
    void (*quiet)(void);
};
void loop_run(const struct loop_hooks *hooks);
void loop_stop(void);
#endif

/* net/watchdog.h: ends the process when the loop has hung, since a restart is safe and a daemon
 * that hangs is not. */
#ifndef NET_WATCHDOG_H
#define NET_WATCHDOG_H

struct loop;
struct watchdog;

/* Starts a thread that writes a last line and aborts when the loop has not turned for `seconds`
 * of real time (0: 30). Time in which the whole process was stopped does not count. */
struct watchdog *watchdog_start(struct loop *loop, int seconds);
/* What the loop is about to call, for that last line: a lent, constant text such as a plugin's
 * name, or NULL. Loop thread. */
void watchdog_note(struct watchdog *watchdog, const char *what);
void watchdog_stop(struct watchdog *watchdog); /* NULL is fine */
#endif

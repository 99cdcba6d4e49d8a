/* sandbox/vclock.h: the virtual clock, what is due by it, and DIR/clock.sock, which tells it to
 * the daemon and hears when the daemon has nothing to do. */
#ifndef SANDBOX_VCLOCK_H
#define SANDBOX_VCLOCK_H
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

enum vclock_mode { VCLOCK_REAL, VCLOCK_HOLD, VCLOCK_FAST };

bool vclock_mode_parse(const char *text, enum vclock_mode *mode_r);
/* "2027-01-04T09:00:00Z", with an offset, with or without seconds and parts of them; or Unix ms. */
bool vclock_parse(const char *text, int64_t *ms_r);

/* start 0: the real time. Listens on path. Negative errno. */
int vclock_start(const char *path, enum vclock_mode mode, int64_t pace_ms, int64_t start);
void vclock_finish(void);

/* For the loop: `vclock_due` runs what is due. `vclock_wait` is the next wait in ms, as in
 * loop_hooks. `vclock_quiet` jumps if everyone is idle. */
void vclock_due(void);
int64_t vclock_wait(void);
void vclock_quiet(void);

/* "clock.mode", "clock.jump", "clock.now", "pace" of the control socket. NULL: not one of those. */
struct json_object *vclock_command(const char *verb, struct json_object *asked);
#endif

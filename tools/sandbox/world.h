/* sandbox/world.h: what the server side lends a stand-in: virtual time, timed happenings, logs,
 * random. One thread; nothing here blocks. */
#ifndef SANDBOX_WORLD_H
#define SANDBOX_WORLD_H
#include <json-c/json.h>
#include <stdint.h>

int64_t world_now(void);  /* virtual Unix ms */
int64_t world_real(void); /* real Unix ms */

/* Runs `happen(arg)` when the virtual clock reaches `when` (at once if it has), on the loop, in
 * the order of `when`. The clock jumps to the next such moment when daemon and sandbox are idle. */
void world_at(int64_t when, void (*happen)(void *arg), void *arg);

/* Appends one JSON object as a line to DIR/receiver.log, fsynced before the answer leaves:
 * what was accepted and what people did. "at" (virtual) and "real" are added. Takes `entry`. */
void world_receive(struct json_object *entry);

uint64_t world_random(void); /* from --seed, so that a run can be repeated */
double world_chance(void);   /* 0 <= x < 1 */

/* A stand-in registers what the control socket may ask of it: {"do": "google.<verb>", ...}. The
 * answer is a new object, {"ok": true, ...} or {"ok": false, "error": "..."}. */
typedef struct json_object *world_command(void *arg, struct json_object *asked);
void world_register(const char *prefix, world_command *command, void *arg);

/* How a person reaches the daemon over real HTTP (one-click unsubscribe): POST url with the given
 * form body, from the sandbox; only to loopback. Fire and forget; the outcome goes to requests.log.
 */
void world_post(const char *url, const char *form);
#endif

/* sandbox/control.h: DIR/control.sock: what tests and people may ask of the sandbox. */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H
#include <json-c/json.h>

int control_start(const char *path); /* negative errno */
void control_finish(void);
struct json_object *control_ok(void); /* {"ok": true}, new */
struct json_object *control_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif

/* control/metrics.h: the numbers, as text for Prometheus (exposition format 0.0.4). */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H
#include "base/buf.h"

struct control;
void metrics_write(struct control *control, struct buf *out);
/* A label's value: backslash, quote and newline escaped. Pure. */
void metrics_label(struct buf *out, const char *text);
#endif

/* campaign/sequence_parts.h: the readers of a sequence's parts, for sequence.c alone. */
#ifndef CAMPAIGN_SEQUENCE_PARTS_H
#define CAMPAIGN_SEQUENCE_PARTS_H
#include "campaign/sequence.h"

void sequence_take_window(const struct check *root, struct sequence *sequence);
void sequence_take_limits(const struct check *root, struct sequence *sequence);
void sequence_take_stop(const struct check *root, struct sequence *sequence);
void sequence_take_steps(const struct check *root, struct sequence *sequence);
/* "2026-03-02" or "2026-03-02 09:00". */
void sequence_take_when(const struct check *map, const char *key, struct sequence_when *when);
unsigned sequence_days(const struct check *at); /* 0: a mistake was noted */
#endif

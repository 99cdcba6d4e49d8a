/* common/times.h: times as APIs and HTTP write them. */
#ifndef PLUGIN_TIMES_H
#define PLUGIN_TIMES_H
#include <stdint.h>

int64_t wire_time(const char *rfc3339);        /* Unix ms; 0: is none */
int64_t wire_http_time(const char *http_date); /* RFC 9110 5.6.7, IMF-fixdate */
#endif

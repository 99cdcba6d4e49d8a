/* base/log.h: one line a happening, on stderr, with both clocks where they differ.
 *
 * Never a secret, never anything of a mail but its ids. Control characters are written as \xNN, so
 * that text from outside can't forge a line. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARN = 1, LOG_LEVEL_INFO = 2, LOG_LEVEL_DEBUG = 3 };

void log_set_level(int level); /* what is above it is not written            */
int log_get_level(void);
void log_write(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_writev(int level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#endif

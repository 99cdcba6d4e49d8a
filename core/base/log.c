/* base/log.c: one line a happening, on stderr. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int limit = LOG_LEVEL_INFO;

void log_set_level(int level)
{
    atomic_store(&limit, level);
}

int log_get_level(void)
{
    return atomic_load(&limit);
}

static void add_escaped(struct buf *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\x%02x", c);
        else
            buf_add_char(line, (char)c);
    }
}

void log_writev(int level, const char *format, va_list args)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    auto_buf struct buf line = {0};
    char when[32], text[4096];
    ssize_t written;

    if (level > atomic_load(&limit))
        return;
    if (level < 0 || level > LOG_LEVEL_DEBUG)
        level = LOG_LEVEL_DEBUG;
    vsnprintf(text, sizeof(text), format, args);
    buf_printf(&line, "%s %-5s ", clock_text(clock_real(), when), names[level]);
    if (clock_offset())
        buf_printf(&line, "[%s] ", clock_text(clock_wall(), when));
    add_escaped(&line, text);
    buf_add_char(&line, '\n');
    written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* a log that can't be written must not stop the mail */
}

void log_write(int level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_writev(level, format, args);
    va_end(args);
}

/* judge/corpus.c: reads the files that are judged by. */
#include "judge.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/wanted.h"

#include <errno.h>
#include <glib.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

int corpus_read(const char *dir, const char *path, struct buf *out)
{
    char *name = mem_printf("%s/%s", dir, path);
    FILE *file = fopen(name, "rb");
    size_t got;

    free(name);
    if (!file)
        return -errno;
    do {
        got = fread(buf_reserve(out, 65536), 1, 65536, file);
        buf_advance(out, got);
    } while (got > 0);
    fclose(file);
    return 0;
}

static int64_t date_of(const struct mail_headers *headers)
{
    const char *raw = mail_header_raw(headers, "Date", 0);
    GDateTime *date = raw ? g_mime_utils_header_decode_date(raw) : NULL;
    int64_t ms = date ? g_date_time_to_unix(date) * 1000 : 0;

    if (date)
        g_date_time_unref(date);
    return ms;
}

/* The headers that `list` asks for, and no others, as a provider would hand them over. */
static void keep_wanted(const struct mail_headers *all, struct mail_headers *wanted)
{
    struct buf block = {0};

    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; mail_wanted_headers[j]; j++)
            if (text_same(all->fields[i].name, mail_wanted_headers[j]))
                buf_printf(&block, "%s: %s\n", all->fields[i].name, all->fields[i].value);
    mail_headers_parse(wanted, block.data, block.len);
    buf_finish(&block);
}

int corpus_open(const char *dir, const char *path, struct corpus_mail *mail)
{
    int r;

    memset(mail, 0, sizeof(*mail));
    r = corpus_read(dir, path, &mail->raw);
    if (r < 0)
        return r;
    mail_headers_parse(&mail->headers, mail->raw.data, mail->raw.len);
    keep_wanted(&mail->headers, &mail->wanted);
    mail_parts_find(&mail->parts, mail->raw.data, mail->raw.len);
    mail_report_parse(&mail->report, mail->parts.type, buf_bytes(&mail->parts.report),
                      buf_bytes(&mail->parts.returned));
    mail->date = date_of(&mail->headers);
    return 0;
}

void corpus_close(struct corpus_mail *mail)
{
    mail_headers_finish(&mail->headers);
    mail_headers_finish(&mail->wanted);
    mail_report_finish(&mail->report);
    mail_parts_finish(&mail->parts);
    buf_finish(&mail->raw);
}

int corpus_rows(const char *dir, const char *name, void (*each)(void *, struct json_object *),
                void *arg)
{
    struct buf text = {0};
    int r = corpus_read(dir, name, &text);
    char *rest = text.data, *line;

    if (r < 0)
        return r;
    while (rest && (line = strsep(&rest, "\n"))) {
        struct json_object *row = *line ? json_tokener_parse(line) : NULL;

        if (row)
            each(arg, row);
        json_object_put(row);
    }
    buf_finish(&text);
    return 0;
}

const char *row_text(struct json_object *row, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(row, key, &value) || !value)
        return "";
    return json_object_get_string(value);
}

bool row_true(struct json_object *row, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(row, key, &value) && json_object_get_boolean(value);
}

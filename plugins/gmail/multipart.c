/* gmail/multipart.c: batches of requests: multipart bodies both ways. */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wire_batch_add(struct text *body, size_t index, const char *path)
{
    text_printf(body,
                "--postrider_batch\r\nContent-Type: application/http\r\nContent-ID: <item-%zu>\r\n"
                "\r\nGET %s\r\n\r\n",
                index, path);
}

void wire_batch_end(struct text *body)
{
    text_str(body, "--postrider_batch--\r\n");
}

static void read_inner(struct wire_part *parts, size_t count, size_t position,
                       struct rider_bytes part)
{
    struct rider_bytes outer, inner, head, body;
    char line[64];
    char *id;
    const char *number;
    int status;

    if (!wire_divide(part, &outer, &inner) || !inner.len)
        return;
    id = wire_block_value(outer, "content-id");
    number = id ? strstr(id, "item-") : NULL;
    if (number)
        position = strtoul(number + 5, NULL, 10);
    free(id);
    snprintf(line, sizeof(line), "%.*s", (int)(inner.len < 60 ? inner.len : 60),
             (const char *)inner.data);
    if (position >= count || sscanf(line, "HTTP/%*s %3d", &status) != 1)
        return;
    if (!wire_divide(inner, &head, &body))
        return;
    parts[position] = (struct wire_part){status, head, body};
}

int wire_batch_read(struct wire_part *parts, size_t count, struct rider_bytes headers,
                    struct rider_bytes body)
{
    char *boundary = wire_boundary(headers);
    const char *at = body.data, *end = at + body.len;
    struct rider_bytes part;
    size_t position = 0;

    memset(parts, 0, count * sizeof(*parts));
    if (!boundary)
        return -1;
    while (position < 1000 && wire_next_part(&at, end, boundary, &part))
        read_inner(parts, count, position++, part);
    free(boundary);
    return position ? 0 : -1;
}

/* sandbox/google_payload.c: a mail as messages.get gives it with format=full. */
#include "sandbox/google_api.h"

#include "base/mem.h"
#include "base/text.h"

static struct json_object *headers_json(const struct mime_headers *headers)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < headers->count; i++) {
        struct json_object *header = json_object_new_object();

        sbx_json_put(header, "name", headers->list[i].name);
        sbx_json_put(header, "value", headers->list[i].value);
        json_object_array_add(list, header);
    }
    return list;
}

static void leaf_json(struct json_object *part, const struct mime_headers *headers,
                      struct bytes body)
{
    struct json_object *content = json_object_new_object();
    auto_buf struct buf decoded = {0}, text = {0};

    mime_body(&decoded, headers, body);
    text_base64url(&text, decoded.data, decoded.len);
    json_object_object_add(content, "size", json_object_new_int64((int64_t)decoded.len));
    sbx_json_put(content, "data", buf_text(&text));
    json_object_object_add(part, "body", content);
}

static struct json_object *part_json(const char *data, size_t len, const char *id, int depth)
{
    struct json_object *part = json_object_new_object(), *parts, *content;
    struct mime_headers headers;
    struct bytes body, inner;
    size_t at = 0, count = 0;

    mime_headers_init(&headers, data, len);
    body = (struct bytes){data + headers.length, len - headers.length};
    auto_free char *type = mime_type(&headers);
    auto_free char *boundary =
        mime_parameter(mime_headers_get(&headers, "Content-Type"), "boundary");
    auto_free char *filename =
        mime_parameter(mime_headers_get(&headers, "Content-Disposition"), "filename");

    sbx_json_put(part, "partId", id);
    sbx_json_put(part, "mimeType", type);
    sbx_json_put(part, "filename", filename ? filename : "");
    json_object_object_add(part, "headers", headers_json(&headers));
    if (!text_starts(type, "multipart/") || !boundary || depth > 20) {
        leaf_json(part, &headers, body);
        mime_headers_finish(&headers);
        return part;
    }
    content = json_object_new_object();
    json_object_object_add(content, "size", json_object_new_int(0));
    json_object_object_add(part, "body", content);
    parts = json_object_new_array();
    while (mime_multipart_next(body, boundary, &at, &inner)) {
        auto_free char *inner_id = mem_printf("%s%s%zu", id, *id ? "." : "", count++);

        json_object_array_add(parts, part_json(inner.data, inner.len, inner_id, depth + 1));
    }
    json_object_object_add(part, "parts", parts);
    mime_headers_finish(&headers);
    return part;
}

struct json_object *google_payload(const char *data, size_t len)
{
    return part_json(data, len, "", 0);
}

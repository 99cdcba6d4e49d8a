/* unit/graph/fake.h: the scripted host as Graph's, and batches as Graph answers them. */
#ifndef UNIT_GRAPH_FAKE_H
#define UNIT_GRAPH_FAKE_H
#include "graph/graph.h"

#define API "https://graph.acme.example"
#define FAKE_API API
#define FAKE_KEY "categories"
#define FAKE_OTHER_KEY "push"
#include "../fake_host.h"

#define PREFER "Prefer: IdType=\"ImmutableId\""

static const char *const fake_send_scopes[] = {"openid", "User.Read", "Mail.Send", NULL};
static const char *const fake_headers_scopes[] = {"openid", "https://graph.microsoft.com/Mail.Send",
                                                  "https://graph.microsoft.com/mail.readbasic",
                                                  NULL};
static const char *const fake_full_scopes[] = {"openid", "Mail.Send", "Mail.ReadWrite",
                                               "MailboxSettings.ReadWrite", NULL};

/* A batch's answer from JSON bodies, last first; "!429 {...}" has that status and Retry-After. */
static inline char *batch(const char *const *bodies, size_t count)
{
    struct text out = {0};

    text_str(&out, "{\"responses\":[");
    for (size_t i = count; i-- > 0;) {
        const char *body = bodies[i];
        int status = 200;

        if (*body == '!') {
            status = atoi(body + 1);
            body += 5;
        }
        text_printf(&out, "%s{\"id\":\"%zu\",\"status\":%d,\"headers\":{%s},\"body\":%s}",
                    i == count - 1 ? "" : ",", i + 1, status,
                    status == 429 ? "\"Retry-After\":\"7\"" : "", *body ? body : "null");
    }
    text_str(&out, "]}");
    return out.data;
}

static inline void foresee_headers(struct fake *fake, const char *headers)
{
    fake->script[fake->foreseen - 1].headers = headers;
}
#endif

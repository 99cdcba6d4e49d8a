/* unit/gmail/fake.h: the scripted host as Gmail's, and batches as Gmail answers them. */
#ifndef UNIT_GMAIL_FAKE_H
#define UNIT_GMAIL_FAKE_H
#include "gmail/gmail.h"

#define SCOPE "https://www.googleapis.com/auth/"
#define API "https://api.acme.example"
#define FAKE_API API
#define FAKE_KEY "labels"
#define FAKE_OTHER_KEY ""
#include "../fake_host.h"

static const char *const fake_send_scopes[] = {"openid", "email", SCOPE "gmail.send", NULL};
static const char *const fake_headers_scopes[] = {"openid", SCOPE "gmail.send",
                                                  SCOPE "gmail.metadata", NULL};
static const char *const fake_full_scopes[] = {"openid", SCOPE "gmail.modify", NULL};

/* A batch's answer from JSON bodies; NULL is a 404; one that begins with "!429 " is that error. */
static inline char *batch(const char *const *bodies, size_t count)
{
    struct text out = {0};

    for (size_t i = 0; i < count; i++) {
        const char *body = bodies[i] ? bodies[i] : "{\"error\":{\"code\":404}}";
        int status = bodies[i] ? 200 : 404;

        if (*body == '!') {
            status = atoi(body + 1);
            body += 5;
        }
        text_printf(&out,
                    "--batch_x\r\nContent-Type: application/http\r\n"
                    "Content-ID: <response-item-%zu>\r\n\r\n"
                    "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n%s\r\n",
                    i, status, body);
    }
    text_str(&out, "--batch_x--\r\n");
    return out.data;
}

static inline void foresee_batch(struct fake *fake, char *body)
{
    foresee(fake, "POST /batch/gmail/v1", 200, body);
    fake->script[fake->foreseen - 1].headers =
        "date: x\r\nContent-Type: multipart/mixed; boundary=batch_x\r\n";
}
#endif

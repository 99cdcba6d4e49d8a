/* fuzz/compose.c: whatever the fields hold, mail_compose refuses them or writes one sane mail. */
#include "mail/compose.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next field of the input: fields are divided by 0xFE, which is in no UTF-8 text. */
static char *field(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *stop = memchr(*at, 0xfe, (size_t)(end - *at));
    char *text = mem_strn((const char *)*at, (size_t)((stop ? stop : end) - *at));

    *at = stop ? stop + 1 : end;
    return text;
}

static bool count_one(void *arg, const char *address, const char *name)
{
    (void)name;
    ++*(int *)arg;
    if (!mail_address_valid(address))
        abort();
    return true;
}

static void check(const struct buf *mail)
{
    struct mail_headers headers = {0};
    int to = 0;

    for (size_t i = 0; i < mail->len; i++) {
        if ((mail->data[i] == '\n') != (i > 0 && mail->data[i - 1] == '\r'))
            abort();
    }
    mail_headers_parse(&headers, mail->data, mail->len);
    mail_address_each(mail_header_raw(&headers, "To", 0), count_one, &to);
    if (to != 1 || mail_header_has(&headers, "Bcc") || mail_header_has(&headers, "Cc") ||
        mail_header_raw(&headers, "To", 1) || mail_header_raw(&headers, "Subject", 1))
        abort();
    mail_headers_finish(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size;
    char *texts[7];
    auto_buf struct buf mail = {0}, error = {0};
    struct mail_draft draft;

    mail_init();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = field(&at, end);
    draft = (struct mail_draft){
        .from = "ana@acme.example",
        .from_name = texts[0],
        .to = *texts[1] ? texts[1] : "bo@beta.example",
        .to_name = texts[2],
        .subject = texts[3],
        .text = texts[4],
        .html = *texts[5] ? texts[5] : NULL,
        .message_id = *texts[6] ? texts[6] : "m1@acme.example",
        .date = 1795282342000,
    };
    if (mail_compose(&draft, &mail, &error) == 0)
        check(&mail);
    else if (!error.len || mail.len)
        abort();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    return 0;
}

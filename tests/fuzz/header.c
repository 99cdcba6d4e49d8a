/* fuzz/header.c: header blocks, decoding, addresses and parameters. */
#include "mail/header.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const struct mail_field *field)
{
    char *decoded = mail_decode_words(field->value);

    if (!text_is_utf8(decoded, strlen(decoded)) || text_has_control(decoded))
        abort();
    free(decoded);
    free(mail_header_param(field->value, "boundary"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_headers headers;

    mail_headers_parse(&headers, data, size);
    if (headers.count > MAIL_FIELDS_MAX || headers.body > size)
        abort();
    for (size_t i = 0; i < headers.count; i++)
        check_value(&headers.fields[i]);
    free(mail_header_from(&headers));
    mail_headers_finish(&headers);
    return 0;
}

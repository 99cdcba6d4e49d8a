/* fuzz/subject.c: base subjects. */
#include "mail/subject.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *raw = mem_strn((const char *)data, size);
    auto_free char *decoded = mail_decode_words(raw);
    auto_free char *reply = mem_printf("Re: %.1900s", decoded);
    auto_free char *clean = mail_decode_words(reply); /* what was cut may end within a character */
    auto_free char *base = mail_subject_base(decoded);
    auto_free char *answered = mail_subject_base(clean);

    if (!text_is_utf8(base, strlen(base)) || text_has_control(base))
        abort();
    if (strlen(decoded) < 1900 && strcmp(base, answered) != 0)
        abort(); /* an answer keeps the base */
    return 0;
}

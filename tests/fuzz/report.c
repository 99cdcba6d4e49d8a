/* fuzz/report.c: whole messages, the parts in them, and what the parts say. */
#include "mail/report.h"

#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_parts parts;
    struct mail_report report;

    mail_parts_find(&parts, data, size);
    if (parts.text.len > 0 && !text_is_utf8(parts.text.data, parts.text.len))
        abort();
    mail_report_parse(&report, parts.type, buf_bytes(&parts.report), buf_bytes(&parts.returned));
    if (report.count > MAIL_RECIPIENTS_MAX)
        abort();
    mail_report_finish(&report);
    mail_report_parse(&report, NULL, (struct bytes){data, size}, (struct bytes){data, size});
    mail_report_finish(&report);
    mail_parts_finish(&parts);
    return 0;
}

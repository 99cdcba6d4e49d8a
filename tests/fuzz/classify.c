/* fuzz/classify.c: whole messages through every test of the classifier, and matching after it. */
#include "mail/classify.h"
#include "match/match.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool by_id(void *arg, const char *id_key, struct match_message *out)
{
    (void)arg;
    *out = (struct match_message){.enrolment = strlen(id_key) % 5 + 1, .step = 1};
    return true;
}

static void match(const struct mail_headers *headers, const struct mail_report *report,
                  enum mail_kind kind)
{
    struct match_lookup lookup = {.by_id = by_id};
    struct match_mail mail = {.headers = headers,
                              .report = report,
                              .kind = kind,
                              .where = MAIL_INBOUND,
                              .mailbox = 1,
                              .received = 1};
    struct match_result result;

    match_find(&mail, &lookup, &result);
    match_result_finish(&result);
    mem_strv_free(match_pending_keys(&mail, &lookup));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_headers headers;
    struct mail_parts parts;
    struct mail_report report;
    struct mail_verdict verdict;

    mail_headers_parse(&headers, data, size);
    mail_parts_find(&parts, data, size);
    mail_report_parse(&report, parts.type, buf_bytes(&parts.report), buf_bytes(&parts.returned));
    mail_classify(&(struct mail_input){.headers = &headers,
                                       .report = &report,
                                       .text = buf_bytes(&parts.text),
                                       .where = MAIL_INBOUND,
                                       .now = 1793534400000},
                  &verdict);
    if (strlen(verdict.reason) >= sizeof(verdict.reason) || !*verdict.reason ||
        !text_is_utf8(verdict.reason, strlen(verdict.reason)))
        abort();
    match(&headers, &report, verdict.kind);
    mail_report_finish(&report);
    mail_parts_finish(&parts);
    mail_headers_finish(&headers);
    return 0;
}

/* fuzz/records.c: every decoder on bytes from a store that is not to be trusted. The first byte
 * says which; what decodes must encode to the same bytes again. */
#include "records/records.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRY(name)                                                                                  \
    static void try_##name(struct bytes from)                                                      \
    {                                                                                              \
        auto_record(name) record = {0};                                                            \
        auto_buf struct buf again = {0};                                                           \
                                                                                                   \
        if (record_##name##_decode(from, &record) < 0)                                             \
            return;                                                                                \
        record_##name##_encode(&record, &again);                                                   \
        if (again.len != from.len || memcmp(again.data, from.data, from.len) != 0)                 \
            abort();                                                                               \
    }

TRY(mailbox)
TRY(mailbox_pulse)
TRY(lane)
TRY(campaign)
TRY(campaign_counts)
TRY(person)
TRY(enrolment)
TRY(message)
TRY(reply)
TRY(pending)
TRY(work)
TRY(suppression)
TRY(audit)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct bytes from) = {
        try_mailbox, try_mailbox_pulse, try_lane,    try_campaign, try_campaign_counts,
        try_person,  try_enrolment,     try_message, try_reply,    try_pending,
        try_work,    try_suppression,   try_audit,
    };

    if (size)
        tries[data[0] % (sizeof tries / sizeof tries[0])]((struct bytes){data + 1, size - 1});
    return 0;
}

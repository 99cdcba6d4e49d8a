/* fuzz/ids.c: message ids. */
#include "mail/ids.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *value = mem_strn((const char *)data, size);
    struct mail_ids ids = {0};

    mail_ids_scan(&ids, value);
    if (ids.count > MAIL_IDS_MAX)
        abort();
    for (size_t i = 0; i < ids.count; i++) {
        auto_free char *key = mail_id_key(ids.ids[i]);
        auto_free char *again = key ? mail_id_key(key) : NULL;

        if (strlen(ids.ids[i]) > MAIL_ID_LENGTH_MAX || !key || strcmp(key, again) != 0)
            abort(); /* a key is its own key */
    }
    mail_ids_finish(&ids);
    return 0;
}

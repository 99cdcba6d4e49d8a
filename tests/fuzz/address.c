/* fuzz/address.c: addresses and lists of them, from strangers. */
#include "mail/address.h"

#include "base/mem.h"
#include "mail/header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool each(void *arg, const char *address, const char *name)
{
    (void)arg;
    if (!mail_address_valid(address) || strpbrk(name, "\r\n"))
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = mem_strn((const char *)data, size);
    auto_buf struct buf key = {0}, again = {0}, company = {0};

    mail_init();
    mail_address_each(text, each, NULL);
    mail_company(text, &company);
    if (mail_address_key(text, &key) < 0)
        return 0;
    if (mail_address_key(key.data, &again) == 0 && strcmp(key.data, again.data) != 0)
        abort(); /* a key is its own key */
    return 0;
}

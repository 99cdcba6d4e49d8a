/* fuzz/autoconfig.c: what DNS and a domain's web server say of its mail servers. */
#include "mailbox/autoconfig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each is a URL of a host and a port, and nothing else can be in it. */
static void check_url(const char *url, const char *scheme)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    const char *host = strstr(url, "://");
    size_t len;

    if (!host || strncmp(url, scheme, strlen(scheme)) != 0)
        abort();
    host += 3;
    len = strspn(host, allowed);
    if (!len || host[len] != ':' || strspn(host + len + 1, "0123456789") != strlen(host + len + 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct autoconfig_proposal proposal = {0};
    struct autoconfig_host host;

    if (autoconfig_srv((struct bytes){data, size}, &host) && (!host.port || !host.name[0]))
        abort();
    if (autoconfig_xml((struct bytes){data, size}, "ana@acme.example", &proposal)) {
        check_url(proposal.imap_url, "imap");
        check_url(proposal.smtp_url, "smtp");
        autoconfig_proposal_finish(&proposal);
    }
    return 0;
}

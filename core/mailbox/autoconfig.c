/* mailbox/autoconfig.c: asks DNS and the domain's own web server which mail servers it has. */
#include "mailbox/autoconfig.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mailbox/internal.h"
#include "net/loop.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

enum { PAGE_MS = 10000, DNS_SECONDS = 2, DNS_TRIES = 2, FILES = 2 };

struct search {
    struct list node;
    struct mailboxes *mailboxes; /* NULL: it has ended meanwhile */
    char *address, *domain;
    struct autoconfig_proposal dns; /* written on the pool, read after that */
    struct file {
        struct search *search;
        struct http_call *call;
        struct autoconfig_proposal found;
    } files[FILES];
    unsigned open; /* questions that are not answered yet */
    autoconfig_found *found;
    void *arg;
};

static void search_free(struct search *search)
{
    for (size_t i = 0; i < FILES; i++)
        autoconfig_proposal_finish(&search->files[i].found);
    autoconfig_proposal_finish(&search->dns);
    free(search->address);
    free(search->domain);
    free(search);
}

static void add_found(const struct autoconfig_proposal *found,
                      struct autoconfig_proposal list[AUTOCONFIG_MOST], size_t *count)
{
    if (!found->imap_url)
        return;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i].imap_url, found->imap_url) == 0 &&
            strcmp(list[i].smtp_url, found->smtp_url) == 0)
            return;
    list[(*count)++] = *found;
}

/* What the domain's web server says came over TLS, so it goes first. */
static void search_over(void *arg)
{
    struct search *search = arg;
    struct loop *loop = search->mailboxes->options.loop;
    struct autoconfig_proposal list[AUTOCONFIG_MOST];
    size_t count = 0;

    for (size_t i = 0; i < FILES; i++)
        add_found(&search->files[i].found, list, &count);
    add_found(&search->dns, list, &count);
    list_remove(&search->node);
    search->found(search->arg, list, count);
    search_free(search);
    loop_busy(loop, -1);
}

static void one_answered(struct search *search)
{
    if (!--search->open && search->mailboxes)
        search_over(search);
}

/* -- DNS, on the pool ---------------------------------------------------------------------- */

static bool ask_srv(res_state state, const char *service, const char *domain,
                    struct autoconfig_host *host_r)
{
    auto_free char *name = mem_printf("%s._tcp.%s", service, domain);
    unsigned char answer[4096];
    int len = res_nquery(state, name, ns_c_in, ns_t_srv, answer, sizeof(answer));

    if (len < 0)
        return false;
    return autoconfig_srv(
        (struct bytes){answer, (size_t)len < sizeof(answer) ? (size_t)len : sizeof(answer)},
        host_r);
}

/* TLS from the first byte, else STARTTLS (RFC 8314 3). */
static char *ask_url(res_state state, const char *scheme, const char *plain, const char *secure,
                     const char *domain)
{
    struct autoconfig_host host;

    if (ask_srv(state, secure, domain, &host))
        return mem_printf("%ss://%s:%u", scheme, host.name, host.port);
    if (ask_srv(state, plain, domain, &host))
        return mem_printf("%s://%s:%u", scheme, host.name, host.port);
    return NULL;
}

static void ask_dns(void *arg)
{
    struct search *search = arg;
    struct autoconfig_proposal *found = &search->dns;
    struct __res_state state = {0};

    if (res_ninit(&state) < 0)
        return;
    state.retrans = DNS_SECONDS;
    state.retry = DNS_TRIES;
    found->imap_url = ask_url(&state, "imap", "_imap", "_imaps", search->domain);
    if (found->imap_url)
        found->smtp_url = ask_url(&state, "smtp", "_submission", "_submissions", search->domain);
    res_nclose(&state);
    found->source = "its SRV records in DNS (RFC 6186)";
    if (!found->smtp_url)
        autoconfig_proposal_finish(found);
}

static void dns_answered(void *arg)
{
    struct search *search = arg;

    if (search->mailboxes)
        one_answered(search);
    else
        search_free(search);
}

/* -- the domain's own file ----------------------------------------------------------------- */

static void file_came(void *arg, const struct http_response *response)
{
    struct file *file = arg;

    file->call = NULL;
    if (response->status == 200)
        autoconfig_xml(response->body, file->search->address, &file->found);
    file->found.source = "its own configuration file, over https";
    one_answered(file->search);
}

/* The address is not sent along: the answer has places to put it into. */
static void ask_file(struct search *search, struct file *file, const char *before,
                     const char *after)
{
    static const char *const headers[] = {"Accept: text/xml, application/xml", NULL};
    auto_free char *url = mem_printf("https://%s%s%s", before, search->domain, after);
    struct http_request request = {.method = "GET",
                                   .url = url,
                                   .headers = headers,
                                   .timeout_ms = PAGE_MS,
                                   .body_limit = AUTOCONFIG_XML_MAX,
                                   .replayable = true};

    file->search = search;
    file->call = http_start(search->mailboxes->options.http, &request, file_came, file);
}

/* -- all of it ----------------------------------------------------------------------------- */

/* Names that stand for nothing on the net (RFC 6761), or for this machine alone. */
static bool is_special(const char *domain)
{
    static const char *const names[] = {"example", "test", "invalid", "localhost", "local"};
    const char *dot = strrchr(domain, '.');

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(dot ? dot + 1 : domain, names[i]) == 0)
            return true;
    return false;
}

void autoconfig_search(struct mailboxes *mailboxes, const char *address, autoconfig_found *found,
                       void *arg)
{
    struct search *search = mem_new(sizeof(*search));
    auto_buf struct buf key = {0};

    search->mailboxes = mailboxes;
    search->address = mem_str(address);
    search->found = found;
    search->arg = arg;
    list_add(&mailboxes->searches, &search->node);
    loop_busy(mailboxes->options.loop, 1);
    if (mail_address_key(address, &key) < 0 || is_special(mail_address_domain(buf_text(&key)))) {
        loop_post(mailboxes->options.loop, search_over, search);
        return;
    }
    search->domain = mem_str(mail_address_domain(buf_text(&key)));
    search->open = 1 + FILES;
    loop_work(mailboxes->options.loop, ask_dns, dns_answered, search);
    ask_file(search, &search->files[0], "autoconfig.", "/mail/config-v1.1.xml");
    ask_file(search, &search->files[1], "", "/.well-known/autoconfig/mail/config-v1.1.xml");
}

/* A question to DNS that is still out ends by itself; its end frees the search then. */
void searches_forget(struct mailboxes *mailboxes)
{
    while (!list_empty(&mailboxes->searches)) {
        struct search *search = LIST_ENTRY(mailboxes->searches.next, struct search, node);
        unsigned files = 0;

        list_remove(&search->node);
        search->mailboxes = NULL;
        loop_busy(mailboxes->options.loop, -1);
        for (size_t i = 0; i < FILES; i++) {
            if (!search->files[i].call)
                continue;
            http_abort(search->files[i].call);
            files++;
        }
        if (search->open == files)
            search_free(search);
    }
}

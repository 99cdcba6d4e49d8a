/* mailbox/autoconfig_parse.c: SRV records and config-v1.1.xml, as bytes from strangers. */
#include "base/mem.h"
#include "base/text.h"
#include "mailbox/autoconfig.h"

#include <arpa/nameser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

enum { SRV_FIXED = 6, RECORDS_MAX = 64, USER_MAX = 320 };

void autoconfig_proposal_finish(struct autoconfig_proposal *proposal)
{
    free(proposal->imap_url);
    free(proposal->smtp_url);
    free(proposal->user);
    *proposal = (struct autoconfig_proposal){0};
}

/* It becomes a part of a URL, so nothing but what a host's name has. */
static bool take_host(const char *name, uint64_t port, struct autoconfig_host *host_r)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t len = strlen(name);

    while (len && name[len - 1] == '.')
        len--;
    if (!len || len >= sizeof(host_r->name) || strspn(name, allowed) < len || *name == '.' ||
        *name == '-' || !port || port > 65535)
        return false;
    *host_r = (struct autoconfig_host){.port = (uint16_t)port};
    memcpy(host_r->name, name, len);
    text_lower(host_r->name);
    return true;
}

/* -- SRV (RFC 2782): priority, weight, port, target ---------------------------------------- */

static bool read_srv(ns_msg *message, const ns_rr *record, unsigned *rank_r,
                     struct autoconfig_host *host_r)
{
    const unsigned char *data = ns_rr_rdata(*record);
    char name[NS_MAXDNAME];

    if (ns_rr_type(*record) != ns_t_srv || ns_rr_rdlen(*record) <= SRV_FIXED ||
        dn_expand(ns_msg_base(*message), ns_msg_end(*message), data + SRV_FIXED, name,
                  sizeof(name)) < 0)
        return false;
    *rank_r = ns_get16(data) << 16 | (0xffff - ns_get16(data + 2));
    return take_host(name, ns_get16(data + 4), host_r);
}

bool autoconfig_srv(struct bytes answer, struct autoconfig_host *host_r)
{
    unsigned best = UINT32_MAX;
    bool any = false;
    ns_msg message;

    if (!answer.len || answer.len > NS_MAXMSG ||
        ns_initparse(answer.data, (int)answer.len, &message) < 0)
        return false;
    for (int i = 0; i < ns_msg_count(message, ns_s_an) && i < RECORDS_MAX; i++) {
        struct autoconfig_host host;
        unsigned rank;
        ns_rr record;

        if (ns_parserr(&message, ns_s_an, i, &record) < 0)
            break;
        if (!read_srv(&message, &record, &rank, &host) || (any && rank >= best))
            continue;
        any = true;
        best = rank;
        *host_r = host;
    }
    return any;
}

/* -- config-v1.1.xml ------------------------------------------------------------------------ */

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *child(const xmlNode *node, const char *name)
{
    for (const xmlNode *at = node ? node->children : NULL; at; at = at->next)
        if (is_element(at, name))
            return at;
    return NULL;
}

/* Trimmed; of one text node, so that nothing is put together here; freed. */
static char *text_of(const xmlNode *node, const char *name)
{
    const xmlNode *at = child(node, name);
    const char *text, *end;

    if (!at || !at->children || at->children->next || at->children->type != XML_TEXT_NODE)
        return NULL;
    text = (const char *)at->children->content;
    text += strspn(text, " \t\r\n");
    end = text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]))
        end--;
    return mem_strn(text, (size_t)(end - text));
}

static bool by_password(const xmlNode *server)
{
    for (const xmlNode *at = server->children; at; at = at->next)
        if (is_element(at, "authentication") && at->children && !at->children->next &&
            at->children->type == XML_TEXT_NODE &&
            strstr((const char *)at->children->content, "password-cleartext"))
            return true; /* in the clear within TLS */
    return false;
}

/* The URL of a server that can be used; NULL: it can't. */
static char *url_of(const xmlNode *server, const char *scheme)
{
    auto_free char *host = text_of(server, "hostname"), *port = text_of(server, "port");
    auto_free char *socket = text_of(server, "socketType");
    struct autoconfig_host at;
    uint64_t number;
    bool tls = socket && strcmp(socket, "SSL") == 0;

    if (!host || !port || !text_u64(port, &number) || !take_host(host, number, &at) ||
        !(tls || (socket && strcmp(socket, "STARTTLS") == 0)) || !by_password(server))
        return NULL;
    return mem_printf("%s%s://%s:%u", scheme, tls ? "s" : "", at.name, at.port);
}

static bool has_type(const xmlNode *server, const char *type)
{
    const xmlAttr *attribute = xmlHasProp(server, (const xmlChar *)"type");

    return attribute && attribute->children && attribute->children->type == XML_TEXT_NODE &&
           strcmp((const char *)attribute->children->content, type) == 0;
}

static const xmlNode *first_server(const xmlNode *provider, const char *name, const char *type,
                                   char **url_r)
{
    for (const xmlNode *at = provider->children; at; at = at->next)
        if (is_element(at, name) && has_type(at, type) && (*url_r = url_of(at, type)))
            return at;
    return NULL;
}

/* NULL: the address itself, or what can be no user's name. */
static char *user_of(const xmlNode *server, const char *address)
{
    auto_free char *name = text_of(server, "username");
    const char *at = strrchr(address, '@');

    if (!name || !*name || strcmp(name, "%EMAILADDRESS%") == 0 || strlen(name) > USER_MAX ||
        text_has_control(name))
        return NULL;
    if (strcmp(name, "%EMAILLOCALPART%") == 0)
        return at ? mem_strn(address, (size_t)(at - address)) : NULL;
    return strchr(name, '%') ? NULL : mem_str(name);
}

static bool read_provider(const xmlDoc *document, const char *address,
                          struct autoconfig_proposal *proposal_r)
{
    const xmlNode *root = xmlDocGetRootElement((xmlDoc *)(uintptr_t)document);
    const xmlNode *provider =
        root && is_element(root, "clientConfig") ? child(root, "emailProvider") : NULL;
    struct autoconfig_proposal found = {0};
    const xmlNode *imap;

    if (!provider)
        return false;
    imap = first_server(provider, "incomingServer", "imap", &found.imap_url);
    if (!imap || !first_server(provider, "outgoingServer", "smtp", &found.smtp_url)) {
        autoconfig_proposal_finish(&found);
        return false;
    }
    found.user = user_of(imap, address);
    *proposal_r = found;
    return true;
}

/* A document type could define entities that grow without end; these files have none. */
bool autoconfig_xml(struct bytes xml, const char *address, struct autoconfig_proposal *proposal_r)
{
    xmlDoc *document;
    bool found;

    if (!xml.len || xml.len > AUTOCONFIG_XML_MAX || memmem(xml.data, xml.len, "<!DOCTYPE", 9) ||
        memmem(xml.data, xml.len, "<!ENTITY", 8))
        return false;
    document = xmlReadMemory(xml.data, (int)xml.len, "config-v1.1.xml", NULL,
                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                 XML_PARSE_NOCDATA);
    if (!document)
        return false;
    found = !document->intSubset && read_provider(document, address, proposal_r);
    xmlFreeDoc(document);
    return found;
}

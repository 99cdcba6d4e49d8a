/* sandbox/microsoft_scopes.c: delegated permissions as bits. */
#include "sandbox/microsoft_scopes.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static const char graph[] = "https://graph.microsoft.com/",
                  outlook[] = "https://outlook.office.com/";

const struct ms_scope_name ms_scope_names[] = {
    {MS_OPENID, "openid", NULL},
    {MS_EMAIL, "email", NULL},
    {MS_PROFILE, "profile", NULL},
    {MS_OFFLINE, "offline_access", "Maintain access to data you have given it access to"},
    {MS_USER_READ, "User.Read", "Sign you in and read your profile"},
    {MS_SEND, "Mail.Send", "Send mail as you"},
    {MS_READ_BASIC, "Mail.ReadBasic", "Read your basic mail"},
    {MS_READ, "Mail.Read", "Read your mail"},
    {MS_READ_WRITE, "Mail.ReadWrite", "Read and write access to your mail"},
    {MS_SETTINGS_READ, "MailboxSettings.Read", "Read your mailbox settings"},
    {MS_SETTINGS, "MailboxSettings.ReadWrite", "Read and write to your mailbox settings"},
    {MS_SEND_SHARED, "Mail.Send.Shared", "Send mail on behalf of others or yourself"},
    {MS_READ_SHARED, "Mail.Read.Shared", "Read mail you can access"},
    {MS_READ_WRITE_SHARED, "Mail.ReadWrite.Shared", "Read and write mail you can access"},
    {MS_IMAP, "IMAP.AccessAsUser.All", "Read and write access to your mail (IMAP)"},
    {MS_SMTP, "SMTP.Send", "Send emails from your mailbox (SMTP)"},
    {0, NULL, NULL},
};

static bool scope_read(const char *name, size_t len, unsigned *scope_r)
{
    bool of_outlook = len > strlen(outlook) && strncmp(name, outlook, strlen(outlook)) == 0;
    bool of_graph = len > strlen(graph) && strncmp(name, graph, strlen(graph)) == 0;
    size_t skip = of_outlook ? strlen(outlook) : of_graph ? strlen(graph) : 0;

    for (const struct ms_scope_name *known = ms_scope_names; known->name; known++) {
        if (strlen(known->name) != len - skip ||
            strncasecmp(known->name, name + skip, len - skip) != 0)
            continue;
        if (of_outlook != ((known->scope & MS_OUTLOOK) != 0))
            return false;
        *scope_r = known->scope;
        return true;
    }
    return false;
}

bool ms_scopes_read(const char *text, unsigned *scopes_r)
{
    *scopes_r = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        unsigned scope;

        if (!scope_read(text, len, &scope))
            return false;
        *scopes_r |= scope;
        text += len;
    }
    return true;
}

char *ms_scopes_text(unsigned scopes, bool whole)
{
    struct buf out = {0};

    for (const struct ms_scope_name *known = ms_scope_names; known->name; known++) {
        if (!(scopes & known->scope) || known->scope == MS_OFFLINE)
            continue;
        buf_printf(&out, "%s%s%s", out.len > 0 ? " " : "",
                   known->scope & MS_OUTLOOK            ? outlook
                   : whole && (known->scope & MS_GRAPH) ? graph
                                                        : "",
                   known->name);
    }
    return out.data ? buf_take(&out) : mem_str("");
}

/* sandbox/google_scopes.c: OAuth scopes as bits. */
#include "sandbox/google_scopes.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

#define AUTH "https://www.googleapis.com/auth/"

const struct google_scope_name google_scope_names[] = {
    {SCOPE_EMAIL, AUTH "userinfo.email", "See your primary Google Account email address"},
    {SCOPE_PROFILE, AUTH "userinfo.profile", "See your personal info"},
    {SCOPE_OPENID, "openid", "Associate you with your personal info on Google"},
    {SCOPE_MAIL, "https://mail.google.com/",
     "Read, compose, send, and permanently delete all your email from Gmail"},
    {SCOPE_MODIFY, AUTH "gmail.modify", "Read, compose, and send emails from your Gmail account"},
    {SCOPE_READONLY, AUTH "gmail.readonly", "View your email messages and settings"},
    {SCOPE_METADATA, AUTH "gmail.metadata",
     "View your email message metadata such as labels and headers, but not the email body"},
    {SCOPE_COMPOSE, AUTH "gmail.compose", "Manage drafts and send emails"},
    {SCOPE_SEND, AUTH "gmail.send", "Send email on your behalf"},
    {SCOPE_LABELS, AUTH "gmail.labels", "See and edit your email labels"},
    {SCOPE_INSERT, AUTH "gmail.insert", "Add emails into your Gmail mailbox"},
    {SCOPE_SETTINGS, AUTH "gmail.settings.basic",
     "See, edit, create, or change your email settings and filters in Gmail"},
    {SCOPE_EMAIL, "email", NULL}, /* the short names may be asked for, and are never answered */
    {SCOPE_PROFILE, "profile", NULL},
    {0, NULL, NULL},
};

bool google_scopes_read(const char *text, unsigned *scopes_r)
{
    unsigned scopes = 0;

    while (*text) {
        size_t len = strcspn(text, " ");
        const struct google_scope_name *name = google_scope_names;

        while (name->name && (strlen(name->name) != len || strncmp(name->name, text, len) != 0))
            name++;
        if (!name->name && len > 0)
            return false;
        scopes |= name->scope;
        text += len + (text[len] == ' ');
    }
    *scopes_r = scopes;
    return true;
}

char *google_scopes_text(unsigned scopes)
{
    struct buf out = {0};

    for (const struct google_scope_name *name = google_scope_names; name->name; name++)
        if (name->title && (scopes & name->scope)) {
            if (out.len > 0)
                buf_add_char(&out, ' ');
            buf_add_str(&out, name->name);
        }
    return out.data ? buf_take(&out) : mem_str("");
}

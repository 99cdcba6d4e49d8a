/* sandbox/microsoft_scopes.h: delegated permissions as bits. */
#ifndef SANDBOX_MICROSOFT_SCOPES_H
#define SANDBOX_MICROSOFT_SCOPES_H
#include <stdbool.h>

enum ms_scope {
    MS_OPENID = 1 << 0,
    MS_EMAIL = 1 << 1,
    MS_PROFILE = 1 << 2,
    MS_OFFLINE = 1 << 3,
    MS_USER_READ = 1 << 4,
    MS_SEND = 1 << 5,
    MS_READ_BASIC = 1 << 6,
    MS_READ = 1 << 7,
    MS_READ_WRITE = 1 << 8,
    MS_SETTINGS_READ = 1 << 9,
    MS_SETTINGS = 1 << 10,
    MS_SEND_SHARED = 1 << 11,
    MS_READ_SHARED = 1 << 12,
    MS_READ_WRITE_SHARED = 1 << 13,
    MS_IMAP = 1 << 14,
    MS_SMTP = 1 << 15,
    MS_SIGN_IN = MS_OPENID | MS_EMAIL | MS_PROFILE | MS_OFFLINE,
    MS_OUTLOOK = MS_IMAP | MS_SMTP, /* of another resource than Graph */
    MS_GRAPH = (MS_IMAP - 1) & ~(MS_USER_READ - 1),
};

struct ms_scope_name {
    unsigned scope;
    const char *name, *title; /* the title is what the consent page says */
};

/* Ends in one whose name is NULL. */
extern const struct ms_scope_name ms_scope_names[];

/* Space-separated names, short or with their resource, to bits; false: one of them is not known. */
bool ms_scopes_read(const char *text, unsigned *scopes_r);
/* As an answer lists them: never offline_access; `whole`: Graph's with their resource, too.
 * Allocated. */
char *ms_scopes_text(unsigned scopes, bool whole);
#endif

/* sandbox/google_scopes.h: OAuth scopes as bits. */
#ifndef SANDBOX_GOOGLE_SCOPES_H
#define SANDBOX_GOOGLE_SCOPES_H
#include <stdbool.h>
#include <stddef.h>

enum google_scope {
    SCOPE_OPENID = 1 << 0,
    SCOPE_EMAIL = 1 << 1,
    SCOPE_PROFILE = 1 << 2,
    SCOPE_MAIL = 1 << 3, /* https://mail.google.com/ */
    SCOPE_MODIFY = 1 << 4,
    SCOPE_READONLY = 1 << 5,
    SCOPE_METADATA = 1 << 6,
    SCOPE_COMPOSE = 1 << 7,
    SCOPE_SEND = 1 << 8,
    SCOPE_LABELS = 1 << 9,
    SCOPE_INSERT = 1 << 10,
    SCOPE_SETTINGS = 1 << 11,
    SCOPE_SIGN_IN = SCOPE_OPENID | SCOPE_EMAIL | SCOPE_PROFILE,
};

struct google_scope_name {
    unsigned scope;
    const char *name, *title; /* the title is what the consent page says */
};

/* Ends in one whose name is NULL. */
extern const struct google_scope_name google_scope_names[];

/* Space-separated names to bits; false: one of them is not known. */
bool google_scopes_read(const char *text, unsigned *scopes_r);
char *google_scopes_text(unsigned scopes); /* allocated */
#endif

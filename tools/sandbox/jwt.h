/* sandbox/jwt.h: tokens signed with RS256, the key set to check them with, and PKCE. */
#ifndef SANDBOX_JWT_H
#define SANDBOX_JWT_H
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* A signed token with these claims; takes them. Allocated. */
char *jwt_make(struct json_object *claims);
struct json_object *jwt_key_set(void);
/* at_hash of OpenID Connect: half of the SHA-256, base64url. Allocated. */
char *jwt_half_hash(const char *text);
void sbx_sha256(const void *data, size_t len, unsigned char hash[32]);
/* RFC 7636, S256. */
bool pkce_fits(const char *challenge, const char *verifier);
#endif

/* sandbox/google_oauth.h: the sign-in pages and the token endpoint. */
#ifndef SANDBOX_GOOGLE_OAUTH_H
#define SANDBOX_GOOGLE_OAUTH_H
#include "sandbox/http.h"

/* /o/oauth2/v2/auth and its form's target. False: the path is neither. */
bool google_consent_handle(const struct sbx_request *request, struct sbx_response *response);
/* /token, /revoke, /v1/userinfo, /oauth2/v3/certs, /.well-known/openid-configuration. */
bool google_oauth_handle(const struct sbx_request *request, struct sbx_response *response);
#endif

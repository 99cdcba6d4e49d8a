/* sandbox/microsoft.h: the stand-in of Microsoft: the identity platform, Graph mail, the mailboxes.
 */
#ifndef SANDBOX_MICROSOFT_H
#define SANDBOX_MICROSOFT_H
#include "sandbox/http.h"

#include <stdbool.h>

/* Makes the control commands "microsoft.*" known (README.md, "The Microsoft side"). Once, before
 * the first request. All state is in memory and lives until the program ends. */
void microsoft_register(void);

/* Paths below /v1.0/, /login/ and /oidc/. False: it is none of these. response->note is always
 * "ACCOUNT METHOD", with "-" for an account that is not known (yet). */
bool microsoft_handle(const struct sbx_request *request, struct sbx_response *response);
#endif

/* sandbox/google.h: the stand-in of Google: sign-in, tokens, the Gmail API, and the people mailed.
 */
#ifndef SANDBOX_GOOGLE_H
#define SANDBOX_GOOGLE_H
#include "sandbox/http.h"

/* Makes the control commands "google.*" known (README.md, "The Google side"). Once, before the
 * first request. All state is in memory and lives until the program ends. */
void google_register(void);

/* A sbx_handler. `arg` is not used. response->note is always "ACCOUNT METHOD", with "-" for an
 * account that is not known (yet). */
void google_handle(void *arg, const struct sbx_request *request, struct sbx_response *response);
#endif

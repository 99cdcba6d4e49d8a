/* sandbox/google.c: which part of the stand-in a request is for. */
#include "sandbox/google.h"

#include "sandbox/google_api.h"
#include "sandbox/google_oauth.h"

#include "base/mem.h"

#include <string.h>

void google_handle(void *arg, const struct sbx_request *request, struct sbx_response *response)
{
    (void)arg;
    if (google_api_handle(request, response) || google_oauth_handle(request, response) ||
        google_consent_handle(request, response))
        return;
    if (strcmp(request->method, "POST") == 0 &&
        (strcmp(request->path, "/batch/gmail/v1") == 0 || strcmp(request->path, "/batch") == 0)) {
        google_batch(request, response);
        return;
    }
    google_fail(response, 404, "notFound", "Not Found");
    free(response->note);
    response->note = mem_str("- unknown");
}

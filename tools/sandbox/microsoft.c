/* sandbox/microsoft.c: which part of the stand-in a request is for. */
#include "sandbox/microsoft.h"

#include "sandbox/microsoft_graph.h"
#include "sandbox/microsoft_tokens.h"

#include <string.h>

bool microsoft_handle(const struct sbx_request *request, struct sbx_response *response)
{
    if (strcmp(request->path, "/v1.0/$batch") == 0 && strcmp(request->method, "POST") == 0) {
        ms_batch(request, response);
        return true;
    }
    return ms_graph_handle(request, response) || ms_oauth_handle(request, response);
}

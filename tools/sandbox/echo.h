/* sandbox/echo.h: a stand-in of nobody, by which the server side itself is tested. */
#ifndef SANDBOX_ECHO_H
#define SANDBOX_ECHO_H
#include "sandbox/http.h"

#include <stdbool.h>

bool echo_is_for(const struct sbx_request *request); /* /sandbox/... */
/* /sandbox/ping: "pong". /sandbox/echo: the body. /sandbox/request: what was asked, as JSON.
 * /sandbox/receive: the body is JSON for receiver.log. `?account=a@b` names the account. */
void echo_handle(const struct sbx_request *request, struct sbx_response *response);
/* "echo.at" {"in": ms, "say": text}: a happening that goes to receiver.log. "echo.post" {"url",
 * "form"}: world_post. "echo.random": the next number. */
void echo_register(void);
#endif

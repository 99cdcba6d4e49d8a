/* sandbox/tls.h: a CA of the sandbox's own, made at the start and gone at the end. */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H
#include <openssl/ssl.h>

/* Makes the CA and one leaf for localhost and 127.0.0.1, both in memory, and writes the CA's
 * certificate (never a key) to ca_path. h2_r offers HTTP/2 and takes http/1.1 from who offers only
 * that; h1_r knows HTTP/1.1 alone. Negative errno; what OpenSSL said is logged. */
int tls_make(const char *ca_path, SSL_CTX **h2_r, SSL_CTX **h1_r);
#endif

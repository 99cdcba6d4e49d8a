/* sandbox/tls.c: makes a CA and a leaf in memory, and the two server contexts. */
#include "sandbox/tls.h"

#include "base/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The certificates hold for decades, so that virtual time may go where it likes. */
#define BACK_SECONDS (-20L * 365 * 24 * 3600)
#define AHEAD_SECONDS (20L * 365 * 24 * 3600)

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    int ok;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static int set_serial(X509 *cert)
{
    unsigned char bytes[8];
    uint64_t serial = 0;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return 0;
    memcpy(&serial, bytes, sizeof bytes);
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1);
}

/* issuer NULL: signs itself. */
static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *subject = cert != NULL ? X509_get_subject_name(cert) : NULL;
    int ok = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) == 1 &&
             X509_gmtime_adj(X509_getm_notBefore(cert), BACK_SECONDS) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(cert), AHEAD_SECONDS) != NULL &&
             X509_set_pubkey(cert, key) == 1 &&
             X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                        -1, -1, 0) == 1 &&
             X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);

    if (ok && issuer == NULL)
        ok = add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
             add_extension(cert, cert, NID_subject_key_identifier, "hash");
    else if (ok)
        ok = add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
             add_extension(cert, issuer, NID_ext_key_usage, "serverAuth") &&
             add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
             add_extension(cert, issuer, NID_authority_key_identifier, "keyid") &&
             add_extension(cert, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    if (ok && X509_sign(cert, issuer_key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned int len, void *arg)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    const unsigned char *ours = both + (arg != NULL ? 0 : 3);
    unsigned int ours_len = (unsigned int)sizeof both - 1 - (arg != NULL ? 0 : 3);
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, ours, ours_len, offered, len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(X509 *leaf, EVP_PKEY *key, void *http2)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(context, leaf) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, http2);
    return context;
}

static int write_cert(const char *path, X509 *cert)
{
    FILE *file = fopen(path, "we");
    int ok;

    if (file == NULL)
        return -errno;
    ok = PEM_write_X509(file, cert);
    if (fclose(file) != 0 || ok != 1)
        return -EIO;
    return 0;
}

int tls_make(const char *ca_path, SSL_CTX **h2_r, SSL_CTX **h1_r)
{
    static int http2;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = NULL, *leaf = NULL;
    SSL_CTX *h2 = NULL, *h1 = NULL;
    int r = -EIO;

    if (ca_key != NULL && key != NULL)
        ca = make_cert("postrider sandbox CA", ca_key, NULL, ca_key);
    if (ca != NULL)
        leaf = make_cert("localhost", key, ca, ca_key);
    if (leaf != NULL) {
        h2 = make_context(leaf, key, &http2);
        h1 = make_context(leaf, key, NULL);
    }
    if (h2 == NULL || h1 == NULL)
        log_error("sandbox: no certificate could be made: %s",
                  ERR_reason_error_string(ERR_peek_last_error()));
    else
        r = write_cert(ca_path, ca);
    X509_free(ca);
    X509_free(leaf);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    if (r < 0) {
        SSL_CTX_free(h2);
        SSL_CTX_free(h1);
        return r;
    }
    *h2_r = h2;
    *h1_r = h1;
    return 0;
}

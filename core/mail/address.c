/* mail/address.c: what an address is, when two are the same, and whose company it is of. */
#include "mail/address.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <glib.h>
#include <idn2.h>
#include <libpsl.h>
#include <pthread.h>
#include <string.h>

/* Where anybody may have an address: matched with the registrable domain. */
static const char *const public_domains[] = {
    "126.com",        "139.com",        "163.com",         "189.cn",
    "abv.bg",         "alice.it",       "aol.com",         "aol.de",
    "arcor.de",       "aruba.it",       "att.net",         "bellsouth.net",
    "bigpond.com",    "bk.ru",          "bluewin.ch",      "bol.com.br",
    "btinternet.com", "centrum.cz",     "charter.net",     "comcast.net",
    "cox.net",        "daum.net",       "docomo.ne.jp",    "duck.com",
    "earthlink.net",  "email.cz",       "email.de",        "ezweb.ne.jp",
    "fastmail.com",   "fastmail.fm",    "foxmail.com",     "free.fr",
    "freemail.hu",    "freenet.de",     "frontier.com",    "gmail.com",
    "googlemail.com", "hanmail.net",    "hey.com",         "hushmail.com",
    "i.ua",           "icloud.com",     "inbox.lv",        "inbox.ru",
    "interia.pl",     "juno.com",       "laposte.net",     "libero.it",
    "list.ru",        "live.at",        "live.be",         "live.ca",
    "live.cl",        "live.cn",        "live.co.uk",      "live.co.za",
    "live.com",       "live.com.ar",    "live.com.au",     "live.com.mx",
    "live.com.pt",    "live.de",        "live.dk",         "live.fr",
    "live.ie",        "live.in",        "live.it",         "live.jp",
    "live.nl",        "live.no",        "live.ru",         "live.se",
    "mac.com",        "mail.com",       "mail.de",         "mail.ee",
    "mail.ru",        "mailbox.org",    "mailfence.com",   "mailinator.com",
    "me.com",         "msn.com",        "nate.com",        "naver.com",
    "neuf.fr",        "netscape.net",   "ntlworld.com",    "o2.pl",
    "onet.pl",        "optonline.net",  "optusnet.com.au", "orange.fr",
    "outlook.com",    "pm.me",          "posteo.de",       "posteo.net",
    "proton.me",      "protonmail.ch",  "protonmail.com",  "qq.com",
    "rambler.ru",     "rediffmail.com", "roadrunner.com",  "rocketmail.com",
    "runbox.com",     "sapo.pt",        "sbcglobal.net",   "seznam.cz",
    "sfr.fr",         "shaw.ca",        "sina.cn",         "sina.com",
    "sky.com",        "skynet.be",      "sohu.com",        "softbank.ne.jp",
    "startmail.com",  "sympatico.ca",   "t-online.de",     "talktalk.net",
    "telenet.be",     "telia.com",      "telus.net",       "terra.com.br",
    "tin.it",         "tiscali.it",     "tuta.com",        "tuta.io",
    "tutanota.com",   "tutanota.de",    "ukr.net",         "uol.com.br",
    "verizon.net",    "virgilio.it",    "virginmedia.com", "vodafone.de",
    "wanadoo.fr",     "web.de",         "windowslive.com", "wp.pl",
    "xs4all.nl",      "xtra.co.nz",     "yeah.net",        "ymail.com",
    "zoho.com",       "zohomail.com",   "ziggo.nl",
};
/* The same under whatever public suffix: yahoo.co.jp, gmx.at. */
static const char *const public_brands[] = {"yahoo", "hotmail", "outlook", "gmx", "yandex"};

static const psl_ctx_t *suffixes;
static pthread_once_t suffixes_once = PTHREAD_ONCE_INIT;

static void suffixes_load(void)
{
    suffixes = psl_latest(NULL); /* the distribution's list, else the one inside libpsl */
}

static bool is_atext(unsigned char c)
{
    return c >= 0x80 || g_ascii_isalnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static const char *local_fault(const char *local, size_t len)
{
    if (!len)
        return "there is nothing before the @";
    if (len > MAIL_LOCAL_MAX)
        return "the part before the @ is longer than 64 bytes";
    if (local[0] == '"') {
        if (len < 3 || local[len - 1] != '"')
            return "the quotes before the @ do not close";
        for (size_t i = 1; i < len - 1; i++) {
            if (local[i] == '"')
                return "there is a quote inside the quotes before the @";
            if (local[i] == '\\' && ++i == len - 1)
                return "the quotes before the @ do not close";
        }
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        if (local[i] == '.') {
            if (i == 0 || i == len - 1 || local[i - 1] == '.')
                return "a dot stands at an edge of the part before the @, or twice";
        } else if (!is_atext((unsigned char)local[i])) {
            return "the part before the @ holds a character that may not be there";
        }
    }
    return NULL;
}

/* What a part is in its one normal form: U+037E is a semicolon by another name. */
static const char *normal_fault(const char *local, size_t len)
{
    char *normal = g_utf8_normalize(local, (gssize)len, G_NORMALIZE_NFC);
    const char *fault = local_fault(normal, strlen(normal));

    g_free(normal);
    return fault;
}

/* Lower-cased ASCII of a domain; false: it is none. */
static bool domain_ascii(const char *domain, char ascii_r[256])
{
    size_t len = strlen(domain), label = 0, dots = 0;
    bool digits = true;
    char *converted = NULL;

    if (!len || len > 1000)
        return false;
    if (!g_str_is_ascii(domain)) {
        if (idn2_to_ascii_8z(domain, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
            return false;
        domain = converted;
        len = strlen(domain);
    }
    if (len > 253) {
        idn2_free(converted);
        return false;
    }
    memcpy(ascii_r, domain, len + 1);
    idn2_free(converted);
    text_lower(ascii_r);
    for (size_t i = 0; i <= len; i++) {
        char c = ascii_r[i];

        if (c == '.' || c == '\0') {
            if (!label || label > 63 || ascii_r[i - 1] == '-' || (c == '\0' && digits))
                return false;
            dots += c == '.';
            label = 0;
            digits = true;
        } else if (!g_ascii_isalnum(c) && (c != '-' || !label)) {
            return false;
        } else {
            label++;
            digits = digits && g_ascii_isdigit(c);
        }
    }
    return dots > 0;
}

/* Checks an address whole. `at_r` is where its @ stands. */
static const char *take_apart(const char *address, const char **at_r, char domain_r[256])
{
    const char *at, *fault;

    if (!address || !*address)
        return "it is empty";
    if (strlen(address) > 4 * MAIL_ADDRESS_MAX)
        return "it is longer than 254 bytes";
    if (text_has_control(address) || strchr(address, '\t'))
        return "it holds a control character";
    if (!text_is_utf8(address, strlen(address)))
        return "it is not UTF-8";
    at = strrchr(address, '@');
    if (!at)
        return "there is no @ in it";
    fault = local_fault(address, (size_t)(at - address));
    if (!fault && !g_str_is_ascii(address))
        fault = normal_fault(address, (size_t)(at - address));
    if (fault)
        return fault;
    if (!domain_ascii(at + 1, domain_r))
        return "what follows the @ is not a domain name such as acme.example";
    if ((size_t)(at - address) + 1 + strlen(domain_r) > MAIL_ADDRESS_MAX)
        return "it is longer than 254 bytes";
    *at_r = at;
    return NULL;
}

const char *mail_address_fault(const char *address)
{
    const char *at;
    char domain[256];

    return take_apart(address, &at, domain);
}

bool mail_address_valid(const char *address)
{
    return mail_address_fault(address) == NULL;
}

/* "\"ana\"" is the same local part as ana (RFC 5321 4.1.2): quotes that are not needed go. */
static char *local_plain(const char *local, size_t len)
{
    auto_buf struct buf plain = {0};

    if (local[0] != '"')
        return mem_strn(local, len);
    for (size_t i = 1; i < len - 1; i++) {
        if (local[i] == '\\')
            i++;
        buf_add_char(&plain, local[i]);
    }
    if (local_fault(plain.data, plain.len) || plain.data[0] == '"')
        return mem_strn(local, len);
    return buf_take(&plain);
}

/* Casefolded, then lower-cased: GLib folds Cherokee's small letters to capitals and its capitals to
 * small ones, so that folding alone would never bring the two together. */
static char *local_folded(const char *local)
{
    auto_buf struct buf lower = {0};
    char *folded = g_utf8_casefold(local, -1);

    for (const char *c = folded; *c; c = g_utf8_next_char(c)) {
        char utf8[6];

        buf_add(&lower, utf8,
                (size_t)g_unichar_to_utf8(g_unichar_tolower(g_utf8_get_char(c)), utf8));
    }
    g_free(folded);
    return buf_take(&lower);
}

int mail_address_key(const char *address, struct buf *key_r)
{
    const char *at;
    char domain[256];
    char *local, *decomposed, *folded, *composed;

    if (take_apart(address, &at, domain))
        return -EINVAL;
    local = local_plain(address, (size_t)(at - address));
    decomposed = g_utf8_normalize(local, -1, G_NORMALIZE_NFD);
    folded = local_folded(decomposed);
    composed = g_utf8_normalize(folded, -1, G_NORMALIZE_NFC);
    buf_add_str(key_r, composed);
    buf_add_char(key_r, '@');
    buf_add_str(key_r, domain);
    g_free(composed);
    free(folded);
    g_free(decomposed);
    free(local);
    return 0;
}

int mail_address_wire(const char *address, struct buf *wire_r)
{
    const char *at;
    char domain[256];

    if (take_apart(address, &at, domain))
        return -EINVAL;
    buf_add(wire_r, address, (size_t)(at - address) + 1);
    buf_add_str(wire_r, g_str_is_ascii(at + 1) ? at + 1 : domain);
    return 0;
}

const char *mail_address_domain(const char *address)
{
    const char *at = address ? strrchr(address, '@') : NULL;

    return at ? at + 1 : NULL;
}

static bool registrable_is_public(const char *domain)
{
    size_t first = strcspn(domain, ".");

    for (size_t i = 0; i < ARRAY_LEN(public_domains); i++) {
        if (strcmp(domain, public_domains[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(public_brands); i++) {
        if (strlen(public_brands[i]) == first && strncmp(domain, public_brands[i], first) == 0)
            return true;
    }
    return false;
}

static const char *registrable(const char *domain)
{
    pthread_once(&suffixes_once, suffixes_load);
    return suffixes ? psl_registrable_domain(suffixes, domain) : NULL;
}

bool mail_domain_is_public(const char *domain)
{
    char ascii[256];
    const char *own;

    if (!domain || !domain_ascii(domain, ascii))
        return false;
    own = registrable(ascii);
    return own && registrable_is_public(own);
}

int mail_company(const char *address, struct buf *company_r)
{
    const char *domain = mail_address_domain(address), *own;
    char ascii[256];

    if (!domain || !domain_ascii(domain, ascii))
        return -EINVAL;
    own = registrable(ascii);
    if (!own || registrable_is_public(own))
        return -ENOENT;
    buf_add_str(company_r, own);
    return 0;
}

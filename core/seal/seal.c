/* seal/seal.c: the master key: found or made, checked, and what is derived from it. */
#include "seal/keys.h"

#include "base/mem.h"
#include "base/text.h"

#include <sodium.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char KEY_PREFIX[] = "postrider-key-1:"; /* then base64url of 32 bytes, newline */
enum { KEY_FILE_LIMIT = 128 };

/* Numbers of crypto_kdf: never used for anything else, since what is stored hangs on them. */
enum { KDF_HASH = 1, KDF_TOKEN = 2, KDF_MASK = 3, KDF_LINK = 4, KDF_BOX = 5, KDF_WRAP = 6 };
static const char KDF_CONTEXT[crypto_kdf_CONTEXTBYTES + 1] = "postridr";

static int refuse(char **error_r, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char **error_r, int error, const char *format, ...)
{
    struct buf sentence = {0};
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(buf_reserve(&sentence, 2048), 2048, format, args);
    va_end(args);
    buf_advance(&sentence, len < 2048 ? (size_t)len : 2047);
    *error_r = buf_take(&sentence);
    return error;
}

/* A backup of the data directory must not hold the key to it. */
static int check_outside(const char *file, const char *data_dir, char **error_r)
{
    const char *slash = strrchr(file, '/');
    auto_free char *parent =
        slash ? mem_strn(file, slash == file ? 1 : (size_t)(slash - file)) : mem_str(".");
    auto_free char *dir = realpath(parent, NULL);
    auto_free char *data = NULL;
    size_t len;

    if (!dir)
        return refuse(error_r, -errno,
                      "The directory of the key file %s can't be used: %s. Make the directory, or "
                      "name another file.",
                      file, strerror(errno));
    data = realpath(data_dir, NULL);
    if (!data) /* nothing lies inside what is not there */
        return 0;
    len = strlen(data);
    if (!strncmp(dir, data, len) && (dir[len] == '/' || !dir[len] || data[len - 1] == '/'))
        return refuse(error_r, -EINVAL,
                      "The key file %s lies inside the data directory %s, so that whoever copies "
                      "the data has its key as well. Keep it elsewhere.",
                      file, data_dir);
    return 0;
}

static int make_key_file(const char *file)
{
    auto_wiped_buf struct buf content = {0};
    uint8_t key[SEAL_KEY_LEN];
    int r;

    buf_reserve(&content, KEY_FILE_LIMIT); /* so that growing leaves no copy behind */
    randombytes_buf(key, sizeof key);
    buf_add_str(&content, KEY_PREFIX);
    text_base64url(&content, key, sizeof key);
    buf_add_char(&content, '\n');
    r = key_file_create(file, buf_bytes(&content));
    mem_wipe(key, sizeof key);
    return r == -EEXIST ? 0 : r; /* another process was first: its key is the key */
}

static int parse_key(struct buf *content, uint8_t master_r[SEAL_KEY_LEN])
{
    auto_wiped_buf struct buf key = {0};
    size_t prefix = strlen(KEY_PREFIX);

    while (content->len && strchr(" \t\r\n", content->data[content->len - 1]))
        buf_truncate(content, content->len - 1);
    buf_reserve(&key, KEY_FILE_LIMIT);
    if (content->len < prefix || memcmp(content->data, KEY_PREFIX, prefix) ||
        !text_base64url_decode(&key, content->data + prefix, content->len - prefix) ||
        key.len != SEAL_KEY_LEN)
        return -EINVAL;
    memcpy(master_r, key.data, SEAL_KEY_LEN);
    return 0;
}

static int load_master(const char *file, uint8_t master_r[SEAL_KEY_LEN], char **error_r)
{
    auto_wiped_buf struct buf content = {0};
    int r = access(file, F_OK) < 0 && errno == ENOENT ? make_key_file(file) : 0;

    if (r < 0)
        return refuse(error_r, r, "The key file %s can't be made: %s. Check its directory.", file,
                      strerror(-r));
    buf_reserve(&content, 2 * KEY_FILE_LIMIT + 256);
    r = key_file_read(file, KEY_FILE_LIMIT, &content);
    if (r == -EACCES && geteuid() != 0 && access(file, R_OK) < 0)
        return refuse(error_r, r,
                      "The key file %s can't be read by this user. Give it to the user that "
                      "postriderd runs as.",
                      file);
    if (r == -EACCES)
        return refuse(error_r, r,
                      "The key file %s can be read or written by others. Run: chmod 600 %s", file,
                      file);
    if (r < 0 && r != -EINVAL)
        return refuse(error_r, r, "The key file %s can't be read: %s.", file, strerror(-r));
    if (!r)
        r = parse_key(&content, master_r);
    return r < 0 ? refuse(error_r, r,
                          "The file %s is not a key of postrider. Name the right one; if the key "
                          "is lost, name a file that is not there to begin with a new key and an "
                          "empty data directory.",
                          file)
                 : 0;
}

static void derive(struct seal_secrets *s)
{
    struct {
        uint64_t id;
        uint8_t *key;
    } keys[] = {{KDF_HASH, s->hash}, {KDF_TOKEN, s->token}, {KDF_MASK, s->mask},
                {KDF_LINK, s->link}, {KDF_BOX, s->box},     {KDF_WRAP, s->wrap}};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        crypto_kdf_derive_from_key(keys[i].key, SEAL_KEY_LEN, keys[i].id, KDF_CONTEXT, s->master);
}

int seal_open(const char *key_file, const char *data_dir, struct seal **seal_r, char **error_r)
{
    struct seal_secrets *secrets;
    struct seal *seal;
    int r;

    if (sodium_init() < 0)
        return refuse(error_r, -EIO, "libsodium can't be started: no randomness in this system.");
    r = check_outside(key_file, data_dir, error_r);
    if (r < 0)
        return r;
    secrets = sodium_malloc(sizeof *secrets);
    if (!secrets)
        return refuse(error_r, -ENOMEM, "There is no memory left for the keys.");
    sodium_memzero(secrets, sizeof *secrets);
    r = load_master(key_file, secrets->master, error_r);
    if (r < 0) {
        sodium_free(secrets);
        return r;
    }
    derive(secrets);
    seal = mem_new(sizeof *seal);
    seal->secrets = secrets;
    seal->keys_dir = mem_printf("%s/keys", data_dir);
    pthread_mutex_init(&seal->lock, NULL);
    *seal_r = seal;
    return 0;
}

void seal_close(struct seal *seal)
{
    if (!seal)
        return;
    sodium_free(seal->secrets); /* wipes as well */
    pthread_mutex_destroy(&seal->lock);
    free(seal->keys_dir);
    free(seal);
}

/* seal/box.c: sealing bytes, and the mailboxes' keys they are sealed under. */
#include "seal/keys.h"

#include "base/mem.h"

#include <sodium.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

enum {
    NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    WRAPPED_LEN = NONCE_LEN + SEAL_KEY_LEN + TAG_LEN
};

void box_seal(const uint8_t *key, struct bytes bound, struct bytes plain, struct buf *sealed)
{
    uint8_t *out = (uint8_t *)buf_reserve(sealed, NONCE_LEN + plain.len + TAG_LEN);
    unsigned long long len = 0;

    randombytes_buf(out, NONCE_LEN);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, &len, plain.data, plain.len,
                                               bound.data, bound.len, NULL, out, key);
    buf_advance(sealed, NONCE_LEN + (size_t)len);
}

int box_open(const uint8_t *key, struct bytes bound, struct bytes sealed, struct buf *plain)
{
    const uint8_t *in = sealed.data;
    unsigned long long len = 0;
    uint8_t *out;

    if (sealed.len < NONCE_LEN + TAG_LEN)
        return -EBADMSG;
    out = (uint8_t *)buf_reserve(plain, sealed.len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &len, NULL, in + NONCE_LEN,
                                                   sealed.len - NONCE_LEN, bound.data, bound.len,
                                                   in, key) < 0)
        return -EBADMSG;
    buf_advance(plain, (size_t)len);
    return 0;
}

/* -- the mailboxes' keys ------------------------------------------------------------- */
static char *key_path(const struct seal *seal, uint64_t mailbox)
{
    return mem_printf("%s/%" PRIu64 ".key", seal->keys_dir, mailbox);
}

static void wrap_name(uint64_t mailbox, char name[48])
{
    snprintf(name, 48, "mailbox key %" PRIu64, mailbox);
}

static struct seal_slot *slot_of(const struct seal *seal, uint64_t mailbox)
{
    return &seal->secrets->slots[mailbox % SEAL_SLOTS];
}

static int load_key(struct seal *seal, uint64_t mailbox, uint8_t key_r[SEAL_KEY_LEN])
{
    auto_free char *path = key_path(seal, mailbox);
    auto_wiped_buf struct buf wrapped = {0}, key = {0};
    char name[48];
    int r = key_file_read(path, WRAPPED_LEN, &wrapped);

    if (r == -ENOENT || r == -EINVAL) /* too long: its destruction was cut off half-way */
        return -ENOKEY;
    if (r < 0)
        return r;
    wrap_name(mailbox, name);
    r = box_open(seal->secrets->wrap, (struct bytes){name, strlen(name)}, buf_bytes(&wrapped),
                 &key);
    if (r < 0 || key.len != SEAL_KEY_LEN)
        return -EBADMSG;
    memcpy(key_r, key.data, SEAL_KEY_LEN);
    return 0;
}

static int key_of(struct seal *seal, uint64_t mailbox, uint8_t key_r[SEAL_KEY_LEN])
{
    struct seal_slot *slot = slot_of(seal, mailbox);
    int r = 0;

    if (!mailbox) {
        memcpy(key_r, seal->secrets->box, SEAL_KEY_LEN);
        return 0;
    }
    pthread_mutex_lock(&seal->lock);
    if (slot->mailbox != mailbox) {
        slot->mailbox = 0;
        r = load_key(seal, mailbox, slot->key);
        if (!r)
            slot->mailbox = mailbox;
    }
    if (!r)
        memcpy(key_r, slot->key, SEAL_KEY_LEN);
    pthread_mutex_unlock(&seal->lock);
    return r;
}

static int create_locked(struct seal *seal, uint64_t mailbox, const char *path)
{
    uint8_t key[SEAL_KEY_LEN];
    auto_buf struct buf wrapped = {0};
    char name[48];
    int r = load_key(seal, mailbox, key);

    if (r == -ENOKEY) {
        if (mkdir(seal->keys_dir, 0700) < 0 && errno != EEXIST)
            return -errno;
        randombytes_buf(key, sizeof key);
        wrap_name(mailbox, name);
        box_seal(seal->secrets->wrap, (struct bytes){name, strlen(name)},
                 (struct bytes){key, sizeof key}, &wrapped);
        r = key_file_destroy(path);
        if (!r)
            r = key_file_create(path, buf_bytes(&wrapped));
    }
    mem_wipe(key, sizeof key);
    return r;
}

int seal_mailbox_create(struct seal *seal, uint64_t mailbox)
{
    auto_free char *path = key_path(seal, mailbox);
    int r;

    assert(mailbox);
    pthread_mutex_lock(&seal->lock);
    r = create_locked(seal, mailbox, path);
    pthread_mutex_unlock(&seal->lock);
    return r;
}

int seal_mailbox_destroy(struct seal *seal, uint64_t mailbox)
{
    auto_free char *path = key_path(seal, mailbox);
    struct seal_slot *slot = slot_of(seal, mailbox);
    int r;

    pthread_mutex_lock(&seal->lock);
    if (slot->mailbox == mailbox)
        sodium_memzero(slot, sizeof *slot);
    r = key_file_destroy(path);
    pthread_mutex_unlock(&seal->lock);
    return r;
}

/* -- sealing under them -------------------------------------------------------------- */
/* The mailbox is bound too: what is sealed for one is not another's, whatever it is called. */
static void bind(struct buf *out, uint64_t mailbox, const char *bound)
{
    buf_printf(out, "%" PRIu64 " %s", mailbox, bound);
}

int seal_box(struct seal *seal, uint64_t mailbox, const char *bound, struct bytes plain,
             struct buf *sealed)
{
    auto_buf struct buf name = {0};
    uint8_t key[SEAL_KEY_LEN];
    int r = key_of(seal, mailbox, key);

    if (r < 0)
        return r;
    bind(&name, mailbox, bound);
    box_seal(key, buf_bytes(&name), plain, sealed);
    mem_wipe(key, sizeof key);
    return 0;
}

int seal_unbox(struct seal *seal, uint64_t mailbox, const char *bound, struct bytes sealed,
               struct buf *plain)
{
    auto_buf struct buf name = {0};
    uint8_t key[SEAL_KEY_LEN];
    int r = key_of(seal, mailbox, key);

    if (r < 0)
        return r;
    bind(&name, mailbox, bound);
    r = box_open(key, buf_bytes(&name), sealed, plain);
    mem_wipe(key, sizeof key);
    return r;
}

/* store/schema.c: the version of what is on disk, and the steps that bring an older one forward. */
#include "store/schema.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct schema_step *find_step(const struct schema_step *steps, size_t count,
                                           uint64_t from)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].from == from)
            return &steps[i];
    return NULL;
}

int schema_advance(struct store_txn *txn, uint64_t version, const struct schema_step *steps,
                   size_t count, char **error_r)
{
    const char *dir = txn->store->dir;
    uint64_t found = 0;
    int r = meta_get(txn, "schema", &found);

    if (r == -ENOENT)
        return meta_put(txn, "schema", version);
    if (r < 0)
        return r;
    if (found > version) {
        *error_r = mem_printf("The store in %s is of version %" PRIu64 ", and this postrider knows "
                              "%" PRIu64 ". Install the newer postrider again.",
                              dir, found, version);
        return -EPROTO;
    }
    for (; found < version; found++) {
        const struct schema_step *step = find_step(steps, count, found);

        if (!step) {
            *error_r = mem_printf("The store in %s is of version %" PRIu64 ", from which no step "
                                  "leads on. Go through an older postrider first.",
                                  dir, found);
            return -EPROTO;
        }
        r = txn->store->read_only ? -EROFS : step->run(txn);
        if (r < 0) {
            *error_r = mem_printf("The store in %s can't be brought from version %" PRIu64
                                  " to the next: %s. It is as it was.",
                                  dir, found, strerror(-r));
            return r;
        }
        r = meta_put(txn, "schema", found + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A mark under the hash key: with another key every look-up by hash would miss, and people would
 * be written to twice. */
static int check_key(struct store_txn *txn, char **error_r)
{
    struct key word = meta_key("key"), mark = {.len = 0};
    struct bytes found;
    int r = txn_get(txn, TABLE_META, &word, &found);

    key_hash(txn, &mark, "store", "key");
    if (r == -ENOENT)
        return txn_put(txn, TABLE_META, &word, (struct bytes){mark.data, mark.len});
    if (r < 0 || (found.len == mark.len && !memcmp(found.data, mark.data, mark.len)))
        return r;
    *error_r = mem_printf("The store in %s was made with another master key. Name the key file it "
                          "was made with.",
                          txn->store->dir);
    return -EKEYREJECTED;
}

/* To 2: a message's last field is from when it may have left; 0, not known, in all that are there.
 */
static int messages_may_leave(struct store_txn *txn)
{
    struct key at = {.len = 0};
    struct bytes key, value;
    int r;

    while ((r = txn_next(txn, TABLE_MESSAGE, &at, 0, &key, &value)) == 0) {
        auto_buf struct buf grown = {0};
        auto_record(message) message = {0};

        memcpy(at.data, key.data, key.len);
        at.len = key.len;
        buf_add(&grown, value.data, value.len);
        buf_add_char(&grown, '\0');
        r = record_message_decode(buf_bytes(&grown), &message);
        if (r == 0)
            r = txn_put(txn, TABLE_MESSAGE, &at, buf_bytes(&grown));
        if (r < 0)
            return r;
        key_u8(&at, 0); /* behind this one */
    }
    return r == -ENOENT ? 0 : r;
}

int schema_open(struct store_txn *txn, char **error_r)
{
    static const struct schema_step steps[] = {{1, messages_may_leave}};
    int r = schema_advance(txn, SCHEMA_VERSION, steps, ARRAY_LEN(steps), error_r);

    return r < 0 ? r : check_key(txn, error_r);
}

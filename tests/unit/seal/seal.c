/* unit/seal/seal.c: keys are found, made and destroyed; what is sealed opens only as it was. */
#include "seal/seal.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char base[64], data[80], key[80];
    struct seal *seal;
};

static void place_init(struct place *place)
{
    strcpy(place->base, "/tmp/postrider-seal-XXXXXX");
    assert_non_null(mkdtemp(place->base));
    snprintf(place->data, sizeof place->data, "%s/data", place->base);
    snprintf(place->key, sizeof place->key, "%s/key", place->base);
    assert_int_equal(mkdir(place->data, 0700), 0);
    place->seal = NULL;
}

static void place_open(struct place *place)
{
    char *error = NULL;
    int r = seal_open(place->key, place->data, &place->seal, &error);

    if (r < 0)
        print_error("%s\n", error);
    free(error);
    assert_int_equal(r, 0);
}

static void place_close(struct place *place)
{
    seal_close(place->seal);
    place->seal = NULL;
}

static void place_finish(struct place *place)
{
    auto_free char *command = mem_printf("rm -r %s", place->base);

    place_close(place);
    assert_int_equal(system(command), 0);
}

static void refused(const char *key, const char *data, int expect, const char *sentence)
{
    struct seal *seal = NULL;
    char *error = NULL;

    assert_int_equal(seal_open(key, data, &seal, &error), expect);
    assert_non_null(error);
    if (!strstr(error, sentence))
        fail_msg("\"%s\" does not say \"%s\"", error, sentence);
    free(error);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* -- the master key ------------------------------------------------------------------ */
static void test_key_made(void **state)
{
    uint8_t first[32], again[32], other[32];
    struct place place;
    struct stat st;

    (void)state;
    place_init(&place);
    place_open(&place);
    assert_int_equal(stat(place.key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    seal_hash_key(place.seal, first);
    place_close(&place);
    place_open(&place); /* found, not made anew */
    seal_hash_key(place.seal, again);
    assert_memory_equal(first, again, 32);
    place_close(&place);
    assert_int_equal(unlink(place.key), 0);
    place_open(&place);
    seal_hash_key(place.seal, other);
    assert_memory_not_equal(first, other, 32);
    place_finish(&place);
}

static void test_key_refused(void **state)
{
    struct place place;
    char inside[96], missing[96], link[96];

    (void)state;
    place_init(&place);
    place_open(&place);
    place_close(&place);
    assert_int_equal(chmod(place.key, 0640), 0);
    refused(place.key, place.data, -EACCES, "chmod 600");
    write_file(place.key, "not a key\n", 0600);
    refused(place.key, place.data, -EINVAL, "not a key");
    write_file(place.key, "", 0600);
    refused(place.key, place.data, -EINVAL, "not a key");
    write_file(place.key, "postrider-key-1:AAAA\n", 0600);
    refused(place.key, place.data, -EINVAL, "not a key");

    snprintf(inside, sizeof inside, "%s/key", place.data);
    refused(inside, place.data, -EINVAL, "inside the data directory");
    snprintf(link, sizeof link, "%s/link", place.base); /* by another way in */
    assert_int_equal(symlink(place.data, link), 0);
    snprintf(inside, sizeof inside, "%s/link/key", place.base);
    refused(inside, place.data, -EINVAL, "inside the data directory");
    snprintf(missing, sizeof missing, "%s/nowhere/key", place.base);
    refused(missing, place.data, -ENOENT, "nowhere/key");
    snprintf(missing, sizeof missing, "%s/data-too", place.base); /* only alike */
    assert_int_equal(mkdir(missing, 0700), 0);
    snprintf(place.key, sizeof place.key, "%s/data-too/key", place.base);
    place_open(&place);
    place_finish(&place);
}

/* -- sealing ------------------------------------------------------------------------- */
static int unseal(struct place *place, uint64_t mailbox, const char *bound,
                  const struct buf *sealed, const char *expect)
{
    auto_wiped_buf struct buf plain = {0};
    int r = seal_unbox(place->seal, mailbox, bound, buf_bytes(sealed), &plain);

    if (!r)
        assert_string_equal(buf_text(&plain), expect);
    else
        assert_int_equal(plain.len, 0);
    return r;
}

static void test_box(void **state)
{
    struct buf sealed = {0}, twice = {0}, empty = {0};
    struct place place;

    (void)state;
    place_init(&place);
    place_open(&place);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0);
    assert_int_equal(seal_mailbox_create(place.seal, 8), 0);
    assert_int_equal(seal_box(place.seal, 7, "grant 7", (struct bytes){"secret", 6}, &sealed), 0);
    assert_int_equal(seal_box(place.seal, 7, "grant 7", (struct bytes){"secret", 6}, &twice), 0);
    assert_int_equal(sealed.len, 24 + 6 + 16);
    assert_memory_not_equal(sealed.data, twice.data, sealed.len); /* a nonce each */
    assert_null(memmem(sealed.data, sealed.len, "secret", 6));
    assert_int_equal(unseal(&place, 7, "grant 7", &sealed, "secret"), 0);
    assert_int_equal(unseal(&place, 7, "grant 8", &sealed, ""), -EBADMSG);
    assert_int_equal(unseal(&place, 8, "grant 7", &sealed, ""), -EBADMSG);
    assert_int_equal(unseal(&place, 0, "grant 7", &sealed, ""), -EBADMSG);
    assert_int_equal(unseal(&place, 9, "grant 7", &sealed, ""), -ENOKEY);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(unseal(&place, 7, "grant 7", &sealed, ""), -EBADMSG);
        sealed.data[i] ^= 1;
    }
    while (sealed.len) {
        buf_truncate(&sealed, sealed.len - 1);
        assert_int_equal(unseal(&place, 7, "grant 7", &sealed, ""), -EBADMSG);
    }
    assert_int_equal(seal_box(place.seal, 0, "client secret", (struct bytes){NULL, 0}, &empty), 0);
    assert_int_equal(unseal(&place, 0, "client secret", &empty, ""), 0);
    buf_finish(&sealed);
    buf_finish(&twice);
    buf_finish(&empty);
    place_finish(&place);
}

static void test_destroy(void **state)
{
    struct buf sealed = {0};
    struct place place;
    struct stat st;
    char path[128];
    FILE *held;
    char bytes[80];

    (void)state;
    place_init(&place);
    place_open(&place);
    assert_int_equal(seal_box(place.seal, 7, "g", (struct bytes){"s", 1}, &sealed), -ENOKEY);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0); /* the same key stays */
    assert_int_equal(seal_box(place.seal, 7, "g", (struct bytes){"s", 1}, &sealed), 0);
    snprintf(path, sizeof path, "%s/keys/7.key", place.data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    place_close(&place);
    place_open(&place);
    assert_int_equal(unseal(&place, 7, "g", &sealed, "s"), 0);

    held = fopen(path, "r"); /* what an unlinked file would still show */
    assert_int_equal(fread(bytes, 1, 72, held), 72);
    assert_int_equal(seal_mailbox_destroy(place.seal, 7), 0);
    assert_int_equal(seal_mailbox_destroy(place.seal, 7), 0);
    assert_int_equal(stat(path, &st), -1);
    rewind(held);
    {
        char after[80];

        assert_int_equal(fread(after, 1, 72, held), 72);
        assert_memory_not_equal(after, bytes, 72);
    }
    fclose(held);
    assert_int_equal(unseal(&place, 7, "g", &sealed, ""), -ENOKEY);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0); /* connected again: another key */
    assert_int_equal(unseal(&place, 7, "g", &sealed, ""), -EBADMSG);

    /* a crash half-way through destroying leaves noise, which is no key */
    assert_int_equal(seal_mailbox_destroy(place.seal, 7), 0);
    {
        char noise[257];

        memset(noise, 'n', 256);
        noise[256] = '\0';
        write_file(path, noise, 0600);
    }
    assert_int_equal(unseal(&place, 7, "g", &sealed, ""), -ENOKEY);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0);
    buf_finish(&sealed);
    place_finish(&place);
}

static void test_other_master(void **state)
{
    struct buf sealed = {0};
    struct place place;

    (void)state;
    place_init(&place);
    place_open(&place);
    assert_int_equal(seal_mailbox_create(place.seal, 7), 0);
    assert_int_equal(seal_box(place.seal, 7, "g", (struct bytes){"s", 1}, &sealed), 0);
    place_close(&place);
    assert_int_equal(unlink(place.key), 0);
    place_open(&place);
    assert_int_equal(unseal(&place, 7, "g", &sealed, ""), -EBADMSG);
    assert_int_equal(seal_mailbox_create(place.seal, 7), -EBADMSG); /* never overwritten */
    buf_finish(&sealed);
    place_finish(&place);
}

static void test_many_mailboxes(void **state) /* more than there are slots */
{
    struct buf sealed[3] = {{0}, {0}, {0}};
    struct place place;

    (void)state;
    place_init(&place);
    place_open(&place);
    for (uint64_t i = 0; i < 3; i++) { /* these share a slot */
        assert_int_equal(seal_mailbox_create(place.seal, 5 + 512 * i), 0);
        assert_int_equal(seal_box(place.seal, 5 + 512 * i, "g", (struct bytes){"s", 1}, &sealed[i]),
                         0);
    }
    for (uint64_t i = 0; i < 9; i++)
        assert_int_equal(unseal(&place, 5 + 512 * (i % 3), "g", &sealed[i % 3], "s"), 0);
    assert_int_equal(unseal(&place, 5, "g", &sealed[1], ""), -EBADMSG);
    for (size_t i = 0; i < 3; i++)
        buf_finish(&sealed[i]);
    place_finish(&place);
}

/* -- hashes -------------------------------------------------------------------------- */
static void test_hashes(void **state)
{
    uint8_t a[16], b[16], digest[32], again[32];
    struct place place;

    (void)state;
    place_init(&place);
    place_open(&place);
    seal_hash(place.seal, "person", "ab", 2, a);
    seal_hash(place.seal, "person", "ab", 2, b);
    assert_memory_equal(a, b, 16);
    seal_hash(place.seal, "persona", "b", 1, b); /* domain and text don't run together */
    assert_memory_not_equal(a, b, 16);
    seal_digest("abc", 3, digest);
    seal_digest("abc", 3, again);
    assert_memory_equal(digest, again, 32);
    /* BLAKE2b-256 of "abc" */
    assert_memory_equal(digest,
                        "\xbd\xdd\x81\x3c\x63\x42\x39\x72\x31\x71\xef\x3f\xee\x98\x57\x9b\x94\x96"
                        "\x4e\x3b\xb1\xcb\x3e\x42\x72\x62\xc8\xc0\x68\xd5\x23\x19",
                        32);
    assert_true(seal_random_u64() != seal_random_u64());
    place_finish(&place);
}

/* -- tokens -------------------------------------------------------------------------- */
static void token_round(struct place *place, uint64_t enrolment, uint16_t step)
{
    char token[48], text[96];
    uint64_t got = 0;
    uint16_t got_step = 0;

    seal_token(place->seal, enrolment, step, token);
    assert_int_equal(strlen(token), 40);
    assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyz234567"), 40);
    snprintf(text, sizeof text, "%s@postrider.acme.example", token);
    assert_true(seal_token_read(place->seal, text, &got, &got_step));
    assert_true(got == enrolment && got_step == step);
    for (size_t i = 0; i < 40; i++) {
        char was = token[i];

        token[i] = was == 'a' ? 'b' : 'a';
        assert_false(seal_token_read(place->seal, token, &got, &got_step));
        token[i] = was;
    }
    token[0] = (char)(token[0] >= 'a' ? token[0] - 'a' + 'A' : token[0]);
    assert_true(seal_token_read(place->seal, token, &got, &got_step)); /* case was changed */
}

static void test_tokens(void **state)
{
    struct place place, other;
    char token[48], again[48], next[48];
    uint64_t id;
    uint16_t step;

    (void)state;
    place_init(&place);
    place_open(&place);
    place_init(&other);
    place_open(&other);
    token_round(&place, 1, 0);
    token_round(&place, 123456789, 2);
    token_round(&place, ((uint64_t)1 << 56) - 1, UINT16_MAX);
    seal_token(place.seal, 5, 1, token);
    seal_token(place.seal, 5, 1, again);
    seal_token(place.seal, 5, 2, next);
    assert_string_equal(token, again); /* never random a try */
    assert_string_not_equal(token, next);
    assert_memory_not_equal(token + 26, next + 26, 8); /* and it doesn't tell whose it is */
    assert_false(seal_token_read(other.seal, token, &id, &step));
    assert_false(seal_token_read(place.seal, "", &id, &step));
    assert_false(seal_token_read(place.seal, NULL, &id, &step));
    assert_false(seal_token_read(place.seal, "short@x", &id, &step));
    strcat(token, "a"); /* goes on with a letter */
    assert_false(seal_token_read(place.seal, token, &id, &step));
    place_finish(&place);
    place_finish(&other);
}

static void test_links(void **state)
{
    auto_buf struct buf token = {0};
    uint64_t id = 0, more = 0;
    struct place place;

    (void)state;
    place_init(&place);
    place_open(&place);
    seal_link(place.seal, "invite", 7, 3, 1000, &token);
    assert_int_equal(strspn(token.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789-_"),
                     token.len);
    assert_int_equal(seal_link_read(place.seal, "invite", token.data, 999, &id, &more), 0);
    assert_true(id == 7 && more == 3);
    assert_int_equal(seal_link_read(place.seal, "invite", token.data, 1000, &id, &more), -ETIME);
    assert_int_equal(seal_link_read(place.seal, "unsubscribe", token.data, 999, &id, &more),
                     -EBADMSG);
    for (size_t i = 0; i < token.len - 1; i++) { /* the last holds four bits of nothing */
        token.data[i] = (char)(token.data[i] == 'A' ? 'B' : 'A');
        assert_int_equal(seal_link_read(place.seal, "invite", token.data, 999, &id, &more),
                         -EBADMSG);
        buf_truncate(&token, 0);
        seal_link(place.seal, "invite", 7, 3, 1000, &token);
    }
    buf_truncate(&token, 0);
    seal_link(place.seal, "unsubscribe", UINT64_MAX, UINT64_MAX, 0, &token);
    assert_int_equal(seal_link_read(place.seal, "unsubscribe", token.data, INT64_MAX, &id, &more),
                     0);
    assert_true(id == UINT64_MAX && more == UINT64_MAX);
    assert_int_equal(seal_link_read(place.seal, "unsubscribe", "", 0, &id, &more), -EBADMSG);
    assert_int_equal(seal_link_read(place.seal, "unsubscribe", NULL, 0, &id, &more), -EBADMSG);
    assert_int_equal(seal_link_read(place.seal, "unsubscribe", "%%%", 0, &id, &more), -EBADMSG);
    place_finish(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_made),     cmocka_unit_test(test_key_refused),
        cmocka_unit_test(test_box),          cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_other_master), cmocka_unit_test(test_many_mailboxes),
        cmocka_unit_test(test_hashes),       cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unit/mailbox/oauth.c: token answers, claims and queries; and that a token that was read and given
 * back is nowhere left in this process. */
#include "base/mem.h"
#include "base/text.h"
#include "mailbox/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool parse(const char *text, struct token_answer *answer)
{
    *answer = (struct token_answer){0};
    return token_answer_parse(answer, (struct bytes){text, strlen(text)});
}

static int64_t lifetime(const char *expires)
{
    auto_free char *text = mem_printf("{\"access_token\":\"a\",\"expires_in\":%s}", expires);
    struct token_answer answer;
    int64_t ms;

    assert_true(parse(text, &answer));
    ms = answer.expires_in;
    token_answer_finish(&answer);
    return ms;
}

static void test_answers(void **state)
{
    static const char *const none[] = {"",
                                       "{}",
                                       "[]",
                                       "null",
                                       "7",
                                       "\"access_token\"",
                                       "{\"access_token\":7}",
                                       "{\"access_token\":\"a\"",
                                       "{\"access_token\":null}",
                                       "{{{{{{{{{{{{{{{{{{",
                                       "[[[[[[[[[[[[[[[[[[[[\"x\"]]]]]]]]]]]]]]]]]]]]"};
    struct token_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_false(parse(none[i], &answer));
        token_answer_finish(&answer);
    }
    assert_true(parse("{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\"}", &answer));
    assert_string_equal(answer.error, "invalid_grant");
    assert_string_equal(answer.suberror, "invalid_rapt");
    token_answer_finish(&answer);
    assert_int_equal(lifetime("3599"), 3599000);
    assert_int_equal(lifetime("\"3599\""), 3599000);
    assert_int_equal(lifetime("0"), 0);
    assert_int_equal(lifetime("-5"), 0);
    assert_int_equal(lifetime("null"), 0);
    assert_int_equal(lifetime("1e300"), 86400000);
    assert_int_equal(lifetime("9223372036854775807"), 86400000);
}

/* -- what is left in memory ----------------------------------------------------------- */
enum {
    SECRET_LEN = 48,
    FIRST = 8,
    MASK = 0x5a
};                                       /* without its first bytes, which a library may
                                           overwrite when it has done with a buffer */
static unsigned char masked[SECRET_LEN]; /* so that the search does not find itself */

static bool masked_at(const unsigned char *at)
{
    for (size_t i = FIRST; i < SECRET_LEN; i++)
        if ((at[i] ^ MASK) != masked[i])
            return false;
    return true;
}

static int found_in(int mem, unsigned long from, unsigned long to)
{
    static unsigned char part[1 << 20];
    int found = 0;

    if (to - from > 1ul << 32) /* the sanitizers' shadow */
        return 0;
    for (unsigned long at = from; at < to;) {
        size_t want = to - at < sizeof(part) ? to - at : sizeof(part);
        ssize_t len = pread(mem, part, want, (off_t)at);

        if (len < SECRET_LEN)
            break;
        if (at <= (unsigned long)(uintptr_t)part &&
            (unsigned long)(uintptr_t)part < at + (unsigned long)len)
            len = (ssize_t)((unsigned long)(uintptr_t)part - at); /* not what we just read */
        for (ssize_t i = 0; i + SECRET_LEN <= len; i++)
            found += part[i + FIRST] == (masked[FIRST] ^ MASK) && masked_at(part + i);
        if (want < sizeof(part))
            break;
        at += want - SECRET_LEN;
    }
    mem_wipe(part, sizeof(part));
    return found;
}

static int copies_in_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY), found = 0;
    char line[512], rights[8];
    unsigned long from, to;

    assert_non_null(maps);
    assert_true(mem >= 0);
    while (fgets(line, sizeof(line), maps))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[1] == 'w' &&
            !strstr(line, "[stack]"))
            found += found_in(mem, from, to);
    fclose(maps);
    close(mem);
    return found;
}

static void test_nothing_is_left(void **state)
{
    static const char front[] = "{\"scope\":\"a b\",\"access_token\":\"",
                      middle[] = "\",\"more\":[{\"deep\":\"", back[] = "\"}]}";
    struct token_answer answer = {0};
    struct buf body = {0};

    (void)state;
    for (size_t i = 0; i < SECRET_LEN; i++)
        masked[i] = (unsigned char)('A' + (i * 7 + 3) % 26) ^ MASK;
    buf_reserve(&body, 4096);
    buf_add_str(&body, front);
    for (size_t n = 0; n < 2; n++) {
        for (size_t i = 0; i < SECRET_LEN; i++)
            buf_add_char(&body, (char)(masked[i] ^ MASK));
        buf_add_str(&body, n ? back : middle);
    }
    assert_int_equal(copies_in_memory(), 2); /* the search finds what is there */
    assert_true(token_answer_parse(&answer, buf_bytes(&body)));
    assert_int_equal(strlen(answer.access), SECRET_LEN);
    buf_wipe(&body);
    assert_int_equal(copies_in_memory(), 1); /* the answer's */
    token_answer_finish(&answer);
    assert_int_equal(copies_in_memory(), 0);
}

/* -- claims --------------------------------------------------------------------------- */
static const char *fault_of(const char *claims)
{
    auto_buf struct buf token = {0};

    buf_add_str(&token, "head.");
    text_base64url(&token, claims, strlen(claims));
    buf_add_str(&token, ".signature");
    return id_token_fault(
        buf_text(&token),
        &(struct id_token_check){.client_id = "cid", .nonce = "n1", .now = 1000000000});
}

static void test_claims(void **state)
{
    (void)state;
    assert_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":1000000}"));
    assert_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":999941}"));
    assert_null(
        fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":9223372036854775807}"));
    assert_non_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":999939}"));
    assert_non_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n1\"}"));
    assert_non_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"nonce\":\"n2\",\"exp\":1000000}"));
    assert_non_null(fault_of("{\"iss\":\"i\",\"aud\":\"cid\",\"exp\":1000000}"));
    assert_non_null(fault_of("{\"iss\":\"i\",\"aud\":\"other\",\"nonce\":\"n1\",\"exp\":1000000}"));
    assert_non_null(fault_of("{\"iss\":\"\",\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":1000000}"));
    assert_non_null(fault_of("{\"aud\":\"cid\",\"nonce\":\"n1\",\"exp\":1000000}"));
    assert_non_null(fault_of("[]"));
    assert_non_null(fault_of("no json"));
    assert_non_null(
        id_token_fault("", &(struct id_token_check){.client_id = "cid", .nonce = "n1", .now = 0}));
    assert_non_null(id_token_fault(
        "a.b", &(struct id_token_check){.client_id = "cid", .nonce = "n1", .now = 0}));
    assert_non_null(id_token_fault(
        "a.!!.c", &(struct id_token_check){.client_id = "cid", .nonce = "n1", .now = 0}));
    assert_non_null(id_token_fault(
        "a..c", &(struct id_token_check){.client_id = "cid", .nonce = "n1", .now = 0}));
}

/* -- queries -------------------------------------------------------------------------- */
static void check_query(const char *query, const char *value)
{
    auto_free char *found = query_value(query, "state");

    if (value)
        assert_string_equal(found, value);
    else
        assert_null(found);
}

static void test_queries(void **state)
{
    (void)state;
    check_query(NULL, NULL);
    check_query("", NULL);
    check_query("&&&", NULL);
    check_query("state", NULL);
    check_query("states=1&xstate=2", NULL);
    check_query("state=", "");
    check_query("code=1&state=a%2Bb+c&state=second", "a+b c");
    check_query("state=%", NULL);
    check_query("state=%4", NULL);
    check_query("&state=x&", "x");
}

static void test_random(void **state)
{
    auto_free char *verifier = random_text(48), *again = random_text(48);

    (void)state;
    assert_int_equal(strlen(verifier), 64); /* 43 to 128: RFC 7636 4.1 */
    assert_int_equal(strspn(verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
                     64);
    assert_string_not_equal(verifier, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_claims),          cmocka_unit_test(test_queries),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

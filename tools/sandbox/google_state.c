/* sandbox/google_state.c: what the Google side knows: settings, accounts, and small helpers. */
#include "sandbox/google_state.h"

#include "sandbox/google_mailbox.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct google *google_state(void)
{
    static struct google state = {
        .settings =
            {
                .token_lifetime = 3600 * 1000,
                .history_horizon = 7 * GOOGLE_DAY,
                .history_start = 1000,
            },
    };

    return &state;
}

struct google_account *google_account_get(const char *address)
{
    auto_free char *lower = google_lower(address ? address : "");

    return map_get_str(&google_state()->accounts, lower);
}

struct google_account *google_account_new(const char *address, const char *name)
{
    struct google_account *account = mem_new(sizeof(*account));
    uint64_t hash;

    account->address = google_lower(address);
    hash = google_hash(7, account->address, 0);
    account->name = mem_str(name);
    account->sub = mem_printf("1%020llu", (unsigned long long)hash);
    account->send_limit = 2000;
    google_mailbox_init(account);
    map_put_str(&google_state()->accounts, account->address, account);
    return account;
}

bool google_account_owns(const struct google_account *account, const char *address)
{
    if (text_same(account->address, address))
        return true;
    for (size_t i = 0; i < account->alias_count; i++)
        if (account->aliases[i].accepted && text_same(account->aliases[i].address, address))
            return true;
    return false;
}

struct google_account *google_account_behind(const char *address)
{
    struct google_account *account = google_account_get(address);
    size_t at = 0;

    if (account || !address)
        return account;
    while ((account = map_next(&google_state()->accounts, &at, NULL, NULL)))
        if (google_account_owns(account, address))
            break;
    return account;
}

uint64_t google_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t google_hash(uint64_t seed, const char *text, uint64_t n)
{
    uint64_t hash = google_mix(seed);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return google_mix(hash ^ google_mix(n));
}

double google_share(uint64_t hash)
{
    return (double)(hash >> 11) / 9007199254740992.0;
}

char *google_random_text(size_t bytes)
{
    struct buf out = {0};
    auto_buf struct buf raw = {0};

    while (raw.len < bytes) {
        uint64_t word = world_random();

        buf_add(&raw, &word, sizeof(word));
    }
    text_base64url(&out, raw.data, bytes);
    return buf_take(&out);
}

char *google_lower(const char *text)
{
    char *copy = mem_str(text);

    text_lower(copy);
    return copy;
}

struct json_object *google_json_get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object))
        return NULL;
    json_object_object_get_ex(object, key, &value);
    return value;
}

const char *google_json_text(struct json_object *object, const char *key)
{
    struct json_object *value = google_json_get(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t google_json_int(struct json_object *object, const char *key, int64_t otherwise)
{
    struct json_object *value = google_json_get(object, key);
    int64_t number;

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double))
        return json_object_get_int64(value);
    if (json_object_is_type(value, json_type_string) &&
        text_i64(json_object_get_string(value), &number))
        return number;
    return otherwise;
}

double google_json_double(struct json_object *object, const char *key, double otherwise)
{
    struct json_object *value = google_json_get(object, key);

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double))
        return json_object_get_double(value);
    return otherwise;
}

bool google_json_bool(struct json_object *object, const char *key, bool otherwise)
{
    struct json_object *value = google_json_get(object, key);

    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : otherwise;
}

void google_json_put(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text ? google_json_safe(text, strlen(text)) : NULL);
}

struct json_object *google_json_safe(const char *text, size_t len)
{
    auto_buf struct buf clean = {0};

    if (text_is_utf8(text, len))
        return json_object_new_string_len(text, (int)len);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x80)
            buf_add_char(&clean, text[i]);
        else
            buf_add_str(&clean, "\xef\xbf\xbd");
    }
    return json_object_new_string_len(buf_text(&clean), (int)clean.len);
}

char **google_json_strings(struct json_object *array)
{
    char **list;
    size_t count;

    if (!json_object_is_type(array, json_type_array))
        return NULL;
    count = json_object_array_length(array);
    list = mem_array(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = mem_str(json_object_get_string(json_object_array_get_idx(array, i)));
    return list;
}

/* provider/table.c: does a plugin's table make sense, and are its settings there? */
#include "provider/private.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

static int refuse(struct buf *error, const char *file, const char *what)
{
    buf_printf(error, "%s can't be used: %s. Its author must mend it (rider-check %s shows more)",
               file, what, file);
    return -EPROTO;
}

struct need {
    uint32_t can;
    bool there;
    const char *sentence;
};

int table_check(const struct rider_provider *table, const char *file, struct buf *error)
{
    const struct need needs[] = {
        {0, table->id && table->name && table->version, "id, name or version is missing"},
        {0, table->open && table->close, "open or close is missing"},
        {0, table->identify, "identify is missing"},
        {RIDER_CAN_SEND, table->send, "it says it can send, but has no send"},
        {RIDER_CAN_STAGE, table->stage && table->discard,
         "it says it can stage, but has no stage or no discard"},
        {RIDER_CAN_FENCE, table->can & RIDER_CAN_STAGE, "it says it can fence, but can't stage"},
        {RIDER_CAN_FIND, table->find, "it says it can find, but has no find"},
        {RIDER_CAN_LOOK, table->find, "it says it can look, but has no find"},
        {RIDER_CAN_FILE, table->file, "it says it can file, but has no file"},
        {RIDER_CAN_LIST, table->list, "it says it can list, but has no list"},
        {RIDER_CAN_READ, table->read, "it says it can read, but has no read"},
        {RIDER_CAN_LABEL, table->label, "it says it can label, but has no label"},
    };

    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if ((table->can & needs[i].can) == needs[i].can && !needs[i].there)
            return refuse(error, file, needs[i].sentence);
    if (!table->auth || table->auth & ~(uint32_t)(RIDER_AUTH_OAUTH | RIDER_AUTH_PASSWORD))
        return refuse(error, file, "it signs in by a way this postrider does not know");
    if (table->auth & RIDER_AUTH_OAUTH && !table->oauth)
        return refuse(error, file, "it signs in by OAuth, but has no oauth");
    return 0;
}

/* -- settings --------------------------------------------------------------------------------- */
const char *settings_get(const char *const *settings, const char *key)
{
    for (size_t i = 0; settings && settings[i] && settings[i + 1]; i += 2)
        if (strcmp(settings[i], key) == 0)
            return settings[i + 1];
    return NULL;
}

bool setting_read(const struct rider_setting *from, struct rider_setting *to)
{
    return COPY_STRUCT(to, from) && to->key;
}

static bool find_setting(const struct rider_provider *table, const char *key,
                         struct rider_setting *setting_r)
{
    for (size_t i = 0; table->settings && table->settings[i]; i++)
        if (setting_read(table->settings[i], setting_r) && strcmp(setting_r->key, key) == 0)
            return true;
    return false;
}

bool setting_is_secret(const struct rider_provider *table, const char *key)
{
    struct rider_setting setting;

    if (text_starts(key, "client_secret"))
        return true;
    return find_setting(table, key, &setting) && setting.secret;
}

const char *setting_fallback(const struct rider_provider *table, const char *key)
{
    struct rider_setting setting;

    return find_setting(table, key, &setting) ? setting.fallback : NULL;
}

int settings_check(const struct rider_provider *table, const char *provider, char *const *settings,
                   struct buf *error)
{
    for (size_t i = 0; table->settings && table->settings[i]; i++) {
        struct rider_setting setting;
        auto_free char *in_file = NULL;
        if (!setting_read(table->settings[i], &setting) || !setting.required || setting.of_mailbox)
            continue;
        in_file = mem_printf("%s_file", setting.key);
        if (settings_get((const char *const *)settings, setting.key) ||
            settings_get((const char *const *)settings, in_file))
            continue;
        buf_printf(error, "provider %s needs %s%s%s%s: add it under providers.%s in the config",
                   provider, setting.key, setting.label ? " (" : "",
                   setting.label ? setting.label : "", setting.label ? ")" : "", provider);
        return -EINVAL;
    }
    return 0;
}

int limits_read(const char *const *settings, const char *prefix, struct rider_limits *limits,
                struct buf *error)
{
    const struct {
        const char *key;
        uint32_t *value;
    } parts[] = {
        {"in_flight", &limits->in_flight},
        {"units", &limits->units},
        {"per_ms", &limits->per_ms},
        {"sends_per_minute", &limits->sends_per_minute},
        {"recipients_per_day", &limits->recipients_per_day},
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        auto_free char *key = mem_printf("%s%s", prefix, parts[i].key);
        const char *text = settings_get(settings, key);
        uint64_t value;
        if (!text)
            continue;
        if (!text_u64(text, &value) || value > UINT32_MAX) {
            buf_printf(error, "%s is '%s': write a whole number (0: no limit)", key, text);
            return -EINVAL;
        }
        *parts[i].value = (uint32_t)value;
    }
    return 0;
}

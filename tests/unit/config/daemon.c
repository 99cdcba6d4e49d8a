/* unit/config/daemon.c: the daemon's settings, their defaults and their mistakes. */
#include "config/daemon.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct config_daemon *parse(const char *text)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct config_daemon *config = NULL;
    int r = config_daemon_parse("/etc/p/postrider.yaml", text, strlen(text), &mistakes, &config);

    mistakes_text(&mistakes, &out);
    if (r < 0)
        fail_msg("%s", buf_text(&out));
    return config;
}

static void refused(const char *text, const char *part)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct config_daemon *config = NULL;

    assert_int_equal(config_daemon_parse("p.yaml", text, strlen(text), &mistakes, &config),
                     -EINVAL);
    mistakes_text(&mistakes, &out);
    if (!strstr(buf_text(&out), part))
        fail_msg("wanted \"%s\", got %s", part, buf_text(&out));
}

#define LEAST "data: /d\nproviders: {gmail: {plugin: gmail.so}}\n"

static void test_defaults(void **state)
{
    struct config_daemon *config = parse(LEAST);

    (void)state;
    assert_string_equal(config->data, "/d");
    assert_string_equal(config->listen_host, "127.0.0.1");
    assert_int_equal(config->listen_port, 8025);
    assert_string_equal(config->plugins, "/usr/lib/postrider/plugins");
    assert_string_equal(config->master_key_file, "/etc/postrider/master.key");
    assert_string_equal(config->socket, "/d/postrider.sock");
    assert_string_equal(config->zone, "UTC");
    assert_int_equal(config->poll, 60000);
    assert_int_equal(config->retention, 0);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_null(config->clock);
    assert_null(config->public_url);
    assert_int_equal(config->provider_count, 1);
    assert_int_equal(config->providers[0].settle, -1);
    assert_int_equal(config->providers[0].operation_timeout, 60000);
    assert_int_equal(config->providers[0].promise, CONFIG_PROMISE_DEFAULT);
    config_daemon_free(config);
}

static void test_everything(void **state)
{
    struct config_daemon *config = parse(
        "data: data\nlisten: \"[::1]:0\"\npublic_url: https://outreach.acme.example/\n"
        "plugins: ../lib\nmaster_key_file: /k/master.key\nsocket: /run/p.sock\n"
        "clock: /run/clock\nca_file: ca.pem\nzone: Europe/Berlin\npoll: 2m\n"
        "retention: 90 days\nlog_level: debug\n"
        "holidays: {de: de.ics, at: /h/at.ics}\n"
        "providers:\n"
        "  gmail: {plugin: gmail.so, client_id: 12345, client_secret_file: s, promise: fast,\n"
        "    settle: 30s, operation_timeout: 5s, api_url: \"https://127.0.0.1:4010\", limits: "
        "{in_flight: 4},\n"
        "    quota: new, list: [a, b], flag: true}\n"
        "  acme: {plugin: smtp-imap.so, imap: \"imaps://localhost:993\"}\n");
    const struct config_provider *gmail = config_provider_find(config, "gmail");

    (void)state;
    assert_string_equal(config->data, "/etc/p/data");
    assert_string_equal(config->listen_host, "::1");
    assert_int_equal(config->listen_port, 0);
    assert_string_equal(config->public_url, "https://outreach.acme.example");
    assert_string_equal(config->plugins, "/etc/p/../lib");
    assert_string_equal(config->socket, "/run/p.sock");
    assert_string_equal(config->clock, "/run/clock");
    assert_string_equal(config->ca_file, "/etc/p/ca.pem");
    assert_int_equal(config->poll, 120000);
    assert_int_equal(config->retention, 90ll * 86400000);
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->holidays_count, 2);
    assert_string_equal(config->holidays[0].file, "/etc/p/de.ics");
    assert_string_equal(config->holidays[1].file, "/h/at.ics");
    assert_non_null(gmail);
    assert_string_equal(gmail->client_id, "12345");
    assert_string_equal(gmail->client_secret_file, "/etc/p/s");
    assert_int_equal(gmail->promise, CONFIG_PROMISE_FAST);
    assert_int_equal(gmail->settle, 30000);
    assert_int_equal(gmail->operation_timeout, 5000);
    assert_null(config_provider_setting(gmail, "operation_timeout"));
    assert_string_equal(config_provider_setting(gmail, "limits.in_flight"), "4");
    assert_string_equal(config_provider_setting(gmail, "list"), "a b");
    assert_string_equal(config_provider_setting(gmail, "flag"), "true");
    assert_null(config_provider_setting(gmail, "client_secret_file"));
    assert_null(config_provider_find(config, "graph"));
    config_daemon_free(config);
}

static void test_mistakes(void **state)
{
    (void)state;
    refused("", "it is empty");
    refused("data: /d\n", "providers: it is missing");
    refused("providers: {gmail: {plugin: gmail.so}}\n", "data: it is missing");
    refused("pol: 60s\n" LEAST, "did you mean \"poll\"?");
    refused("poll: 10ms\n" LEAST, "can't be asked that often");
    refused("listen: 8025\n" LEAST, "is no address to listen on");
    refused("listen: \"h:99999\"\n" LEAST, "is no address to listen on");
    refused("public_url: http://outreach.acme.example\n" LEAST, "is not an https URL");
    refused("log_level: loud\n" LEAST, "error, warn, info, debug");
    refused("master_key_file: /d/master.key\n" LEAST, "would lie in the data folder");
    refused("data: /d\nproviders: {Gmail: {plugin: gmail.so}}\n", "is no provider's name");
    refused("data: /d\nproviders: {g: {plugin: ../evil.so}}\n", "is no plugin's name");
    refused("data: /d\nproviders: {g: {client_id: x}}\n", "providers.g.plugin: it is missing");
    refused("data: /d\nproviders: {g: {plugin: g.so, client_secret: hush}}\n",
            "a secret does not belong in this file");
    refused("data: /d\nproviders: {g: {plugin: g.so, operation_timeout: 1h}}\n",
            "no time to wait for a provider");
    refused("data: /d\nproviders: {g: {plugin: g.so, promise: slow}}\n", "strict, fast");
    refused("data: /d\nproviders: {g: {plugin: g.so, smtp: \"smtp://127.0.0.1\",\n"
            "  imap: \"imap://mail.acme.example\", plain: true}}\n",
            "providers.g.plain: the login to imap://mail.acme.example would go out in the clear");
}

/* A secret in the wrong place is not repeated in the mistake. */
static void test_no_secret(void **state)
{
    static const char text[] = "data: /d\nproviders: {g: {plugin: g.so, client_secret: hush}}\n";
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct config_daemon *config = NULL;

    (void)state;
    assert_int_equal(config_daemon_parse("p", text, strlen(text), &mistakes, &config), -EINVAL);
    mistakes_text(&mistakes, &out);
    assert_null(strstr(buf_text(&out), "hush"));
}

static void test_clock(void **state)
{
    (void)state;
    refused("clock: /run/clock\n" LEAST, "would talk to the real service");
    refused("clock: /c\ndata: /d\nproviders: {g: {plugin: g.so, api_url: "
            "\"https://api.acme.example\"}}\n",
            "on another machine");
    config_daemon_free(parse("clock: /c\ndata: /d\nproviders: {g: {plugin: g.so, "
                             "imap: \"imaps://127.0.0.1:993\", "
                             "scopes: \"https://mail.acme.example/\"}}\n"));
    assert_true(config_url_is_loopback("https://127.0.0.1:80/x"));
    assert_true(config_url_is_loopback("http://[::1]:80/x"));
    assert_true(config_url_is_loopback("imaps://localhost"));
    assert_false(config_url_is_loopback("https://127.0.0.1.acme.example/"));
    assert_false(config_url_is_loopback("https://127.0.0.1@acme.example/"));
    assert_false(config_url_is_loopback("https://acme.example/127.0.0.1"));
    assert_false(config_url_is_loopback("https://127.0.0.1:8025@acme.example/"));
    assert_false(config_url_is_loopback("https://[::2]/"));
    assert_false(config_url_is_loopback("127.0.0.1"));
    assert_false(config_url_is_loopback("https://acme.example\\@127.0.0.1/"));
}

static void test_not_there(void **state)
{
    auto_mistakes struct mistakes mistakes = {0};
    struct config_daemon *config = NULL;

    (void)state;
    assert_int_equal(config_daemon_read("/nowhere.yaml", &mistakes, &config), -EINVAL);
    assert_int_equal(mistakes.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_everything),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_no_secret),
        cmocka_unit_test(test_clock),    cmocka_unit_test(test_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unit/provider/load.c: each plugin that can't be used is refused in its own sentence. */
#include "world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_finish(&world);
    return 0;
}

static void says(const char *part)
{
    if (!strstr(buf_text(&world.error), part))
        fail_msg("'%s' does not say '%s'", buf_text(&world.error), part);
    buf_finish(&world.error);
}

static void loads_and_describes(void **state)
{
    struct provider_about about;
    struct rider_oauth *oauth;

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(world_add(&world, "odd.so", NULL), 0);
    assert_int_equal(provider_about(world.set, "odd", &about), 0);
    assert_string_equal(about.version, "1.0.0");
    assert_string_equal(provider_name_at(world.set, 0), "odd");
    assert_null(provider_name_at(world.set, 1));
    assert_int_equal(provider_oauth(world.set, "odd", RIDER_ACCESS_HEADERS, &oauth), -ENOTSUP);
    assert_int_equal(provider_oauth(world.set, "odd", RIDER_ACCESS_FULL, &oauth), 0);
    assert_string_equal(oauth->scopes[0], "mail");
    assert_string_equal(oauth->origins[0], standin_url(world.standin));
    provider_oauth_free(oauth);
    assert_string_equal(provider_setting(world.set, "odd", "colour"), "blue");
    assert_true(world_mapped("plugins.run/odd.1.so"));
}

static void says_what_errors_of_the_sign_in_mean(void **state)
{
    struct rider_failure failure;

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(world_add(&world, "odd.so", NULL), 0);
    provider_oauth_failure(world.set, "odd", "invalid_grant", NULL, NULL, &failure);
    assert_int_equal(failure.kind, RIDER_AUTH);
    provider_oauth_failure(world.set, "odd", "temporarily_unavailable", NULL, NULL, &failure);
    assert_int_equal(failure.kind, RIDER_TRANSIENT);
    provider_oauth_failure(world.set, "odd", "invalid_client", NULL, NULL, &failure);
    assert_int_equal(failure.kind, RIDER_PERMANENT);
}

static void refused(const char *plugin, const char *part)
{
    world_put(&world, plugin, "odd.so");
    assert_true(world_add(&world, "odd.so", NULL) < 0);
    says(part);
    assert_false(world_mapped("plugins.run"));
    assert_null(provider_name_at(world.set, 0));
}

static void refuses_what_is_no_plugin(void **state)
{
    (void)state;
    refused("major.so", "built for version 2 of the provider contract");
    refused("nosymbol.so", "has no symbol rider_provider_v1");
    refused("nosend.so", "it says it can send, but has no send");
    refused("huge.so", "says its table is 2147483647 bytes long");
    refused("tiny.so", "says its table is 0 bytes long");
    refused("needs.so", "needs needed (What it needs): add it under providers.odd");
}

static void refuses_names_and_places(void **state)
{
    (void)state;
    assert_int_equal(world_add(&world, "../odd.so", NULL), -EINVAL);
    says("is no plugin's file name");
    assert_int_equal(world_add(&world, "odd", NULL), -EINVAL);
    says("is no plugin's file name");
    assert_int_equal(world_add(&world, "Odd.so", NULL), -EINVAL);
    says("is no plugin's file name");
    assert_int_equal(world_add(&world, "odd.so", NULL), -ENOENT);
    says("No such file");
}

static void refuses_what_others_can_write(void **state)
{
    auto_free char *path = mem_printf("%s/odd.so", world.plugins);
    auto_free char *link = mem_printf("%s/link.so", world.plugins);

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(world_add(&world, "link.so", NULL), -ELOOP);
    says("is a symbolic link");
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(world_add(&world, "odd.so", NULL), -EACCES);
    says("is writable by everybody (mode 0777), who could put any code into postrider: chmod go-w");
    assert_int_equal(chmod(path, 0775), 0);
    assert_int_equal(world_add(&world, "odd.so", NULL), -EACCES);
    says("is writable by its group");
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(world.plugins, 0777), 0);
    assert_int_equal(world_add(&world, "odd.so", NULL), -EACCES);
    says("plugins is writable by everybody");
    assert_int_equal(chmod(world.plugins, 0755), 0);
    assert_int_equal(chmod(world.dir, 0770), 0);
    assert_int_equal(world_add(&world, "odd.so", NULL), -EACCES);
    says("is writable by its group");
    assert_int_equal(chmod(world.dir, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_int_equal(world_add(&world, "odd.so", NULL), -EACCES);
        says("belongs to uid 12345");
        assert_int_equal(chown(path, 0, 0), 0);
    }
    assert_int_equal(world_add(&world, "odd.so", NULL), 0);
}

static void refuses_half_a_file(void **state)
{
    auto_free char *path = mem_printf("%s/odd.so", world.plugins);
    struct stat st;

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(stat(path, &st), 0);
    for (off_t part = 1; part <= 32; part++) {
        world_put(&world, "odd.so", "odd.so");
        assert_int_equal(truncate(path, st.st_size * part / 32 - (part == 32)), 0);
        assert_int_equal(world_add(&world, "odd.so", NULL), -ENOEXEC);
        says("is not a plugin for this machine");
    }
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(world_add(&world, "odd.so", NULL), -ENOEXEC);
    buf_finish(&world.error);
}

static void refuses_tokens_in_the_clear(void **state)
{
    static const char *const settings[] = {"api_url", "http://mail.example", NULL};

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(provider_set_add(world.set, "odd", "odd.so", settings, &world.error), -EPERM);
    says("would send tokens to http://mail.example");
}

static void refuses_a_bad_limit(void **state)
{
    static const char *const bad[] = {"limits.in_flight", "many", NULL};

    (void)state;
    world_put(&world, "odd.so", "odd.so");
    assert_int_equal(world_add(&world, "odd.so", bad), -EINVAL);
    says("limits.in_flight is 'many'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loads_and_describes, setup, teardown),
        cmocka_unit_test_setup_teardown(says_what_errors_of_the_sign_in_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_names_and_places, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_others_can_write, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_half_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_tokens_in_the_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_bad_limit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

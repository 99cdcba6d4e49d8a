/* tests/plugins/major.c: a plugin of another major version. */
__attribute__((visibility("default"))) const void *rider_provider_v2(void);

const void *rider_provider_v2(void)
{
    return "whatever version 2 may look like";
}

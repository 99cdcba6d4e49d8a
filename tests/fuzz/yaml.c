/* fuzz/yaml.c: trees, the daemon's config and a campaign, from whatever is in the file. */
#include "campaign/sequence.h"
#include "config/daemon.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who is refused is told why, in text that may go out as JSON. */
static void check(int r, struct mistakes *mistakes)
{
    struct json_object *json = mistakes_json(mistakes);
    auto_buf struct buf out = {0};

    mistakes_text(mistakes, &out);
    if ((r < 0) != (mistakes->count > 0) || !json_object_to_json_string(json))
        abort();
    json_object_put(json);
    mistakes_finish(mistakes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"fuzz.yaml", "request"};

    for (size_t i = 0; i < 2; i++) {
        struct mistakes mistakes = {0};
        struct config_daemon *config = NULL;
        struct sequence *sequence = NULL;
        struct tree *tree = NULL;

        check(tree_parse(files[i], data, size, &mistakes, &tree), &mistakes);
        tree_free(tree);
        check(sequence_read(files[i], data, size, &mistakes, &sequence), &mistakes);
        sequence_free(sequence);
        check(config_daemon_parse(files[i], data, size, &mistakes, &config), &mistakes);
        config_daemon_free(config);
    }
    return 0;
}

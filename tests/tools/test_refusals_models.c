/*
 * No memory in models of every family of operators: `limner test` of each folder, or `limner run` where it holds i0.npy
 * or nothing beside the model, fails with a message, leaks nothing, and does not crash.
 *
 *   test_refusals_models            some of models/small
 *   test_refusals_models FOLDER...  these, as tests/e2e/refusals.py chooses them
 */
#include "tests/support/refuse_command.h"
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM, .fresh = true};
static char **folders;

static bool has(const char *folder, const char *name, char path[256]) {
    return snprintf(path, 256, "%s/%s", folder, name) < 256 && access(path, F_OK) == 0;
}

static void refuse_model(const char *folder) {
    char model[256], data[256];
    struct command_line line = {folder, .words = {"test", folder}, .reports = true};
    if (!has(folder, "test_data_set_0", data)) {
        assert_true(has(folder, "model.onnx", model));
        line = (struct command_line){folder, .words = {"run", model, has(folder, "i0.npy", data) ? data : NULL}};
    }
    refuse_command(&no_memory, line);
}

static void models_are_run(void **state) {
    (void)state;
    for (int i = 0; folders[i]; i++)
        refuse_model(folders[i]);
}

int main(int count, char **words) {
    static char *few[] = {"models/small/compare-dynamo20", "models/small/dropout-torchscript11",
                          "models/small/expand-dynamo20", "models/small/pad-torchscript17", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(models_are_run, refuse_make_folder, refuse_remove_folder)};
    folders = count > 1 ? words + 1 : few;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

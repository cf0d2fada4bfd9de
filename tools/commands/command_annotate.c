/* limner annotate: writes what a network expects into its model. */
#include "onnx/load/load.h"
#include "tools/cli/values.h"
#include "tools/commands/commands.h"
#include "tools/contract/annotation.h"
#include "tools/engine/engine.h"
#include "tools/engine/save_model.h"

#include <stddef.h>

struct annotate_settings {
    struct contract_request wish;
    const char *output;
    bool external;
};
static const struct annotate_settings defaults;

static bool says_something(const struct contract_request *wish) {
    for (int i = 0; i < contract_field_count; i++)
        if (contract_said(&wish->said, i)->by)
            return true;
    return wish->preset != NULL;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    const struct annotate_settings *settings = call->settings;
    struct onnx_model *model = NULL;
    struct contract contract;
    (void)good;
    if (!settings->output)
        return fail(err, STATUS_USAGE, "-o is missing: say where to write the model");
    if (!says_something(&settings->wish))
        return fail(err, STATUS_USAGE, "there is nothing to write down: give --preset or options");
    status code = engine_load_onnx(call->arguments[0], &model, err);
    if (!code)
        code = contract_collect(&settings->wish, model, call->pool, &contract, err);
    if (!code)
        code = annotation_write(model, &contract, err);
    if (!code)
        code = model_save(model, settings->output, settings->external, call->pool, err);
    onnx_close(model);
    return code;
}

#define AT(field) offsetof(struct annotate_settings, field)

static const char *const arguments[] = {"MODEL", NULL};
static const struct command_option options[] = {
    {NULL, 'o', "OUT", "the ONNX model to write", set_file, AT(output)},
    CONTRACT_OPTIONS(struct annotate_settings),
    {"external", 0, NULL, "store weights beside the model, in OUT.data", set_flag, AT(external)},
    OPTIONS_END};

const struct command annotate_command = {
    .name = "annotate",
    .summary = "write what a network expects of pictures and masks into its model",
    .arguments = arguments,
    .about = "Writes MODEL with the preset's words and the options' as metadata (limner.WORD), so that limner run and "
             "limner inpaint need no options for it. What MODEL says already stays, where nothing else is said. Other "
             "programs do not look at such metadata. limner inspect shows them.",
    .examples = "  limner annotate lama.onnx --preset lama -o lama-ready.onnx\n"
                "  limner annotate style.onnx --range 0,255 --order bgr -o style-ready.onnx\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};

/* Makes models otherwise than the public interface does: picks.c and this file alone know more. */
#include "tests/sweep/plain.h"

#include "onnx/load/load.h"
#include "runtime/passes/pass.h"
#include "runtime/session/model.h"

#include <string.h>

limner_model *plain_model(const struct proto *file, limner_error *error) {
    struct error err = {0};
    struct onnx_model *source = NULL;
    limner_model *model = NULL;
    const struct program_options options = {.passes_off = PASS_ALL};
    if (onnx_load_memory(file->bytes, file->size, NULL, NULL, &source, &err) == STATUS_OK &&
        model_create(source, &options, &model, &err) != STATUS_OK)
        onnx_close(source);
    error->status = (limner_status)err.code;
    memcpy(error->message, err.message, sizeof error->message);
    return model;
}

/* Models as results of commands. */
#ifndef LIMNER_TOOLS_ENGINE_SAVE_MODEL_H
#define LIMNER_TOOLS_ENGINE_SAVE_MODEL_H

#include "base/pool.h"
#include "onnx/model.h"

#include <stdbool.h>

/* Writes the model to path ("-" is the standard output), its large weights to path.data where `external` says so. */
status model_save(const struct onnx_model *model, const char *path, bool external, struct pool *pool,
                  struct error *err);

#endif

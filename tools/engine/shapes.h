/* Input shapes for planning, from the model and from --shape. */
#ifndef LIMNER_TOOLS_ENGINE_SHAPES_H
#define LIMNER_TOOLS_ENGINE_SHAPES_H

#include "tools/cli/json.h"
#include "tools/engine/engine.h"

/*
 * Describes every input that a run needs: dims from `given`, from the model, and where neither says, 1 for the first
 * (the batch). Names ("H") that a given shape settles hold for other inputs too. tensors has room for all the model's
 * inputs; *count is how many were described. When a size is still open: *open says which input in words, and the status
 * is STATUS_OK. A given shape for an input that is not there, or of another rank, is an error.
 */
#define OPEN_TEXT_BYTES 2048
status shapes_resolve(const struct engine *engine, const struct shape_list *given, limner_tensor *tensors,
                      size_t *count, char open[OPEN_TEXT_BYTES], struct error *err);

/* {"name": [1,3,256,256], ...} */
void json_shapes(struct json *json, const char *key, const limner_tensor *tensors, size_t count);

#endif

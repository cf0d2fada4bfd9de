/* The converted model: the template with its recipes carried out. */
#ifndef LIMNER_TOOLS_CONVERT_POUR_H
#define LIMNER_TOOLS_CONVERT_POUR_H

#include "tools/convert/plan.h"

/*
 * Makes the data and changes the plan's graph; *model is the template with that graph, and lives as long as the plan,
 * the template and the checkpoint. Not to be closed.
 */
status pour(struct conversion_plan *plan, struct onnx_model *model, struct error *err);

#endif

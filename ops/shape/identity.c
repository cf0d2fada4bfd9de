/* Identity. */
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

static status infer_identity(struct op_call *call, struct error *err) {
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err);
}

static const struct op_facts identity_facts = {.carries = true, .is_noop = op_always, .blocks = op_blocks_one};

static const struct op_arg identity_inputs[] = {{"input", TYPES_MOVED | TYPES_BOXED, ARG_T}, {0}};
static const struct op_arg identity_outputs[] = {{"output", TYPES_MOVED | TYPES_BOXED, ARG_T}, {0}};

const struct op ops_identity[] = {{.name = "Identity",
                                   .domain = "",
                                   .since = 1,
                                   .inputs = identity_inputs,
                                   .outputs = identity_outputs,
                                   .storage = STORAGE_ALIAS,
                                   .infer = infer_identity,
                                   .facts = &identity_facts,
                                   .run = movement_alias},
                                  {.name = NULL}};

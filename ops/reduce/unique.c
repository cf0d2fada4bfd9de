/* Unique: each item once, where it stands first, which one each item is, and how often it is there. */
#include "base/memory.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/movement/block_copy.h"
#include "ops/reduce/unique_groups.h"

#include <stdlib.h>

struct unique_params {
    int64_t axis;
    bool flat, sorted;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct unique_params *params = out;
    (void)call;
    (void)err;
    params->flat = !attribute_has(attributes, "axis");
    params->axis = attribute_int(attributes, "axis", 0);
    params->sorted = attribute_int(attributes, "sorted", 1) != 0;
    return STATUS_OK;
}

static status view_of(const struct op_call *call, struct lines *lines, int *axis, struct error *err) {
    const struct unique_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    *lines = (struct lines){1, tensor_elements(x), 1};
    *axis = 0;
    if (params->flat)
        return STATUS_OK;
    const status code = op_axis(params->axis, x->shape.rank, axis, "axis", err);
    if (code == STATUS_OK)
        *lines = lines_along(&x->shape, *axis);
    return code;
}

/* The outputs' sizes depend on the values: the groups are found here, and once more by run. */
static status count_groups(const struct op_call *call, const struct lines *lines, int64_t *count, struct error *err) {
    struct unique_groups groups = {.tensor = call->inputs[0], .lines = *lines};
    size_t bytes;
    if (!unique_bytes(groups.tensor, lines, &bytes))
        return fail(err, STATUS_LIMIT, "input 0 (X) is too large");
    void *memory = memory_alloc(bytes);
    if (!memory)
        return fail_memory(err, "sorting");
    unique_find(&groups, memory, true);
    free(memory);
    *count = groups.count;
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct unique_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    struct lines lines;
    int64_t count = 0;
    int axis;
    status code = view_of(call, &lines, &axis, err);
    if (code == STATUS_OK && op_unknown(call, 0))
        code = op_needs(call, 0, err);
    if (code == STATUS_OK)
        code = count_groups(call, &lines, &count, err);
    if (code != STATUS_OK)
        return code;
    const struct shape list = {.rank = 1, .dims = {count}}, items = {.rank = 1, .dims = {lines.size}};
    struct shape shape = params->flat ? list : x->shape;
    shape.dims[axis] = count;
    if (op_output(call, 0))
        code = tensor_describe(call->outputs[0], x->dtype, &shape, err);
    for (int i = 1; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], DTYPE_INT64, i == 2 ? &items : &list, err);
    return code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct lines lines;
    int axis;
    const status code = view_of(call, &lines, &axis, err);
    if (code != STATUS_OK)
        return code;
    if (!unique_bytes(call->inputs[0], &lines, workspace_bytes))
        return fail(err, STATUS_LIMIT, "input 0 (X) is too large");
    return STATUS_OK;
}

static void store_items(const struct unique_groups *groups, const struct tensor *y) {
    const struct lines *lines = &groups->lines;
    const size_t element = dtype_size(y->dtype), block = (size_t)lines->inner * element;
    for (int64_t outer = 0; outer < lines->outer; outer++)
        for (int64_t group = 0; group < groups->count; group++)
            block_copy((char *)y->data + (size_t)(outer * groups->count + group) * block,
                       (const char *)groups->tensor->data +
                           (size_t)(outer * lines->size + groups->first[group]) * block,
                       block);
}

static void store_list(const struct op_call *call, int output, const int64_t *list) {
    const struct tensor *tensor = op_output(call, output);
    if (tensor && tensor->bytes)
        memcpy(tensor->data, list, tensor->bytes);
}

static status run(struct op_call *call, struct error *err) {
    const struct unique_params *params = call->params;
    struct unique_groups groups = {.tensor = call->inputs[0]};
    int axis;
    const status code = view_of(call, &groups.lines, &axis, err);
    if (code != STATUS_OK)
        return code;
    unique_find(&groups, call->workspace, params->sorted);
    if (op_output(call, 0) && call->outputs[0]->bytes)
        store_items(&groups, call->outputs[0]);
    store_list(call, 1, groups.first);
    store_list(call, 2, groups.group_of);
    store_list(call, 3, groups.size);
    return STATUS_OK;
}

#define TYPES_ORDERED (TYPES_REALS | TYPE(DTYPE_STRING) | TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128))
static const struct op_facts facts = {.reach = op_reach_unknown};
static const struct op_arg inputs[] = {{"X", TYPES_ORDERED, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_ORDERED, ARG_T},
                                        {"indices", TYPE(DTYPE_INT64), 0},
                                        {"inverse_indices", TYPE(DTYPE_INT64), 0},
                                        {"counts", TYPE(DTYPE_INT64), 0},
                                        {0}};

const struct op ops_unique[] = {{.name = "Unique",
                                 .domain = "",
                                 .since = 11,
                                 .inputs = inputs,
                                 .outputs = outputs,
                                 .params_size = sizeof(struct unique_params),
                                 .parse = parse,
                                 .infer = infer,
                                 .prepare = prepare,
                                 .run = run,
                                 .facts = &facts},
                                {.name = NULL}};

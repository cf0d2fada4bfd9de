/* MaxPool (ONNX 1, 8, 10, 11, 12, 22), AveragePool (1, 7, 10, 11, 19, 22), LpPool (1, 2, 11, 18, 22), NhwcMaxPool. */
#include "ops/pool/pool_facts.h"
#include "ops/pool/pool_indices.h"
#include "ops/pool/pool_run.h"
#include "ops/pool/pool_window.h"

static status infer(struct op_call *call, struct error *err) {
    struct pool_window window;
    status code = pool_resolve(call, &window, err);
    if (code != STATUS_OK)
        return code;
    const struct shape shape = pool_shape(call, &window);
    if (op_output(call, 0))
        code = tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
    if (code == STATUS_OK && op_output(call, 1))
        code = tensor_describe(call->outputs[1], DTYPE_INT64, &shape, err);
    return code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct pool_window window;
    const status code = pool_resolve(call, &window, err);
    (void)workspace_bytes;
    if (code != STATUS_OK || op_output(call, 1) || call->outputs[0]->bytes == 0)
        return code;
    if (!pool_own_bytes(call, &window, &call->own_bytes))
        return fail(err, STATUS_LIMIT, "the windows reach too far");
    return STATUS_OK;
}

static status run(struct op_call *call, struct error *err) {
    struct pool_window window;
    const status code = pool_resolve(call, &window, err);
    const struct tensor *y = op_output(call, 1) ? call->outputs[1] : call->outputs[0];
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    if (op_output(call, 1))
        pool_indices_run(call, &window);
    else
        pool_run(call, &window);
    return STATUS_OK;
}

static const struct pool_row max_row = {POOL_LARGEST, POOL_PLAIN, false, "BlockedMaxPool"};
static const struct pool_row max_blocked_row = {POOL_LARGEST, POOL_BLOCKED, false, NULL};
static const struct pool_row max_last_row = {POOL_LARGEST, POOL_CHANNELS_LAST, false, NULL};
static const struct pool_row average_row = {POOL_AVERAGE, POOL_PLAIN, false, "BlockedAveragePool"};
static const struct pool_row average_blocked_row = {POOL_AVERAGE, POOL_BLOCKED, false, NULL};
static const struct pool_row lp_float_row = {POOL_LP, POOL_PLAIN, true, NULL};
static const struct pool_row lp_row = {POOL_LP, POOL_PLAIN, false, "BlockedLpPool"};
static const struct pool_row lp_blocked_row = {POOL_LP, POOL_BLOCKED, false, NULL};

static const struct op_facts max_shown = {.shown = "MaxPool"}, average_shown = {.shown = "AveragePool"},
                             lp_shown = {.shown = "LpPool"};

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define BYTES (TYPE(DTYPE_INT8) | TYPE(DTYPE_UINT8))
static const struct op_arg reals[] = {{"X", REAL, ARG_T}, {0}};
static const struct op_arg real_outputs[] = {{"Y", REAL, ARG_T}, {0}};
static const struct op_arg max_old_outputs[] = {
    {"Y", REAL, ARG_T}, {"Indices", TYPE(DTYPE_INT64), ARG_T1 | ARG_OPTIONAL}, {0}};
static const struct op_arg numbers[] = {{"X", REAL | BYTES, ARG_T}, {0}};
static const struct op_arg max_outputs[] = {
    {"Y", REAL | BYTES, ARG_T}, {"Indices", TYPE(DTYPE_INT64), ARG_T1 | ARG_OPTIONAL}, {0}};
static const struct op_arg byte_inputs[] = {{"x", BYTES, ARG_T}, {0}};
static const struct op_arg byte_outputs[] = {{"y", BYTES, ARG_T}, {0}};
static const struct op_arg floats[] = {{"X", TYPES_FLOAT, ARG_T}, {0}};
static const struct op_arg float_outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {0}};

#define POOL_OP(op_name, op_domain, first, last, in, out, op_row, op_facts)                                 \
    {                                                                                                       \
        .name = op_name, .domain = op_domain, .since = first, .until = last, .inputs = in, .outputs = out,  \
        .params_size = sizeof(struct pool_params), .parse = pool_parse, .infer = infer, .prepare = prepare, \
        .run = run, .facts = op_facts, .row = op_row                                                        \
    }

const struct op ops_pool[] = {
    POOL_OP("MaxPool", "", 1, 11, reals, max_old_outputs, &max_row, &pool_facts),
    POOL_OP("MaxPool", "", 12, 0, numbers, max_outputs, &max_row, &pool_facts),
    POOL_OP("AveragePool", "", 1, 0, reals, real_outputs, &average_row, &pool_facts),
    POOL_OP("LpPool", "", 1, 1, reals, real_outputs, &lp_float_row, &pool_facts),
    POOL_OP("LpPool", "", 2, 0, reals, real_outputs, &lp_row, &pool_facts),
    POOL_OP("NhwcMaxPool", "com.microsoft", 1, 0, byte_inputs, byte_outputs, &max_last_row, NULL),
    POOL_OP("BlockedMaxPool", INTERNAL_DOMAIN, 1, 0, floats, float_outputs, &max_blocked_row, &max_shown),
    POOL_OP("BlockedAveragePool", INTERNAL_DOMAIN, 1, 0, floats, float_outputs, &average_blocked_row, &average_shown),
    POOL_OP("BlockedLpPool", INTERNAL_DOMAIN, 1, 0, floats, float_outputs, &lp_blocked_row, &lp_shown),
    {0}};

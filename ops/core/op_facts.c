#include "ops/core/op_facts.h"

#include <math.h>

const struct op_facts *op_facts(const struct op *op) {
    static const struct op_facts none;
    return op && op->facts ? op->facts : &none;
}

bool op_always(const struct op_call *call) {
    (void)call;
    return true;
}

bool op_blocks_one(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    (void)call;
    *blocking = (struct op_blocking){.in = channels[0], .out = channels[0]};
    return channels[0] > 0;
}

static bool is_number(const struct tensor *tensor) {
    return tensor && tensor->constant && tensor->dtype == DTYPE_FLOAT && tensor->shape.rank <= 4 &&
           tensor_elements(tensor) == 1;
}

bool op_blocks_two(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    if (call->input_count != 2)
        return false;
    const int64_t a = channels[0], b = channels[1];
    *blocking = (struct op_blocking){.in = a, .out = a ? a : b};
    if (a && b)
        return a == b;
    return (a && is_number(call->inputs[1])) || (b && is_number(call->inputs[0]));
}

void op_reach_whole(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    (void)call, (void)sees;
    *reach = (struct op_reach){.view = VIEW_WHOLE};
}

void op_reach_nothing(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    (void)call, (void)sees;
    *reach = (struct op_reach){.view = VIEW_NOTHING};
}

void op_reach_unknown(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    (void)call, (void)sees;
    *reach = (struct op_reach){.view = VIEW_UNKNOWN};
}

void op_reach_product(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    int seeing = 0;
    for (int i = 0; i < call->input_count; i++)
        seeing += sees[i];
    *reach = (struct op_reach){.view = seeing > 1 ? VIEW_WHOLE : VIEW_WINDOW, .step = 1};
}

/* Pictures lie in dimensions 2 and 3, or the last two. */
static bool is_spatial(int64_t axis, int64_t *which) {
    *which = axis < 0 ? axis + 2 : axis - 2;
    return axis >= 2 ? axis < 4 : axis >= -2 && axis < 0;
}

void op_reach_beside(const int64_t *axes, const int64_t *offsets, int64_t count, struct op_reach *reach) {
    double at[2] = {0, 0};
    for (int64_t i = 0; i < count; i++) {
        int64_t which;
        if (is_spatial(axes ? axes[i] : i, &which))
            at[which] = (double)offsets[i];
    }
    *reach = (struct op_reach){.radius = fabs(at[0] - at[1]) / 2, .step = 1, .shift = (at[0] + at[1]) / 2};
}

const int64_t *op_constant_ints(const struct op_call *call, int i, int64_t *count) {
    const struct tensor *tensor = op_input(call, i);
    if (!tensor || !tensor->constant || !tensor->data || tensor->dtype != DTYPE_INT64 || tensor->shape.rank != 1)
        return NULL;
    *count = tensor->shape.dims[0];
    return tensor->data;
}

/* Slice: every step-th element between a start and an end, per axis. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

/* Per entry, in the order of the model; before opset 10 they are attributes. */
struct slice_params {
    int count, end_count, axis_count;
    bool has_axes;
    int64_t starts[MAX_RANK], ends[MAX_RANK], axes[MAX_RANK];
};

/* Per axis of the data. */
struct slice_axis {
    int64_t start, step, count;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct slice_params *params = out;
    (void)call;
    attribute_ints(attributes, "starts", params->starts, MAX_RANK, &params->count);
    attribute_ints(attributes, "ends", params->ends, MAX_RANK, &params->end_count);
    attribute_ints(attributes, "axes", params->axes, MAX_RANK, &params->axis_count);
    params->has_axes = attribute_has(attributes, "axes");
    const status code = movement_require(attributes, "starts", err);
    return code == STATUS_OK ? movement_require(attributes, "ends", err) : code;
}

/* The lists of the attribute form or of the inputs, with steps; *steps is 1 where the model is silent. */
static status gather_lists(const struct op_call *call, struct slice_params *lists, int64_t steps[MAX_RANK],
                           int *step_count, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; i < MAX_RANK; i++)
        steps[i] = 1;
    *step_count = -1;
    if (call->opset < 10) {
        *lists = *(const struct slice_params *)call->params;
        return STATUS_OK;
    }
    code = op_input_ints(call, 1, lists->starts, MAX_RANK, &lists->count, err);
    if (code == STATUS_OK)
        code = op_input_ints(call, 2, lists->ends, MAX_RANK, &lists->end_count, err);
    if (code == STATUS_OK)
        code = op_input_ints(call, 3, lists->axes, MAX_RANK, &lists->axis_count, err);
    lists->has_axes = op_input(call, 3) != NULL;
    if (code == STATUS_OK && op_input(call, 4))
        code = op_input_ints(call, 4, steps, MAX_RANK, step_count, err);
    return code;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static struct slice_axis slice_axis(int64_t start, int64_t end, int64_t step, int64_t dim) {
    if (start < 0)
        start += dim;
    if (end < 0)
        end += dim;
    const uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    start = clamp(start, 0, step < 0 ? dim - 1 : dim);
    end = step < 0 ? clamp(end, -1, dim - 1) : clamp(end, 0, dim);
    const int64_t length = step < 0 ? start - end : end - start;
    const int64_t count = length <= 0 || dim == 0 ? 0 : (int64_t)(((uint64_t)length - 1) / stride + 1);
    return (struct slice_axis){start, count > 1 ? step : 0, count};
}

static status find_axes(const struct op_call *call, struct slice_axis axes[MAX_RANK], struct error *err) {
    const struct shape *shape = &call->inputs[0]->shape;
    struct slice_params lists = {0};
    int64_t steps[MAX_RANK];
    int step_count, order[MAX_RANK];
    status code = gather_lists(call, &lists, steps, &step_count, err);
    if (code != STATUS_OK)
        return code;
    if (lists.end_count != lists.count || (lists.has_axes && lists.axis_count != lists.count) ||
        (step_count >= 0 && step_count != lists.count) || lists.count > shape->rank)
        return fail(err, STATUS_INVALID_MODEL, "%d starts, %d ends, %d axes, %d steps for input 0 of rank %d",
                    lists.count, lists.end_count, lists.has_axes ? lists.axis_count : lists.count,
                    step_count < 0 ? lists.count : step_count, shape->rank);
    for (int i = 0; !lists.has_axes && i < lists.count; i++)
        lists.axes[i] = i;
    code = movement_axes(lists.axes, lists.count, shape->rank, order, err);
    if (code != STATUS_OK)
        return code;
    for (int i = 0; i < shape->rank; i++)
        axes[i] = (struct slice_axis){0, 1, shape->dims[i]};
    for (int i = 0; i < lists.count; i++) {
        if (steps[i] == 0)
            return fail(err, STATUS_INVALID_MODEL, "steps[%d] is 0", i);
        axes[order[i]] = slice_axis(lists.starts[i], lists.ends[i], steps[i], shape->dims[order[i]]);
    }
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    struct slice_axis axes[MAX_RANK];
    const status code = find_axes(call, axes, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = call->inputs[0]->shape.rank};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = axes[i].count;
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    struct movement *movement = call->state;
    struct slice_axis axes[MAX_RANK];
    int64_t from[MAX_RANK], to[MAX_RANK];
    (void)workspace_bytes;
    const status code = find_axes(call, axes, err);
    if (code != STATUS_OK || output->bytes == 0)
        return code;
    movement->box.element = dtype_size(input->dtype);
    strided_dense(&input->shape, movement->box.element, from);
    strided_dense(&output->shape, movement->box.element, to);
    for (int i = 0; i < output->shape.rank; i++) {
        strided_add(&movement->box, axes[i].count, to[i], from[i] * axes[i].step);
        movement->offset += from[i] * axes[i].start;
    }
    return STATUS_OK;
}

/* Steps along the dimensions of the picture; false where they are not known, or backwards. */
static bool known_steps(const struct op_call *call, const int64_t *axes, double step[2]) {
    int64_t count = 0;
    const int64_t *steps = op_constant_ints(call, 4, &count);
    step[0] = step[1] = 1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t axis = axes ? axes[i] : i;
        if (steps[i] < 1)
            return false;
        if (axis == 2 || axis == -2)
            step[0] = (double)steps[i];
        if (axis == 3 || axis == -1)
            step[1] = (double)steps[i];
    }
    return steps || !op_input(call, 4);
}

/* A crop that begins at a fixed place and perhaps leaves elements out. One whose beginning is computed is taken to
   begin with its input; one that begins at a distance from the end depends on the size. */
static void reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const struct slice_params *params = call->params;
    const bool listed = call->opset >= 10;
    int64_t count = params->count, axis_count = params->axis_count;
    const int64_t *starts = listed ? op_constant_ints(call, 1, &count) : params->starts;
    const int64_t *axes = listed ? op_constant_ints(call, 3, &axis_count) : params->has_axes ? params->axes : NULL;
    double step[2];
    (void)sees;
    *reach = (struct op_reach){.view = VIEW_UNKNOWN};
    if ((axes && starts && axis_count != count) || (op_input(call, 3) && !axes) || !known_steps(call, axes, step))
        return;
    for (int64_t i = 0; starts && i < count; i++)
        if (starts[i] < 0 && (axes ? axes[i] : i) != 1)
            return;
    op_reach_beside(axes, starts, starts ? count : 0, reach);
    reach->step = step[0];
    reach->last_step = step[1];
}

static const struct op_facts facts = {.moves = true, .reach = reach};

static const struct op_arg inputs_attribute[] = {{"data", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg inputs_lists[] = {{"data", TYPES_WHOLE, ARG_T},
                                             {"starts", TYPES_INDEX, ARG_T1},
                                             {"ends", TYPES_INDEX, ARG_T1},
                                             {"axes", TYPES_INDEX, ARG_T1 | ARG_OPTIONAL},
                                             {"steps", TYPES_INDEX, ARG_T1 | ARG_OPTIONAL},
                                             {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_slice[] = {{.name = "Slice",
                                .domain = "",
                                .since = 1,
                                .until = 9,
                                .inputs = inputs_attribute,
                                .outputs = outputs,
                                .params_size = sizeof(struct slice_params),
                                .state_size = sizeof(struct movement),
                                .parse = parse,
                                .infer = infer,
                                .prepare = prepare,
                                .run = movement_run,
                                .facts = &facts},
                               {.name = "Slice",
                                .domain = "",
                                .since = 10,
                                .inputs = inputs_lists,
                                .outputs = outputs,
                                .state_size = sizeof(struct movement),
                                .infer = infer,
                                .prepare = prepare,
                                .run = movement_run,
                                .facts = &facts},
                               {.name = NULL}};

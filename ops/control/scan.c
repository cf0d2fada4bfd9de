/* Scan since opset 9: a subgraph over the slices of tensors. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

#define MOST_SLICED 64

struct scan {
    int carried, sliced, stacked;
    struct op_slicing slices[MOST_SLICED], stacks[MOST_SLICED];
};

static const char *const names[] = {"body", NULL};

/* Axes and directions of the scan inputs or outputs. */
static void read_slicing(struct attributes *attributes, const char *axes_name, const char *directions_name, int count,
                         struct op_slicing *slicing, status *code, struct error *err) {
    int64_t axes[MOST_SLICED], directions[MOST_SLICED];
    int axis_count, direction_count;
    attribute_ints(attributes, axes_name, axes, MOST_SLICED, &axis_count);
    attribute_ints(attributes, directions_name, directions, MOST_SLICED, &direction_count);
    if (*code == STATUS_OK && ((axis_count && axis_count != count) || (direction_count && direction_count != count)))
        *code = fail(err, STATUS_INVALID_MODEL, "%s has %d numbers and %s %d, expected %d", axes_name, axis_count,
                     directions_name, direction_count, count);
    for (int i = 0; *code == STATUS_OK && i < count; i++) {
        if (axis_count && (axes[i] < -MAX_RANK || axes[i] >= MAX_RANK))
            *code = fail(err, STATUS_INVALID_MODEL, "%s[%d] is %lld, expected %d..%d", axes_name, i, (long long)axes[i],
                         -MAX_RANK, MAX_RANK - 1);
        else if (direction_count && directions[i] != 0 && directions[i] != 1)
            *code = fail(err, STATUS_INVALID_MODEL, "%s[%d] is %lld, expected 0 or 1", directions_name, i,
                         (long long)directions[i]);
        else
            slicing[i] = (struct op_slicing){axis_count ? (int)axes[i] : 0, direction_count && directions[i] == 1};
    }
}

static status check_counts(const struct op_call *call, const struct graph *body, int64_t sliced, struct scan *scan,
                           struct error *err) {
    const int arguments = node_arguments(call->node);
    if (sliced < 1 || sliced > arguments)
        return fail(err, STATUS_INVALID_MODEL, "num_scan_inputs is %lld, expected 1..%d", (long long)sliced, arguments);
    scan->sliced = (int)sliced;
    scan->carried = arguments - scan->sliced;
    if (op_control_check(body, "body", arguments, scan->carried, err) != STATUS_OK)
        return err->code;
    scan->stacked = body->output_count - scan->carried;
    if (call->node->output_count > body->output_count)
        return fail(err, STATUS_INVALID_MODEL, "%d outputs, but body makes %d", call->node->output_count,
                    body->output_count);
    if (scan->sliced > MOST_SLICED || scan->stacked > MOST_SLICED)
        return fail(err, STATUS_LIMIT, "%d scan inputs and %d scan outputs, at most %d are possible", scan->sliced,
                    scan->stacked, MOST_SLICED);
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct scan *scan = params;
    const struct graph *body = attribute_graph(attributes, "body");
    const int64_t sliced = attribute_int(attributes, "num_scan_inputs", 0);
    if (!body)
        return STATUS_OK; /* which the reader has noted */
    status code = check_counts(call, body, sliced, scan, err);
    if (code != STATUS_OK)
        return code;
    read_slicing(attributes, "scan_input_axes", "scan_input_directions", scan->sliced, scan->slices, &code, err);
    read_slicing(attributes, "scan_output_axes", "scan_output_directions", scan->stacked, scan->stacks, &code, err);
    return code;
}

static void map(const struct op_call *call, struct op_mapping *mapping) {
    const struct scan *scan = call->params;
    *mapping = (struct op_mapping){.carried = scan->carried,
                                   .sliced = scan->sliced,
                                   .latest = scan->carried,
                                   .stacked = scan->stacked,
                                   .slices = scan->slices,
                                   .stacks = scan->stacks};
}

/* As many iterations as there are slices. */
static status start(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    const struct scan *scan = call->params;
    char text[ARG_TEXT_BYTES];
    *schedule = (struct op_schedule){.trips = -1, .goes = true};
    for (int i = 0; i < scan->sliced; i++) {
        const struct tensor *input = call->inputs[scan->carried + i];
        int axis;
        op_input_text(call, scan->carried + i, text);
        if (op_axis(scan->slices[i].axis, input->shape.rank, &axis, "scan_input_axes", err) != STATUS_OK)
            return fail_prefix(err, "%s", text);
        const int64_t size = input->shape.dims[axis];
        if (schedule->trips >= 0 && size != schedule->trips)
            return fail(err, STATUS_SHAPE, "%s has %lld slices, the scan inputs before it have %lld", text,
                        (long long)size, (long long)schedule->trips);
        schedule->trips = size;
    }
    return STATUS_OK;
}

static const struct op_control control = {.bodies = names, .map = map, .start = start};
static const struct op_facts facts = {.control = &control, .reach = op_reach_unknown};

static const struct op_arg inputs[] = {{"initial_state_and_scan_inputs", TYPES_MOVED, ARG_VARIADIC}, {0}};
static const struct op_arg outputs[] = {{"final_state_and_scan_outputs", TYPES_MOVED, ARG_OPTIONAL | ARG_VARIADIC},
                                        {0}};

const struct op ops_scan[] = {{.name = "Scan",
                               .domain = "",
                               .since = 9,
                               .inputs = inputs,
                               .outputs = outputs,
                               .params_size = sizeof(struct scan),
                               .parse = parse,
                               .infer = op_control_infer,
                               .facts = &facts,
                               .run = op_control_run},
                              {.name = NULL}};

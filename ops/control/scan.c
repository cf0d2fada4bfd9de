/* Scan: a subgraph over the slices of tensors. In opset 8 all inputs have a batch in front, and may say how long its
 * sequences are. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

#define MOST_SLICED 64

struct scan {
    int first; /* input that is the first state */
    int carried, sliced, stacked;
    struct op_slicing slices[MOST_SLICED], stacks[MOST_SLICED];
};

static const char *const names[] = {"body", NULL};

static status set_axes(const int64_t *axes, int count, const char *name, struct op_slicing *slicing,
                       struct error *err) {
    for (int i = 0; i < count; i++) {
        if (axes[i] < -MAX_RANK || axes[i] >= MAX_RANK)
            return fail(err, STATUS_INVALID_MODEL, "%s[%d] is %lld, expected %d..%d", name, i, (long long)axes[i],
                        -MAX_RANK, MAX_RANK - 1);
        slicing[i].axis = (int)axes[i];
    }
    return STATUS_OK;
}

static status set_directions(const int64_t *directions, int count, const char *name, struct op_slicing *slicing,
                             struct error *err) {
    for (int i = 0; i < count; i++) {
        if (directions[i] != 0 && directions[i] != 1)
            return fail(err, STATUS_INVALID_MODEL, "%s[%d] is %lld, expected 0 or 1", name, i,
                        (long long)directions[i]);
        slicing[i].backwards = directions[i] == 1;
    }
    return STATUS_OK;
}

/* A list of axes or directions, one for each of `count` inputs or outputs; left out, they are 0. */
static status read_list(struct attributes *attributes, const char *name, int count,
                        status (*set)(const int64_t *, int, const char *, struct op_slicing *, struct error *),
                        struct op_slicing *slicing, struct error *err) {
    int64_t numbers[MOST_SLICED];
    int there;
    attribute_ints(attributes, name, numbers, MOST_SLICED, &there);
    if (there > 0 && there != count)
        return fail(err, STATUS_INVALID_MODEL, "%s has %d numbers, expected %d", name, there, count);
    return set(numbers, there, name, slicing, err);
}

static status check_counts(const struct op_call *call, const struct graph *body, int64_t sliced, struct scan *scan,
                           struct error *err) {
    const int arguments = node_arguments(call->node) - scan->first;
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

/* What all versions have. */
static status parse_body(const struct op_call *call, struct attributes *attributes, struct scan *scan,
                         struct error *err) {
    const struct graph *body = attribute_graph(attributes, "body");
    const int64_t sliced = attribute_int(attributes, "num_scan_inputs", 0);
    return body ? check_counts(call, body, sliced, scan, err) : attributes->code;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct scan *scan = params;
    status code = parse_body(call, attributes, scan, err);
    if (code == STATUS_OK)
        code = read_list(attributes, "scan_input_axes", scan->sliced, set_axes, scan->slices, err);
    if (code == STATUS_OK)
        code = read_list(attributes, "scan_input_directions", scan->sliced, set_directions, scan->slices, err);
    if (code == STATUS_OK)
        code = read_list(attributes, "scan_output_axes", scan->stacked, set_axes, scan->stacks, err);
    if (code == STATUS_OK)
        code = read_list(attributes, "scan_output_directions", scan->stacked, set_directions, scan->stacks, err);
    return code;
}

static status parse_8(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct scan *scan = params;
    scan->first = 1;
    const status code = parse_body(call, attributes, scan, err);
    if (code != STATUS_OK)
        return code;
    return read_list(attributes, "directions", scan->sliced, set_directions, scan->slices, err);
}

static void map(const struct op_call *call, struct op_mapping *mapping) {
    const struct scan *scan = call->params;
    *mapping = (struct op_mapping){.first = scan->first,
                                   .carried = scan->carried,
                                   .sliced = scan->sliced,
                                   .latest = scan->carried,
                                   .stacked = scan->stacked,
                                   .slices = scan->slices,
                                   .stacks = scan->stacks,
                                   .batched = scan->first > 0};
}

/* As many iterations as there are slices. */
static status start(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    const struct scan *scan = call->params;
    char text[ARG_TEXT_BYTES];
    *schedule = (struct op_schedule){.trips = -1, .goes = true};
    for (int i = 0; i < scan->sliced; i++) {
        const struct tensor *input = call->inputs[scan->first + scan->carried + i];
        int axis;
        op_input_text(call, scan->first + scan->carried + i, text);
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

static status start_8(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    int64_t length;
    status code = start(call, schedule, err);
    if (code == STATUS_OK)
        code = op_control_number(call, 0, schedule->trips, &length, err);
    if (code == STATUS_OK && length != schedule->trips)
        return fail(err, STATUS_UNSUPPORTED, "a sequence has length %lld, only whole ones (%lld) are supported",
                    (long long)length, (long long)schedule->trips);
    return code;
}

static const struct op_control control_8 = {.bodies = names, .map = map, .start = start_8};
static const struct op_facts facts_8 = {.control = &control_8, .reach = op_reach_unknown};
static const struct op_control control = {.bodies = names, .map = map, .start = start};
static const struct op_facts facts = {.control = &control, .reach = op_reach_unknown};

static const struct op_arg inputs[] = {{"initial_state_and_scan_inputs", TYPES_MOVED, ARG_VARIADIC}, {0}};
static const struct op_arg inputs_8[] = {{"sequence_lens", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                         {"initial_state_and_scan_inputs", TYPES_MOVED, ARG_VARIADIC},
                                         {0}};
static const struct op_arg outputs[] = {{"final_state_and_scan_outputs", TYPES_MOVED, ARG_OPTIONAL | ARG_VARIADIC},
                                        {0}};

const struct op ops_scan[] = {{OP_CONTROL("Scan", 8, inputs_8, outputs, struct scan, parse_8, &facts_8), .until = 8},
                              {OP_CONTROL("Scan", 9, inputs, outputs, struct scan, parse, &facts)},
                              {0}};

/* SequenceMap: a subgraph for each item of a sequence. ONNX 17. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct sequence_map {
    int sliced, stacked;
};

static const char *const names[] = {"body", NULL};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct sequence_map *map = params;
    const struct graph *body = attribute_graph(attributes, "body");
    if (!body)
        return STATUS_OK; /* which the reader has noted */
    map->sliced = node_arguments(call->node);
    map->stacked = body->output_count;
    if (call->node->output_count > body->output_count)
        return fail(err, STATUS_INVALID_MODEL, "%d outputs, but body makes %d", call->node->output_count,
                    body->output_count);
    return op_control_check(body, "body", map->sliced, 1, err);
}

static void map(const struct op_call *call, struct op_mapping *mapping) {
    const struct sequence_map *params = call->params;
    *mapping = (struct op_mapping){.sliced = params->sliced, .stacked = params->stacked, .items = true};
}

/* As many iterations as input 0 has items; further inputs that are sequences have as many. */
static status start(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    *schedule = (struct op_schedule){.body = -1, .goes = true};
    if (call->inputs[0]->dtype != DTYPE_SEQUENCE)
        return op_needs(call, 0, err);
    for (int i = 0; i < call->input_count; i++) {
        const struct tensor *input = op_input(call, i);
        char text[ARG_TEXT_BYTES];
        if (!input || input->dtype != DTYPE_SEQUENCE)
            continue;
        if (!input->data)
            return op_needs(call, i, err);
        const int64_t count = (int64_t)tensor_box(input)->count;
        if (i > 0 && count != schedule->trips)
            return fail(err, STATUS_SHAPE, "%s has %lld items, input 0 (input_sequence) has %lld",
                        op_input_text(call, i, text), (long long)count, (long long)schedule->trips);
        schedule->trips = count;
    }
    schedule->body = 0;
    return STATUS_OK;
}

static const struct op_control control = {.bodies = names, .map = map, .start = start};
static const struct op_facts facts = {.control = &control, .reach = op_reach_unknown};

static const struct op_arg inputs[] = {
    {"input_sequence", TYPE(DTYPE_SEQUENCE), 0},
    {"additional_inputs", TYPES_MOVED | TYPE(DTYPE_SEQUENCE), ARG_OPTIONAL | ARG_VARIADIC},
    {0}};
static const struct op_arg outputs[] = {{"out_sequence", TYPE(DTYPE_SEQUENCE), ARG_OPTIONAL | ARG_VARIADIC}, {0}};

const struct op ops_sequence_map[] = {
    {OP_CONTROL("SequenceMap", 17, inputs, outputs, struct sequence_map, parse, &facts)}, {0}};

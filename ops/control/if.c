/* If: one of two subgraphs without inputs. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct branches {
    int outputs;
};

static const char *const names[] = {"then_branch", "else_branch", NULL};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const struct graph *graphs[2];
    for (int i = 0; i < 2; i++) {
        graphs[i] = attribute_graph(attributes, names[i]);
        if (!graphs[i])
            return STATUS_OK; /* which the reader has noted */
        if (op_control_check(graphs[i], names[i], 0, call->node->output_count, err) != STATUS_OK)
            return err->code;
    }
    if (graphs[0]->output_count != graphs[1]->output_count)
        return fail(err, STATUS_INVALID_MODEL, "then_branch has %d outputs, else_branch has %d",
                    graphs[0]->output_count, graphs[1]->output_count);
    ((struct branches *)params)->outputs = graphs[0]->output_count;
    return STATUS_OK;
}

static void map(const struct op_call *call, struct op_mapping *mapping) {
    *mapping = (struct op_mapping){.first = 1, .latest = ((const struct branches *)call->params)->outputs};
}

static status start(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    int64_t holds;
    *schedule = (struct op_schedule){.body = -1, .trips = 1, .goes = true};
    const status code = op_control_number(call, 0, 0, &holds, err);
    if (code == STATUS_OK)
        schedule->body = holds ? 0 : 1;
    return code;
}

static const struct op_control control = {.bodies = names, .map = map, .start = start};
static const struct op_facts facts = {.control = &control, .reach = op_reach_unknown};

static const struct op_arg inputs[] = {{"cond", TYPES_BOOL, 0}, {0}};
static const struct op_arg outputs[] = {{"outputs", TYPES_MOVED | TYPES_BOXED, ARG_OPTIONAL | ARG_VARIADIC}, {0}};

const struct op ops_if[] = {{OP_CONTROL("If", 1, inputs, outputs, struct branches, parse, &facts)}, {0}};

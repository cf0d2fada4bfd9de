/* Loop: a subgraph, a number of times or while a condition holds. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct loop {
    int carried, stacked;
};

static const char *const names[] = {"body", NULL};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct loop *loop = params;
    const struct graph *body = attribute_graph(attributes, "body");
    if (!body)
        return STATUS_OK; /* which the reader has noted */
    const int arguments = node_arguments(call->node);
    loop->carried = arguments > 2 ? arguments - 2 : 0;
    if (op_control_check(body, "body", 2 + loop->carried, 1 + loop->carried, err) != STATUS_OK)
        return err->code;
    loop->stacked = body->output_count - 1 - loop->carried;
    if (call->node->output_count > loop->carried + loop->stacked)
        return fail(err, STATUS_INVALID_MODEL, "%d outputs, but body makes %d besides the condition",
                    call->node->output_count, loop->carried + loop->stacked);
    return STATUS_OK;
}

static void map(const struct op_call *call, struct op_mapping *mapping) {
    const struct loop *loop = call->params;
    *mapping = (struct op_mapping){
        .counts = true, .first = 2, .carried = loop->carried, .latest = loop->carried, .stacked = loop->stacked};
}

static status start(const struct op_call *call, struct op_schedule *schedule, struct error *err) {
    int64_t goes;
    *schedule = (struct op_schedule){0};
    status code = op_control_number(call, 0, INT64_MAX, &schedule->trips, err);
    if (code == STATUS_OK)
        code = op_control_number(call, 1, 1, &goes, err);
    schedule->goes = code == STATUS_OK && goes;
    return code;
}

static const struct op_control control = {.bodies = names, .map = map, .start = start};
static const struct op_facts facts = {.control = &control, .reach = op_reach_unknown};

static const struct op_arg inputs[] = {{"M", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                       {"cond", TYPES_BOOL, ARG_OPTIONAL},
                                       {"v_initial", TYPES_MOVED | TYPES_BOXED, ARG_OPTIONAL | ARG_VARIADIC},
                                       {0}};
static const struct op_arg outputs[] = {
    {"v_final_and_scan_outputs", TYPES_MOVED | TYPES_BOXED, ARG_OPTIONAL | ARG_VARIADIC}, {0}};

const struct op ops_loop[] = {{OP_CONTROL("Loop", 1, inputs, outputs, struct loop, parse, &facts)}, {0}};

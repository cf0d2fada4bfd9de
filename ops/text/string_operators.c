/* StringConcat (ONNX 20), RegexFullMatch (ONNX 20). */
#include "ops/core/attributes.h"
#include "ops/core/broadcast.h"
#include "ops/core/op_facts.h"
#include "ops/text/regex.h"
#include "ops/text/regex_match.h"

#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

/* ---- StringConcat ---- */

struct concat {
    struct op_call *call;
    struct broadcast plan;
    const struct text *x, *y;
    struct text *z;
    struct error *err;
    status code;
};

static void concat_run(void *context, size_t out, const size_t *at, size_t count) {
    struct concat *work = context;
    const int last = work->plan.rank - 1;
    for (size_t i = 0; i < count && work->code == STATUS_OK; i++) {
        const struct text x = work->x[at[0] + i * work->plan.strides[0][last]];
        const struct text y = work->y[at[1] + i * work->plan.strides[1][last]];
        char *bytes;
        work->code = heap_text(work->call->heap, x.length + y.length, &bytes, work->err);
        if (work->code != STATUS_OK)
            return;
        if (x.length > 0)
            memcpy(bytes, x.bytes, x.length);
        if (y.length > 0)
            memcpy(bytes + x.length, y.bytes, y.length);
        work->z[out + i] = (struct text){bytes, x.length + y.length};
    }
}

static status infer_concat(struct op_call *call, struct error *err) {
    struct shape shape;
    const status code = broadcast_inputs(call, 0, 1, &shape, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], DTYPE_STRING, &shape, err) : code;
}

static status run_concat(struct op_call *call, struct error *err) {
    const struct shape *shapes[] = {&call->inputs[0]->shape, &call->inputs[1]->shape};
    struct concat work = {
        .call = call, .x = call->inputs[0]->data, .y = call->inputs[1]->data, .z = call->outputs[0]->data, .err = err};
    broadcast_plan(&work.plan, &call->outputs[0]->shape, shapes, 2);
    broadcast_walk(&work.plan, 0, work.plan.elements, concat_run, &work);
    return work.code;
}

/* ---- RegexFullMatch ---- */

struct match_params {
    struct text pattern;
};

struct match_state {
    struct pool *pool;
    struct regex *regex;
};

static status parse_match(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct match_params *match = params;
    const char *text = attribute_text(attributes, "pattern", NULL);
    (void)call;
    if (!text)
        return attributes->code != STATUS_OK ? attributes->code
                                             : fail(err, STATUS_INVALID_MODEL, "attribute \"pattern\" is missing");
    match->pattern = node_attribute(attributes->node, "pattern")->s;
    struct pool *pool = pool_create(); /* whether it is good is said at load */
    struct regex *regex;
    const status code = pool ? regex_compile(match->pattern.bytes, match->pattern.length, pool, &regex, err)
                             : fail_memory(err, "a pattern");
    pool_destroy(pool);
    return code;
}

static status infer_match(struct op_call *call, struct error *err) {
    return tensor_describe(call->outputs[0], DTYPE_BOOL, &call->inputs[0]->shape, err);
}

static status prepare_match(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct match_state *state = call->state;
    const struct match_params *match = call->params;
    state->pool = pool_create();
    if (!state->pool)
        return fail_memory(err, "a pattern");
    const status code = regex_compile(match->pattern.bytes, match->pattern.length, state->pool, &state->regex, err);
    *workspace_bytes = code == STATUS_OK ? regex_workspace(state->regex) : 0;
    return code;
}

static void release_match(struct op_call *call) {
    struct match_state *state = call->state;
    pool_destroy(state->pool);
    state->pool = NULL;
}

static status run_match(struct op_call *call, struct error *err) {
    const struct match_state *state = call->state;
    const struct text *texts = call->inputs[0]->data;
    bool *matches = call->outputs[0]->data;
    const int64_t count = tensor_elements(call->inputs[0]);
    (void)err;
    for (int64_t i = 0; i < count; i++)
        matches[i] = regex_match(state->regex, texts[i].bytes, texts[i].length, call->workspace);
    return STATUS_OK;
}

#define TYPES_STRING TYPE(DTYPE_STRING)
const struct op ops_strings[] = {{.name = "StringConcat",
                                  .domain = "",
                                  .since = 20,
                                  .inputs = ARGS({"X", TYPES_STRING, ARG_T}, {"Y", TYPES_STRING, ARG_T}),
                                  .outputs = ARGS({"Z", TYPES_STRING, ARG_T}),
                                  .facts = &facts,
                                  .infer = infer_concat,
                                  .run = run_concat},
                                 {.name = "RegexFullMatch",
                                  .domain = "",
                                  .since = 20,
                                  .inputs = ARGS({"X", TYPES_STRING, 0}),
                                  .outputs = ARGS({"Y", TYPES_BOOL, 0}),
                                  .params_size = sizeof(struct match_params),
                                  .state_size = sizeof(struct match_state),
                                  .facts = &facts,
                                  .parse = parse_match,
                                  .infer = infer_match,
                                  .prepare = prepare_match,
                                  .run = run_match,
                                  .release = release_match},
                                 {0}};

/*
 * LinearAttention (ONNX 27): a state, a matrix for each head of keys and values, is carried from row to row. Rules:
 * linear (A. Katharopoulos et al., 2020), gated, delta, and gated delta (S. Yang et al., 2024).
 */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/attention/attention_shapes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <math.h>
#include <string.h>

enum linear_input { IN_Q, IN_K, IN_V, IN_PAST, IN_DECAY, IN_BETA };
enum linear_output { OUT_Y, OUT_PRESENT };

struct linear_params {
    int64_t heads, kv_heads;
    float scale;
    bool gated, delta;
};

static status linear_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta", NULL};
    struct linear_params *params = result;
    const int rule = attribute_choice(attributes, "update_rule", rules, 3);
    (void)call;
    params->gated = rule & 1;
    params->delta = rule & 2;
    params->heads = attribute_int(attributes, "q_num_heads", 0);
    params->kv_heads = attribute_int(attributes, "kv_num_heads", 0);
    params->scale = attribute_float(attributes, "scale", 0);
    attribute_ignore(attributes, "chunk_size"); /* for other algorithms */
    if (params->heads < 1 || params->kv_heads < 1 || params->heads % params->kv_heads != 0)
        return fail(err, STATUS_INVALID_MODEL,
                    "attributes \"q_num_heads\" and \"kv_num_heads\" are %lld and %lld, expected a multiple",
                    (long long)params->heads, (long long)params->kv_heads);
    return STATUS_OK;
}

struct linear_sizes {
    struct attention_heads q, k, v;
    int64_t decays, betas; /* numbers of a row, for all heads; 0: none */
};

/* An input that there is exactly where the rule asks for it: [batch, rows, one of two sizes]. */
static status check_gate(const struct op_call *call, int input, bool wanted, const struct linear_sizes *s,
                         const int64_t last[2], int64_t *size, struct error *err) {
    const struct tensor *tensor = op_input(call, input);
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    *size = 0;
    if (!tensor != !wanted)
        return fail(err, STATUS_INVALID_MODEL, "input %d does not fit attribute \"update_rule\", which wants %s", input,
                    wanted ? "it" : "none");
    if (!tensor)
        return STATUS_OK;
    const int64_t *dims = tensor->shape.dims;
    if (tensor->shape.rank != 3 || dims[0] != s->q.batch || dims[1] != s->q.rows ||
        (dims[2] != last[0] && dims[2] != last[1]))
        return fail(err, STATUS_SHAPE, "%s is %s, expected [%lld,%lld,%lld] or [%lld,%lld,%lld]",
                    op_input_text(call, input, name), shape_text(&tensor->shape, text), (long long)s->q.batch,
                    (long long)s->q.rows, (long long)last[0], (long long)s->q.batch, (long long)s->q.rows,
                    (long long)last[1]);
    *size = dims[2];
    return STATUS_OK;
}

static status sizes_of(const struct op_call *call, struct linear_sizes *s, struct error *err) {
    const struct linear_params *params = call->params;
    for (int i = 0; i < 3; i++)
        if (call->inputs[i]->shape.rank != 3)
            return fail(err, STATUS_SHAPE, "input %d has rank %d, expected 3", i, call->inputs[i]->shape.rank);
    status code = attention_heads_of(call, IN_Q, params->heads, "q_num_heads", &s->q, err);
    if (code == STATUS_OK)
        code = attention_heads_of(call, IN_K, params->kv_heads, "kv_num_heads", &s->k, err);
    if (code == STATUS_OK)
        code = attention_heads_of(call, IN_V, params->kv_heads, "kv_num_heads", &s->v, err);
    if (code != STATUS_OK)
        return code;
    if (s->k.batch != s->q.batch || s->v.batch != s->q.batch || s->k.rows != s->q.rows || s->v.rows != s->q.rows ||
        s->k.size != s->q.size)
        return fail(err, STATUS_SHAPE, "inputs 0, 1 and 2 do not fit together");
    const int64_t all = params->kv_heads * s->k.size, state[4] = {s->q.batch, params->kv_heads, s->k.size, s->v.size};
    const struct attention sizes = {
        .batch = s->q.batch, .heads = params->heads, .size = s->k.size, .value_size = s->v.size};
    code = attention_check_sizes(&sizes, err);
    if (code == STATUS_OK && op_input(call, IN_PAST))
        code = attention_check_shape(call, IN_PAST, 4, state, err);
    if (code == STATUS_OK)
        code = check_gate(call, IN_DECAY, params->gated, s, (int64_t[]){params->kv_heads, all}, &s->decays, err);
    return code == STATUS_OK
               ? check_gate(call, IN_BETA, params->delta, s, (int64_t[]){params->kv_heads, 1}, &s->betas, err)
               : code;
}

static status linear_infer(struct op_call *call, struct error *err) {
    const struct linear_params *params = call->params;
    struct linear_sizes s;
    status code = sizes_of(call, &s, err);
    if (code != STATUS_OK)
        return code;
    int64_t width;
    if (!int64_mul(params->heads, s.v.size, &width))
        return fail(err, STATUS_LIMIT, "the output is too large");
    const struct shape y = {3, {s.q.batch, s.q.rows, width}};
    const struct shape state = {4, {s.q.batch, params->kv_heads, s.k.size, s.v.size}};
    if (op_output(call, OUT_Y))
        code = tensor_describe(call->outputs[OUT_Y], DTYPE_FLOAT, &y, err);
    return code == STATUS_OK && op_output(call, OUT_PRESENT)
               ? tensor_describe(call->outputs[OUT_PRESENT], DTYPE_FLOAT, &state, err)
               : code;
}

/* The states, where nobody wants them; a row of corrections for every head. */
static status linear_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct linear_sizes s;
    const status code = sizes_of(call, &s, err);
    size_t heads, bytes;
    if (code != STATUS_OK)
        return code;
    if (!size_mul((size_t)(s.k.batch * s.k.heads), (size_t)((s.k.size + 1) * s.v.size), &heads) ||
        !size_mul(heads, sizeof(float), &bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    *workspace_bytes = bytes;
    return STATUS_OK;
}

struct linear_work {
    const struct op_call *call;
    struct linear_sizes s;
    float *states, *rows;
    double scale;
};

static const float *row_of(const struct attention_heads *heads, int64_t batch, int64_t head, int64_t row) {
    return (const float *)heads->array.data + batch * heads->array.batch + head * heads->array.head +
           row * heads->array.row;
}

/* state *= e^decay, by rows of the state or as a whole. */
static void decay(const struct linear_work *work, int64_t batch, int64_t head, int64_t t, float *state) {
    const struct linear_sizes *s = &work->s;
    const int64_t each = s->decays / s->k.heads;
    const float *g =
        (const float *)work->call->inputs[IN_DECAY]->data + (batch * s->q.rows + t) * s->decays + head * each;
    for (int64_t i = 0; i < s->k.size; i++) {
        const float factor = expf(g[each > 1 ? i : 0]);
        SIMD for (int64_t j = 0; j < s->v.size; j++) state[i * s->v.size + j] *= factor;
    }
}

/* What is added along the key: v, or beta (v - state^T k). */
static void change_of(const struct linear_work *work, int64_t batch, int64_t head, int64_t t, const float *state,
                      float *change) {
    const struct linear_sizes *s = &work->s;
    const float *k = row_of(&s->k, batch, head, t), *v = row_of(&s->v, batch, head, t);
    memcpy(change, v, (size_t)s->v.size * sizeof *v);
    if (s->betas == 0)
        return;
    const float beta = ((const float *)work->call->inputs[IN_BETA]
                            ->data)[(batch * s->q.rows + t) * s->betas + (s->betas > 1 ? head : 0)];
    for (int64_t i = 0; i < s->k.size; i++)
        SIMD for (int64_t j = 0; j < s->v.size; j++) change[j] -= k[i] * state[i * s->v.size + j];
    SIMD for (int64_t j = 0; j < s->v.size; j++) change[j] *= beta;
}

/* The outputs of all query heads that share the state. */
static void read_state(const struct linear_work *work, int64_t batch, int64_t head, int64_t t, const float *state) {
    const struct linear_sizes *s = &work->s;
    const int64_t share = s->q.heads / s->k.heads;
    const float scale = (float)work->scale;
    struct tensor *output = op_output(work->call, OUT_Y);
    for (int64_t h = head * share; output && h < (head + 1) * share; h++) {
        const float *q = row_of(&s->q, batch, h, t);
        float *y = (float *)output->data + ((batch * s->q.rows + t) * s->q.heads + h) * s->v.size;
        memset(y, 0, (size_t)s->v.size * sizeof *y);
        for (int64_t i = 0; i < s->k.size; i++) {
            const float factor = scale * q[i];
            SIMD for (int64_t j = 0; j < s->v.size; j++) y[j] += factor * state[i * s->v.size + j];
        }
    }
}

static void run_heads(void *context, int64_t first, int64_t end) {
    const struct linear_work *work = context;
    const struct linear_sizes *s = &work->s;
    const struct tensor *past = op_input(work->call, IN_PAST);
    const int64_t size = s->k.size * s->v.size;
    for (int64_t item = first; item < end; item++) {
        const int64_t batch = item / s->k.heads, head = item % s->k.heads;
        float *state = work->states + item * size, *change = work->rows + item * s->v.size;
        if (past)
            memcpy(state, (const float *)past->data + item * size, (size_t)size * sizeof *state);
        else
            memset(state, 0, (size_t)size * sizeof *state);
        for (int64_t t = 0; t < s->q.rows; t++) {
            const float *k = row_of(&s->k, batch, head, t);
            if (s->decays)
                decay(work, batch, head, t, state);
            change_of(work, batch, head, t, state, change);
            for (int64_t i = 0; i < s->k.size; i++)
                SIMD for (int64_t j = 0; j < s->v.size; j++) state[i * s->v.size + j] += k[i] * change[j];
            read_state(work, batch, head, t, state);
        }
    }
}

static status linear_run(struct op_call *call, struct error *err) {
    const struct linear_params *params = call->params;
    const struct tensor *present = op_output(call, OUT_PRESENT);
    struct linear_work work = {.call = call, .rows = call->workspace};
    const status code = sizes_of(call, &work.s, err);
    if (code != STATUS_OK)
        return code;
    const int64_t heads = work.s.k.batch * work.s.k.heads;
    work.states = present ? present->data : work.rows + heads * work.s.v.size;
    work.scale = params->scale != 0 ? (double)params->scale : 1 / sqrt((double)work.s.q.size);
    team_for(call->threads, heads, run_heads, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

/* The state has the type of the rest: nothing else would say it where there is no earlier one. */
static const struct op_arg inputs[] = {{"query", TYPES_FLOAT, ARG_T},
                                       {"key", TYPES_FLOAT, ARG_T},
                                       {"value", TYPES_FLOAT, ARG_T},
                                       {"past_state", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"decay", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"beta", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {
    {"output", TYPES_FLOAT, ARG_T}, {"present_state", TYPES_FLOAT, ARG_T | ARG_OPTIONAL}, {0}};

const struct op ops_linear_attention[] = {{.name = "LinearAttention",
                                           .domain = "",
                                           .since = 27,
                                           .inputs = inputs,
                                           .outputs = outputs,
                                           .params_size = sizeof(struct linear_params),
                                           .parse = linear_parse,
                                           .infer = linear_infer,
                                           .prepare = linear_prepare,
                                           .run = linear_run,
                                           .facts = &facts},
                                          {0}};

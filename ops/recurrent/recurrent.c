/* RNN, LSTM and GRU (ONNX 1, 7, 14, 22; GRU 3): attributes, shapes and definitions. */
#include "ops/core/op_facts.h"
#include "ops/recurrent/recurrent_run.h"

#include <string.h>

struct recurrent_row {
    enum recurrent_kind kind;
    int gates, activations;
    bool rounded;
    enum recurrent_function defaults[RECURRENT_ACTIVATIONS];
};

static status recurrent_parse(const struct op_call *call, struct attributes *attributes, void *result,
                              struct error *err) {
    static const char *const directions[] = {"forward", "reverse", "bidirectional", "foward", NULL}; /* GRU 1's word */
    const struct recurrent_row *row = call->op->row;
    struct recurrent_params *params = result;
    const int direction = attribute_choice(attributes, "direction", directions, 0);
    params->kind = row->kind;
    params->rounded = row->rounded;
    params->directions = direction == 2 ? 2 : 1;
    params->backward = direction == 1;
    params->hidden = attribute_int(attributes, "hidden_size", 0);
    params->clip = attribute_float(attributes, "clip", 0);
    attribute_ignore(attributes, "output_sequence"); /* opset 1: the output is there or not */
    if (call->opset >= 14)
        params->batch_first = attribute_int(attributes, "layout", 0) != 0;
    if (row->kind == RECURRENT_LSTM)
        params->input_forget = attribute_int(attributes, "input_forget", 0) != 0;
    if (row->kind == RECURRENT_GRU)
        params->linear_before_reset = attribute_int(attributes, "linear_before_reset", 0) != 0;
    enum recurrent_function defaults[2 * RECURRENT_ACTIVATIONS];
    struct recurrent_activation all[2 * RECURRENT_ACTIVATIONS] = {{0}};
    for (int i = 0; i < 2 * row->activations; i++)
        defaults[i] = row->defaults[i % row->activations];
    recurrent_activations(attributes, params->directions * row->activations, defaults, all);
    for (int i = 0; i < params->directions * row->activations; i++)
        params->activations[i / row->activations][i % row->activations] = all[i];
    if (!(params->clip >= 0))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"clip\" is %g, expected 0 or more", (double)params->clip);
    return STATUS_OK;
}

static status check_input(const struct op_call *call, int i, int rank, const int64_t *dims, struct error *err) {
    struct shape expected = {.rank = rank};
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    memcpy(expected.dims, dims, (size_t)rank * sizeof *dims);
    if (!op_input(call, i) || shape_equal(&call->inputs[i]->shape, &expected))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s", op_input_text(call, i, name),
                shape_text(&call->inputs[i]->shape, a), shape_text(&expected, b));
}

static status check_scales(const struct op_call *call, int64_t directions, int64_t columns, struct error *err) {
    const struct tensor *x = call->inputs[IN_X_SCALE];
    for (int i = IN_W_SCALE; i <= IN_R_SCALE; i++) {
        const int64_t count = tensor_elements(call->inputs[i]);
        if (tensor_elements(x) != 1 || (count != directions && count != directions * columns))
            return fail(err, STATUS_SHAPE, "scales have %lld elements, expected one for each direction or column",
                        (long long)count);
    }
    return STATUS_OK;
}

/* The sizes, and whether all inputs have them. */
static status sizes_of(const struct op_call *call, struct recurrent_sizes *s, struct error *err) {
    const struct recurrent_row *row = call->op->row;
    const struct recurrent_params *params = call->params;
    const struct shape *x = &call->inputs[IN_X]->shape, *r = &call->inputs[IN_R]->shape;
    char a[SHAPE_TEXT_BYTES];
    if (x->rank != 3 || r->rank != 3)
        return fail(err, STATUS_SHAPE, "%s is %s, expected rank 3", x->rank != 3 ? "input 0 (X)" : "input 2 (R)",
                    shape_text(x->rank != 3 ? x : r, a));
    const bool batch_first = params->batch_first,
               two_parts = row->kind == RECURRENT_GRU && !params->linear_before_reset;
    *s = (struct recurrent_sizes){.steps = x->dims[batch_first],
                                  .batch = x->dims[!batch_first],
                                  .inputs = x->dims[2],
                                  .hidden = r->dims[2],
                                  .directions = params->directions,
                                  .gates = row->gates,
                                  .first_gates = two_parts ? 2 : row->gates};
    if (s->hidden > INT32_MAX / 64 || s->inputs > INT32_MAX || s->batch > INT32_MAX || s->steps > INT32_MAX)
        return fail(err, STATUS_LIMIT, "the layer is too large");
    if (params->hidden != 0 && params->hidden != s->hidden)
        return fail(err, STATUS_SHAPE, "input 2 (R) is %s, expected a last dimension of \"hidden_size\" %lld",
                    shape_text(r, a), (long long)params->hidden);
    const int64_t d = s->directions, h = s->hidden, all = s->gates * h;
    const int64_t state[2][3] = {{d, s->batch, h}, {s->batch, d, h}};
    status code = check_input(call, IN_W, 3, (int64_t[]){d, all, s->inputs}, err);
    code = code != STATUS_OK ? code : check_input(call, IN_R, 3, (int64_t[]){d, all, h}, err);
    code = code != STATUS_OK ? code : check_input(call, IN_B, 2, (int64_t[]){d, 2 * all}, err);
    code = code != STATUS_OK ? code : check_input(call, IN_LENGTHS, 1, &s->batch, err);
    code = code != STATUS_OK ? code : check_input(call, IN_STATE, 3, state[batch_first], err);
    code = code != STATUS_OK ? code : check_input(call, IN_CELL, 3, state[batch_first], err);
    code = code != STATUS_OK ? code : check_input(call, IN_PEEPHOLES, 2, (int64_t[]){d, 3 * h}, err);
    return code == STATUS_OK && params->rounded ? check_scales(call, d, all, err) : code;
}

static status recurrent_infer(struct op_call *call, struct error *err) {
    struct recurrent_sizes s;
    status code = sizes_of(call, &s, err);
    const bool batch_first = ((const struct recurrent_params *)call->params)->batch_first;
    const struct shape sequence = batch_first ? (struct shape){4, {s.batch, s.steps, s.directions, s.hidden}}
                                              : (struct shape){4, {s.steps, s.directions, s.batch, s.hidden}};
    const struct shape state = batch_first ? (struct shape){3, {s.batch, s.directions, s.hidden}}
                                           : (struct shape){3, {s.directions, s.batch, s.hidden}};
    for (int i = 0; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], call->inputs[IN_X]->dtype, i == OUT_SEQUENCE ? &sequence : &state,
                                   err);
    return code;
}

static status recurrent_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct recurrent_sizes s;
    const status code = sizes_of(call, &s, err);
    return code == STATUS_OK ? recurrent_run_prepare(call, &s, workspace_bytes, err) : code;
}

static status recurrent_op_run(struct op_call *call, struct error *err) {
    struct recurrent_sizes s;
    const status code = sizes_of(call, &s, err);
    return code == STATUS_OK ? recurrent_run(call, &s, err) : code;
}

static double recurrent_macs(const struct op_call *call) {
    struct recurrent_sizes s;
    struct error err;
    if (sizes_of(call, &s, &err) != STATUS_OK)
        return 0;
    return (double)(s.steps * s.batch) * (double)(s.directions * s.gates * s.hidden) * (double)(s.inputs + s.hidden);
}

static const struct op_facts facts = {.reach = op_reach_whole};

#define TYPES_RECURRENT (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define INPUTS                                                                                    \
    {"X", TYPES_RECURRENT, ARG_T}, {"W", TYPES_RECURRENT, ARG_T | ARG_PACKED},                    \
        {"R", TYPES_RECURRENT, ARG_T | ARG_PACKED}, {"B", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL}, \
        {"sequence_lens", TYPE(DTYPE_INT32), ARG_OPTIONAL}, {                                     \
        "initial_h", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL                                        \
    }
static const struct op_arg inputs[] = {INPUTS, {0}};
#define LSTM_INPUTS                                                 \
    INPUTS, {"initial_c", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL}, { \
        "P", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL                  \
    }
static const struct op_arg lstm_inputs[] = {LSTM_INPUTS, {0}};
static const struct op_arg rounded_inputs[] = {
    LSTM_INPUTS, {"X_scale", TYPES_FLOAT, 0}, {"W_scale", TYPES_FLOAT, 0}, {"R_scale", TYPES_FLOAT, 0}, {0}};
static const struct op_arg outputs[] = {
    {"Y", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL}, {"Y_h", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL}, {0}};
static const struct op_arg lstm_outputs[] = {{"Y", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL},
                                             {"Y_h", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL},
                                             {"Y_c", TYPES_RECURRENT, ARG_T | ARG_OPTIONAL},
                                             {0}};

static const struct recurrent_row rnn_row = {RECURRENT_RNN, 1, 1, false, {GATE_TANH}};
static const struct recurrent_row lstm_row = {RECURRENT_LSTM, 4, 3, false, {GATE_SIGMOID, GATE_TANH, GATE_TANH}};
static const struct recurrent_row rounded_row = {RECURRENT_LSTM, 4, 3, true, {GATE_SIGMOID, GATE_TANH, GATE_TANH}};
static const struct recurrent_row gru_row = {RECURRENT_GRU, 3, 2, false, {GATE_SIGMOID, GATE_TANH}};

#define RECURRENT(NAME, DOMAIN, INPUTS_, OUTPUTS, ROW)                                                             \
    {                                                                                                              \
        .name = NAME, .domain = DOMAIN, .since = 1, .inputs = INPUTS_, .outputs = OUTPUTS,                         \
        .params_size = sizeof(struct recurrent_params), .state_size = sizeof(struct recurrent_state),              \
        .parse = recurrent_parse, .infer = recurrent_infer, .prepare = recurrent_prepare, .run = recurrent_op_run, \
        .macs = recurrent_macs, .facts = &facts, .row = &(ROW)                                                     \
    }

const struct op ops_recurrent[] = {RECURRENT("RNN", "", inputs, outputs, rnn_row),
                                   RECURRENT("LSTM", "", lstm_inputs, lstm_outputs, lstm_row),
                                   RECURRENT("RoundedLSTM", INTERNAL_DOMAIN, rounded_inputs, lstm_outputs, rounded_row),
                                   RECURRENT("GRU", "", inputs, outputs, gru_row),
                                   {0}};

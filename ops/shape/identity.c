/* Identity, and Dropout, which does nothing outside training. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

static status infer_identity(struct op_call *call, struct error *err) {
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err);
}

static status parse_ratio(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call;
    (void)params;
    (void)err;
    attribute_float(attributes, "ratio", 0.5f);
    return STATUS_OK;
}

static status parse_seed(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call;
    (void)params;
    (void)err;
    attribute_int(attributes, "seed", 0);
    return STATUS_OK;
}

static bool is_zero(const struct tensor *tensor) {
    const unsigned char *bytes = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Refuses training, unless it would drop nothing. Inputs whose values are not known yet are looked at again in run().
 */
static status check_training(const struct op_call *call, struct error *err) {
    const struct tensor *ratio = op_input(call, 1), *training = op_input(call, 2);
    if (!training || op_unknown(call, 2) || is_zero(training))
        return STATUS_OK;
    if (ratio && (op_unknown(call, 1) || is_zero(ratio)))
        return STATUS_OK;
    return fail(err, STATUS_UNSUPPORTED, "input 2 (training_mode) is true: limner does not train");
}

/* ratio and training_mode are one number each. */
static status check_numbers(const struct op_call *call, struct error *err) {
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    for (int i = 1; i < call->input_count; i++)
        if (call->inputs[i] && tensor_elements(call->inputs[i]) != 1)
            return fail(err, STATUS_SHAPE, "%s has shape %s, expected one element", op_input_text(call, i, name),
                        shape_text(&call->inputs[i]->shape, text));
    return STATUS_OK;
}

static status infer_dropout(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    const enum dtype mask = call->opset < 10 ? input->dtype : DTYPE_BOOL;
    status code = check_numbers(call, err);
    if (code == STATUS_OK)
        code = check_training(call, err);
    if (code == STATUS_OK && op_output(call, 0))
        code = tensor_describe(call->outputs[0], input->dtype, &input->shape, err);
    if (code == STATUS_OK && op_output(call, 1))
        code = tensor_describe(call->outputs[1], mask, &input->shape, err);
    return code;
}

/* Nothing is dropped: a mask of ones, in the mask's type. */
static void fill_mask(struct tensor *mask, int threads) {
    static const float one_float = 1.0f;
    static const double one_double = 1.0;
    static const uint16_t one_half = 0x3c00;
    static const uint8_t yes = 1;
    const void *one = mask->dtype == DTYPE_FLOAT    ? (const void *)&one_float
                      : mask->dtype == DTYPE_DOUBLE ? (const void *)&one_double
                      : mask->dtype == DTYPE_BOOL   ? (const void *)&yes
                                                    : (const void *)&one_half;
    struct strided box = {.element = dtype_size(mask->dtype)};
    strided_add(&box, tensor_elements(mask), (int64_t)box.element, 0);
    strided_copy(&box, mask->data, one, threads);
}

static status run_dropout(struct op_call *call, struct error *err) {
    const status code = check_training(call, err);
    if (code != STATUS_OK)
        return code;
    if (op_output(call, 1))
        fill_mask(call->outputs[1], call->threads);
    return movement_alias(call, err);
}

/* Training asked for is refused elsewhere. */
static bool dropout_is_noop(const struct op_call *call) {
    const struct tensor *training = op_input(call, 2);
    return !training || (training->constant && training->data && is_zero(training));
}

static const struct op_facts identity_facts = {.carries = true, .is_noop = op_always, .blocks = op_blocks_one};
static const struct op_facts dropout_facts = {.is_noop = dropout_is_noop};

#define TYPES_DROPPED_OLD (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16))
#define TYPES_DROPPED                                                                                   \
    (TYPES_DROPPED_OLD | TYPE(DTYPE_BFLOAT16) | TYPE(DTYPE_FLOAT8E4M3FN) | TYPE(DTYPE_FLOAT8E4M3FNUZ) | \
     TYPE(DTYPE_FLOAT8E5M2) | TYPE(DTYPE_FLOAT8E5M2FNUZ))

static const struct op_arg identity_inputs[] = {{"input", TYPES_MOVED | TYPES_BOXED, ARG_T}, {0}};
static const struct op_arg identity_outputs[] = {{"output", TYPES_MOVED | TYPES_BOXED, ARG_T}, {0}};
static const struct op_arg dropout_inputs_old[] = {{"data", TYPES_DROPPED_OLD, ARG_T}, {0}};
static const struct op_arg dropout_inputs[] = {{"data", TYPES_DROPPED, ARG_T},
                                               {"ratio", TYPES_DROPPED, ARG_T1 | ARG_OPTIONAL},
                                               {"training_mode", TYPES_BOOL, ARG_T2 | ARG_OPTIONAL},
                                               {0}};
/* Until opset 9 the mask has the type of the data, from 10 on it is of bools. */
static const struct op_arg dropout_outputs_7[] = {
    {"output", TYPES_DROPPED_OLD, ARG_T}, {"mask", TYPES_DROPPED_OLD, ARG_T | ARG_OPTIONAL}, {0}};
static const struct op_arg dropout_outputs_10[] = {
    {"output", TYPES_DROPPED_OLD, ARG_T}, {"mask", TYPES_BOOL, ARG_OPTIONAL}, {0}};
static const struct op_arg dropout_outputs[] = {
    {"output", TYPES_DROPPED, ARG_T}, {"mask", TYPES_BOOL, ARG_T2 | ARG_OPTIONAL}, {0}};

#define DROPOUT(first, last, formal_inputs, formal_outputs, reader)                                   \
    {                                                                                                 \
        .name = "Dropout", .domain = "", .since = first, .until = last, .inputs = formal_inputs,      \
        .outputs = formal_outputs, .storage = STORAGE_ALIAS, .parse = reader, .infer = infer_dropout, \
        .facts = &dropout_facts, .run = run_dropout                                                   \
    }

const struct op ops_identity[] = {{.name = "Identity",
                                   .domain = "",
                                   .since = 1,
                                   .inputs = identity_inputs,
                                   .outputs = identity_outputs,
                                   .storage = STORAGE_ALIAS,
                                   .infer = infer_identity,
                                   .facts = &identity_facts,
                                   .run = movement_alias},
                                  DROPOUT(7, 9, dropout_inputs_old, dropout_outputs_7, parse_ratio),
                                  DROPOUT(10, 11, dropout_inputs_old, dropout_outputs_10, parse_ratio),
                                  DROPOUT(12, 0, dropout_inputs, dropout_outputs, parse_seed),
                                  {.name = NULL}};

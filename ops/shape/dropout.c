/*
 * Dropout (ONNX 1, 6, 7, 10, 12, 13, 22). It does nothing, unless it is told to train: then it drops numbers by chance,
 * and scales those that stay. Element i stays where uniform number i of the seed's stream (ops/random/generator.h) is
 * not below the ratio: the same elements for a seed, whatever the threads; another stream in each run without one.
 */
#include "base/convert.h"
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/movement.h"
#include "ops/random/generator.h"

#define CHUNK 256

struct dropout_params {
    bool seeded, trains; /* trains: by attribute, before opset 7 */
    uint64_t seed;
    float ratio;
};

static status parse_ratio(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct dropout_params *dropout = params;
    (void)err;
    dropout->ratio = attribute_float(attributes, "ratio", 0.5f);
    if (call->opset < 7)
        dropout->trains = attribute_int(attributes, "is_test", 0) == 0;
    return STATUS_OK;
}

static status parse_seed(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct dropout_params *dropout = params;
    (void)call;
    (void)err;
    dropout->seeded = attribute_has(attributes, "seed");
    dropout->seed = (uint64_t)attribute_int(attributes, "seed", 0);
    return STATUS_OK;
}

static bool is_zero(const struct tensor *tensor) {
    const unsigned char *bytes = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++)
        if (bytes[i])
            return false;
    return true;
}

static status check_part(double part, const char *what, struct error *err) {
    if (part >= 0 && part < 1)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "%s is no number from 0 up to, but not including, 1", what);
}

/* What part is dropped in this run; 0 where nothing is. */
static status dropped_part(const struct op_call *call, double *part, struct error *err) {
    const struct tensor *ratio = op_input(call, 1), *training = op_input(call, 2);
    const struct dropout_params *params = call->params;
    float half = 0.5f;
    *part = params->trains ? (double)params->ratio : 0;
    if (params->trains)
        return check_part(*part, "attribute \"ratio\"", err);
    if (!training || is_zero(training))
        return STATUS_OK;
    if (ratio && dtype_is_half(ratio->dtype))
        half_to_float(ratio->dtype, ratio->data, &half, 1);
    *part = !ratio || dtype_is_half(ratio->dtype) ? (double)half
            : ratio->dtype == DTYPE_DOUBLE        ? *(const double *)ratio->data
            : ratio->dtype == DTYPE_FLOAT         ? (double)*(const float *)ratio->data
            : is_zero(ratio)                      ? 0
                                                  : -1;
    if (check_part(*part, "input 1 (ratio)", err) != STATUS_OK)
        return err->code;
    if (*part > 0 && call->inputs[0]->dtype != DTYPE_FLOAT && call->inputs[0]->dtype != DTYPE_DOUBLE)
        return fail(err, STATUS_UNSUPPORTED, "input 2 (training_mode) is true, which is not done with %s",
                    dtype_name(call->inputs[0]->dtype));
    return STATUS_OK;
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

struct dropout_work {
    const struct op_call *call;
    struct generator generator;
    double part, scale;
};

/* The mask is of bools, or of the data's type. */
#define DROP(T)                                                                                                  \
    static void drop_##T(const struct op_call *call, const bool *stays, size_t first, size_t count, double by) { \
        const T *in = (const T *)call->inputs[0]->data + first, scale = (T)by;                                   \
        const struct tensor *out = op_output(call, 0), *mask = op_output(call, 1);                               \
        for (size_t i = 0; out && i < count; i++)                                                                \
            ((T *)out->data)[first + i] = stays[i] ? in[i] * scale : 0;                                          \
        for (size_t i = 0; mask && mask->dtype == DTYPE_BOOL && i < count; i++)                                  \
            ((bool *)mask->data)[first + i] = stays[i];                                                          \
        for (size_t i = 0; mask && mask->dtype != DTYPE_BOOL && i < count; i++)                                  \
            ((T *)mask->data)[first + i] = stays[i];                                                             \
    }
DROP(float)
DROP(double)

static void run_part(void *context, size_t begin, size_t end) {
    const struct dropout_work *work = context;
    double numbers[CHUNK];
    bool stays[CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CHUNK ? end - i : CHUNK;
        generator_uniform_double(&work->generator, i, n, numbers);
        for (size_t k = 0; k < n; k++)
            stays[k] = numbers[k] >= work->part;
        (work->call->inputs[0]->dtype == DTYPE_DOUBLE ? drop_double : drop_float)(work->call, stays, i, n, work->scale);
    }
}

static status run_dropout(struct op_call *call, struct error *err) {
    double part;
    const status code = dropped_part(call, &part, err);
    if (code != STATUS_OK)
        return code;
    if (part > 0) {
        const struct dropout_params *params = call->params;
        struct dropout_work work = {call, params->seeded ? generator_seeded(params->seed) : generator_unseeded(), part,
                                    1 / (1 - part)};
        parallel_blocks((size_t)tensor_elements(call->inputs[0]), PARALLEL_ELEMENTS / 4, call->threads, run_part,
                        &work);
        return STATUS_OK;
    }
    if (op_output(call, 1))
        fill_mask(call->outputs[1], call->threads);
    return movement_alias(call, err);
}

static bool dropout_is_noop(const struct op_call *call) {
    const struct tensor *training = op_input(call, 2);
    if (((const struct dropout_params *)call->params)->trains)
        return false;
    return !training || (training->constant && training->data && is_zero(training));
}

static const struct op_facts dropout_facts = {.varies = true, .is_noop = dropout_is_noop};

#define TYPES_DROPPED_OLD (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16))
#define TYPES_DROPPED                                                                                   \
    (TYPES_DROPPED_OLD | TYPE(DTYPE_BFLOAT16) | TYPE(DTYPE_FLOAT8E4M3FN) | TYPE(DTYPE_FLOAT8E4M3FNUZ) | \
     TYPE(DTYPE_FLOAT8E5M2) | TYPE(DTYPE_FLOAT8E5M2FNUZ))

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

#define DROPOUT(first, last, formal_inputs, formal_outputs, reader)                                        \
    {                                                                                                      \
        .name = "Dropout", .domain = "", .since = first, .until = last, .inputs = formal_inputs,           \
        .outputs = formal_outputs, .storage = STORAGE_ALIAS, .params_size = sizeof(struct dropout_params), \
        .parse = reader, .infer = infer_dropout, .facts = &dropout_facts, .run = run_dropout               \
    }

const struct op ops_dropout[] = {DROPOUT(1, 9, dropout_inputs_old, dropout_outputs_7, parse_ratio),
                                 DROPOUT(10, 11, dropout_inputs_old, dropout_outputs_10, parse_ratio),
                                 DROPOUT(12, 0, dropout_inputs, dropout_outputs, parse_seed),
                                 {0}};

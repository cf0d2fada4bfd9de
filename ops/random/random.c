/*
 * RandomNormal, RandomUniform and their Like forms. With a seed every run gives the same numbers, element i of the
 * output being number i of the seed's stream (generator.h); without one each run has a stream of its own.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"
#include "ops/random/generator.h"

#include <math.h>

#define CHUNK 256
#define BLOCK 4096 /* a number costs tens of nanoseconds */

struct random_params {
    struct shape shape; /* without an input */
    enum dtype dtype;   /* UNDEFINED: the input's */
    struct generator generator;
    bool seeded;
    double base, span; /* mean and scale, or low and high - low */
    float high;
};

/* What the two distributions differ in. */
struct distribution {
    const char *base, *span;
    float base_default, span_default;
    void (*fill)(const struct random_params *params, const struct generator *generator, uint64_t first, size_t count,
                 double *out);
};

static void fill_normal(const struct random_params *params, const struct generator *generator, uint64_t first,
                        size_t count, double *out) {
    generator_normal(generator, first, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] = params->base + params->span * out[i];
}

/* Rounding to float must not reach the end, which is not among the numbers. */
static void fill_uniform(const struct random_params *params, const struct generator *generator, uint64_t first,
                         size_t count, double *out) {
    generator_uniform_double(generator, first, count, out);
    for (size_t i = 0; i < count; i++) {
        out[i] = params->base + params->span * out[i];
        if (params->span > 0 && (float)out[i] >= params->high)
            out[i] = nextafterf(params->high, (float)params->base);
    }
}

static const struct distribution normal = {"mean", "scale", 0, 1, fill_normal};
static const struct distribution uniform = {"low", "high", 0, 1, fill_uniform};

#define TYPES_RANDOM (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_HALF)

static status parse_shape(struct attributes *attributes, struct shape *shape, struct error *err) {
    attribute_ints(attributes, "shape", shape->dims, MAX_RANK, &shape->rank);
    if (!attribute_has(attributes, "shape"))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"shape\" is missing");
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct random_params *params = out;
    const struct distribution *row = call->op->row;
    const bool like = call->op->inputs->name != NULL;
    status code;
    params->dtype =
        attribute_dtype(attributes, "dtype", like ? DTYPE_UNDEFINED : DTYPE_FLOAT, TYPES_RANDOM, &code, err);
    if (code == STATUS_OK && !like)
        code = parse_shape(attributes, &params->shape, err);
    params->seeded = attribute_has(attributes, "seed");
    params->generator = generator_seeded_float(attribute_float(attributes, "seed", 0));
    params->base = attribute_float(attributes, row->base, row->base_default);
    params->span = params->high = attribute_float(attributes, row->span, row->span_default);
    if (row == &uniform)
        params->span -= params->base;
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct random_params *params = call->params;
    const struct tensor *input = op_input(call, 0);
    const enum dtype dtype = params->dtype == DTYPE_UNDEFINED ? input->dtype : params->dtype;
    if (!(TYPES_RANDOM >> dtype & 1))
        return fail(err, STATUS_UNSUPPORTED, "input 0 is %s, which is no type for the output; attribute \"dtype\" is",
                    dtype_name(dtype));
    return tensor_describe(call->outputs[0], dtype, input ? &input->shape : &params->shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct random_params *)call->params)->dtype;
}

struct random_work {
    const struct op_call *call;
    struct generator generator;
};

static void run_block(void *context, size_t begin, size_t end) {
    const struct random_work *work = context;
    const struct distribution *row = work->call->op->row;
    const struct tensor *output = work->call->outputs[0];
    double chunk[CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CHUNK ? end - i : CHUNK;
        row->fill(work->call->params, &work->generator, i, n, chunk);
        reals_store(output->dtype, chunk, (char *)output->data + i * dtype_size(output->dtype), n);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct random_params *params = call->params;
    struct random_work work = {call, params->seeded ? params->generator : generator_unseeded()};
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->outputs[0]), BLOCK, call->threads, run_block, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.varies = true, .by_type = true, .reach = op_reach_nothing};

static const struct op_arg none[] = {{0}};
static const struct op_arg like[] = {{"input", TYPES_WHOLE, ARG_T | ARG_UNREAD}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_RANDOM, 0}, {0}};
/* Without the attribute of the input's type, which then must be one of TYPES_RANDOM. */
static const struct op_arg outputs_like[] = {{"output", TYPES_WHOLE, ARG_T | ARG_STATED}, {0}};

#define RANDOM(NAME, INPUTS, OUTPUTS, ROW)                                                                       \
    {                                                                                                            \
        .name = NAME, .domain = "", .since = 1, .inputs = INPUTS, .outputs = OUTPUTS,                            \
        .params_size = sizeof(struct random_params), .parse = parse, .infer = infer, .output_type = output_type, \
        .run = run, .facts = &facts, .row = &(ROW)                                                               \
    }

const struct op ops_random[] = {RANDOM("RandomNormal", none, outputs, normal),
                                RANDOM("RandomNormalLike", like, outputs_like, normal),
                                RANDOM("RandomUniform", none, outputs, uniform),
                                RANDOM("RandomUniformLike", like, outputs_like, uniform),
                                {.name = NULL}};

/* Bernoulli: 1 with the probability that the input says, by uniform number i of the stream for element i. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"
#include "ops/random/generator.h"

#define CHUNK 256
#define BLOCK 4096
#define TYPES_PROBABILITY (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_HALF)

struct bernoulli_params {
    enum dtype dtype; /* UNDEFINED: the input's */
    struct generator generator;
    bool seeded;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct bernoulli_params *params = out;
    status code;
    (void)call;
    params->dtype = attribute_dtype(attributes, "dtype", DTYPE_UNDEFINED, TYPES_REALS, &code, err);
    params->seeded = attribute_has(attributes, "seed");
    params->generator = generator_seeded_float(attribute_float(attributes, "seed", 0));
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct bernoulli_params *params = call->params;
    const struct tensor *input = call->inputs[0];
    if (!(TYPES_PROBABILITY >> input->dtype & 1))
        return fail(err, STATUS_UNSUPPORTED, "input 0 (input) has element type %s, expected a floating-point type",
                    dtype_name(input->dtype));
    return tensor_describe(call->outputs[0], params->dtype ? params->dtype : input->dtype, &input->shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct bernoulli_params *)call->params)->dtype;
}

struct bernoulli_work {
    const struct tensor *in, *out;
    struct generator generator;
};

static void run_block(void *context, size_t begin, size_t end) {
    const struct bernoulli_work *work = context;
    const enum dtype from = work->in->dtype, to = work->out->dtype;
    double chance[CHUNK], number[CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CHUNK ? end - i : CHUNK;
        reals_load(from, (const char *)work->in->data + i * dtype_size(from), chance, n);
        generator_uniform_double(&work->generator, i, n, number);
        for (size_t k = 0; k < n; k++)
            number[k] = number[k] < chance[k];
        reals_store(to, number, (char *)work->out->data + i * dtype_size(to), n);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct bernoulli_params *params = call->params;
    struct bernoulli_work work = {call->inputs[0], call->outputs[0],
                                  params->seeded ? params->generator : generator_unseeded()};
    (void)err;
    parallel_blocks((size_t)tensor_elements(work.in), BLOCK, call->threads, run_block, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.varies = true, .by_type = true};
static const struct op_arg inputs[] = {{"input", TYPES_REALS, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_REALS, ARG_T | ARG_STATED}, {0}};

const struct op ops_bernoulli[] = {{.name = "Bernoulli",
                                    .domain = "",
                                    .since = 15,
                                    .inputs = inputs,
                                    .outputs = outputs,
                                    .params_size = sizeof(struct bernoulli_params),
                                    .parse = parse,
                                    .infer = infer,
                                    .output_type = output_type,
                                    .run = run,
                                    .facts = &facts},
                                   {.name = NULL}};

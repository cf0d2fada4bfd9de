/*
 * The operators by which float16 and bfloat16 are computed with as float: Widen and Narrow go from one to the other,
 * Round leaves a float the digits that the half type has. The passes write them (pass_half.c).
 */
#include "base/convert.h"
#include "base/small_types.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"
#include "ops/kernels/half.h"

#define TYPES_HALF (TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))
#define TYPES_NARROW (TYPES_HALF | TYPES_PACKED)
#define TYPES_WIDE (TYPES_FLOAT | TYPE(DTYPE_UINT8))

struct params {
    enum dtype to;
};

typedef void half_block(const struct half_loops *loops, enum dtype type, const void *in, void *out, size_t count);

static void widen(const struct half_loops *loops, enum dtype type, const void *in, void *out, size_t count) {
    if (dtype_is_packed(type))
        small_unpack(type, in, 0, out, count);
    else if (loops->widen)
        loops->widen(in, out, count);
    else
        half_to_float(type, in, out, count);
}

static void narrow(const struct half_loops *loops, enum dtype type, const void *in, void *out, size_t count) {
    if (dtype_is_packed(type))
        small_pack(type, in, 0, out, count);
    else if (loops->narrow)
        loops->narrow(in, out, count);
    else
        half_from_float(type, in, out, count);
}

static void round_to_half(const struct half_loops *loops, enum dtype type, const void *in, void *out, size_t count) {
    const float *x = in;
    float *y = out;
    uint16_t chunk[CONVERT_CHUNK];
    if (loops->round) {
        loops->round(in, out, count);
        return;
    }
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        half_from_float(type, x + i, chunk, n);
        half_to_float(type, chunk, y + i, n);
    }
}

struct half_work {
    half_block *block;
    const struct half_loops *loops;
    enum dtype type;
    const char *in;
    char *out;
    unsigned in_bits, out_bits; /* of an element; blocks begin at whole bytes */
};

static void run_block(void *context, size_t begin, size_t end) {
    const struct half_work *work = context;
    work->block(work->loops, work->type, work->in + begin * work->in_bits / 8, work->out + begin * work->out_bits / 8,
                end - begin);
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct tensor *y = op_output(call, 0);
    half_block *const *block = call->op->row;
    const enum dtype type = *block == widen ? x->dtype : ((const struct params *)call->params)->to;
    const struct half_kernel *kernel = half_kernel_of(call->kernels);
    struct half_work work = {.block = *block,
                             .loops = type == DTYPE_FLOAT16 ? &kernel->float16 : &kernel->bfloat16,
                             .type = type,
                             .in = x->data,
                             .out = y->data,
                             .in_bits = dtype_bits(x->dtype),
                             .out_bits = dtype_bits(y->dtype)};
    (void)err;
    parallel_blocks((size_t)tensor_elements(y), PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    const int64_t to = attribute_int(attributes, "to", DTYPE_UNDEFINED);
    (void)call;
    ((struct params *)out)->to = (enum dtype)to;
    return to >= 0 && to < DTYPE_COUNT && ((TYPES_NARROW | TYPES_WIDE) >> to & 1)
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is no type that is widened");
}

static enum dtype type_to(const struct op_call *call, int output) {
    (void)output;
    return ((const struct params *)call->params)->to;
}

static status infer(struct op_call *call, struct error *err) {
    const enum dtype dtype = call->op->output_type ? type_to(call, 0) : DTYPE_FLOAT;
    return tensor_describe(call->outputs[0], dtype, &call->inputs[0]->shape, err);
}

static half_block *const widen_row = widen, *const narrow_row = narrow, *const round_row = round_to_half;
static const struct op_facts carry_facts = {.carries = true, .shown = "Cast"};
static const struct op_facts round_facts = {.shown = "Cast", .blocks = op_blocks_one};

#define DEFINITION(NAME, IN, OUT, VARIABLE, FACTS, ROW, ...)                                                           \
    {                                                                                                                  \
        .name = NAME, .domain = INTERNAL_DOMAIN, .since = 1, .inputs = (const struct op_arg[]){{"X", IN, ARG_T}, {0}}, \
        .outputs = (const struct op_arg[]){{"Y", OUT, VARIABLE}, {0}}, .params_size = sizeof(struct params),           \
        .parse = parse, .infer = infer, .run = run, .facts = &(FACTS), .row = &(ROW), __VA_ARGS__                      \
    }

const struct op ops_widen[] = {
    DEFINITION(OP_WIDEN, TYPES_NARROW, TYPES_WIDE, ARG_T1, carry_facts, widen_row, .output_type = type_to),
    DEFINITION(OP_NARROW, TYPES_WIDE, TYPES_NARROW, ARG_T1, carry_facts, narrow_row, .output_type = type_to),
    DEFINITION(OP_ROUND, TYPES_FLOAT, TYPES_FLOAT, ARG_T, round_facts, round_row, .storage = STORAGE_IN_PLACE),
    {0},
};

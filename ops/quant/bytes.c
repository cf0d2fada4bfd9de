/*
 * What operators of com.microsoft on 8-bit integers (around.c) are made of: a table of what each integer becomes, and
 * sums and products of two.
 */
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/binary.h"
#include "ops/kernels/families.h"
#include "ops/quant/numbers.h"

/* ---- ByteTable: y = table[x - the smallest integer] ---- */

static status table_infer(struct op_call *call, struct error *err) {
    if (tensor_elements(call->inputs[1]) != 256)
        return fail(err, STATUS_SHAPE, "the table has %lld numbers, expected 256",
                    (long long)tensor_elements(call->inputs[1]));
    return tensor_describe(call->outputs[0], call->inputs[1]->dtype, &call->inputs[0]->shape, err);
}

static void look_up(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const uint8_t *x = call->inputs[0]->data, *table = call->inputs[1]->data;
    const uint8_t flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0;
    uint8_t own[256], *y = call->outputs[0]->data;
    for (int i = 0; i < 256; i++)
        own[i] = table[i ^ flip];
    for (size_t i = begin; i < end; i++)
        y[i] = own[x[i]];
}

static status table_run(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->outputs[0]), PARALLEL_ELEMENTS, call->threads, look_up, call);
    return STATUS_OK;
}

/* ---- ByteAdd, ByteMul ---- */

enum pair_input { IN_A, IN_B, IN_A_SCALE, IN_A_ZERO, IN_B_SCALE, IN_B_ZERO, IN_SCALE, IN_ZERO };

struct pair_work {
    const struct integer_kernel *kernel;
    struct integer_pair pair;
};

static void pair_loop(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                      const void *context) {
    const struct pair_work *work = context;
    work->kernel->combine(&work->pair, a, a_step, b, b_step, (int64_t)count, out);
}

static status pair_run(struct op_call *call, struct error *err) {
    const float scale = number_of(call->inputs[IN_SCALE], 1);
    const bool product = call->op->row != NULL;
    struct pair_work work = {integer_kernel_of(call->kernels),
                             {.is_signed = call->inputs[IN_A]->dtype == DTYPE_INT8,
                              .product = product,
                              .a_zero = (int)number_of(op_input(call, IN_A_ZERO), 0),
                              .b_zero = (int)number_of(op_input(call, IN_B_ZERO), 0),
                              .a_scale = number_of(call->inputs[IN_A_SCALE], 1),
                              .b_scale = number_of(call->inputs[IN_B_SCALE], 1),
                              .zero = number_of(op_input(call, IN_ZERO), 0)}};
    struct integer_pair *pair = &work.pair;
    (void)err;
    pair->a_scale = product ? pair->a_scale * pair->b_scale / scale : pair->a_scale / scale;
    pair->b_scale = pair->b_scale / scale;
    binary_apply(call, &(struct binary_operation){pair_loop, &work, 1, 1, 1});
    return STATUS_OK;
}

#define ZERO(NAME) \
    { NAME, TYPES_INT8, ARG_T | ARG_OPTIONAL }
#define SCALE(NAME) \
    { NAME, TYPES_FLOAT, ARG_T1 }
#define PAIR(NAME, ROW)                                                                                             \
    {                                                                                                               \
        .name = NAME, .domain = INTERNAL_DOMAIN, .since = 1,                                                        \
        .inputs = (const struct op_arg[]){{"A", TYPES_INT8, ARG_T}, {"B", TYPES_INT8, ARG_T}, SCALE("A_scale"),     \
                                          ZERO("A_zero_point"),     SCALE("B_scale"),         ZERO("B_zero_point"), \
                                          SCALE("C_scale"),         ZERO("C_zero_point"),     {0}},                 \
        .outputs = (const struct op_arg[]){{"C", TYPES_INT8, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE,             \
        .infer = binary_infer, .prepare = binary_prepare, .run = pair_run, .row = ROW                               \
    }

static const struct binary_row product_row = {.output = DTYPE_UNDEFINED};

const struct op ops_quant_bytes[] = {
    {.name = "ByteTable",
     .domain = INTERNAL_DOMAIN,
     .since = 1,
     .inputs = (const struct op_arg[]){{"X", TYPES_INT8, ARG_T}, {"table", TYPES_INT8, ARG_T1}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_INT8, ARG_T1}, {0}},
     .storage = STORAGE_IN_PLACE,
     .infer = table_infer,
     .run = table_run},
    PAIR("ByteAdd", NULL),
    PAIR("ByteMul", &product_row),
    {0},
};

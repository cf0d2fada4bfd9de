/* Where: elements of X or Y, moved without a look at what they are. */
#include "ops/core/broadcast.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/unary.h"

/* The elements of 16 bytes: strings and complex128. */
struct wide_element {
    uint64_t words[2];
};

typedef void where_loop(void *out, const uint8_t *condition, size_t c_step, const void *x, size_t x_step, const void *y,
                        size_t y_step, size_t count);

/* Steps are 0 or 1; p and q are the elements to choose from. */
#define CHOOSE(P, Q)                          \
    SIMD for (size_t i = 0; i < count; i++) { \
        const element p = P, q = Q;           \
        target[i] = condition[i] ? p : q;     \
    }
#define WHERE_LOOP(NAME, T)                                                                                           \
    static void NAME(void *out, const uint8_t *condition, size_t c_step, const void *x, size_t x_step, const void *y, \
                     size_t y_step, size_t count) {                                                                   \
        typedef T element;                                                                                            \
        const T *a = x, *b = y;                                                                                       \
        T *target = out;                                                                                              \
        if (!c_step) {                                                                                                \
            const T *source = *condition ? a : b;                                                                     \
            const size_t step = *condition ? x_step : y_step;                                                         \
            const T repeated = *source;                                                                               \
            if (step)                                                                                                 \
                SIMD for (size_t i = 0; i < count; i++) target[i] = source[i];                                        \
            else                                                                                                      \
                SIMD for (size_t i = 0; i < count; i++) target[i] = repeated;                                         \
        } else if (x_step && y_step) {                                                                                \
            CHOOSE(a[i], b[i])                                                                                        \
        } else if (x_step) {                                                                                          \
            const T second = *b;                                                                                      \
            CHOOSE(a[i], second)                                                                                      \
        } else {                                                                                                      \
            const T first = *a;                                                                                       \
            const T second = *b;                                                                                      \
            if (y_step)                                                                                               \
                CHOOSE(first, b[i])                                                                                   \
            else                                                                                                      \
                CHOOSE(first, second)                                                                                 \
        }                                                                                                             \
    }
WHERE_LOOP(where_1, uint8_t)
WHERE_LOOP(where_2, uint16_t)
WHERE_LOOP(where_4, uint32_t)
WHERE_LOOP(where_8, uint64_t)
WHERE_LOOP(where_16, struct wide_element)

struct where_work {
    where_loop *loop;
    const uint8_t *condition;
    const char *x, *y;
    char *out;
    size_t size;
    struct broadcast plan;
};

static status where_infer(struct op_call *call, struct error *err) {
    struct tensor *out = op_output(call, 0);
    struct shape shape;
    const status code = broadcast_inputs(call, 0, 2, &shape, err);
    return code == STATUS_OK && out ? tensor_describe(out, call->inputs[1]->dtype, &shape, err) : code;
}

static void run_row(void *context, size_t out, const size_t *at, size_t count) {
    const struct where_work *work = context;
    const int last = work->plan.rank - 1;
    work->loop(work->out + out * work->size, work->condition + at[0], work->plan.strides[0][last],
               work->x + at[1] * work->size, work->plan.strides[1][last], work->y + at[2] * work->size,
               work->plan.strides[2][last], count);
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct where_work *work = context;
    broadcast_walk(&work->plan, begin, end, run_row, context);
}

/* In place is safe on any input: one that takes as many bytes as the output has as many elements of the same size. */
static status where_run(struct op_call *call, struct error *err) {
    static where_loop *const loops[] = {[1] = where_1, [2] = where_2, [4] = where_4, [8] = where_8, [16] = where_16};
    const struct tensor *out = op_output(call, 0);
    (void)err;
    if (!out)
        return STATUS_OK;
    const size_t size = dtype_size(out->dtype);
    struct where_work work = {.loop = loops[size],
                              .condition = call->inputs[0]->data,
                              .x = call->inputs[1]->data,
                              .y = call->inputs[2]->data,
                              .out = out->data,
                              .size = size};
    const struct shape *const shapes[] = {&call->inputs[0]->shape, &call->inputs[1]->shape, &call->inputs[2]->shape};
    broadcast_plan(&work.plan, &out->shape, shapes, 3);
    parallel_blocks(work.plan.elements, PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

#define TYPES_OLD                                                                                   \
    (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_STRING) | TYPE(DTYPE_COMPLEX64) | \
     TYPE(DTYPE_COMPLEX128))
#define WHERE(SINCE, UNTIL, TYPES)                                                                                \
    {                                                                                                             \
        .name = "Where", .domain = "", .since = SINCE, .until = UNTIL,                                            \
        .inputs =                                                                                                 \
            (const struct op_arg[]){{"condition", TYPES_BOOL, 0}, {"X", TYPES, ARG_T}, {"Y", TYPES, ARG_T}, {0}}, \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE,           \
        .infer = where_infer, .run = where_run                                                                    \
    }

const struct op ops_where[] = {
    WHERE(9, 15, TYPES_OLD),
    WHERE(16, 0, TYPES_OLD | TYPE(DTYPE_BFLOAT16)),
    {0},
};

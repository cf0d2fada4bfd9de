/* NonZero: where elements are not zero, [rank, count], in the order in which they stand. A number is a list of one. */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"

#include <string.h>

#define BLOCK 8192
#define EIGHT 8 /* marks that are read at once */

/* How many of count elements are not zero, and which: 0 and 1 for each into marks. -0 is zero, NaN is not. */
typedef void mark_loop(const void *in, uint8_t *marks, size_t count);

#define MARK(T, NAME, LOOP, EXPRESSION)                              \
    static void NAME(const void *in, uint8_t *marks, size_t count) { \
        LOOP(size_t i = 0; i < count; i++) {                         \
            const T x = ((const T *)in)[i];                          \
            marks[i] = (EXPRESSION);                                 \
        }                                                            \
    }
#define MARK_PAIR(T, NAME)                                                             \
    static void NAME(const void *in, uint8_t *marks, size_t count) {                   \
        for (size_t i = 0; i < count; i++)                                             \
            marks[i] = ((const T *)in)[2 * i] != 0 || ((const T *)in)[2 * i + 1] != 0; \
    }
MARK(uint8_t, mark_1, SIMD for, x != 0)
MARK(uint16_t, mark_2, for, x != 0)
MARK(uint32_t, mark_4, SIMD for, x != 0)
MARK(uint64_t, mark_8, SIMD for, ((uint32_t)x | (uint32_t)(x >> 32)) != 0)
MARK(uint16_t, mark_half, for, (x & 0x7fff) != 0)
MARK(float, mark_float, SIMD for, x != 0)
MARK(double, mark_double, for, x != 0)
MARK(struct text, mark_text, for, x.length != 0)
MARK_PAIR(float, mark_complex64)
MARK_PAIR(double, mark_complex128)

static mark_loop *const loops[DTYPE_COUNT] = {[DTYPE_FLOAT] = mark_float,
                                              [DTYPE_DOUBLE] = mark_double,
                                              [DTYPE_FLOAT16] = mark_half,
                                              [DTYPE_BFLOAT16] = mark_half,
                                              [DTYPE_COMPLEX64] = mark_complex64,
                                              [DTYPE_COMPLEX128] = mark_complex128,
                                              [DTYPE_BOOL] = mark_1,
                                              [DTYPE_INT8] = mark_1,
                                              [DTYPE_UINT8] = mark_1,
                                              [DTYPE_INT16] = mark_2,
                                              [DTYPE_UINT16] = mark_2,
                                              [DTYPE_INT32] = mark_4,
                                              [DTYPE_UINT32] = mark_4,
                                              [DTYPE_INT64] = mark_8,
                                              [DTYPE_UINT64] = mark_8,
                                              [DTYPE_STRING] = mark_text};

struct nonzero_work {
    const struct tensor *x;
    int64_t *counts; /* of the blocks; then where each begins in the output. NULL: total is counted */
    int64_t total;
    int64_t *out;
};

static int64_t mark_block(const struct nonzero_work *work, size_t begin, size_t end, uint8_t marks[BLOCK]) {
    int count = 0;
    loops[work->x->dtype]((const char *)work->x->data + begin * dtype_size(work->x->dtype), marks, end - begin);
    SIMD_SUM(count) for (size_t i = 0; i < end - begin; i++) count += marks[i];
    return count;
}

static void count_block(void *context, size_t begin, size_t end) {
    struct nonzero_work *work = context;
    uint8_t marks[BLOCK];
    const int64_t count = mark_block(work, begin, end, marks);
    if (work->counts)
        work->counts[begin / BLOCK] = count;
    else
        __atomic_fetch_add(&work->total, count, __ATOMIC_RELAXED);
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct nonzero_work work = {.x = x};
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    parallel_blocks((size_t)tensor_elements(x), BLOCK, call->threads, count_block, &work);
    const struct shape shape = {.rank = 2, .dims = {x->shape.rank ? x->shape.rank : 1, work.total}};
    return tensor_describe(call->outputs[0], DTYPE_INT64, &shape, err);
}

static size_t blocks_of(const struct tensor *x) {
    return (size_t)tensor_elements(x) / BLOCK + 1;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    (void)err;
    *workspace_bytes = blocks_of(call->inputs[0]) * sizeof(int64_t);
    return STATUS_OK;
}

/* Bit i: marks[i], of the first `count` <= EIGHT, in bytes that are there. */
static unsigned mark_bits(const uint8_t *marks, int64_t count) {
    uint64_t eight = 0;
    memcpy(&eight, marks, EIGHT);
    if (count < EIGHT)
        eight &= (1ull << 8 * count) - 1;
    return (unsigned)(eight * 0x0102040810204080u >> 56);
}

/* Of `count` neighbours along the last dimension, whose first one is at `index`; returns the next place. */
static int64_t write_run(const struct nonzero_work *work, const uint8_t *marks, int64_t count, const int64_t *index,
                         int64_t place) {
    const int last = work->x->shape.rank > 0 ? work->x->shape.rank - 1 : 0;
    int64_t *out = work->out + last * work->total, end = place;
    for (int64_t i = 0; i < count; i += EIGHT)
        for (unsigned bits = mark_bits(marks + i, count - i); bits; bits &= bits - 1)
            out[end++] = index[last] + i + __builtin_ctz(bits);
    for (int d = 0; d < last; d++)
        for (int64_t at = place; at < end; at++)
            work->out[d * work->total + at] = index[d];
    return end;
}

static void write_block(void *context, size_t begin, size_t end) {
    const struct nonzero_work *work = context;
    const struct shape *shape = &work->x->shape;
    const int last = shape->rank > 0 ? shape->rank - 1 : 0;
    int64_t index[MAX_RANK] = {0}, place = work->counts[begin / BLOCK], rest = (int64_t)begin;
    uint8_t marks[BLOCK + EIGHT];
    if (mark_block(work, begin, end, marks) == 0)
        return;
    for (int d = shape->rank - 1; d >= 0; rest /= shape->dims[d], d--)
        index[d] = rest % shape->dims[d];
    for (int64_t i = 0, run; i < (int64_t)(end - begin); i += run) {
        run = at_most((shape->rank ? shape->dims[last] : 1) - index[last], (int64_t)(end - begin) - i);
        place = write_run(work, marks + i, run, index, place);
        index[last] += run - 1;
        for (int d = last; d >= 0 && shape->rank && ++index[d] == shape->dims[d]; d--)
            index[d] = 0;
    }
}

static status run(struct op_call *call, struct error *err) {
    struct nonzero_work work = {.x = call->inputs[0], .counts = call->workspace, .out = call->outputs[0]->data};
    const size_t count = (size_t)tensor_elements(work.x);
    (void)err;
    parallel_blocks(count, BLOCK, call->threads, count_block, &work);
    for (size_t i = 0; i * BLOCK < count; i++) {
        const int64_t here = work.counts[i];
        work.counts[i] = work.total;
        work.total += here;
    }
    parallel_blocks(count, BLOCK, call->threads, write_block, &work);
    return STATUS_OK;
}

#define TYPES_MARKED                                                                               \
    (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_STRING) | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16) | \
     TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128))
static const struct op_facts facts = {.reach = op_reach_unknown};
static const struct op_arg inputs[] = {{"X", TYPES_MARKED, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPE(DTYPE_INT64), 0}, {0}};

const struct op ops_nonzero[] = {{.name = "NonZero",
                                  .domain = "",
                                  .since = 9,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .infer = infer,
                                  .prepare = prepare,
                                  .run = run,
                                  .facts = &facts},
                                 {.name = NULL}};

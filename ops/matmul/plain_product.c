#include "ops/matmul/plain_product.h"

#include "base/convert.h"
#include "base/simd.h"
#include "base/thread_team.h"

struct plain_work {
    const struct op_call *call;
    const struct matrix_product *product;
};

/* Row `row` of one matrix: y[n] = sum over k of a[k] * b[k][n], in the order of k. */
typedef void plain_row(const struct matrix_product *product, const void *a, const void *b, const void *c, int64_t row,
                       void *y);

/* Signed integers are summed as unsigned ones, which wrap. */
#define PLAIN_ROW(T, SUM, FROM_DOUBLE)                                                                     \
    static void T##_row(const struct matrix_product *product, const void *a, const void *b, const void *c, \
                        int64_t row, void *y) {                                                            \
        const struct matrix_product p = *product;                                                          \
        const T *left = (const T *)a + row * p.a.row_stride, *right = b, *addend = c;                      \
        T *sums = y;                                                                                       \
        for (int64_t n = 0; n < p.n; n++)                                                                  \
            sums[n] = 0;                                                                                   \
        for (int64_t k = 0; k < p.k; k++) {                                                                \
            const SUM factor = (SUM)left[k * p.a.column_stride];                                           \
            const T *line = right + k * p.b.row_stride;                                                    \
            SIMD for (int64_t n = 0; n < p.n; n++) sums[n] =                                               \
                (T)((SUM)sums[n] + factor * (SUM)line[n * p.b.column_stride]);                             \
        }                                                                                                  \
        for (int64_t n = 0; p.alpha != 1 && n < p.n; n++)                                                  \
            sums[n] = FROM_DOUBLE((double)p.alpha * (double)sums[n]);                                      \
        if (!addend)                                                                                       \
            return;                                                                                        \
        for (int64_t n = 0; n < p.n; n++) {                                                                \
            const T value = addend[row * p.c.row_stride + n * p.c.column_stride];                          \
            sums[n] = p.beta == 1 ? (T)((SUM)sums[n] + (SUM)value)                                         \
                                  : FROM_DOUBLE((double)sums[n] + (double)p.beta * (double)value);         \
        }                                                                                                  \
    }
#define TO_UINT32(X) (uint32_t) real_to_int64(X)
PLAIN_ROW(double, double, (double))
PLAIN_ROW(int32_t, uint32_t, real_to_int32)
PLAIN_ROW(uint32_t, uint32_t, TO_UINT32)
PLAIN_ROW(int64_t, uint64_t, real_to_int64)
PLAIN_ROW(uint64_t, uint64_t, real_to_uint64)

static plain_row *row_of(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_INT32:
        return int32_t_row;
    case DTYPE_UINT32:
        return uint32_t_row;
    case DTYPE_INT64:
        return int64_t_row;
    case DTYPE_UINT64:
        return uint64_t_row;
    default:
        return double_row;
    }
}

static void run_rows(void *context, int64_t first, int64_t end) {
    const struct plain_work *work = context;
    const struct matrix_product *p = work->product;
    const struct op_call *call = work->call;
    const struct tensor *addend = op_input(call, 2);
    const int64_t size = (int64_t)dtype_size(call->inputs[0]->dtype);
    for (int64_t i = first; i < end; i++) {
        const int64_t matrix = i / p->m, row = i % p->m;
        const char *a = (const char *)call->inputs[0]->data + product_offset(p, p->a_batch_strides, matrix) * size;
        const char *b = (const char *)call->inputs[1]->data + product_offset(p, p->b_batch_strides, matrix) * size;
        row_of(call->inputs[0]->dtype)(p, a, b, addend ? addend->data : NULL, row,
                                       (char *)call->outputs[0]->data + i * p->n * size);
    }
}

void plain_product(const struct op_call *call, const struct matrix_product *product) {
    struct plain_work work = {call, product};
    if (call->outputs[0]->bytes > 0)
        team_for(call->threads, product_batches(product) * product->m, run_rows, &work);
}

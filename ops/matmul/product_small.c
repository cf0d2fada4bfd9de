#include "ops/matmul/product_small.h"

#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/contraction.h"

_Static_assert(ROW_CHAIN == GEMM_DEPTH, "the same bits as by panels and by tiles: a batch of one is of few rows");

#define FEW_ROWS 3
#define COLUMNS 512             /* that a thread takes of a row */
#define TILES_MOST (1 << 18)    /* numbers of a right side by tiles: it stays in the caches */
#define TEAM_PRODUCTS (1 << 16) /* below so many a team does not pay */

enum product_way product_small_way(const struct op_call *call, const struct matrix_product *product) {
    if (op_input(call, 2) || product->k == 0 || product->n < 8)
        return PRODUCT_PANELS;
    if (product->m <= FEW_ROWS && product->b.column_stride == 1 && product->a.column_stride == 1)
        return PRODUCT_ROWS;
    const bool even = product->b.column_stride == 1 || product->b.row_stride == 1;
    return even && product->alpha == 1 && product->m >= 8 && product->n <= TILES_MOST / product->k ? PRODUCT_TILES
                                                                                                   : PRODUCT_PANELS;
}

static struct contraction contraction_of(const struct matrix_product *product) {
    struct contraction c = {.dtype = DTYPE_FLOAT};
    int64_t stride = product->m * product->n;
    for (int d = product->batch_rank - 1; d >= 0; d--) {
        c.dims[d] = (struct contraction_dim){product->batch_dims[d], product->a_batch_strides[d],
                                             product->b_batch_strides[d], stride, false};
        stride *= product->batch_dims[d];
    }
    c.rank = product->batch_rank;
    c.dims[c.rank++] = (struct contraction_dim){product->m, product->a.row_stride, 0, product->n, false};
    c.dims[c.rank++] = (struct contraction_dim){product->n, 0, product->b.column_stride, 1, false};
    c.dims[c.rank++] = (struct contraction_dim){product->k, product->a.column_stride, product->b.row_stride, 0, true};
    return c;
}

status product_small_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct product_state *state = call->state;
    const struct contraction contraction = contraction_of(&state->product);
    return state->way == PRODUCT_TILES ? contraction_prepare(call, &contraction, workspace_bytes, err) : STATUS_OK;
}

/* Pieces of rows of all matrices of the batch. */
static void run_rows(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const int64_t pieces = divide_up(p->n, COLUMNS);
    for (int64_t item = first; item < end; item++) {
        const int64_t batch = item / pieces / p->m, row = item / pieces % p->m, column = item % pieces * COLUMNS;
        const float *a = (const float *)call->inputs[0]->data + product_offset(p, p->a_batch_strides, batch);
        const float *b = (const float *)call->inputs[1]->data + product_offset(p, p->b_batch_strides, batch);
        float *y = (float *)call->outputs[0]->data + (batch * p->m + row) * p->n + column;
        const int64_t count = at_most(p->n - column, COLUMNS);
        row_kernel_of(call->kernels)
            ->combine(a + row * p->a.row_stride, (size_t)p->k, b + column, (size_t)p->b.row_stride, (size_t)count, y);
        for (int64_t i = 0; i < count && p->alpha != 1; i++)
            y[i] *= p->alpha;
    }
}

void product_small_run(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct matrix_product *p = &state->product;
    if (state->way == PRODUCT_TILES) {
        struct contraction contraction = contraction_of(p);
        contraction.a = call->inputs[0]->data;
        contraction.b = call->inputs[1]->data;
        contraction.c = call->outputs[0]->data;
        contraction_run(call, &contraction, call->workspace);
        return;
    }
    const int64_t items = product_batches(p) * p->m * divide_up(p->n, COLUMNS);
    team_for((double)items * COLUMNS * (double)p->k > TEAM_PRODUCTS ? call->threads : 1, items, run_rows,
             (void *)(uintptr_t)call);
}

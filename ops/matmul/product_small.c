#include "ops/matmul/product_small.h"

#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/contraction.h"
#include "ops/matmul/tile_product.h"

_Static_assert(ROW_CHAIN == GEMM_DEPTH, "the same bits as by panels and by tiles: a batch of one is of few rows");

#define FEW_ROWS 3
#define COLUMNS 512             /* that a thread takes of a row */
#define TILES_MOST (1 << 18)    /* numbers of a right side by tiles: it stays in the caches */
#define TEAM_PRODUCTS (1 << 16) /* below so many a team does not pay */
#define PIECE_ROWS 256          /* rows of A that meet one column after the other, at most, */
#define PIECE_NUMBERS (1 << 13) /* and their numbers, about: they stay in a small cache */

bool product_has_few_rows(const struct matrix_product *product) {
    return product->m <= FEW_ROWS && product->n >= CONTRACTION_TILE && product->b.column_stride == 1 &&
           product->a.column_stride == 1;
}

bool product_has_few_columns(const struct matrix_product *product) {
    return product->n < CONTRACTION_TILE;
}

bool product_has_tiles(const struct matrix_product *product) {
    return product->n >= CONTRACTION_TILE && product->n <= TILES_MOST / product->k;
}

/* ---- by tiles ---- */

static struct contraction contraction_of(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct matrix_product *product = &state->product;
    struct contraction c = {.dtype = DTYPE_FLOAT, .packed = state->packed};
    int64_t stride = product->m * product->n;
    for (int d = product->batch_rank - 1; d >= 0; d--) {
        c.dims[d] = (struct contraction_dim){.size = product->batch_dims[d],
                                             .a = product->a_batch_strides[d],
                                             .b = product->b_batch_strides[d],
                                             .c = stride};
        stride *= product->batch_dims[d];
    }
    c.rank = product->batch_rank;
    c.dims[c.rank++] = (struct contraction_dim){
        .size = product->m, .a = product->a.row_stride, .c = product->n, .addend = product->c.row_stride};
    c.dims[c.rank++] = (struct contraction_dim){
        .size = product->n, .b = product->b.column_stride, .c = 1, .addend = product->c.column_stride};
    c.dims[c.rank++] = (struct contraction_dim){
        .size = product->k, .a = product->a.column_stride, .b = product->b.row_stride, .summed = true};
    return c;
}

static void pack(void *destination, const struct tensor *source, const void *context) {
    const struct op_call *call = context;
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    tile_pack(call->kernels, &(struct tile_source){source->data, p->b.row_stride, p->b.column_stride, p->k, p->n}, 0,
              p->k, destination);
}

static status take_weights(struct op_call *call, struct error *err) {
    struct product_state *state = call->state;
    const struct matrix_product *p = &state->product;
    const struct tensor *b = call->inputs[1];
    const int64_t columns = tile_columns(call->kernels->gemm, p->n);
    if (!call->weights || !b->constant || !b->data || tensor_elements(b) != p->n * p->k)
        return STATUS_OK;
    const struct packing packing = {
        .name = "tiles",
        .numbers = {call->kernels->gemm->columns, p->n, p->k, p->b.row_stride, p->b.column_stride},
        .bytes = (size_t)(columns * p->k) * sizeof(float),
        .pack = pack,
        .context = call};
    state->packed = weight_cache_get(call->weights, b, &packing);
    return state->packed ? STATUS_OK : fail_memory(err, "packed weights");
}

static void run_tiles(const struct op_call *call) {
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const struct tensor *c = op_input(call, 2);
    const struct contraction_end end = {p->alpha, p->beta, c ? c->data : NULL};
    struct contraction contraction = contraction_of(call);
    contraction.a = call->inputs[0]->data;
    contraction.b = call->inputs[1]->data;
    contraction.c = call->outputs[0]->data;
    contraction.end = c || p->alpha != 1 ? &end : NULL;
    contraction_run(call, &contraction, call->workspace);
}

/* ---- by rows, or columns, where they lie ---- */

/* Of one matrix of the batch. */
struct product_data {
    const float *a, *b, *c;
    float *y;
};

static struct product_data data_of(const struct op_call *call, int64_t batch) {
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const struct tensor *c = op_input(call, 2);
    return (struct product_data){(const float *)call->inputs[0]->data + product_offset(p, p->a_batch_strides, batch),
                                 (const float *)call->inputs[1]->data + product_offset(p, p->b_batch_strides, batch),
                                 c ? c->data : NULL, (float *)call->outputs[0]->data + batch * p->m * p->n};
}

/* Pieces of rows of all matrices of the batch. */
static void run_rows(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const int64_t pieces = divide_up(p->n, COLUMNS);
    for (int64_t item = first; item < end; item++) {
        const struct product_data data = data_of(call, item / pieces / p->m);
        const int64_t row = item / pieces % p->m, column = item % pieces * COLUMNS;
        const int64_t count = at_most(p->n - column, COLUMNS);
        float *y = data.y + row * p->n + column;
        row_kernel_of(call->kernels)
            ->combine(data.a + row * p->a.row_stride, (size_t)p->k, data.b + column, (size_t)p->b.row_stride,
                      (size_t)count, y);
        product_finish_row(call->kernels, p, data.c, row, column, count, y, y);
    }
}

static int64_t piece_rows(const struct matrix_product *p) {
    return at_most(between(8, PIECE_NUMBERS / p->k, PIECE_ROWS), p->m);
}

/* Rows of A by one column after the other, which is brought side by side. */
static void multiply_columns(const struct op_call *call, const struct product_data *data, int64_t row, int64_t count,
                             float *own) {
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const struct row_kernel *rows = row_kernel_of(call->kernels);
    const float *a = data->a + row * p->a.row_stride;
    float sums[PIECE_ROWS];
    for (int64_t j = 0; j < p->n; j++) {
        const float *column = data->b + j * p->b.column_stride;
        if (p->b.row_stride != 1) {
            for (int64_t k = 0; k < p->k; k++)
                own[k] = column[k * p->b.row_stride];
            column = own;
        }
        if (p->a.column_stride == 1)
            rows->dots(column, (size_t)p->k, a, (size_t)p->a.row_stride, (size_t)count, sums);
        else
            rows->combine(column, (size_t)p->k, a, (size_t)p->a.column_stride, (size_t)count, sums);
        for (int64_t i = 0; i < count; i++)
            data->y[(row + i) * p->n + j] = product_finish(p, data->c, sums[i], row + i, j);
    }
}

static void run_columns(struct team_thread self, void *context) {
    const struct op_call *call = context;
    const struct matrix_product *p = &((const struct product_state *)call->state)->product;
    const int64_t rows = piece_rows(p), pieces = divide_up(p->m, rows);
    const struct team_range range = team_range_of(self, product_batches(p) * pieces);
    float *own = (float *)(void *)(call->own + (size_t)self.index * call->own_stride);
    for (int64_t item = range.first; item < range.end; item++) {
        const struct product_data data = data_of(call, item / pieces);
        const int64_t row = item % pieces * rows;
        multiply_columns(call, &data, row, at_most(p->m - row, rows), own);
    }
}

status product_small_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct product_state *state = call->state;
    *workspace_bytes = 0;
    if (state->way == PRODUCT_COLUMNS)
        call->own_bytes = (size_t)state->product.k * sizeof(float);
    if (state->way != PRODUCT_TILES)
        return STATUS_OK;
    const status code = take_weights(call, err);
    const struct contraction contraction = contraction_of(call);
    return code == STATUS_OK ? contraction_prepare(call, &contraction, workspace_bytes, err) : code;
}

void product_small_run(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct matrix_product *p = &state->product;
    const int64_t items = product_batches(p) * p->m * divide_up(p->n, COLUMNS);
    const double products = (double)product_batches(p) * (double)p->m * (double)p->n * (double)p->k;
    const int threads = products > TEAM_PRODUCTS ? call->threads : 1;
    void *context = (void *)(uintptr_t)call;
    if (state->way == PRODUCT_TILES)
        run_tiles(call);
    else if (state->way == PRODUCT_ROWS)
        team_for(threads, items, run_rows, context);
    else
        team_run(threads, run_columns, context);
}

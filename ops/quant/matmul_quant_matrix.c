#include "ops/quant/matmul_quant_matrix.h"

#include "base/sizes.h"
#include "ops/quant/numbers.h"

#include <string.h>

#define STRIP 256 /* columns at a time, whole tiles */
#define OWN_SUMS (STRIP * (INTEGER_ROWS * sizeof(int32_t) + sizeof(float)))

static void pack_a(void *context, int64_t first, int64_t end) {
    const struct quant_product *p = context;
    const int64_t offset = product_offset(&p->shape, p->shape.a_batch_strides, p->matrix);
    struct quant_terms zeros = p->a_zero;
    if (p->row->dynamic)
        zeros = (struct quant_terms){NULL, p->range.zero, p->shape.m, p->shape.m};
    for (int64_t i = first; i < end; i++) {
        const int64_t row = i * p->rows.kernel->rows;
        quant_pack_rows(&p->rows, p->a_type, (const uint8_t *)p->a_data + offset, row, &zeros, p->matrix * p->shape.m,
                        p->left + quant_panel_at(&p->rows, row), p->sums + row);
    }
}

/* A's zero point as its numbers are packed. */
static int32_t left_zero(const struct quant_product *p, int64_t row) {
    if (!p->rows.bytes)
        return 0;
    const float zero = p->row->dynamic ? p->range.zero : quant_term(&p->a_zero, p->matrix * p->shape.m + row);
    return (int32_t)zero - (p->a_type == DTYPE_UINT8 ? 128 : 0);
}

/* All rows of A have one scale: then those of the columns have it in them. */
static bool has_one_scale(const struct quant_product *p) {
    return p->row->dynamic || !p->a_scale.tensor || tensor_elements(p->a_scale.tensor) == 1;
}

/* Scales of the columns from `first` on, for a row. */
static void find_scales(const struct quant_product *p, int64_t row, int64_t first, int64_t count, float *scales) {
    const float a_scale = p->row->dynamic ? p->range.scale : quant_term(&p->a_scale, p->matrix * p->shape.m + row);
    for (int64_t j = 0; j < count; j++)
        scales[j] = a_scale * p->scales[first + j];
    for (int64_t j = 0; p->row->y_zero && j < count; j++)
        scales[j] = scales[j] / p->y_scale;
}

/*
 * The sum of (a - za) (b - zb) is that of a b, less zb (sum of a - k za), less za (sum of b). The last one for every
 * column, where all rows of A have one zero point; else it waits for the row.
 */
static void find_columns(struct quant_product *p) {
    const uint32_t *sums = quant_column_sums(&p->columns, p->packed);
    p->first_zero = left_zero(p, 0);
    const uint32_t zero = (uint32_t)p->first_zero;
    const int flip = p->call->inputs[p->row->b]->dtype == DTYPE_INT8 ? 128 : 0;
    const int64_t column = p->matrix * p->shape.n;
    quant_terms_load(&p->b_zero, column, p->shape.n, p->scales);
    for (int64_t j = 0; j < p->shape.n; j++) {
        p->zeros[j] = (uint32_t)((int32_t)p->scales[j] + flip);
        p->less[j] = sums[j] * zero;
    }
    quant_terms_load(&p->b_scale, column, p->shape.n, p->scales);
    if (has_one_scale(p))
        find_scales(p, 0, 0, p->shape.n, p->scales);
}

/* left_zero(), of all rows where there is one for them. */
static uint32_t zero_of(const struct quant_product *p, int64_t row) {
    const struct tensor *zeros = p->a_zero.tensor;
    return (uint32_t)(zeros && tensor_elements(zeros) > 1 ? left_zero(p, row) : p->first_zero);
}

/* Sums of a row become the output's. */
static void finish_row(const struct quant_product *p, int64_t row, int64_t first, int64_t count, int32_t *sums,
                       float *scales) {
    struct tensor *y = p->call->outputs[0];
    const struct integer_kernel *kernel = p->rows.kernel;
    const int64_t at = (p->matrix * p->shape.m + row) * p->shape.n + first;
    const struct tensor *bias = p->row->bias ? op_input(p->call, p->row->bias) : NULL;
    const uint32_t zero = zero_of(p, row), more = zero - (uint32_t)p->first_zero;
    const uint32_t *column_sums = more ? quant_column_sums(&p->columns, p->packed) + first : NULL;
    kernel->settle(sums, p->zeros + first, (uint32_t)p->sums[row] - (uint32_t)p->shape.k * zero, p->less + first,
                   count);
    for (int64_t j = 0; more && j < count; j++)
        sums[j] = (int32_t)((uint32_t)sums[j] - more * column_sums[j]);
    if (y->dtype == DTYPE_INT32) {
        memcpy((int32_t *)y->data + at, sums, (size_t)count * sizeof *sums);
        return;
    }
    if (!has_one_scale(p))
        find_scales(p, row, first, count, scales);
    const float *by = has_one_scale(p) ? p->scales + first : scales;
    if (p->row->y_zero) {
        kernel->finish_by(sums, by, count, p->y_zero, y->dtype == DTYPE_INT8, (char *)y->data + at);
        return;
    }
    for (int64_t j = 0; j < count; j++)
        ((float *)y->data)[at + j] = (float)sums[j] * by[j] + (bias ? ((const float *)bias->data)[first + j] : 0);
}

/* A panel of rows by a strip of columns. */
static void run_unit(const struct quant_product *p, int64_t row0, int64_t column0, char *own) {
    const int64_t count = at_most(p->shape.n - column0, STRIP), steps = quant_steps(&p->rows);
    int32_t *sums = (int32_t *)(void *)own;
    float *scales = (float *)(void *)(own + STRIP * INTEGER_ROWS * sizeof *sums);
    const int64_t *places = (const int64_t *)(const void *)(scales + STRIP);
    struct integer_tile tile = {
        .steps = steps, .left = p->left + quant_panel_at(&p->rows, row0), .places = places, .stride = STRIP};
    const int rows = quant_panel_rows(&p->rows, row0, &tile.rows);
    for (int64_t column = 0; column < count; column += p->rows.kernel->columns) {
        tile.right = (const char *)(p->packed + (column0 + column) * steps);
        tile.sums = sums + column;
        p->rows.kernel->tile(p->rows.bytes, &tile);
    }
    for (int r = 0; r < rows; r++)
        finish_row(p, row0 + r, column0, count, sums + r * STRIP, scales);
}

static void multiply(struct team_thread self, void *context) {
    const struct quant_product *p = context;
    const int64_t rows = p->rows.kernel->rows, panels = divide_up(p->shape.m, rows);
    const struct team_range range = team_range_of(self, divide_up(p->shape.n, STRIP) * panels);
    char *own = p->call->own + (size_t)self.index * p->call->own_stride;
    int64_t *places = (int64_t *)(void *)(own + OWN_SUMS);
    for (int64_t step = 0; step < quant_steps(&p->rows); step++)
        places[step] = step * p->rows.kernel->columns * (int64_t)sizeof(uint32_t);
    for (int64_t i = range.first; i < range.end; i++)
        run_unit(p, i % panels * rows, i / panels * STRIP, own);
}

size_t quant_product_own_bytes(const struct quant_product *p) {
    return OWN_SUMS + whole_line_bytes((size_t)quant_steps(&p->rows) * sizeof(int64_t));
}

void quant_product_run(struct quant_product *p) {
    const int threads = p->call->threads;
    team_for(threads, divide_up(p->shape.m, p->rows.kernel->rows), pack_a, p);
    find_columns(p);
    team_run(threads, multiply, p);
}

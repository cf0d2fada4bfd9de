#include "ops/matmul/contraction.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/elementwise/unary.h"
#include "ops/matmul/contraction_form.h"
#include "ops/matmul/contraction_tiles.h"
#include "ops/matmul/tile_product.h"

#include <string.h>

#define COLUMNS 256 /* sums that are added up side by side without tiles */
#define TEAM_PRODUCTS 16384

/* ---- workspace ---- */

static size_t table_bytes(const struct contraction_form *form) {
    return whole_line_bytes((size_t)(2 * form->groups[DEPTH].count + 3 * form->groups[COLUMNS_OF_C].count) *
                            sizeof(int64_t));
}

static struct contraction_tables tables_in(const struct contraction_form *form, void *workspace) {
    const int64_t depth = form->groups[DEPTH].count, columns = form->groups[COLUMNS_OF_C].count;
    int64_t *at = workspace;
    return (struct contraction_tables){at,
                                       at + depth,
                                       at + 2 * depth,
                                       at + 2 * depth + columns,
                                       at + 2 * depth + 2 * columns,
                                       (float *)(void *)((char *)workspace + table_bytes(form))};
}

static void fill(const struct contraction_dims *dims, enum contraction_array array, int64_t *table) {
    for (int64_t i = 0; i < dims->count; i++)
        table[i] = contraction_place(dims, array, i);
}

status contraction_prepare(struct op_call *call, const struct contraction *contraction, size_t *workspace_bytes,
                           struct error *err) {
    const struct contraction_form form = contraction_form_of(contraction);
    const int64_t depth = form.groups[DEPTH].count, columns = form.groups[COLUMNS_OF_C].count;
    size_t bytes = 0;
    *workspace_bytes = 0;
    if (depth == 0 || columns == 0 || form.groups[BATCH].count == 0 || form.groups[ROWS].count == 0)
        return STATUS_OK;
    if (depth > INT64_MAX / 4096 || columns > INT64_MAX / 4096)
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    if (form.tiles) {
        const size_t own = (size_t)contraction_own_floats(call, &form) * sizeof(float);
        call->own_bytes = call->own_bytes > own ? call->own_bytes : own;
        if (!size_mul((size_t)(tile_columns(call->kernels->gemm, columns)) * sizeof(float), (size_t)depth, &bytes) ||
            !size_mul(bytes, (size_t)form.groups[BATCH].count, &bytes))
            return fail(err, STATUS_LIMIT, "the workspace is too large");
    }
    if (!size_add(bytes, table_bytes(&form), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    return STATUS_OK;
}

/* ---- without tiles, in all types ---- */

#define LOOPS(T, DTYPE, SUM)                                                                                         \
    static void run_places_##T(const struct contraction_work *work, int64_t batch, int64_t column0, int64_t count) { \
        const struct contraction_dims *groups = work->form->groups;                                                  \
        const struct contraction_tables *t = &work->tables;                                                          \
        const T *a = (const T *)work->a + contraction_place(&groups[BATCH], A, batch);                               \
        const T *b = (const T *)work->b + contraction_place(&groups[BATCH], B, batch);                               \
        T *c = (T *)work->c + contraction_place(&groups[BATCH], C, batch);                                           \
        SUM sums[COLUMNS] = {0};                                                                                     \
        for (int64_t k = 0; k < groups[DEPTH].count; k++)                                                            \
            for (int64_t j = 0; j < count; j++)                                                                      \
                sums[j] += (SUM)a[t->depth_a[k] + t->column_a[column0 + j]] *                                        \
                           (SUM)b[t->depth_b[k] + t->column_b[column0 + j]];                                         \
        for (int64_t j = 0; j < count; j++)                                                                          \
            c[t->column_c[column0 + j]] = (T)sums[j];                                                                \
    }
LOOPS(float, FLOAT, double)
LOOPS(double, DOUBLE, double)
SIGNED_TYPES(LOOPS, uint64_t)
UNSIGNED_TYPES(LOOPS, uint64_t)

typedef void place_loop(const struct contraction_work *work, int64_t batch, int64_t column0, int64_t count);
#define ENTRY(T, DTYPE, ...) [DTYPE_##DTYPE] = run_places_##T,
static place_loop *const loops[DTYPE_COUNT] = {ENTRY(float, FLOAT) ENTRY(double, DOUBLE) SIGNED_TYPES(ENTRY, 0)
                                                   UNSIGNED_TYPES(ENTRY, 0)};

struct place_work {
    struct contraction_work work;
    place_loop *loop;
};

static void run_places(void *context, int64_t first, int64_t end) {
    const struct place_work *places = context;
    const struct contraction_dims *groups = places->work.form->groups;
    const int64_t columns = groups[COLUMNS_OF_C].count, pieces = divide_up(columns, COLUMNS);
    for (int64_t item = first; item < end; item++) {
        const int64_t column0 = item % pieces * COLUMNS;
        places->loop(&places->work, item / pieces, column0, at_most(columns - column0, COLUMNS));
    }
}

void contraction_run(const struct op_call *call, const struct contraction *contraction, void *workspace) {
    const struct contraction_form form = contraction_form_of(contraction);
    const struct contraction_dims *groups = form.groups;
    const int64_t places = groups[BATCH].count * groups[ROWS].count * groups[COLUMNS_OF_C].count;
    if (places == 0)
        return;
    if (groups[DEPTH].count == 0) {
        memset(contraction->c, 0, (size_t)places * dtype_size(contraction->dtype));
        return;
    }
    struct place_work all = {{.call = call,
                              .form = &form,
                              .tables = tables_in(&form, workspace),
                              .a = form.swapped ? contraction->b : contraction->a,
                              .b = form.swapped ? contraction->a : contraction->b,
                              .c = contraction->c,
                              .blocks = divide_up(groups[ROWS].count, TILE_ROWS)},
                             loops[contraction->dtype]};
    const struct contraction_tables *t = &all.work.tables;
    const int threads = (double)places * (double)groups[DEPTH].count > TEAM_PRODUCTS ? call->threads : 1;
    fill(&groups[DEPTH], A, t->depth_a);
    fill(&groups[DEPTH], B, t->depth_b);
    fill(&groups[COLUMNS_OF_C], A, t->column_a);
    fill(&groups[COLUMNS_OF_C], B, t->column_b);
    fill(&groups[COLUMNS_OF_C], C, t->column_c);
    if (!form.tiles) {
        team_for(threads, groups[BATCH].count * divide_up(groups[COLUMNS_OF_C].count, COLUMNS), run_places, &all);
        return;
    }
    team_for(threads, groups[BATCH].count * divide_up(groups[COLUMNS_OF_C].count, call->kernels->gemm->columns),
             contraction_pack_tiles, &all.work);
    team_run(threads, contraction_run_tiles, &all.work);
}

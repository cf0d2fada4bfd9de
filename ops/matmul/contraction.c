#include "ops/matmul/contraction.h"

#include "base/checked.h"
#include "base/simd.h"
#include "base/thread_team.h"
#include "ops/elementwise/unary.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/tile_product.h"

#include <string.h>

#define COLUMNS 256    /* sums that are added up side by side without tiles */
#define FAR_COLUMNS 32 /* the same of numbers that lie apart, each in a line of the cache */
#define TEAM_PRODUCTS 16384
#define RUN_ROWS 6 /* below so many rows that lie evenly, rows are taken one by one */

enum group { BATCH, ROWS, COLUMNS_OF_C, DEPTH, GROUPS };
enum array { A, B, C, ADDEND, ARRAYS };

/* Dimensions of one kind. */
struct dims {
    int rank;
    int64_t count; /* of all places */
    int64_t size[CONTRACTION_DIMS], strides[CONTRACTION_DIMS][ARRAYS];
};

/* As a product of matrices: a[batch][row][depth] * b[batch][depth][column]. */
struct product_form {
    struct dims groups[GROUPS];
    bool tiles;   /* by tile_product(), whose right side is b */
    bool swapped; /* a and b have changed places */
};

static void add_dim(struct dims *dims, const struct contraction_dim *dim) {
    dims->size[dims->rank] = dim->size;
    dims->strides[dims->rank][A] = dim->a;
    dims->strides[dims->rank][B] = dim->b;
    dims->strides[dims->rank][ADDEND] = dim->addend;
    dims->strides[dims->rank++][C] = dim->c;
    dims->count *= dim->size;
}

/* What c has of one array alone are rows or columns. Where a size is 1 it does not matter what it is. */
static enum group group_of(const struct contraction_dim *dim) {
    if (dim->summed)
        return DEPTH;
    return dim->a && dim->b ? BATCH : dim->b ? COLUMNS_OF_C : ROWS;
}

/* Columns that do not lie evenly in c, as those of b's own matrices, are products of their own if they are enough. */
static void keep_even_columns(struct dims *columns, struct dims *batch) {
    int64_t even = 1;
    int first = columns->rank;
    while (first > 0 && columns->strides[first - 1][C] == even) {
        first--;
        even *= columns->size[first];
    }
    if (first == 0 || even < CONTRACTION_TILE)
        return;
    for (int d = 0; d < first; d++) {
        batch->size[batch->rank] = columns->size[d];
        memcpy(batch->strides[batch->rank++], columns->strides[d], sizeof columns->strides[d]);
        batch->count *= columns->size[d];
    }
    for (int d = first; d < columns->rank; d++) {
        columns->size[d - first] = columns->size[d];
        memcpy(columns->strides[d - first], columns->strides[d], sizeof columns->strides[d]);
    }
    columns->rank -= first;
    columns->count = even;
}

/* In all that is read the outer one goes on where the inner one ends, as it does in c, which is dense. */
static bool is_one(const struct contraction_dim *outer, const struct contraction_dim *inner) {
    return outer->summed == inner->summed && outer->a == inner->a * inner->size && outer->b == inner->b * inner->size &&
           outer->addend == inner->addend * inner->size;
}

/* The dimensions that are not 1, those of c in its order, neighbours that are one as one. */
static struct contraction simplified(const struct contraction *given) {
    struct contraction c = {.dtype = given->dtype};
    for (int d = 0; d < given->rank; d++) {
        int at = given->dims[d].size == 1 ? -1 : c.rank++;
        for (; at > 0 && !given->dims[d].summed && c.dims[at - 1].c < given->dims[d].c; at--)
            c.dims[at] = c.dims[at - 1];
        if (at >= 0)
            c.dims[at] = given->dims[d];
    }
    int rank = 0;
    for (int d = 0; d < c.rank; d++)
        if (rank > 0 && is_one(&c.dims[rank - 1], &c.dims[d])) {
            const int64_t size = c.dims[rank - 1].size * c.dims[d].size;
            c.dims[rank - 1] = c.dims[d];
            c.dims[rank - 1].size = size;
        } else {
            c.dims[rank++] = c.dims[d];
        }
    c.rank = rank;
    return c;
}

/* Neighbours in c belong to products of their own, each of one row: to pack its right side takes longer than to use it.
 */
static bool is_between(const struct contraction *c, int64_t rows, int64_t columns) {
    bool between = false;
    for (int d = 0; d < c->rank; d++)
        between |= c->dims[d].c == 1 && c->dims[d].size >= CONTRACTION_TILE && group_of(&c->dims[d]) == BATCH;
    return between && (rows == 1 || columns == 1);
}

static struct product_form form_of(const struct contraction *given) {
    const struct contraction simple = simplified(given), *c = &simple;
    struct product_form form = {.tiles = true};
    int64_t rows = 1, columns = 1;
    for (int d = 0; d < c->rank; d++) {
        rows *= group_of(&c->dims[d]) == ROWS ? c->dims[d].size : 1;
        columns *= group_of(&c->dims[d]) == COLUMNS_OF_C ? c->dims[d].size : 1;
    }
    form.swapped = rows > columns && columns < CONTRACTION_TILE;
    form.tiles = c->dtype == DTYPE_FLOAT && (form.swapped ? rows : columns) >= CONTRACTION_TILE &&
                 (given->packed || given->end || !is_between(c, rows, columns));
    for (int g = 0; g < GROUPS; g++)
        form.groups[g].count = 1;
    for (int d = 0; d < c->rank; d++) {
        struct contraction_dim dim = c->dims[d];
        if (form.swapped) {
            dim.a = c->dims[d].b;
            dim.b = c->dims[d].a;
        }
        enum group group = group_of(&dim);
        /* Without tiles, what lies innermost in c can go side by side whatever it is. */
        if (!form.tiles && !dim.summed)
            group = dim.c == 1 ? COLUMNS_OF_C : BATCH;
        add_dim(&form.groups[group], &dim);
    }
    if (form.tiles)
        keep_even_columns(&form.groups[COLUMNS_OF_C], &form.groups[BATCH]);
    return form;
}

static int64_t place_of(const struct dims *dims, enum array array, int64_t index) {
    int64_t place = 0;
    for (int d = dims->rank - 1; d > 0; d--) {
        place += index % dims->size[d] * dims->strides[d][array];
        index /= dims->size[d];
    }
    return dims->rank > 0 ? place + index * dims->strides[0][array] : 0;
}

/* All places are so far from one to the next. */
static bool is_even(const struct dims *dims, enum array array, int64_t *stride) {
    *stride = dims->rank > 0 ? dims->strides[dims->rank - 1][array] : 0;
    for (int d = dims->rank - 2; d >= 0; d--)
        if (dims->strides[d][array] != dims->strides[d + 1][array] * dims->size[d + 1])
            return false;
    return true;
}

/* ---- workspace ---- */

/* Where depths and columns are, and the packed right sides. */
struct contraction_tables {
    int64_t *depth_a, *depth_b, *column_a, *column_b, *column_c;
    float *packed; /* [batch]; only where nobody has packed them beforehand */
};

static size_t table_bytes(const struct product_form *form) {
    return whole_line_bytes((size_t)(2 * form->groups[DEPTH].count + 3 * form->groups[COLUMNS_OF_C].count) *
                            sizeof(int64_t));
}

static struct contraction_tables tables_in(const struct product_form *form, void *workspace) {
    const int64_t depth = form->groups[DEPTH].count, columns = form->groups[COLUMNS_OF_C].count;
    int64_t *at = workspace;
    return (struct contraction_tables){at,
                                       at + depth,
                                       at + 2 * depth,
                                       at + 2 * depth + columns,
                                       at + 2 * depth + 2 * columns,
                                       (float *)(void *)((char *)workspace + table_bytes(form))};
}

static void fill(const struct dims *dims, enum array array, int64_t *table) {
    int64_t index[CONTRACTION_DIMS] = {0}, place = 0;
    for (int64_t i = 0; i < dims->count; i++) {
        table[i] = place;
        for (int d = dims->rank - 1; d >= 0; d--) {
            place += dims->strides[d][array];
            if (++index[d] < dims->size[d])
                break;
            place -= dims->size[d] * dims->strides[d][array];
            index[d] = 0;
        }
    }
}

/* A thread's rows of a, and sums. */
static int64_t own_floats(const struct op_call *call, const struct product_form *form) {
    return TILE_ROWS *
           (form->groups[DEPTH].count + tile_columns(call->kernels->gemm, form->groups[COLUMNS_OF_C].count));
}

status contraction_prepare(struct op_call *call, const struct contraction *contraction, size_t *workspace_bytes,
                           struct error *err) {
    const struct product_form form = form_of(contraction);
    const int64_t depth = form.groups[DEPTH].count, columns = form.groups[COLUMNS_OF_C].count;
    size_t bytes = 0;
    *workspace_bytes = 0;
    if (depth == 0 || columns == 0 || form.groups[BATCH].count == 0 || form.groups[ROWS].count == 0)
        return STATUS_OK;
    if (depth > INT64_MAX / 4096 || columns > INT64_MAX / 4096)
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    if (form.tiles) {
        const size_t own = (size_t)own_floats(call, &form) * sizeof(float);
        call->own_bytes = call->own_bytes > own ? call->own_bytes : own;
        if (!size_mul((size_t)(tile_columns(call->kernels->gemm, columns)) * sizeof(float), (size_t)depth, &bytes) ||
            !size_mul(bytes, (size_t)form.groups[BATCH].count, &bytes))
            return fail(err, STATUS_LIMIT, "the workspace is too large");
    }
    if (contraction->packed)
        bytes = 0;
    if (!size_add(bytes, table_bytes(&form), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    return STATUS_OK;
}

/* ---- by tiles ---- */

struct contraction_work {
    const struct op_call *call;
    const struct product_form *form;
    struct contraction_tables tables;
    const void *a, *b;
    void *c;
    const float *packed;
    const struct contraction_end *end;
    bool taken;          /* rows of a and c do not lie evenly, or depths do not */
    int64_t run, blocks; /* rows that lie evenly, and their blocks of TILE_ROWS; all of them where they are taken */
    bool side_by_side;   /* the columns are, in a and in b */
    int64_t width;       /* of a piece of them */
};

static int64_t packed_floats(const struct contraction_work *work) {
    return tile_columns(work->call->kernels->gemm, work->form->groups[COLUMNS_OF_C].count) *
           work->form->groups[DEPTH].count;
}

/* A tile whose numbers lie anyhow. */
static void pack_scattered(const struct contraction_work *work, const float *b, int64_t column0, int64_t count,
                           float *tile) {
    const int64_t width = work->call->kernels->gemm->columns;
    for (int64_t k = 0; k < work->form->groups[DEPTH].count; k++)
        for (int64_t j = 0; j < width; j++)
            tile[k * width + j] = j < count ? b[work->tables.depth_b[k] + work->tables.column_b[column0 + j]] : 0;
}

/* Tiles of the right sides of all batches. */
static void pack_tiles(void *context, int64_t first, int64_t end) {
    const struct contraction_work *work = context;
    const struct dims *groups = work->form->groups;
    const int64_t width = work->call->kernels->gemm->columns, tiles = divide_up(groups[COLUMNS_OF_C].count, width);
    int64_t depth_stride, column_stride;
    for (int64_t item = first; item < end; item++) {
        const int64_t column0 = item % tiles * width, count = at_most(groups[COLUMNS_OF_C].count - column0, width);
        const float *b = (const float *)work->b + place_of(&groups[BATCH], B, item / tiles);
        float *tile = work->tables.packed + item / tiles * packed_floats(work) + column0 * groups[DEPTH].count;
        if (is_even(&groups[DEPTH], B, &depth_stride) && is_even(&groups[COLUMNS_OF_C], B, &column_stride))
            tile_pack(work->call->kernels,
                      &(struct tile_source){b + column0 * column_stride, depth_stride, column_stride,
                                            groups[DEPTH].count, count},
                      0, groups[DEPTH].count, tile);
        else
            pack_scattered(work, b, column0, count, tile);
    }
}

/* Rows that follow each other evenly in all arrays. */
static int64_t even_run(const struct dims *rows) {
    int64_t run = 1;
    for (int d = rows->rank - 1; d >= 0; d--) {
        for (int array = 0; array < ARRAYS; array++)
            if (d + 1 < rows->rank && rows->strides[d][array] != rows->strides[d + 1][array] * rows->size[d + 1])
                return run;
        run *= rows->size[d];
    }
    return run;
}

static int64_t last_stride(const struct dims *dims, enum array array) {
    return dims->rank > 0 ? dims->strides[dims->rank - 1][array] : 0;
}

static void cut_rows(struct contraction_work *work) {
    const struct dims *groups = work->form->groups;
    int64_t depth_stride;
    work->run = even_run(&groups[ROWS]);
    work->taken =
        !is_even(&groups[DEPTH], A, &depth_stride) || (work->run < RUN_ROWS && work->run < groups[ROWS].count);
    if (work->taken)
        work->run = groups[ROWS].count;
    work->blocks = divide_up(work->run, TILE_ROWS);
}

/* Rows of a are taken, each side by side. */
static void take_rows(const struct contraction_work *work, int64_t batch, int64_t row0, int64_t rows, float *taken) {
    const struct dims *groups = work->form->groups;
    const float *a = (const float *)work->a + place_of(&groups[BATCH], A, batch);
    const int64_t depth = groups[DEPTH].count;
    int64_t depth_stride;
    const bool even = is_even(&groups[DEPTH], A, &depth_stride) && depth_stride == 1;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = a + place_of(&groups[ROWS], A, row0 + r);
        if (even)
            memcpy(taken + r * depth, row, (size_t)depth * sizeof *row);
        for (int64_t k = 0; k < depth && !even; k++)
            taken[r * depth + k] = row[work->tables.depth_a[k]];
    }
}

/* Some rows of sums. */
struct row_sums {
    int64_t batch, row0, rows;
    float *sums;
    int64_t stride;
};

static void end_rows(const struct contraction_work *work, const struct row_sums *part) {
    const struct contraction_end *end = work->end;
    const struct dims *groups = work->form->groups;
    int64_t step;
    if (!end || !is_even(&groups[COLUMNS_OF_C], ADDEND, &step))
        return;
    const struct row_kernel *rows = row_kernel_of(work->call->kernels);
    const size_t columns = (size_t)groups[COLUMNS_OF_C].count;
    const float *addend = end->addend ? end->addend + place_of(&groups[BATCH], ADDEND, part->batch) : NULL;
    if (!addend && part->stride == groups[COLUMNS_OF_C].count) {
        rows->scale_add(part->sums, part->sums, (size_t)part->rows * columns, end->alpha, 0, NULL, 0);
        return;
    }
    for (int64_t r = 0; r < part->rows; r++) {
        float *row = part->sums + r * part->stride;
        rows->scale_add(row, row, columns, end->alpha, end->beta,
                        addend ? addend + place_of(&groups[ROWS], ADDEND, part->row0 + r) : NULL, (size_t)step);
    }
}

/* Sums go to where they belong. */
static void give_rows(const struct contraction_work *work, const struct row_sums *part) {
    const struct dims *groups = work->form->groups;
    const int64_t columns = groups[COLUMNS_OF_C].count;
    float *c = (float *)work->c + place_of(&groups[BATCH], C, part->batch);
    int64_t column_stride, row_stride;
    const bool even = is_even(&groups[COLUMNS_OF_C], C, &column_stride);
    if (even && column_stride > 1 && is_even(&groups[ROWS], C, &row_stride) && row_stride == 1) {
        row_kernel_of(work->call->kernels)
            ->turn(part->sums, (size_t)part->stride, (size_t)part->rows, (size_t)columns, c + part->row0,
                   (size_t)column_stride);
        return;
    }
    for (int64_t r = 0; r < part->rows; r++) {
        float *row = c + place_of(&groups[ROWS], C, part->row0 + r);
        const float *sums = part->sums + r * part->stride;
        if (even && column_stride == 1)
            memcpy(row, sums, (size_t)columns * sizeof *row);
        else
            for (int64_t j = 0; j < columns; j++)
                row[work->tables.column_c[j]] = sums[j];
    }
}

/* Rows and sums are where they belong wherever they lie evenly, or else with the thread. */
static void run_rows(const struct contraction_work *work, int64_t batch, int64_t row0, int64_t rows, float *own) {
    const struct dims *groups = work->form->groups;
    const int64_t depth = groups[DEPTH].count, columns = groups[COLUMNS_OF_C].count;
    float *taken = own, *sums = taken + TILE_ROWS * depth;
    int64_t column_stride, depth_stride = 1;
    const bool there = !work->taken && is_even(&groups[COLUMNS_OF_C], C, &column_stride) && column_stride == 1;
    struct tile_rows part = {.a = taken,
                             .a_stride = depth,
                             .a_depth = 1,
                             .rows = rows,
                             .depth = depth,
                             .columns = columns,
                             .c = sums,
                             .c_stride = columns,
                             .first = true};
    if (work->taken) {
        take_rows(work, batch, row0, rows, taken);
    } else {
        is_even(&groups[DEPTH], A, &depth_stride);
        part.a = (const float *)work->a + place_of(&groups[BATCH], A, batch) + place_of(&groups[ROWS], A, row0);
        part.a_stride = last_stride(&groups[ROWS], A);
        part.a_depth = depth_stride;
    }
    if (there) {
        part.c = (float *)work->c + place_of(&groups[BATCH], C, batch) + place_of(&groups[ROWS], C, row0);
        part.c_stride = last_stride(&groups[ROWS], C);
    }
    tile_product(work->call->kernels->gemm, &part,
                 &(struct tile_matrix){work->packed + batch * packed_floats(work), depth, columns});
    const struct row_sums result = {batch, row0, rows, part.c, part.c_stride};
    end_rows(work, &result);
    if (!there)
        give_rows(work, &result);
}

static void run_tiles(struct team_thread self, void *context) {
    const struct contraction_work *work = context;
    const struct dims *groups = work->form->groups;
    const int64_t runs = groups[ROWS].count / work->run;
    const struct team_range range = team_range_of(self, groups[BATCH].count * runs * work->blocks);
    float *own = (float *)(void *)(work->call->own + (size_t)self.index * work->call->own_stride);
    for (int64_t item = range.first; item < range.end; item++) {
        const int64_t block = item % work->blocks * TILE_ROWS;
        run_rows(work, item / work->blocks / runs, item / work->blocks % runs * work->run + block,
                 at_most(work->run - block, TILE_ROWS), own);
    }
}

/* ---- without tiles, in all types ---- */

#define LOOPS(T, DTYPE, SUM)                                                                                         \
    static void run_places_##T(const struct contraction_work *work, int64_t batch, int64_t column0, int64_t count) { \
        const struct dims *groups = work->form->groups;                                                              \
        const struct contraction_tables *t = &work->tables;                                                          \
        const T *a = (const T *)work->a + place_of(&groups[BATCH], A, batch);                                        \
        const T *b = (const T *)work->b + place_of(&groups[BATCH], B, batch);                                        \
        T *c = (T *)work->c + place_of(&groups[BATCH], C, batch);                                                    \
        const bool even = work->side_by_side;                                                                        \
        SUM sums[COLUMNS] = {0};                                                                                     \
        for (int64_t k = 0; k < groups[DEPTH].count; k++) {                                                          \
            const T *x = a + t->depth_a[k], *y = b + t->depth_b[k];                                                  \
            for (int64_t j = 0; even && j < count; j++)                                                              \
                sums[j] += (SUM)x[column0 + j] * (SUM)y[column0 + j];                                                \
            for (int64_t j = 0; !even && j < count; j++)                                                             \
                sums[j] += (SUM)x[t->column_a[column0 + j]] * (SUM)y[t->column_b[column0 + j]];                      \
        }                                                                                                            \
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
    const struct dims *groups = places->work.form->groups;
    const int64_t columns = groups[COLUMNS_OF_C].count, width = places->work.width;
    const int64_t pieces = divide_up(columns, width);
    for (int64_t item = first; item < end; item++) {
        const int64_t column0 = item % pieces * width;
        places->loop(&places->work, item / pieces, column0, at_most(columns - column0, width));
    }
}

static bool is_side_by_side(const struct dims *columns) {
    int64_t a, b;
    return is_even(columns, A, &a) && is_even(columns, B, &b) && a == 1 && b == 1;
}

void contraction_run(const struct op_call *call, const struct contraction *contraction, void *workspace) {
    const struct product_form form = form_of(contraction);
    const struct dims *groups = form.groups;
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
                              .end = contraction->end,
                              .packed = contraction->packed,
                              .side_by_side = is_side_by_side(&groups[COLUMNS_OF_C])},
                             loops[contraction->dtype]};
    all.work.width = all.work.side_by_side ? COLUMNS : FAR_COLUMNS;
    const struct contraction_tables *t = &all.work.tables;
    const int threads = (double)places * (double)groups[DEPTH].count > TEAM_PRODUCTS ? call->threads : 1;
    fill(&groups[DEPTH], A, t->depth_a);
    fill(&groups[DEPTH], B, t->depth_b);
    fill(&groups[COLUMNS_OF_C], A, t->column_a);
    fill(&groups[COLUMNS_OF_C], B, t->column_b);
    fill(&groups[COLUMNS_OF_C], C, t->column_c);
    if (!form.tiles) {
        team_for(threads, groups[BATCH].count * divide_up(groups[COLUMNS_OF_C].count, all.work.width), run_places,
                 &all);
        return;
    }
    if (!all.work.packed) {
        team_for(threads, groups[BATCH].count * divide_up(groups[COLUMNS_OF_C].count, call->kernels->gemm->columns),
                 pack_tiles, &all.work);
        all.work.packed = t->packed;
    }
    cut_rows(&all.work);
    team_run(threads, run_tiles, &all.work);
}

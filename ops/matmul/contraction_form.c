#include "ops/matmul/contraction_form.h"

#include <string.h>

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

struct product_form contraction_form_of(const struct contraction *given) {
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

int64_t dims_place(const struct dims *dims, enum array array, int64_t index) {
    int64_t place = 0;
    for (int d = dims->rank - 1; d > 0; d--) {
        place += index % dims->size[d] * dims->strides[d][array];
        index /= dims->size[d];
    }
    return dims->rank > 0 ? place + index * dims->strides[0][array] : 0;
}

bool dims_even(const struct dims *dims, enum array array, int64_t *stride) {
    *stride = dims->rank > 0 ? dims->strides[dims->rank - 1][array] : 0;
    for (int d = dims->rank - 2; d >= 0; d--)
        if (dims->strides[d][array] != dims->strides[d + 1][array] * dims->size[d + 1])
            return false;
    return true;
}

int64_t dims_run(const struct dims *rows) {
    int64_t run = 1;
    for (int d = rows->rank - 1; d >= 0; d--) {
        for (int array = 0; array < ARRAYS; array++)
            if (d + 1 < rows->rank && rows->strides[d][array] != rows->strides[d + 1][array] * rows->size[d + 1])
                return run;
        run *= rows->size[d];
    }
    return run;
}

int64_t dims_step(const struct dims *dims, enum array array) {
    return dims->rank > 0 ? dims->strides[dims->rank - 1][array] : 0;
}

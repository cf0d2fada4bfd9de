#include "ops/matmul/contraction_form.h"

#define FEW_COLUMNS 8 /* below so many a tile has more zeros than columns */

static void add_dim(struct contraction_dims *dims, const struct contraction_dim *dim) {
    dims->size[dims->rank] = dim->size;
    dims->strides[dims->rank][A] = dim->a;
    dims->strides[dims->rank][B] = dim->b;
    dims->strides[dims->rank++][C] = dim->c;
    dims->count *= dim->size;
}

/* What c has of one array alone are rows or columns. Where a size is 1 it does not matter what it is. */
static enum contraction_group group_of(const struct contraction_dim *dim) {
    if (dim->summed)
        return DEPTH;
    return dim->a && dim->b ? BATCH : dim->b ? COLUMNS_OF_C : ROWS;
}

struct contraction_form contraction_form_of(const struct contraction *c) {
    struct contraction_form form = {.tiles = true};
    int64_t rows = 1, columns = 1;
    for (int d = 0; d < c->rank; d++) {
        rows *= group_of(&c->dims[d]) == ROWS ? c->dims[d].size : 1;
        columns *= group_of(&c->dims[d]) == COLUMNS_OF_C ? c->dims[d].size : 1;
    }
    form.swapped = rows > columns && columns < FEW_COLUMNS;
    form.tiles = c->dtype == DTYPE_FLOAT && (form.swapped ? rows : columns) >= FEW_COLUMNS;
    for (int g = 0; g < GROUPS; g++)
        form.groups[g].count = 1;
    for (int d = 0; d < c->rank; d++) {
        struct contraction_dim dim = c->dims[d];
        if (form.swapped) {
            dim.a = c->dims[d].b;
            dim.b = c->dims[d].a;
        }
        enum contraction_group group = group_of(&dim);
        /* Without tiles, what lies innermost in c can go side by side whatever it is. */
        if (!form.tiles && !dim.summed)
            group = dim.c == 1 ? COLUMNS_OF_C : BATCH;
        if (dim.size != 1)
            add_dim(&form.groups[group], &dim);
    }
    return form;
}

int64_t contraction_place(const struct contraction_dims *dims, enum contraction_array array, int64_t index) {
    int64_t place = 0;
    for (int d = dims->rank - 1; d > 0; d--) {
        place += index % dims->size[d] * dims->strides[d][array];
        index /= dims->size[d];
    }
    return dims->rank > 0 ? place + index * dims->strides[0][array] : 0;
}

bool contraction_is_even(const struct contraction_dims *dims, enum contraction_array array, int64_t *stride) {
    *stride = dims->rank > 0 ? dims->strides[dims->rank - 1][array] : 0;
    for (int d = dims->rank - 2; d >= 0; d--)
        if (dims->strides[d][array] != dims->strides[d + 1][array] * dims->size[d + 1])
            return false;
    return true;
}

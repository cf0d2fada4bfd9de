#include "ops/norm/norm_view.h"

#include <string.h>

/* Dimension d goes on where the one inside it ends, in all arrays. */
static bool joins(const struct norm_layout *layout, int d, const int64_t *inner, int64_t size) {
    for (int a = 0; a < NORM_ARRAYS; a++)
        if (layout->dims.strides[d][a] != inner[a] * size)
            return false;
    return true;
}

static void push(struct norm_layout *to, const struct norm_layout *from, int d) {
    const int last = to->dims.rank - 1;
    const int64_t size = from->dims.size[d], *strides = from->dims.strides[d];
    if (last >= 0 && to->reduced[last] == from->reduced[d] && joins(to, last, strides, size)) {
        to->dims.size[last] *= size;
        memcpy(to->dims.strides[last], strides, sizeof to->dims.strides[last]);
        return;
    }
    to->dims.size[to->dims.rank] = size;
    to->reduced[to->dims.rank] = from->reduced[d];
    memcpy(to->dims.strides[to->dims.rank++], strides, sizeof *to->dims.strides);
}

/* Without dimensions of size 1, neighbours joined, the strides of x set. */
static struct norm_layout joined(const struct norm_layout *layout, bool with_scale) {
    struct norm_layout dense = *layout, result = {.dims.rank = 0};
    int64_t stride = 1;
    for (int d = dense.dims.rank - 1; d >= 0; d--) {
        dense.dims.strides[d][NORM_X] = stride;
        stride *= dense.dims.size[d];
        if (!with_scale)
            dense.dims.strides[d][NORM_SCALE] = dense.dims.strides[d][NORM_BIAS] = 0;
    }
    for (int d = 0; d < dense.dims.rank; d++)
        if (dense.dims.size[d] != 1)
            push(&result, &dense, d);
    return result;
}

static void add(struct norm_dims *dims, const struct norm_layout *from, int d, int64_t *product) {
    dims->size[dims->rank] = from->dims.size[d];
    memcpy(dims->strides[dims->rank++], from->dims.strides[d], sizeof *dims->strides);
    *product *= from->dims.size[d];
}

struct norm_view norm_view(const struct norm_layout *layout, bool with_scale) {
    const struct norm_layout all = joined(layout, with_scale);
    struct norm_view view = {.groups = 1, .positions = 1, .inner = 1};
    const int last = all.dims.rank - 1;
    for (int d = 0; d < last; d++)
        if (all.reduced[d])
            add(&view.reduced, &all, d, &view.positions);
        else
            add(&view.kept, &all, d, &view.groups);
    if (last < 0)
        return view;
    view.columns = !all.reduced[last];
    view.inner = all.dims.size[last];
    memcpy(view.inner_strides, all.dims.strides[last], sizeof view.inner_strides);
    return view;
}

int64_t norm_offset(const struct norm_dims *dims, enum norm_array array, int64_t index) {
    int64_t offset = 0;
    for (int d = dims->rank - 1; d > 0; d--) {
        offset += index % dims->size[d] * dims->strides[d][array];
        index /= dims->size[d];
    }
    return dims->rank > 0 ? offset + index * dims->strides[0][array] : 0;
}

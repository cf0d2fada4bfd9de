#include "ops/core/broadcast.h"

#include <string.h>

/* Size along dimension d of the output's rank; 1 where the shape has none. */
static int64_t dim_at(const struct shape *shape, int d, int rank) {
    const int own = d - (rank - shape->rank);
    return own < 0 ? 1 : shape->dims[own];
}

/* Which dimension keeps a and b from broadcasting, or -1. */
static int conflict(const struct shape *a, const struct shape *b) {
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    for (int d = 0; d < rank; d++) {
        const int64_t x = dim_at(a, d, rank), y = dim_at(b, d, rank);
        if (x != y && x != 1 && y != 1)
            return d;
    }
    return -1;
}

static void merge(struct shape *out, const struct shape *shape) {
    const int rank = out->rank > shape->rank ? out->rank : shape->rank;
    struct shape merged = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        const int64_t x = dim_at(out, d, rank);
        merged.dims[d] = x == 1 ? dim_at(shape, d, rank) : x;
    }
    *out = merged;
}

static status report(const struct op_call *call, int i, int j, struct error *err) {
    const struct shape *a = &call->inputs[i]->shape, *b = &call->inputs[j]->shape;
    const int rank = a->rank > b->rank ? a->rank : b->rank, d = conflict(a, b);
    char first[SHAPE_TEXT_BYTES], second[SHAPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "inputs %d %s and %d %s do not broadcast (dimension %d: %lld and %lld)", i,
                shape_text(a, first), j, shape_text(b, second), d, (long long)dim_at(a, d, rank),
                (long long)dim_at(b, d, rank));
}

status broadcast_inputs(const struct op_call *call, int first, int last, struct shape *out, struct error *err) {
    *out = (struct shape){.rank = 0};
    for (int i = first; i <= last; i++) {
        if (conflict(out, &call->inputs[i]->shape) >= 0)
            for (int j = first; j < i; j++)
                if (conflict(&call->inputs[j]->shape, &call->inputs[i]->shape) >= 0)
                    return report(call, j, i, err);
        merge(out, &call->inputs[i]->shape);
    }
    return STATUS_OK;
}

bool broadcast_fits(const struct shape *small, const struct shape *large) {
    for (int d = 0; d < large->rank; d++) {
        const int64_t size = dim_at(small, d, large->rank);
        if (size != 1 && size != large->dims[d])
            return false;
    }
    return small->rank <= large->rank;
}

/* Strides of `shape` along the output's dimensions. */
static void set_strides(size_t strides[MAX_RANK], const struct shape *shape, const struct shape *out) {
    size_t stride = 1;
    for (int d = out->rank - 1; d >= 0; d--) {
        const int64_t size = dim_at(shape, d, out->rank);
        strides[d] = size == 1 ? 0 : stride;
        stride *= (size_t)size;
    }
}

/* True when every operand goes from the end of dimension d+1 straight on into the next step of d. */
static bool mergeable(const struct broadcast *plan, int d) {
    for (int k = 0; k < plan->operands; k++)
        if (plan->strides[k][d] != plan->strides[k][d + 1] * plan->dims[d + 1])
            return false;
    return true;
}

static void remove_dim(struct broadcast *plan, int d) {
    const size_t rest = (size_t)(plan->rank - d - 1);
    memmove(&plan->dims[d], &plan->dims[d + 1], rest * sizeof plan->dims[0]);
    for (int k = 0; k < plan->operands; k++)
        memmove(&plan->strides[k][d], &plan->strides[k][d + 1], rest * sizeof plan->strides[k][0]);
    plan->rank--;
}

static void collapse(struct broadcast *plan) {
    for (int d = plan->rank - 1; d >= 0; d--)
        if (plan->dims[d] == 1)
            remove_dim(plan, d);
    for (int d = plan->rank - 2; d >= 0; d--)
        if (mergeable(plan, d)) {
            plan->dims[d + 1] *= plan->dims[d];
            remove_dim(plan, d);
        }
    if (plan->rank == 0) {
        plan->rank = 1;
        plan->dims[0] = 1;
        for (int k = 0; k < plan->operands; k++)
            plan->strides[k][0] = 0;
    }
}

void broadcast_plan(struct broadcast *plan, const struct shape *out, const struct shape *const *shapes, int operands) {
    *plan = (struct broadcast){.operands = operands, .rank = out->rank, .elements = (size_t)shape_elements(out)};
    for (int d = 0; d < out->rank; d++)
        plan->dims[d] = (size_t)out->dims[d];
    for (int k = 0; k < operands; k++)
        set_strides(plan->strides[k], shapes[k], out);
    if (plan->elements)
        collapse(plan);
}

/* One step along the dimensions outside the last, carrying over. */
static void step(const struct broadcast *plan, size_t index[MAX_RANK], size_t at[BROADCAST_MAX]) {
    for (int d = plan->rank - 2; d >= 0; d--) {
        for (int k = 0; k < plan->operands; k++)
            at[k] += plan->strides[k][d];
        if (++index[d] < plan->dims[d])
            return;
        for (int k = 0; k < plan->operands; k++)
            at[k] -= plan->strides[k][d] * plan->dims[d];
        index[d] = 0;
    }
}

void broadcast_walk(const struct broadcast *plan, size_t begin, size_t end, broadcast_body *body, void *context) {
    const int last = plan->rank - 1;
    size_t index[MAX_RANK], rest = begin, rows[BROADCAST_MAX] = {0};
    for (int d = last; d >= 0 && begin < end; rest /= plan->dims[d], d--) {
        index[d] = rest % plan->dims[d];
        for (int k = 0; k < plan->operands && d < last; k++)
            rows[k] += index[d] * plan->strides[k][d];
    }
    for (size_t out = begin, column = begin < end ? index[last] : 0; out < end; column = 0) {
        const size_t left = plan->dims[last] - column;
        const size_t count = left < end - out ? left : end - out;
        size_t at[BROADCAST_MAX];
        for (int k = 0; k < plan->operands; k++)
            at[k] = rows[k] + column * plan->strides[k][last];
        body(context, out, at, count);
        out += count;
        step(plan, index, rows);
    }
}

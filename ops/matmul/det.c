/*
 * Det, and onnxruntime's Inverse (com.microsoft 1): of square matrices, by elimination with the greatest pivot of each
 * column, in double precision. Of a singular matrix the inverse has numbers that are not finite.
 */
#include "base/checked.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct shape shape = x->shape;
    char text[SHAPE_TEXT_BYTES];
    const int rank = shape.rank;
    if (rank < 2 || shape.dims[rank - 1] != shape.dims[rank - 2])
        return fail(err, STATUS_SHAPE, "input 0 (X) has shape %s, expected square matrices", shape_text(&shape, text));
    if (!call->op->row)
        shape.rank -= 2;
    return tensor_describe(call->outputs[0], x->dtype, &shape, err);
}

static int64_t side_of(const struct op_call *call) {
    return call->inputs[0]->shape.dims[call->inputs[0]->shape.rank - 1];
}

/* Each thread has one matrix, and an inverse behind it. */
static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const size_t side = (size_t)side_of(call);
    size_t elements;
    *workspace_bytes = 0;
    if (!size_mul(side, side, &elements) || !size_mul(elements, 2 * sizeof(double), &call->own_bytes))
        return fail(err, STATUS_LIMIT, "input 0 (X) is too large");
    return STATUS_OK;
}

static int64_t pivot_row(const double *a, int64_t n, int64_t column) {
    int64_t best = column;
    for (int64_t row = column + 1; row < n; row++)
        if (fabs(a[row * n + column]) > fabs(a[best * n + column]))
            best = row;
    return best;
}

static void swap_rows(double *a, double *b, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const double x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

static double determinant(double *a, int64_t n) {
    double product = 1;
    for (int64_t column = 0; column < n; column++) {
        const int64_t pivot = pivot_row(a, n, column);
        if (pivot != column) {
            swap_rows(a + pivot * n, a + column * n, n);
            product = -product;
        }
        const double head = a[column * n + column];
        product *= head;
        for (int64_t row = column + 1; row < n && head != 0; row++) {
            const double factor = a[row * n + column] / head;
            for (int64_t i = column + 1; i < n; i++)
                a[row * n + i] -= factor * a[column * n + i];
        }
    }
    return product;
}

/* Leaves a the identity and b what was its inverse. */
static void invert(double *a, double *b, int64_t n) {
    for (int64_t i = 0; i < n * n; i++)
        b[i] = i / n == i % n;
    for (int64_t column = 0; column < n; column++) {
        const int64_t pivot = pivot_row(a, n, column);
        if (pivot != column) {
            swap_rows(a + pivot * n, a + column * n, n);
            swap_rows(b + pivot * n, b + column * n, n);
        }
        const double head = a[column * n + column];
        for (int64_t i = 0; i < n; i++) {
            a[column * n + i] /= head;
            b[column * n + i] /= head;
        }
        for (int64_t row = 0; row < n; row++) {
            const double factor = row == column ? 0 : a[row * n + column];
            for (int64_t i = 0; i < n && factor != 0; i++) {
                a[row * n + i] -= factor * a[column * n + i];
                b[row * n + i] -= factor * b[column * n + i];
            }
        }
    }
}

static void run_thread(struct team_thread self, void *context) {
    const struct op_call *call = context;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    const int64_t n = side_of(call);
    double *a = (double *)(void *)(call->own + (size_t)self.index * call->own_stride);
    const int64_t made = call->op->row ? n * n : 1; /* numbers of a matrix's result */
    const struct team_range range = team_range_of(self, tensor_elements(y) / made);
    for (int64_t i = range.first; i < range.end; i++) {
        reals_load(x->dtype, (const char *)x->data + (size_t)(i * n * n) * dtype_size(x->dtype), a, (size_t)(n * n));
        double one, *result = call->op->row ? a + n * n : &one;
        if (call->op->row)
            invert(a, result, n);
        else
            one = determinant(a, n);
        reals_store(y->dtype, result, (char *)y->data + (size_t)(i * made) * dtype_size(y->dtype), (size_t)made);
    }
}

static status run(struct op_call *call, struct error *err) {
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    team_run(tensor_elements(call->inputs[0]) < 4096 ? 1 : call->threads, run_thread, call);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
static const struct op_arg inputs[] = {{"X", TYPES_FLOAT | TYPE(DTYPE_DOUBLE), ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT | TYPE(DTYPE_DOUBLE), ARG_T}, {0}};

#define ELIMINATION(NAME, DOMAIN, SINCE, ROW)                                                                 \
    {                                                                                                         \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .inputs = inputs, .outputs = outputs, .infer = infer, \
        .prepare = prepare, .run = run, .facts = &facts, .row = ROW                                           \
    }
static const int inverts = 1;

const struct op ops_det[] = {
    ELIMINATION("Det", "", 11, NULL), ELIMINATION("Inverse", "com.microsoft", 1, &inverts), {.name = NULL}};

/* LRN (ONNX 1, 13): every number by the squares of its neighbours among the channels. */
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/math.h"
#include "ops/norm/norm_types.h"

#include <math.h>

#define PIECE 512 /* numbers of a channel that are worked on together */
#define TEAM_ELEMENTS 4096

struct lrn_params {
    float alpha, beta, bias;
    int64_t size;
};

static status lrn_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct lrn_params *params = result;
    (void)call;
    params->alpha = attribute_float(attributes, "alpha", 1e-4f);
    params->beta = attribute_float(attributes, "beta", 0.75f);
    params->bias = attribute_float(attributes, "bias", 1);
    params->size = attribute_int(attributes, "size", 0);
    if (params->size < 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"size\" is %lld, expected 1 or more",
                    (long long)params->size);
    return STATUS_OK;
}

static status lrn_infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    if (x->shape.rank < 2)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [N,C,...]", shape_text(&x->shape, text));
    return tensor_describe(call->outputs[0], x->dtype, &x->shape, err);
}

struct lrn_work {
    const struct op_call *call;
    int64_t channels, plane, pieces; /* pieces of a plane */
};

/* Numbers of a plane, with the channels whose squares count, relative to that plane. */
struct lrn_piece {
    int64_t at, count, first, end; /* channels first..end-1 */
};

static struct lrn_piece piece_of(const struct lrn_work *work, int64_t item) {
    const int64_t size = ((const struct lrn_params *)work->call->params)->size;
    const int64_t plane = item / work->pieces, from = item % work->pieces * PIECE, c = plane % work->channels;
    const int64_t before = (size - 1) / 2, behind = size - 1 - before;
    return (struct lrn_piece){plane * work->plane + from, at_most(work->plane - from, PIECE), c < before ? -c : -before,
                              behind < work->channels - 1 - c ? behind + 1 : work->channels - c};
}

/* x / d^beta as x e^(-beta log d) */
static void divide_float(const struct op_call *call, const float *x, float *y, float *d, int64_t count) {
    const struct math_kernel *math = call->kernels->math;
    const float beta = ((const struct lrn_params *)call->params)->beta;
    math->map[MATH_LOG](d, d, (size_t)count, 0, 0);
    SIMD for (int64_t i = 0; i < count; i++) d[i] *= -beta;
    math->map[MATH_EXP](d, d, (size_t)count, 0, 0);
    SIMD for (int64_t i = 0; i < count; i++) y[i] = x[i] * d[i];
}

static void divide_double(const struct op_call *call, const double *x, double *y, double *d, int64_t count) {
    const double beta = ((const struct lrn_params *)call->params)->beta;
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] / pow(d[i], beta);
}

#define LRN_PIECES(T)                                                                                \
    static void lrn_##T(void *context, int64_t begin, int64_t end) {                                 \
        const struct lrn_work *work = context;                                                       \
        const struct lrn_params *params = work->call->params;                                        \
        const T alpha = (T)params->alpha / (T)params->size, bias = (T)params->bias;                  \
        for (int64_t item = begin; item < end; item++) {                                             \
            const struct lrn_piece piece = piece_of(work, item);                                     \
            const T *x = (const T *)work->call->inputs[0]->data + piece.at;                          \
            T d[PIECE] = {0};                                                                        \
            for (int64_t c = piece.first; c < piece.end; c++) {                                      \
                const T *near = x + c * work->plane;                                                 \
                SIMD for (int64_t i = 0; i < piece.count; i++) d[i] += near[i] * near[i];            \
            }                                                                                        \
            SIMD for (int64_t i = 0; i < piece.count; i++) d[i] = bias + alpha * d[i];               \
            divide_##T(work->call, x, (T *)work->call->outputs[0]->data + piece.at, d, piece.count); \
        }                                                                                            \
    }
LRN_PIECES(float)
LRN_PIECES(double)

static status lrn_run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    struct lrn_work work = {call, x->dims[1], 1, 0};
    (void)err;
    if (call->inputs[0]->bytes == 0)
        return STATUS_OK;
    for (int d = 2; d < x->rank; d++)
        work.plane *= x->dims[d];
    work.pieces = divide_up(work.plane, PIECE);
    team_for(tensor_elements(call->inputs[0]) > TEAM_ELEMENTS ? call->threads : 1,
             x->dims[0] * x->dims[1] * work.pieces, call->inputs[0]->dtype == DTYPE_DOUBLE ? lrn_double : lrn_float,
             &work);
    return STATUS_OK;
}

const struct op ops_lrn[] = {{.name = "LRN",
                              .domain = "",
                              .since = 1,
                              .inputs = (const struct op_arg[]){{"X", TYPES_NORM, ARG_T}, {0}},
                              .outputs = (const struct op_arg[]){{"Y", TYPES_NORM, ARG_T}, {0}},
                              .params_size = sizeof(struct lrn_params),
                              .parse = lrn_parse,
                              .infer = lrn_infer,
                              .run = lrn_run},
                             {0}};

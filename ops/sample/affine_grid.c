/* AffineGrid (ONNX 20): the places of a picture of this size, moved by an affine map for each picture of the batch. */
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#define GRID_AXES 3

struct affine_params {
    bool align_corners;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct affine_params *params = result;
    (void)call, (void)err;
    params->align_corners = attribute_int(attributes, "align_corners", 0) != 0;
    return STATUS_OK;
}

/* Two or three spatial dimensions, by what `size` has behind N and C. */
static status infer(struct op_call *call, struct error *err) {
    const struct shape *theta = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t size[MAX_RANK];
    int count;
    const status code = op_input_ints(call, 1, size, MAX_RANK, &count, err);
    if (code != STATUS_OK)
        return code;
    if (count != 4 && count != 5)
        return fail(err, STATUS_SHAPE, "input 1 (size) has %d numbers, expected [N,C,H,W] or [N,C,D,H,W]", count);
    const int axes = count - 2;
    if (theta->rank != 3 || theta->dims[0] != size[0] || theta->dims[1] != axes || theta->dims[2] != axes + 1)
        return fail(err, STATUS_SHAPE, "input 0 (theta) is %s, expected [%lld,%d,%d]", shape_text(theta, text),
                    (long long)size[0], axes, axes + 1);
    struct shape shape = {.rank = axes + 2, .dims = {size[0]}};
    for (int d = 0; d < axes; d++) {
        if (size[2 + d] < 0)
            return fail(err, STATUS_INVALID_MODEL, "size[%d] is %lld", 2 + d, (long long)size[2 + d]);
        shape.dims[1 + d] = size[2 + d];
    }
    shape.dims[axes + 1] = axes;
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* Element i of a dimension, in -1..1. A dimension of one element has its middle there. */
static double place_of(int64_t i, int64_t size, bool align_corners) {
    if (align_corners)
        return size > 1 ? -1 + 2 * (double)i / (double)(size - 1) : 0;
    return -1 + (2 * (double)i + 1) / (double)size;
}

struct affine_work {
    const struct op_call *call;
    int axes;
    const int64_t *sizes;
};

/* A row of pixels, of which `rows` is what is the same for all; called with a constant number of axes. */
#define PIXELS(NAME, T)                                                                                        \
    static inline __attribute__((always_inline)) void NAME##_pixels(                                           \
        T *y, const int axes, int64_t width, const double *rows, const T *theta, bool corners) {               \
        const double begin = corners ? 0 : 0.5, step = 2 / (double)(corners && width > 1 ? width - 1 : width); \
        double slopes[GRID_AXES];                                                                              \
        for (int d = 0; d < axes; d++)                                                                         \
            slopes[d] = (double)theta[d * (axes + 1)];                                                         \
        for (int64_t i = 0; i < width; i++, y += axes) {                                                       \
            const double x = width > 1 || !corners ? -1 + ((double)i + begin) * step : 0;                      \
            for (int d = 0; d < axes; d++)                                                                     \
                y[d] = (T)(rows[d] + slopes[d] * x);                                                           \
        }                                                                                                      \
    }
#define ROWS(NAME, T)                                                                           \
    static void NAME(void *context, int64_t first, int64_t end) {                               \
        const struct affine_work *work = context;                                               \
        const bool corners = ((const struct affine_params *)work->call->params)->align_corners; \
        const int axes = work->axes;                                                            \
        const int64_t width = work->sizes[axes - 1];                                            \
        double at[GRID_AXES + 1] = {0};                                                         \
        for (int64_t row = first; row < end; row++) {                                           \
            int64_t rest = row;                                                                 \
            for (int d = axes - 2; d >= 0; d--) {                                               \
                at[axes - 1 - d] = place_of(rest % work->sizes[d], work->sizes[d], corners);    \
                rest /= work->sizes[d];                                                         \
            }                                                                                   \
            at[axes] = 1;                                                                       \
            const T *theta = (const T *)work->call->inputs[0]->data + rest * axes * (axes + 1); \
            T *y = (T *)work->call->outputs[0]->data + row * width * axes;                      \
            double rows[GRID_AXES] = {0}; /* what is the same for the whole row */              \
            for (int d = 0; d < axes; d++)                                                      \
                for (int k = 1; k <= axes; k++)                                                 \
                    rows[d] += (double)theta[d * (axes + 1) + k] * at[k];                       \
            if (axes == 2)                                                                      \
                NAME##_pixels(y, 2, width, rows, theta, corners);                               \
            else                                                                                \
                NAME##_pixels(y, axes, width, rows, theta, corners);                            \
        }                                                                                       \
    }
PIXELS(rows_float, float)
PIXELS(rows_double, double)
ROWS(rows_float, float)
ROWS(rows_double, double)

static status run(struct op_call *call, struct error *err) {
    const struct shape *y = &call->outputs[0]->shape;
    const struct affine_work work = {call, y->rank - 2, y->dims + 1};
    int64_t rows = y->dims[0];
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    for (int d = 0; d + 1 < work.axes; d++)
        rows *= work.sizes[d];
    const int threads = tensor_elements(call->outputs[0]) > 8192 ? call->threads : 1;
    team_for(threads, rows, call->outputs[0]->dtype == DTYPE_FLOAT ? rows_float : rows_double, (void *)&work);
    return STATUS_OK;
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"theta", REAL, ARG_T}, {"size", TYPE(DTYPE_INT64), ARG_T1}, {0}};
static const struct op_arg outputs[] = {{"grid", REAL, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_affine_grid[] = {{.name = "AffineGrid",
                                      .domain = "",
                                      .since = 20,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct affine_params),
                                      .parse = parse,
                                      .infer = infer,
                                      .run = run,
                                      .facts = &facts},
                                     {0}};

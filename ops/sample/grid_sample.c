/*
 * GridSample (ONNX 16, 20, 22; com.microsoft 1): pictures of two or three dimensions looked up at the places of a grid.
 * What a place meets is found once for all channels.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/turned_pictures.h"
#include "ops/core/work_queue.h"
#include "ops/kernels/families.h"
#include "ops/kernels/resize.h"
#include "ops/resize/resize_numbers.h"
#include "ops/sample/grid_taps.h"

#include <math.h>
#include <string.h>

#define PLACES GATHER_STRIDE /* that are looked up at once */

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    static const char *const modes[] = {"linear", "nearest", "cubic", "bilinear", "bicubic", NULL};
    static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
    static const enum grid_mode meanings[] = {GRID_LINEAR, GRID_NEAREST, GRID_CUBIC, GRID_LINEAR, GRID_CUBIC};
    struct grid_params *params = result;
    (void)call, (void)err;
    params->mode = meanings[attribute_choice(attributes, "mode", modes, 0)];
    params->padding = (enum grid_padding)attribute_choice(attributes, "padding_mode", paddings, GRID_ZEROS);
    params->align_corners = attribute_int(attributes, "align_corners", 0) != 0;
    return STATUS_OK;
}

static status check_grid(const struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape, *grid = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank < 3 || x->rank > 2 + GRID_AXES)
        return fail(err, x->rank < 3 ? STATUS_SHAPE : STATUS_UNSUPPORTED,
                    "input 0 (X) is %s, expected [N,C,...] with 1 to 3 spatial dimensions", shape_text(x, a));
    if (grid->rank != x->rank || grid->dims[0] != x->dims[0] || grid->dims[grid->rank - 1] != x->rank - 2)
        return fail(err, STATUS_SHAPE, "input 1 (grid) is %s, expected [%lld,...,%d] for input 0 (X) %s",
                    shape_text(grid, a), (long long)x->dims[0], x->rank - 2, shape_text(x, b));
    return STATUS_OK;
}

/* An int32_t can number the elements of a picture. */
static bool is_indexed(const struct shape *x) {
    struct shape picture = {.rank = x->rank - 2};
    for (int d = 0; d < picture.rank; d++)
        picture.dims[d] = x->dims[2 + d];
    const int64_t elements = shape_elements(&picture);
    return elements >= 0 && elements <= INT32_MAX;
}

static status infer(struct op_call *call, struct error *err) {
    const struct grid_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    const status code = check_grid(call, err);
    if (code != STATUS_OK)
        return code;
    if (params->mode != GRID_NEAREST && !resize_numbers_of(x->dtype))
        return fail(err, STATUS_UNSUPPORTED, "input 0 (X) has element type %s, which only \"nearest\" can sample",
                    dtype_name(x->dtype));
    struct shape shape = call->inputs[1]->shape;
    bool hollow = false;
    for (int d = shape.rank - 1; d >= 2; d--) {
        shape.dims[d] = shape.dims[d - 1];
        hollow |= x->shape.dims[d] == 0;
    }
    shape.dims[1] = x->shape.dims[1];
    if (!is_indexed(&x->shape))
        return fail(err, STATUS_LIMIT, "a picture of %s has more than %d elements", shape_text(&x->shape, text),
                    INT32_MAX);
    if (hollow && shape_elements(&shape) > 0)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s: there is nothing to sample", shape_text(&x->shape, text));
    return tensor_describe(call->outputs[0], x->dtype, &shape, err);
}

struct grid_work {
    const struct op_call *call;
    int axes, taps; /* all dimensions together */
    int64_t sizes[GRID_AXES], channels, plane, places, blocks;
    float *turned; /* NULL: as they are */
    struct work_queue queue;
};

/* What some places meet; indices of -1 count as zero. Weights are doubles unless X is of floats. */
struct looked_up {
    int32_t (*indices)[GATHER_STRIDE];
    float (*floats)[GATHER_STRIDE];
    double (*doubles)[GATHER_STRIDE];
    int64_t count;
};

static int taps_of(const struct op_call *call) {
    int taps = 1;
    for (int d = 2; d < call->inputs[0]->shape.rank; d++)
        taps *= grid_tap_count(((const struct grid_params *)call->params)->mode);
    return taps;
}

/* Whether pictures are turned: floats of many channels, most of whose pixels are asked for, with 4 taps. */
static bool turns(const struct op_call *call) {
    const struct tensor *x = call->inputs[0];
    return x->dtype == DTYPE_FLOAT && taps_of(call) == TURNED_TAPS && x->shape.dims[1] >= TURNED_CHANNELS &&
           tensor_elements(call->outputs[0]) >= tensor_elements(x) / TURNED_TAPS;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    (void)err;
    *workspace_bytes = turns(call) ? call->inputs[0]->bytes : 0;
    call->own_bytes = (size_t)taps_of(call) * PLACES * (sizeof(int32_t) + sizeof(double));
    return STATUS_OK;
}

static double grid_number(const struct tensor *grid, int64_t i) {
    return grid->dtype == DTYPE_DOUBLE ? ((const double *)grid->data)[i] : (double)((const float *)grid->data)[i];
}

/* The products of the taps of all dimensions. */
static void multiply_taps(const struct grid_work *work, const struct grid_taps *taps, int64_t place, bool single,
                          struct looked_up *to) {
    for (int k = 0; k < work->taps; k++) {
        int64_t index = taps[0].index[k & (taps[0].count - 1)], rest = k >> (taps[0].count / 2);
        double weight = taps[0].weight[k & (taps[0].count - 1)];
        for (int d = 1; d < work->axes; d++) {
            const int t = (int)rest & (taps[d].count - 1); /* 1, 2 or 4 of them */
            rest >>= taps[d].count / 2;
            index = index < 0 || taps[d].index[t] < 0 ? -1 : index * work->sizes[d] + taps[d].index[t];
            weight *= taps[d].weight[t];
        }
        to->indices[k][place] = (int32_t)index;
        if (single)
            to->floats[k][place] = (float)weight;
        else
            to->doubles[k][place] = weight;
    }
}

/* The last number of a place is for the last dimension but counts first: x, y, z. */
static void look_up(const struct grid_work *work, int64_t first, struct looked_up *to) {
    const struct tensor *grid = work->call->inputs[1];
    const bool single = work->call->inputs[0]->dtype == DTYPE_FLOAT;
    for (int64_t i = 0; i < to->count; i++) {
        struct grid_taps taps[GRID_AXES];
        for (int d = 0; d < work->axes; d++)
            grid_find_taps(work->call->params, grid_number(grid, (first + i + 1) * work->axes - 1 - d),
                           grid->dtype == DTYPE_FLOAT, work->sizes[d], &taps[d]);
        multiply_taps(work, taps, i, single, to);
    }
}

/* Sums for elements of type T, in double precision. */
#define SUMS(NAME, T)                                                                                   \
    static void NAME(const struct looked_up *from, int taps, const void *plane, void *out) {            \
        const T *x = plane;                                                                             \
        double sums[PLACES] = {0};                                                                      \
        for (int k = 0; k < taps; k++) {                                                                \
            const int32_t *indices = from->indices[k];                                                  \
            const double *weights = from->doubles[k];                                                   \
            for (int64_t i = 0; i < from->count; i++)                                                   \
                sums[i] += indices[i] >= 0 ? weights[i] * (double)x[indices[i]] : 0;                    \
        }                                                                                               \
        store_sums(resize_numbers_of(DTYPE_OF_##T), sums, out, from->count, sizeof(T), sizeof(double)); \
    }

/* Sums as elements of the type; numbers of 8 bits are stored from floats there. */
static void store_sums(const struct resize_numbers *numbers, const void *sums, void *out, int64_t count, size_t size,
                       size_t computed) {
    float narrow[PLACES];
    if (numbers->same) {
        memcpy(out, sums, (size_t)count * size);
        return;
    }
    if (numbers->size == computed) {
        numbers->store(sums, out, count);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (float)((const double *)sums)[i];
    numbers->store(narrow, out, count);
}

#define DTYPE_OF_double DTYPE_DOUBLE
#define DTYPE_OF_int8_t DTYPE_INT8
#define DTYPE_OF_uint8_t DTYPE_UINT8
#define DTYPE_OF_int16_t DTYPE_INT16
#define DTYPE_OF_uint16_t DTYPE_UINT16
#define DTYPE_OF_int32_t DTYPE_INT32
#define DTYPE_OF_uint32_t DTYPE_UINT32
#define DTYPE_OF_int64_t DTYPE_INT64
#define DTYPE_OF_uint64_t DTYPE_UINT64
SUMS(sums_double, double)
SUMS(sums_int8, int8_t)
SUMS(sums_uint8, uint8_t)
SUMS(sums_int16, int16_t)
SUMS(sums_uint16, uint16_t)
SUMS(sums_int32, int32_t)
SUMS(sums_uint32, uint32_t)
SUMS(sums_int64, int64_t)
SUMS(sums_uint64, uint64_t)

typedef void sums_loop(const struct looked_up *from, int taps, const void *plane, void *out);
static sums_loop *const sums_by_type[DTYPE_COUNT] = {
    [DTYPE_DOUBLE] = sums_double, [DTYPE_INT8] = sums_int8,     [DTYPE_UINT8] = sums_uint8,
    [DTYPE_INT16] = sums_int16,   [DTYPE_UINT16] = sums_uint16, [DTYPE_INT32] = sums_int32,
    [DTYPE_UINT32] = sums_uint32, [DTYPE_INT64] = sums_int64,   [DTYPE_UINT64] = sums_uint64,
};

/* Nearest: elements of any type are copied, or are zero. */
static void copy_places(const struct looked_up *from, const char *plane, char *out, size_t size) {
    for (int64_t i = 0; i < from->count; i++) {
        if (from->indices[0][i] < 0)
            memset(out + (size_t)i * size, 0, size);
        else
            memcpy(out + (size_t)i * size, plane + (size_t)from->indices[0][i] * size, size);
    }
}

/* A text without bytes, for what lies outside. */
static void blank_texts(const struct looked_up *from, struct text *out) {
    for (int64_t i = 0; i < from->count; i++)
        if (from->indices[0][i] < 0)
            out[i] = (struct text){"", 0};
}

static void sample_places(const struct grid_work *work, int64_t unit, char *own) {
    const struct tensor *x = work->call->inputs[0];
    const size_t size = dtype_size(x->dtype);
    const int64_t n = unit / work->blocks, first = unit % work->blocks * PLACES;
    void *weights = own + (size_t)work->taps * PLACES * sizeof(int32_t);
    struct looked_up places = {(void *)own, weights, weights, at_most(work->places - first, PLACES)};
    memset(places.indices, 0xff, (size_t)work->taps * sizeof *places.indices); /* -1 */
    look_up(work, n * work->places + first, &places);
    if (work->turned) {
        turned_gather(
            work->call->kernels,
            &(struct turned_gather){{work->taps, (int)places.count, (void *)places.indices, (void *)places.floats,
                                     work->turned + n * work->plane * work->channels,
                                     (float *)work->call->outputs[0]->data + n * work->channels * work->places + first},
                                    work->channels,
                                    0,
                                    work->channels,
                                    (size_t)work->places});
        return;
    }
    for (int64_t c = 0; c < work->channels; c++) {
        const char *plane = (const char *)x->data + (size_t)((n * work->channels + c) * work->plane) * size;
        char *out =
            (char *)work->call->outputs[0]->data + (size_t)((n * work->channels + c) * work->places + first) * size;
        if (((const struct grid_params *)work->call->params)->mode == GRID_NEAREST)
            copy_places(&places, plane, out, size);
        else if (x->dtype == DTYPE_FLOAT)
            resize_kernel_of(work->call->kernels)
                ->gather(&(struct resize_gather){work->taps, (int)places.count, (void *)places.indices,
                                                 (void *)places.floats, (const void *)plane, (void *)out});
        else
            // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): infer() has refused types that have none
            sums_by_type[x->dtype](&places, work->taps, plane, out);
        if (x->dtype == DTYPE_STRING)
            blank_texts(&places, (void *)out);
    }
}

static void sample_units(struct team_thread self, void *context) {
    struct grid_work *work = context;
    char *own = work->call->own + (size_t)self.index * work->call->own_stride;
    int64_t unit;
    while (work_queue_take(&work->queue, self, work->call->inputs[0]->shape.dims[0] * work->blocks, &unit))
        sample_places(work, unit, own);
}

static status run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape, *y = &call->outputs[0]->shape;
    struct grid_work work = {
        .call = call, .axes = x->rank - 2, .taps = taps_of(call), .channels = x->dims[1], .plane = 1, .places = 1};
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    for (int d = 0; d < work.axes; d++) {
        work.sizes[d] = x->dims[2 + d];
        work.plane *= x->dims[2 + d];
        work.places *= y->dims[2 + d];
    }
    work.blocks = divide_up(work.places, PLACES);
    if (turns(call)) {
        work.turned = call->workspace;
        turn_pictures(call, call->inputs[0], work.turned);
    }
    const int64_t units = x->dims[0] * work.blocks;
    const int threads = (int)at_most(call->threads, units * work.channels * work.taps > 256 ? units : 1);
    work_queue_start(&work.queue, threads);
    team_run(threads, sample_units, &work);
    return STATUS_OK;
}

#define TYPES (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_STRING) | TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128))
#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"X", TYPES, ARG_T}, {"grid", REAL, ARG_T1}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

#define GRID_OP(op_domain, first)                                                                                  \
    {                                                                                                              \
        .name = "GridSample", .domain = op_domain, .since = first, .inputs = inputs, .outputs = outputs,           \
        .params_size = sizeof(struct grid_params), .parse = parse, .infer = infer, .prepare = prepare, .run = run, \
        .facts = &facts                                                                                            \
    }

const struct op ops_grid_sample[] = {GRID_OP("", 16), GRID_OP("com.microsoft", 1), {0}};

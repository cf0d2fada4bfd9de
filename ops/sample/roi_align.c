/*
 * RoiAlign (ONNX 10, 16, 22): bilinear samples of the bins of regions of interest, their average or the largest part.
 * Floats of many channels are turned first, so that a sample's corners are rows of all channels.
 */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/core/turned_pictures.h"
#include "ops/kernels/families.h"

#include <math.h>
#include <string.h>

#define SAMPLES 64            /* that are found at once, for all channels */
#define MOST_SAMPLES 16384    /* of a bin along one axis: regions are as large as a file of strangers says */
#define MOST_OUTPUT (1 << 20) /* height and width of the output */

struct roi_params {
    bool largest, half_pixel;
    int64_t height, width, samples;
    float scale;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    static const char *const modes[] = {"avg", "max", NULL};
    static const char *const coordinates[] = {"half_pixel", "output_half_pixel", NULL};
    struct roi_params *params = result;
    params->largest = attribute_choice(attributes, "mode", modes, 0) != 0;
    params->half_pixel =
        call->opset >= 16 && attribute_choice(attributes, "coordinate_transformation_mode", coordinates, 0) == 0;
    params->height = attribute_int(attributes, "output_height", 1);
    params->width = attribute_int(attributes, "output_width", 1);
    params->samples = attribute_int(attributes, "sampling_ratio", 0);
    params->scale = attribute_float(attributes, "spatial_scale", 1);
    if (params->height < 1 || params->width < 1 || params->height > MOST_OUTPUT || params->width > MOST_OUTPUT)
        return fail(err, STATUS_INVALID_MODEL, "the output is %lld by %lld, expected 1..%d", (long long)params->height,
                    (long long)params->width, MOST_OUTPUT);
    if (params->samples < 0 || params->samples > MOST_SAMPLES)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"sampling_ratio\" is %lld, expected 0..%d",
                    (long long)params->samples, MOST_SAMPLES);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct roi_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *rois = &call->inputs[1]->shape, *rows = &call->inputs[2]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 4)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [N,C,H,W]", shape_text(x, a));
    if (rois->rank != 2 || rois->dims[1] != 4 || rows->rank != 1 || rows->dims[0] != rois->dims[0])
        return fail(err, STATUS_SHAPE, "inputs 1 (rois) and 2 (batch_indices) are %s and %s, expected [R,4] and [R]",
                    shape_text(rois, a), shape_text(rows, b));
    if (rois->dims[0] > 0 && x->dims[1] > 0 && (x->dims[2] == 0 || x->dims[3] == 0))
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s: there is nothing to sample", shape_text(x, a));
    const struct shape shape = {4, {rois->dims[0], x->dims[1], params->height, params->width}};
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* Along one axis of a region: where its first bin begins, how large bins are, and how many samples each has. */
struct roi_axis {
    double start, bin;
    int64_t size, bins, samples;
};

/* which: 0 for y, 1 for x. */
static struct roi_axis axis_of(const struct op_call *call, int64_t roi, int which) {
    const struct roi_params *params = call->params;
    const double offset = params->half_pixel ? 0.5 : 0, scale = (double)params->scale;
    const double start = number_at(call->inputs[1], roi * 4 + 1 - which) * scale - offset;
    double length = number_at(call->inputs[1], roi * 4 + 3 - which) * scale - offset - start;
    if (!params->half_pixel)
        length = fmax(length, 1);
    const int64_t bins = which ? params->width : params->height;
    const double samples = params->samples > 0 ? (double)params->samples : ceil(length / (double)bins);
    return (struct roi_axis){start, length / (double)bins, call->inputs[0]->shape.dims[2 + which], bins,
                             samples >= 0 && samples <= MOST_SAMPLES ? (int64_t)samples
                                                                     : -(samples != samples || samples > 0)};
}

static status check_regions(const struct op_call *call, struct error *err) {
    const int64_t *rows = call->inputs[2]->data, batch = call->inputs[0]->shape.dims[0];
    for (int64_t roi = 0; roi < call->inputs[1]->shape.dims[0]; roi++) {
        if (rows[roi] < 0 || rows[roi] >= batch)
            return fail(err, STATUS_INVALID_MODEL, "batch_indices[%lld] is %lld, expected 0..%lld", (long long)roi,
                        (long long)rows[roi], (long long)batch - 1);
        for (int k = 0; k < 4; k++)
            if (!isfinite(number_at(call->inputs[1], roi * 4 + k)))
                return fail(err, STATUS_INVALID_MODEL, "region %lld is not of numbers", (long long)roi);
        if (axis_of(call, roi, 0).samples < 0 || axis_of(call, roi, 1).samples < 0)
            return fail(err, STATUS_LIMIT, "region %lld has more than %d samples in a bin", (long long)roi,
                        MOST_SAMPLES);
    }
    return STATUS_OK;
}

/* The two elements beside a place, and how much of each; outside there are none. */
struct neighbours {
    int64_t index[2];
    double weight[2];
};

static struct neighbours beside(double x, int64_t size) {
    if (!(x >= -1 && x <= (double)size))
        return (struct neighbours){{0, 0}, {0, 0}};
    x = fmin(fmax(x, 0), (double)(size - 1));
    const int64_t low = (int64_t)x;
    const double rest = x - (double)low;
    return (struct neighbours){{low, at_most(low + 1, size - 1)}, {1 - rest, rest}};
}

struct roi_samples {
    int64_t count, index[SAMPLES][4];
    double weight[SAMPLES][4];
};

static double sample_place(const struct roi_axis *axis, int64_t bin, int64_t i) {
    return axis->start + (double)bin * axis->bin + ((double)i + 0.5) * axis->bin / (double)axis->samples;
}

/* Samples first.. of a bin. */
static void find_samples(const struct roi_axis axes[2], const int64_t bin[2], int64_t first,
                         struct roi_samples *samples) {
    samples->count = at_most(axes[0].samples * axes[1].samples - first, SAMPLES);
    for (int64_t i = 0; i < samples->count; i++) {
        const int64_t at = first + i;
        const struct neighbours y = beside(sample_place(&axes[0], bin[0], at / axes[1].samples), axes[0].size);
        const struct neighbours x = beside(sample_place(&axes[1], bin[1], at % axes[1].samples), axes[1].size);
        for (int k = 0; k < 4; k++) {
            samples->index[i][k] = y.index[k >> 1] * axes[1].size + x.index[k & 1];
            samples->weight[i][k] = y.weight[k >> 1] * x.weight[k & 1];
        }
    }
}

#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))

/* Takes some samples of one channel into its element of the output. The largest one is that of the weighted corners. */
#define TAKE(NAME, T)                                                                                           \
    static void NAME(const struct roi_samples *samples, bool largest, bool first, const void *plane, void *y) { \
        const T *x = plane;                                                                                     \
        T *to = y;                                                                                              \
        double total = first ? 0 : (double)*to;                                                                 \
        for (int64_t i = 0; i < samples->count; i++) {                                                          \
            const double *weights = samples->weight[i];                                                         \
            const int64_t *index = samples->index[i];                                                           \
            double parts[4];                                                                                    \
            for (int k = 0; k < 4; k++)                                                                         \
                parts[k] = weights[k] != 0 ? weights[k] * (double)x[index[k]] : 0;                              \
            if (!largest) {                                                                                     \
                total += (parts[0] + parts[1]) + (parts[2] + parts[3]);                                         \
                continue;                                                                                       \
            }                                                                                                   \
            const double upper = LARGER(parts[0], parts[1]), lower = LARGER(parts[2], parts[3]);                \
            const double most = LARGER(upper, lower);                                                           \
            total = first && i == 0 ? most : LARGER(total, most);                                               \
        }                                                                                                       \
        *to = (T)total;                                                                                         \
    }                                                                                                           \
    static void NAME##_divide(double count, void *y) {                                                          \
        *(T *)y = (T)((double)*(T *)y / count);                                                                 \
    }
TAKE(take_float, float)
TAKE(take_double, double)

/* One bin of a region, for all channels. */
static void make_bin(const struct op_call *call, int64_t roi, const int64_t bin[2], const struct roi_axis axes[2]) {
    const struct roi_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    const bool single = call->inputs[0]->dtype == DTYPE_FLOAT;
    const size_t size = dtype_size(call->inputs[0]->dtype);
    const int64_t plane = x->dims[2] * x->dims[3], bins = params->height * params->width;
    const int64_t total = axes[0].samples * axes[1].samples, row = ((const int64_t *)call->inputs[2]->data)[roi];
    struct roi_samples samples;
    for (int64_t first = 0; first == 0 || first < total; first += SAMPLES) {
        find_samples(axes, bin, first, &samples);
        for (int64_t c = 0; c < x->dims[1]; c++) {
            const char *from = (const char *)call->inputs[0]->data + (size_t)((row * x->dims[1] + c) * plane) * size;
            char *to = (char *)call->outputs[0]->data +
                       (size_t)((roi * x->dims[1] + c) * bins + bin[0] * params->width + bin[1]) * size;
            (single ? take_float : take_double)(&samples, params->largest, first == 0, from, to);
            if (!params->largest && first + SAMPLES >= total)
                (single ? take_float_divide : take_double_divide)(fmax((double)total, 1), to);
        }
    }
}

/* ---- floats of many channels ---- */

/* Bytes of the turned pictures, [picture][y][x][channel], and of what a thread has for itself; false where they had
 * better stay as they are. */
static bool turns(const struct op_call *call, size_t *bytes, size_t *own_bytes) {
    const struct roi_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    const int64_t channels = x->shape.dims[1], pixels = x->shape.dims[0] * x->shape.dims[2] * x->shape.dims[3];
    const double samples = params->samples > 0 ? (double)(params->samples * params->samples) : 4;
    const double corners =
        4 * samples * (double)(call->inputs[1]->shape.dims[0] * params->height) * (double)params->width;
    *bytes = x->bytes;
    return x->dtype == DTYPE_FLOAT && channels >= TURNED_CHANNELS && corners >= (double)pixels &&
           size_mul((size_t)channels, sizeof(float) * (size_t)(params->width + 3), own_bytes);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    size_t own_bytes;
    (void)err;
    if (call->outputs[0]->bytes > 0 && turns(call, workspace_bytes, &own_bytes))
        call->own_bytes = own_bytes;
    else
        *workspace_bytes = 0;
    return STATUS_OK;
}

static void largest_rows(const struct resize_blend *blend, bool first) {
    float *y = blend->y;
    bool zeros = false; /* of corners without weight, whatever stands there */
    for (int64_t c = 0; first && c < blend->count; c++)
        y[c] = -INFINITY;
    for (int t = 0; t < blend->taps; t++) {
        const float *x = blend->rows[t], weight = ((const float *)blend->weights)[t];
        zeros |= weight == 0;
        if (weight != 0)
            SIMD for (int64_t c = 0; c < blend->count; c++) {
                const float part = weight * x[c];
                y[c] = y[c] > part || y[c] != y[c] ? y[c] : part;
            }
    }
    for (int64_t c = 0; zeros && c < blend->count; c++)
        y[c] = y[c] < 0 ? 0 : y[c];
}

/* Takes the blended rows into the sums of all. */
static void add_rows(const struct op_call *call, struct resize_blend *blend, float *piece, double *sums, bool first) {
    blend->y = piece;
    if (blend->taps > 0)
        resize_kernel_of(call->kernels)->blend(blend);
    else
        memset(piece, 0, (size_t)blend->count * sizeof *piece);
    for (int64_t c = 0; first && c < blend->count; c++)
        sums[c] = 0;
    reduce_kernel_of(call->kernels)->columns(REDUCE_SUM, piece, (size_t)blend->count, 1, (size_t)blend->count, sums);
}

/* One bin for all channels, which lie side by side. memory: of 3 floats for each channel. */
static void make_rows(const struct op_call *call, int64_t roi, const int64_t bin[2], const struct roi_axis axes[2],
                      float *to, float *memory) {
    const struct shape *x = &call->inputs[0]->shape;
    const int64_t channels = x->dims[1], total = axes[0].samples * axes[1].samples;
    const bool largest = ((const struct roi_params *)call->params)->largest;
    const float *picture = (const float *)call->workspace +
                           ((const int64_t *)call->inputs[2]->data)[roi] * x->dims[2] * x->dims[3] * channels;
    const void *rows[4 * SAMPLES];
    float weights[4 * SAMPLES];
    double *sums = (double *)(void *)memory;
    struct roi_samples samples;
    for (int64_t first = 0; first == 0 || first < total; first += SAMPLES) {
        struct resize_blend blend = {.count = channels, .rows = rows, .weights = weights, .y = to};
        find_samples(axes, bin, first, &samples);
        for (int64_t i = 0; i < 4 * samples.count; i++) {
            rows[blend.taps] = picture + samples.index[i / 4][i % 4] * channels;
            weights[blend.taps] = (float)(samples.weight[i / 4][i % 4] / (largest ? 1 : (double)total));
            blend.taps += largest || weights[blend.taps] != 0;
        }
        if (largest)
            largest_rows(&blend, first == 0);
        else
            add_rows(call, &blend, memory + 2 * channels, sums, first == 0);
    }
    for (int64_t c = 0; (!largest || total == 0) && c < channels; c++)
        to[c] = total == 0 ? 0 : (float)sums[c];
}

/* Rows of bins of regions. */
static void make_turned_bins(struct team_thread self, void *context) {
    const struct op_call *call = context;
    const struct roi_params *params = call->params;
    const int64_t channels = call->inputs[0]->shape.dims[1], bins = params->height * params->width;
    const struct team_range range = team_range_of(self, call->inputs[1]->shape.dims[0] * params->height);
    float *memory = (float *)(void *)(call->own + (size_t)self.index * call->own_stride), *tile = memory + 3 * channels;
    for (int64_t unit = range.first; unit < range.end; unit++) {
        const int64_t roi = unit / params->height, bin_row = unit % params->height;
        const struct roi_axis axes[2] = {axis_of(call, roi, 0), axis_of(call, roi, 1)};
        for (int64_t column = 0; column < params->width; column++)
            make_rows(call, roi, (const int64_t[]){bin_row, column}, axes, tile + column * channels, memory);
        row_kernel_of(call->kernels)
            ->turn(tile, (size_t)channels, (size_t)params->width, (size_t)channels,
                   (float *)call->outputs[0]->data + roi * channels * bins + bin_row * params->width, (size_t)bins);
    }
}

/* ---- all others ---- */

static void make_bins(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct roi_params *params = call->params;
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t roi = unit / params->height, bin_row = unit % params->height;
        const struct roi_axis axes[2] = {axis_of(call, roi, 0), axis_of(call, roi, 1)};
        for (int64_t column = 0; column < params->width; column++)
            make_bin(call, roi, (const int64_t[]){bin_row, column}, axes);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct roi_params *params = call->params;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    const status code = check_regions(call, err);
    const int threads = tensor_elements(call->outputs[0]) > 1024 ? call->threads : 1;
    size_t bytes, own_bytes;
    if (code != STATUS_OK)
        return code;
    if (turns(call, &bytes, &own_bytes)) {
        turn_pictures(call, call->inputs[0], call->workspace);
        team_run(threads, make_turned_bins, call);
    } else
        team_for(threads, call->inputs[1]->shape.dims[0] * params->height, make_bins, call);
    return STATUS_OK;
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {
    {"X", REAL, ARG_T}, {"rois", REAL, ARG_T}, {"batch_indices", TYPE(DTYPE_INT64), ARG_T1}, {0}};
static const struct op_arg outputs[] = {{"Y", REAL, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_roi_align[] = {{.name = "RoiAlign",
                                    .domain = "",
                                    .since = 10,
                                    .inputs = inputs,
                                    .outputs = outputs,
                                    .params_size = sizeof(struct roi_params),
                                    .parse = parse,
                                    .infer = infer,
                                    .prepare = prepare,
                                    .run = run,
                                    .facts = &facts},
                                   {0}};

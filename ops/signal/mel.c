/* MelWeightMatrix: triangles, evenly spaced on the mel scale, over the bins of a onesided spectrum. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>
#include <string.h>

struct mel_params {
    enum dtype dtype;
};

struct mel_scale {
    int64_t bands, length, rate;
    double low, high; /* hertz */
    int64_t bins;     /* length / 2 + 1 */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    status code;
    (void)call;
    ((struct mel_params *)out)->dtype =
        attribute_dtype(attributes, "output_datatype", DTYPE_FLOAT, TYPES_NUMBER | TYPES_HALF, &code, err);
    return code;
}

static double mel_of(double hertz) {
    return 2595 * log10(1 + hertz / 700);
}

/* The bin at corner i of the triangles, as the specification's function has it. */
static double corner(const struct mel_scale *scale, int64_t i) {
    const double low = mel_of(scale->low), step = (mel_of(scale->high) - low) / (double)(scale->bands + 2);
    const double hertz = 700 * (pow(10, (low + step * (double)i) / 2595) - 1);
    return floor((double)(scale->length + 1) * hertz / (double)scale->rate);
}

static status read_scale(const struct op_call *call, struct mel_scale *scale, struct error *err) {
    int64_t *const whole[] = {&scale->bands, &scale->length, &scale->rate};
    status code = STATUS_OK;
    for (int i = 0; i < 3 && code == STATUS_OK; i++)
        code = op_scalar_int(call, i, whole[i], err);
    if (code == STATUS_OK)
        code = op_scalar_real(call, 3, &scale->low, err);
    if (code == STATUS_OK)
        code = op_scalar_real(call, 4, &scale->high, err);
    if (code != STATUS_OK)
        return code;
    if (scale->bands < 1 || scale->length < 1 || scale->rate < 1 || scale->bands > INT32_MAX)
        return fail(err, STATUS_INVALID_ARGUMENT, "%lld bands of a transform of %lld at %lld hertz make no matrix",
                    (long long)scale->bands, (long long)scale->length, (long long)scale->rate);
    scale->bins = scale->length / 2 + 1;
    const double last = corner(scale, scale->bands + 1);
    if (!(scale->low >= 0 && scale->high >= scale->low && last < (double)scale->bins + 1))
        return fail(err, STATUS_INVALID_ARGUMENT, "frequencies from %g to %g hertz do not fit %lld bins at %lld hertz",
                    scale->low, scale->high, (long long)scale->bins, (long long)scale->rate);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct mel_params *params = call->params;
    struct mel_scale scale;
    const status code = read_scale(call, &scale, err);
    if (code != STATUS_OK)
        return code;
    const struct shape shape = {.rank = 2, .dims = {scale.bins, scale.bands}};
    return tensor_describe(call->outputs[0], params->dtype, &shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct mel_params *)call->params)->dtype;
}

static void put(const struct tensor *y, int64_t bin, int64_t band, double value) {
    if (bin >= 0 && bin < y->shape.dims[0])
        reals_store(y->dtype, &value, (char *)y->data + (size_t)(bin * y->shape.dims[1] + band) * dtype_size(y->dtype),
                    1);
}

static void put_triangle(const struct mel_scale *scale, const struct tensor *y, int64_t band) {
    const int64_t left = (int64_t)corner(scale, band), top = (int64_t)corner(scale, band + 1);
    const int64_t right = (int64_t)corner(scale, band + 2);
    if (left == top)
        put(y, top, band, 1);
    for (int64_t bin = left; left < top && bin <= top; bin++)
        put(y, bin, band, (double)(bin - left) / (double)(top - left));
    for (int64_t bin = top; bin < right; bin++)
        put(y, bin, band, (double)(right - bin) / (double)(right - top));
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *y = call->outputs[0];
    struct mel_scale scale;
    const status code = read_scale(call, &scale, err);
    if (code != STATUS_OK)
        return code;
    memset(y->data, 0, y->bytes);
    for (int64_t band = 0; band < scale.bands; band++)
        put_triangle(&scale, y, band);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_nothing};
#define TYPES_EDGE (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_HALF)
static const struct op_arg inputs[] = {
    {"num_mel_bins", TYPES_INDEX, ARG_T1},    {"dft_length", TYPES_INDEX, ARG_T1},
    {"sample_rate", TYPES_INDEX, ARG_T1},     {"lower_edge_hertz", TYPES_EDGE, ARG_T2},
    {"upper_edge_hertz", TYPES_EDGE, ARG_T2}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_NUMBER | TYPES_HALF, 0}, {0}};

const struct op ops_mel[] = {{.name = "MelWeightMatrix",
                              .domain = "",
                              .since = 17,
                              .inputs = inputs,
                              .outputs = outputs,
                              .params_size = sizeof(struct mel_params),
                              .parse = parse,
                              .infer = infer,
                              .output_type = output_type,
                              .run = run,
                              .facts = &facts},
                             {.name = NULL}};

#include "ops/signal/fft_plan.h"

#include "base/checked.h"
#include "base/memory.h"
#include "ops/kernels/families.h"

#include <math.h>
#include <stdlib.h>

#define TWO_PI 6.283185307179586476925286766559

/* False where a prime factor is too large. */
static bool factor(struct fft_plan *plan, int64_t length) {
    plan->passes = 0;
    for (int radix = 4; radix <= FFT_RADIX_MAX && length > 1; radix = radix == 4 ? 2 : radix == 2 ? 3 : radix + 2)
        for (; length % radix == 0; length /= radix)
            plan->radices[plan->passes++] = radix;
    return length == 1;
}

/* The smallest length from here on with factors of 2, 3 and 5 at most once each beside the 2s. */
static int64_t good_length(int64_t least) {
    static const int odd[] = {1, 3, 5, 15};
    int64_t best = INT64_MAX;
    for (int i = 0; i < 4; i++) {
        int64_t length = odd[i];
        while (length < least)
            length *= 2;
        best = length < best ? length : best;
    }
    return best;
}

static void *complex_table(enum dtype dtype, int64_t count) {
    size_t bytes;
    return size_mul((size_t)count, 2 * dtype_size(dtype), &bytes) ? memory_alloc(bytes) : NULL;
}

static void put(const struct fft_plan *plan, void *table, int64_t i, double re, double im) {
    if (plan->dtype == DTYPE_FLOAT) {
        ((float *)table)[2 * i] = (float)re;
        ((float *)table)[2 * i + 1] = (float)im;
    } else {
        ((double *)table)[2 * i] = re;
        ((double *)table)[2 * i + 1] = im;
    }
}

static status make_roots(struct fft_plan *plan, struct error *err) {
    if (!(plan->roots = complex_table(plan->dtype, plan->inner)))
        return fail_memory(err, "roots of unity");
    for (int64_t k = 0; k < plan->inner; k++) {
        const double angle = TWO_PI * (double)k / (double)plan->inner;
        put(plan, plan->roots, k, cos(angle), -sin(angle));
    }
    return STATUS_OK;
}

/* k^2 modulo 2 * length, which is below 2^63 for every length that fits memory. */
static double chirp_angle(int64_t k, int64_t length) {
    const uint64_t square = (uint64_t)((unsigned __int128)k * (unsigned __int128)k % (unsigned __int128)(2 * length));
    return TWO_PI / 2 * (double)square / (double)length;
}

/* re and im apart, for one lane. */
static void transform_filter(const struct fft_plan *plan, const struct fft_loops *loops, char *arrays) {
    const size_t element = dtype_size(plan->dtype), bytes = (size_t)plan->inner * element;
    struct fft_pass pass = {.length = plan->inner, .stride = 1, .step = 1, .roots = plan->roots, .whole = plan->inner};
    char *from = arrays, *to = arrays + 2 * bytes;
    for (int i = 0; i < plan->passes; i++) {
        pass.radix = plan->radices[i];
        pass.from_re = from;
        pass.from_im = from + bytes;
        pass.to_re = to;
        pass.to_im = to + bytes;
        loops->pass(&pass);
        pass.length /= pass.radix;
        pass.stride *= pass.radix;
        pass.step *= pass.radix;
        char *const other = from;
        from = to;
        to = other;
    }
    const int64_t base = 0;
    const struct fft_lines line = {&base, 1, plan->inner, 1, 2};
    loops->store(plan->filter, &line, 1, from, from + bytes);
}

/* The filter has the factor 1 / inner of the inverse transform in it. */
static status make_chirp(struct fft_plan *plan, const struct fft_loops *loops, struct error *err) {
    const int64_t length = plan->length, inner = plan->inner, base = 0;
    plan->chirp = complex_table(plan->dtype, length);
    plan->filter = complex_table(plan->dtype, inner);
    char *arrays = plan->chirp && plan->filter ? complex_table(plan->dtype, 2 * inner) : NULL;
    if (!arrays)
        return fail_memory(err, "a transform");
    for (int64_t k = 0; k < inner; k++)
        put(plan, plan->filter, k, 0, 0);
    for (int64_t k = 0; k < length; k++) {
        const double angle = chirp_angle(k, length), re = cos(angle), im = sin(angle);
        put(plan, plan->chirp, k, re, -im);
        put(plan, plan->filter, k, re / (double)inner, im / (double)inner);
        put(plan, plan->filter, k ? inner - k : 0, re / (double)inner, im / (double)inner);
    }
    const struct fft_lines line = {&base, 1, inner, 1, 2};
    loops->load(plan->filter, &line, NULL, arrays, arrays + (size_t)inner * dtype_size(plan->dtype));
    transform_filter(plan, loops, arrays);
    free(arrays);
    return STATUS_OK;
}

status fft_plan_make(struct fft_plan *plan, enum dtype dtype, int64_t length, const struct kernels *kernels,
                     struct error *err) {
    const bool plain = factor(plan, length);
    if (length > INT64_MAX / 64)
        return fail(err, STATUS_LIMIT, "the transform is too long");
    plan->dtype = dtype;
    plan->length = length;
    plan->inner = plain ? length : good_length(2 * length - 1);
    factor(plan, plan->inner);
    const status code = make_roots(plan, err);
    if (code != STATUS_OK || plain)
        return code;
    return make_chirp(
        plan, dtype == DTYPE_FLOAT ? &fft_kernel_of(kernels)->of_float : &fft_kernel_of(kernels)->of_double, err);
}

void fft_plan_drop(struct fft_plan *plan) {
    free(plan->roots);
    free(plan->chirp);
    free(plan->filter);
    *plan = (struct fft_plan){.dtype = DTYPE_UNDEFINED};
}

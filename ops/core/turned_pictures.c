#include "ops/core/turned_pictures.h"

#include "base/sizes.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"

#include <string.h>

#define PIXELS 64   /* that are turned at once */
#define TOGETHER 64 /* channels of a place that are blended at once */

struct turning {
    const struct op_call *call;
    const float *x;
    float *to;
    size_t channels, plane, blocks; /* blocks of pixels of a picture */
};

static void turn_blocks(void *context, size_t begin, size_t end) {
    const struct turning *turning = context;
    for (size_t block = begin; block < end; block++) {
        const size_t picture = block / turning->blocks * turning->plane, first = block % turning->blocks * PIXELS;
        const size_t left = turning->plane - first;
        row_kernel_of(turning->call->kernels)
            ->turn(turning->x + picture * turning->channels + first, turning->plane, turning->channels,
                   left < PIXELS ? left : PIXELS, turning->to + (picture + first) * turning->channels,
                   turning->channels);
    }
}

void turn_pictures(const struct op_call *call, const struct tensor *x, float *to) {
    struct turning turning = {call, x->data, to, (size_t)x->shape.dims[1], 1, 0};
    for (int d = 2; d < x->shape.rank; d++)
        turning.plane *= (size_t)x->shape.dims[d];
    turning.blocks = (turning.plane + PIXELS - 1) / PIXELS;
    parallel_blocks((size_t)x->shape.dims[0] * turning.blocks, PARALLEL_ELEMENTS / (PIXELS * turning.channels) + 1,
                    call->threads, turn_blocks, &turning);
}

/* Some channels of a place, side by side. */
static void blend_place(const struct resize_kernel *kernel, const struct turned_gather *turned, int64_t first,
                        int64_t count, int place, float *y) {
    const struct resize_gather *gather = &turned->gather;
    const void *rows[TURNED_TAPS];
    float weights[TURNED_TAPS];
    struct resize_blend blend = {.count = count, .rows = rows, .weights = weights, .y = y};
    for (int t = 0; t < gather->taps; t++)
        if (gather->index[t][place] >= 0) {
            rows[blend.taps] = gather->x + gather->index[t][place] * turned->channels + first;
            weights[blend.taps++] = gather->weights[t][place];
        }
    if (blend.taps > 0)
        kernel->blend(&blend);
    else
        memset(y, 0, (size_t)count * sizeof *y);
}

void turned_gather(const struct kernels *kernels, const struct turned_gather *turned) {
    float blended[GATHER_STRIDE * TOGETHER];
    for (int64_t done = 0, n; done < turned->count; done += n) {
        n = at_most(turned->count - done, TOGETHER);
        for (int i = 0; i < turned->gather.count; i++)
            blend_place(resize_kernel_of(kernels), turned, turned->first + done, n, i, blended + i * n);
        row_kernel_of(kernels)->turn(blended, (size_t)n, (size_t)turned->gather.count, (size_t)n,
                                     turned->gather.y + (size_t)done * turned->stride, turned->stride);
    }
}

#include "ops/quant/depthwise.h"

#include "base/checked.h"
#include "base/sizes.h"

#include <string.h>

#define BAND_BYTES (32 << 10)
#define MOST_BYTES (4 << 20)

/* Rows of the input that so many output rows see. */
static int64_t rows_of(const struct window_axis *axis, int64_t outputs) {
    return (outputs - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

bool quant_depthwise_of(const struct window *window, struct quant_depthwise *depthwise) {
    const struct window_axis *z = &window->axis[0], *y = &window->axis[1], *x = &window->axis[2];
    if (window->in_channels != 1 || window->out_channels != 1 || z->in != 1 || z->out != 1 || z->kernel != 1 ||
        z->pad_begin != 0 || x->dilation != 1 || x->stride > DEPTHWISE_STRIDE || y->out < 1 || x->out < 1)
        return false;
    const int64_t pitch = divide_up(rows_of(x, x->out), DEPTHWISE_LINE) * DEPTHWISE_LINE;
    const int64_t most = MOST_BYTES / pitch, rows = BAND_BYTES / pitch - rows_of(y, 1);
    const int64_t band = at_most(rows > 0 ? rows / y->stride + 1 : 1, y->out);
    if (rows_of(y, band) > most)
        return false;
    *depthwise = (struct quant_depthwise){window, pitch, band, (size_t)(rows_of(y, band) * pitch + DEPTHWISE_LINE)};
    return true;
}

int64_t quant_depthwise_bands(const struct quant_depthwise *depthwise) {
    return divide_up(depthwise->window->axis[1].out, depthwise->band);
}

/* The rows of a band with their border. */
static void fill_band(const struct depthwise_kernel *kernel, const struct quant_depthwise *depthwise,
                      const struct quant_depthwise_job *job, int64_t first, int64_t rows) {
    const struct window_axis *y = &depthwise->window->axis[1], *x = &depthwise->window->axis[2];
    const int64_t before = at_most(x->pad_begin > 0 ? x->pad_begin : 0, depthwise->pitch);
    const int64_t skipped = x->pad_begin < 0 ? at_most(-x->pad_begin, x->in) : 0;
    const int64_t count = at_most(x->in - skipped, depthwise->pitch - before);
    const int64_t above = at_most(first < 0 ? -first : 0, rows), below = first + rows - y->in;
    const int64_t there = rows - above - (below > 0 ? at_most(below, rows - above) : 0);
    uint8_t *to = job->own + above * depthwise->pitch;
    memset(job->own, job->border, (size_t)(above * depthwise->pitch));
    if (there > 0)
        kernel->fill(&(struct depthwise_rows){job->x + (first + above) * x->in + skipped, there, x->in, count, before,
                                              depthwise->pitch, job->flip, job->border},
                     to);
    memset(to + there * depthwise->pitch, job->border, (size_t)((rows - above - there) * depthwise->pitch));
}

void quant_depthwise_run(const struct depthwise_kernel *kernel, const struct quant_depthwise *depthwise, bool bytes,
                         struct quant_depthwise_job *job) {
    const struct window_axis *y = &depthwise->window->axis[1], *x = &depthwise->window->axis[2];
    const int64_t first = job->band * depthwise->band;
    struct depthwise_plane *plane = &job->plane;
    plane->rows = at_most(y->out - first, depthwise->band);
    plane->columns = x->out;
    plane->stride = (int)x->stride;
    plane->kernel_rows = y->kernel;
    plane->row_stride = y->stride * depthwise->pitch;
    plane->tap_stride = y->dilation * depthwise->pitch;
    plane->y += first * x->out;
    plane->x = job->own;
    fill_band(kernel, depthwise, job, first * y->stride - y->pad_begin, rows_of(y, plane->rows));
    kernel->plane(bytes, plane);
}

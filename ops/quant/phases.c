#include "ops/quant/phases.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "ops/quant/steps.h"

bool quant_phases_of(const struct window *window, const struct integer_kernel *kernel, bool bytes,
                     struct quant_phases *phases) {
    *phases =
        (struct quant_phases){.kernel = kernel, .window = window, .bytes = bytes, .pictures = 1, .plane = 1, .taps = 1};
    bool ok = true;
    phases->blocks = divide_up(window->in_channels, quant_step(bytes));
    for (int d = 0; d < SPATIAL; d++) {
        const struct window_axis *axis = &window->axis[d];
        const int64_t period = axis->stride / greatest_common_divisor(axis->stride, axis->dilation);
        phases->residues[d] = at_most(axis->kernel, period);
        phases->size[d] = axis->out + (axis->kernel - 1) * axis->dilation / axis->stride;
        ok = ok && int64_mul(phases->plane, phases->size[d], &phases->plane);
        phases->pictures *= phases->residues[d];
        phases->taps *= axis->kernel;
        phases->columns = phases->columns * phases->size[d] + axis->out - 1;
    }
    phases->columns++;
    int64_t all;
    ok = ok && int64_mul(phases->plane, phases->pictures, &all) && int64_mul(all, phases->blocks, &all) &&
         int64_mul(all, window->group, &all) && int64_add(all, INTEGER_COLUMNS, &all) && all >= 0;
    return ok && size_mul((size_t)all, sizeof(uint32_t), &phases->bytes_all);
}

/* Tap `tap` of a dimension: which picture, and how many places on. */
static int64_t picture_of(const struct quant_phases *phases, int d, int64_t tap, int64_t *place) {
    const struct window_axis *axis = &phases->window->axis[d];
    *place = *place * phases->size[d] + tap * axis->dilation / axis->stride;
    return tap % phases->residues[d];
}

void quant_phases_places(const struct quant_phases *phases, int64_t *places) {
    const struct window_axis *axis = phases->window->axis;
    for (int64_t tap = 0; tap < phases->taps; tap++) {
        const int64_t taps[SPATIAL] = {tap / axis[2].kernel / axis[1].kernel, tap / axis[2].kernel % axis[1].kernel,
                                       tap % axis[2].kernel};
        int64_t picture = 0, place = 0;
        for (int d = 0; d < SPATIAL; d++)
            picture = picture * phases->residues[d] + picture_of(phases, d, taps[d], &place);
        for (int64_t block = 0; block < phases->blocks; block++)
            *places++ = ((block * phases->pictures + picture) * phases->plane + place) * (int64_t)sizeof(uint32_t);
    }
}

int64_t quant_phases_planes(const struct quant_phases *phases) {
    return phases->window->group * phases->blocks * phases->pictures * phases->size[0];
}

/* Where place 0 of the picture of a residue lies in the input, along a dimension. */
static int64_t start_of(const struct window_axis *axis, int64_t residue) {
    return residue * axis->dilation % axis->stride - axis->pad_begin;
}

/* Places of a row of a picture that meet inputs, and the first of these. */
struct phase_span {
    int64_t first, end, input;
};

static struct phase_span span_of(const struct window_axis *axis, int64_t residue, int64_t size) {
    const int64_t start = start_of(axis, residue);
    const int64_t first = at_most(start < 0 ? divide_up(-start, axis->stride) : 0, size);
    const int64_t end = start < axis->in ? at_most((axis->in - 1 - start) / axis->stride + 1, size) : 0;
    return (struct phase_span){first, end > first ? end : first, start + first * axis->stride};
}

/* The channels of a block; those that there are not repeat the last one: their weights are 0. */
static void find_channels(const struct quant_image *image, int64_t block, const uint8_t *channels[4]) {
    const struct quant_phases *phases = image->phases;
    const struct window *window = phases->window;
    const int64_t group = block / phases->blocks, channel0 = block % phases->blocks * quant_step(phases->bytes);
    const int64_t plane = window->axis[0].in * window->axis[1].in * window->axis[2].in;
    for (int j = 0; j < 4; j++) {
        const int64_t channel = at_most(channel0 + at_most(j, quant_step(phases->bytes) - 1), window->in_channels - 1);
        channels[j] = image->x + (group * window->in_channels + channel) * plane;
    }
}

static void fill_border(const struct quant_image *image, int64_t first, int64_t end, uint32_t *to) {
    const uint32_t border = image->phases->bytes ? (uint32_t)image->zero * 0x01010101u : 0;
    for (int64_t i = first; i < end; i++)
        to[i] = border;
}

/* A picture that is the input along this dimension. */
static bool is_whole(const struct window_axis *axis, int64_t size) {
    return axis->stride == 1 && axis->pad_begin == 0 && size == axis->in;
}

/* The rows of a plane of a picture; z: the plane of the input that it meets, below 0 for none. */
static void fill_plane(const struct quant_image *image, int64_t block, int64_t z, int64_t residue_y,
                       const struct phase_span *span, uint32_t *to) {
    const struct quant_phases *phases = image->phases;
    const struct window_axis *axis = phases->window->axis;
    const uint8_t *channels[4];
    struct integer_weave weave = {.stride = axis[2].stride, .flip = image->flip, .zero = image->zero};
    find_channels(image, block, channels);
    if (z >= 0 && is_whole(&axis[1], phases->size[1]) && is_whole(&axis[2], phases->size[2])) {
        const int64_t plane = axis[1].in * axis[2].in;
        for (int j = 0; j < 4; j++)
            weave.rows[j] = channels[j] + z * plane;
        phases->kernel->weave(phases->bytes, &weave, plane, to);
        return;
    }
    for (int64_t i = 0, y = start_of(&axis[1], residue_y); i < phases->size[1];
         i++, y += axis[1].stride, to += phases->size[2]) {
        const bool inside = z >= 0 && y >= 0 && y < axis[1].in && span->first < span->end;
        fill_border(image, 0, inside ? span->first : phases->size[2], to);
        if (!inside)
            continue;
        fill_border(image, span->end, phases->size[2], to);
        for (int j = 0; j < 4; j++)
            weave.rows[j] = channels[j] + (z * axis[1].in + y) * axis[2].in + span->input;
        phases->kernel->weave(phases->bytes, &weave, span->end - span->first, to + span->first);
    }
}

void quant_phases_fill(void *context, int64_t first, int64_t end) {
    const struct quant_image *image = context;
    const struct quant_phases *phases = image->phases;
    const struct window_axis *axis = phases->window->axis;
    for (int64_t i = first; i < end; i++) {
        const int64_t picture = i / phases->size[0], residues = picture % phases->pictures;
        const int64_t rows = residues / phases->residues[2];
        const int64_t z = i % phases->size[0] * axis[0].stride + start_of(&axis[0], rows / phases->residues[1]);
        const struct phase_span span = span_of(&axis[2], residues % phases->residues[2], phases->size[2]);
        fill_plane(image, picture / phases->pictures, z < axis[0].in ? z : -1, rows % phases->residues[1], &span,
                   image->to + i * phases->size[1] * phases->size[2]);
    }
}

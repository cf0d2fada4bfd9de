#include "ops/quant/conv_quant_sums.h"

#include "base/sizes.h"
#include "ops/kernels/families.h"

#include <string.h>

#define STRIP QUANT_CONV_STRIP
#define PART_PANELS 4 /* panels of outputs of a unit of work */

/* What every sum of an output starts with. */
static uint32_t start_of(const struct quant_conv *c, int64_t output) {
    const struct tensor *bias = c->row->bias ? op_input(c->call, c->row->bias) : NULL;
    const uint32_t start = bias ? (uint32_t)((const int32_t *)bias->data)[output] : 0;
    return c->rows.bytes || c->is_depthwise ? start - (uint32_t)c->x_zero * (uint32_t)c->sums[output] : start;
}

/* Sums as they are given: in place for int32, else 8-bit integers. */
static const char *numbers_of(const struct quant_conv *c, int64_t output, int64_t count, int32_t *sums, char *small) {
    const enum dtype dtype = c->call->outputs[0]->dtype;
    const uint32_t start = start_of(c, output);
    if (dtype != DTYPE_INT32) {
        c->kernel->finish(sums, c->x_scale * quant_term(&c->w_scale, output) / c->y_scale, count, start, c->y_zero,
                          dtype == DTYPE_INT8, small);
        return small;
    }
    for (int64_t i = 0; start && i < count; i++)
        sums[i] = (int32_t)((uint32_t)sums[i] + start);
    return (const char *)sums;
}

/* Sums of places column0 .. of the phases: those that are outputs. */
static void finish(const struct quant_conv *c, int64_t image, int64_t output, int64_t column0, int64_t count,
                   int32_t *sums, char *small) {
    const struct window_axis *axis = c->window.axis;
    const int64_t *size = c->phases.size, plane = (image * quant_conv_outputs(c) + output) * c->positions;
    struct tensor *to = c->call->outputs[0];
    const size_t bytes = dtype_size(to->dtype);
    const bool whole = size[1] == axis[1].out && size[2] == axis[2].out; /* no place lies between outputs */
    char *place = (char *)to->data + (size_t)(plane + column0) * bytes;
    const char *from = numbers_of(c, output, count, sums, whole ? place : small);
    if (whole && from != place)
        memcpy(place, from, (size_t)count * bytes);
    if (whole)
        return;
    int64_t x = column0 % size[2], row = column0 / size[2];
    for (int64_t i = 0, part; i < count; i += part, x = 0, row++) {
        const int64_t y = row % size[1], z = row / size[1];
        part = at_most(size[2] - x, count - i);
        const int64_t valid = at_most(axis[2].out - x, part);
        if (valid > 0 && y < axis[1].out)
            memcpy((char *)to->data + (size_t)(plane + (z * axis[1].out + y) * axis[2].out + x) * bytes,
                   from + (size_t)i * bytes, (size_t)valid * bytes);
    }
}

/* Some panels of a group's outputs, for a strip of places. */
struct conv_unit {
    int64_t image, group, row0, rows, column0, columns;
};

static void run_unit(const struct quant_conv *c, const struct conv_unit *unit, char *own) {
    int32_t *sums = (int32_t *)(void *)own;
    char *small = own + STRIP * INTEGER_ROWS * sizeof *sums;
    const int64_t group_places = c->phases.blocks * c->phases.pictures * c->phases.plane;
    struct integer_tile tile = {.steps = quant_steps(&c->rows), .places = c->places, .stride = STRIP};
    for (int64_t row = unit->row0; row < unit->row0 + unit->rows; row += c->kernel->rows) {
        const int rows = quant_panel_rows(&c->rows, row, &tile.rows);
        tile.left = c->weights + unit->group * quant_rows_ints(&c->rows) + quant_panel_at(&c->rows, row);
        for (int64_t column = 0; column < unit->columns; column += c->kernel->columns) {
            tile.right = (const char *)(c->picture + unit->group * group_places + unit->column0 + column);
            tile.sums = sums + column;
            c->kernel->tile(c->rows.bytes, &tile);
        }
        for (int r = 0; r < rows; r++)
            finish(c, unit->image, unit->group * c->rows.rows + row + r, unit->column0, unit->columns, sums + r * STRIP,
                   small);
    }
}

void quant_conv_run_units(struct team_thread self, void *context) {
    const struct quant_conv_image *work = context;
    const struct quant_conv *c = work->conv;
    const int64_t strips = divide_up(c->phases.columns, STRIP), part = PART_PANELS * (int64_t)c->kernel->rows;
    const int64_t parts = divide_up(c->rows.rows, part);
    const struct team_range range = team_range_of(self, c->window.group * strips * parts);
    char *own = c->call->own + (size_t)self.index * c->call->own_stride;
    for (int64_t i = range.first; i < range.end; i++) {
        struct conv_unit unit = {work->image, i / parts / strips, i % parts * part, 0, i / parts % strips * STRIP, 0};
        unit.rows = at_most(c->rows.rows - unit.row0, part);
        unit.columns = at_most(c->phases.columns - unit.column0, STRIP);
        run_unit(c, &unit, own);
    }
}

void quant_conv_run_planes(struct team_thread self, void *context) {
    const struct quant_conv *c = context;
    const struct op_call *call = c->call;
    const struct window_axis *axis = c->window.axis;
    const int64_t outputs = quant_conv_outputs(c), in = axis[1].in * axis[2].in, steps = quant_steps(&c->rows);
    const int64_t bands = quant_depthwise_bands(&c->depthwise), row_steps = steps / axis[1].kernel;
    const struct team_range range = team_range_of(self, c->window.batch * outputs * bands);
    for (int64_t i = range.first; i < range.end; i++) {
        const int64_t plane = bands > 1 ? i / bands : i, output = plane % outputs;
        struct quant_depthwise_job job = {.x = (const uint8_t *)call->inputs[0]->data + plane * in,
                                          .flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0,
                                          .border = (uint8_t)c->x_zero,
                                          .own = (uint8_t *)call->own + (size_t)self.index * call->own_stride,
                                          .band = i - plane * bands};
        job.plane = (struct depthwise_plane){.steps = row_steps,
                                             .weights = c->weights + output * steps,
                                             .start = start_of(c, output),
                                             .scale = c->x_scale * quant_term(&c->w_scale, output) / c->y_scale,
                                             .zero = c->y_zero,
                                             .is_signed = call->outputs[0]->dtype == DTYPE_INT8,
                                             .y = (uint8_t *)call->outputs[0]->data + plane * c->positions};
        quant_depthwise_run(depthwise_kernel_of(call->kernels), &c->depthwise, c->rows.bytes, &job);
    }
}

#include "ops/quant/conv_quant_weights.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/weights/weight_cache.h"

bool quant_conv_is_bytes(const struct quant_conv *c) {
    const struct tensor *zero = c->w_zero.tensor;
    const bool has_sign = c->call->inputs[c->row->w]->dtype == DTYPE_INT8;
    if (!zero)
        return has_sign;
    bool ok = zero->constant && zero->data;
    for (int64_t i = 0; ok && i < tensor_elements(zero); i++)
        ok = ((const uint8_t *)zero->data)[i] == (has_sign ? 0 : 0x80);
    return ok;
}

static bool is_constant(const struct tensor *tensor) {
    return !tensor || (tensor->constant && tensor->data && tensor->bytes > 0);
}

bool quant_conv_packed_bytes(const struct quant_conv *c, size_t *bytes) {
    return size_mul((size_t)quant_rows_ints(&c->rows), (size_t)c->window.group, bytes) &&
           size_add(*bytes, (size_t)quant_conv_outputs(c), bytes) && size_mul(*bytes, sizeof(int32_t), bytes);
}

struct conv_packing {
    const struct quant_conv *conv;
    int32_t *packed;
};

static void pack_panels(void *context, int64_t first, int64_t end) {
    const struct conv_packing *packing = context;
    const struct quant_conv *c = packing->conv;
    const int64_t panels = divide_up(c->rows.rows, c->kernel->rows), ints = quant_rows_ints(&c->rows);
    const struct tensor *w = c->call->inputs[c->row->w];
    const char *data = w->data;
    for (int64_t i = first; i < end; i++) {
        const int64_t group = i / panels, row = i % panels * c->kernel->rows, line = group * c->rows.rows;
        quant_pack_rows(&c->rows, w->dtype, data + line * c->rows.channels * c->rows.taps, row, &c->w_zero, line,
                        packing->packed + group * ints + quant_panel_at(&c->rows, row),
                        packing->packed + c->window.group * ints + line + row);
    }
}

void quant_conv_pack(void *destination, const struct tensor *source, const void *context) {
    const struct quant_conv *c = context;
    struct conv_packing packing = {c, destination};
    (void)source;
    team_for(c->call->threads, c->window.group * divide_up(c->rows.rows, c->kernel->rows), pack_panels, &packing);
}

status quant_conv_take_weights(const struct quant_conv *c, size_t bytes, struct error *err) {
    struct quant_conv_state *state = c->call->state;
    const struct tensor *w = c->call->inputs[c->row->w], *zero = c->w_zero.tensor;
    if (!c->call->weights || !is_constant(w) || !w->data || !is_constant(zero) || bytes == 0)
        return STATUS_OK;
    const struct packing packing = {.name = "convolution of 8 bits",
                                    .numbers = {c->rows.bytes, c->kernel->rows, c->window.group, c->rows.rows,
                                                c->rows.channels, c->rows.taps, c->rows.taps_outside},
                                    .second = zero,
                                    .bytes = bytes,
                                    .pack = quant_conv_pack,
                                    .context = c};
    state->packed = weight_cache_get(c->call->weights, w, &packing);
    return state->packed ? STATUS_OK : fail_memory(err, "packed weights");
}

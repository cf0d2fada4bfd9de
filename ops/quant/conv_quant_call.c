#include "ops/quant/conv_quant_call.h"

#include "ops/kernels/families.h"

/* The node as Conv sees it: X, W and the bias. */
static status find_window(const struct op_call *call, struct quant_conv *c, struct error *err) {
    const struct tensor *inputs[] = {call->inputs[0], call->inputs[c->row->w],
                                     c->row->bias ? op_input(call, c->row->bias) : NULL};
    struct op_call seen = *call;
    seen.inputs = inputs;
    seen.input_count = 3;
    return conv_kind.resolve(&seen, &c->window, err);
}

status quant_conv_describe(const struct op_call *call, struct quant_conv *c, struct error *err) {
    *c = (struct quant_conv){.call = call, .row = call->op->row};
    const int none = call->input_count;
    if (find_window(call, c, err) != STATUS_OK)
        return err->code;
    const int64_t outputs = c->window.out_channels * c->window.group;
    c->kernel = integer_kernel_of(call->kernels);
    c->positions = c->window.axis[0].out * c->window.axis[1].out * c->window.axis[2].out;
    if (quant_terms_of(call, c->row->w_scale ? c->row->w_scale : none, 1, outputs, outputs, &c->w_scale, err) ||
        quant_terms_of(call, c->row->w_zero, 0, outputs, outputs, &c->w_zero, err))
        return err->code;
    return STATUS_OK;
}

bool quant_conv_plan(struct quant_conv *c, bool bytes) {
    c->rows = (struct quant_rows){c->kernel, bytes, c->window.out_channels, c->window.in_channels, 1, false};
    for (int d = 0; d < SPATIAL; d++)
        c->rows.taps *= c->window.axis[d].kernel;
    c->is_depthwise = c->row->y_zero && quant_depthwise_of(&c->window, &c->depthwise);
    if (c->is_depthwise) {
        c->rows.channels = c->window.axis[2].kernel;
        c->rows.taps = c->window.axis[1].kernel;
        c->rows.taps_outside = true;
        return true;
    }
    return quant_phases_of(&c->window, c->kernel, bytes, &c->phases);
}

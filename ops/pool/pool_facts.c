#include "ops/pool/pool_facts.h"

#include "ops/conv/conv_facts.h"
#include "ops/pool/pool_window.h"

/* Every window has an input, so that lanes beyond the channels stay finite. */
static bool meets_inputs(const struct window_params *params) {
    for (int i = 0; i < params->kernel_count; i++) {
        const bool dilated = params->dilation_count > i && params->dilations[i] != 1;
        const bool padded = params->auto_pad == PAD_SAME_UPPER || params->auto_pad == PAD_SAME_LOWER ||
                            (params->auto_pad == PAD_NOTSET && params->pad_count > 0);
        if (dilated && padded)
            return false;
    }
    return true;
}

static bool pool_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    const struct pool_row *row = call->op->row;
    const struct window_params *params = &((const struct pool_params *)call->params)->window;
    *blocking = (struct op_blocking){row->blocked, .in = channels[0], .out = channels[0]};
    return row->blocked && channels[0] > 0 && params->kernel_count == 2 && meets_inputs(params);
}

static bool global_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    const struct pool_row *row = call->op->row;
    *blocking = (struct op_blocking){row->blocked, .in = channels[0], .out = channels[0]};
    return channels[0] > 0;
}

const struct op_facts pool_facts = {.blocks = pool_blocks, .reach = conv_reach};
const struct op_facts global_pool_facts = {.blocks = global_blocks, .reach = op_reach_whole};

/*
 * What Conv and ConvTranspose have in common as operators. An operator's row says which of the two it is; those on
 * channel blocks (ops/blocked/operators/blocked_conv.c) have the same rows.
 */
#ifndef LIMNER_OPS_CONV_CONV_OPERATOR_H
#define LIMNER_OPS_CONV_CONV_OPERATOR_H

#include "ops/conv/conv_engine.h"
#include "ops/conv/conv_facts.h"

struct conv_kind {
    bool transposed;
    /* Sizes and resolved padding of a call. */
    status (*resolve)(const struct op_call *call, struct window *window, struct error *err);
};

static inline const struct conv_kind *conv_kind_of(const struct op_call *call) {
    return call->op->row;
}

/* X, W, B to Y, of floats or doubles; and the passes' own, with a scale: W[m] is multiplied by scale[m] for output
   channel m (a folded BatchNormalization). */
extern const struct op_arg conv_inputs[], conv_outputs[], conv_scaled_inputs[], conv_scaled_outputs[];

status conv_operator_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
status conv_operator_infer(struct op_call *call, struct error *err);
status conv_operator_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err);
status conv_operator_run(struct op_call *call, struct error *err);
double conv_operator_macs(const struct op_call *call);

#define CONV_OPERATOR(op_name, domain_name, formals, kind, facts_of)                                                  \
    {                                                                                                                 \
        .name = op_name, .domain = domain_name, .since = 1, .inputs = formals##_inputs, .outputs = formals##_outputs, \
        .params_size = sizeof(struct window_params), .state_size = sizeof(struct conv_state),                         \
        .parse = conv_operator_parse, .infer = conv_operator_infer, .prepare = conv_operator_prepare,                 \
        .run = conv_operator_run, .release = conv_release, .macs = conv_operator_macs, .row = kind, .facts = facts_of \
    }

#endif

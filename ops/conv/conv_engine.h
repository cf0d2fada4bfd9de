/*
 * The plain engine: Conv and ConvTranspose of any dimension and grouping, on plain tensors. Every phase is a matrix
 * product whose unpacked side is read straight from the input.
 */
#ifndef LIMNER_OPS_CONV_CONV_ENGINE_H
#define LIMNER_OPS_CONV_CONV_ENGINE_H

#include "ops/conv/conv_weights.h"

/* Phases, weights and workspace from a resolved window. */
status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err);
status conv_run(struct op_call *call, struct error *err);
void conv_release(struct op_call *call);

/* Multiply-accumulates, borders counted as if inside. */
double conv_macs(const struct window *window, bool transposed);

#endif

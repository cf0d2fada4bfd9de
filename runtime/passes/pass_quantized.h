#ifndef LIMNER_RUNTIME_PASSES_PASS_QUANTIZED_H
#define LIMNER_RUNTIME_PASSES_PASS_QUANTIZED_H

#include "runtime/passes/pass.h"

/* Writes operators that compute with quantized numbers as with real ones (op_facts.h, quantized) as the operators that
 * they stand for: each input dequantized, computed with, the result quantized. */
status pass_quantized(struct pass_context *context, struct error *err);

#endif

#ifndef LIMNER_RUNTIME_PASSES_PASS_WIDEN_H
#define LIMNER_RUNTIME_PASSES_PASS_WIDEN_H

#include "runtime/passes/pass.h"

/*
 * Computes with float16 and bfloat16 as float: an operator whose type variable may be float, and not the half type,
 * gets its half inputs as floats, and what it makes is rounded to the half type at once. Such values stay floats from
 * there on, so that runs of operators are as those of a float model, with a rounding behind each operator; they become
 * halves again where something wants them so. An operator that lists the half type itself is given what is there.
 * Likewise an operator that moves data of any type moves packed elements as bytes.
 */
status pass_widen(struct pass_context *context, struct error *err);

#endif

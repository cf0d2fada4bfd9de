/* Casts from numbers to strings and back. */
#ifndef LIMNER_OPS_TEXT_CAST_TEXT_H
#define LIMNER_OPS_TEXT_CAST_TEXT_H

#include "ops/core/op.h"

/*
 * run() of a cast whose input or output is a string tensor. Numbers become the shortest decimal that reads back as the
 * same number, of 8 digits at least for float and 15 for double where they are needed ("3.1400001", "1e-05", "NaN",
 * "INF"), bool "1" and "0". Strings are read as decimals, also with exponents, INF, NaN, and for bool true and false;
 * what is none, or out of an integer's range, is STATUS_INVALID_ARGUMENT.
 */
status cast_text(const struct op_call *call, struct error *err);

#endif

/* What the operators on strings share. */
#ifndef LIMNER_OPS_TEXT_STRINGS_H
#define LIMNER_OPS_TEXT_STRINGS_H

#include "ops/core/op.h"

bool text_equal(struct text a, struct text b);
/* A copy of the characters that lives as long as the run. */
status text_copy(const struct op_call *call, const char *bytes, size_t length, struct text *out, struct error *err);
/* A number of a text, whole: as strtod() reads it in the C locale, with INF and NaN. */
bool text_to_double(struct text text, double *number);

#endif

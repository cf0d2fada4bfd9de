/* Numbers of any element type as doubles, and back; for operators whose work on an element costs more than that. */
#ifndef LIMNER_OPS_CORE_REALS_H
#define LIMNER_OPS_CORE_REALS_H

#include "ops/core/op.h"

/* float, double, the 16-bit types, integers, bool. */
#define TYPES_REALS (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))
#define TYPES_HALF (TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))

/* dtype: one of TYPES_REALS. Stored numbers are rounded as Cast does it (base/convert.h): toward zero for integers,
   once for floating-point types; bool: not zero. */
void reals_load(enum dtype dtype, const void *in, double *out, size_t count);
void reals_store(enum dtype dtype, const double *in, void *out, size_t count);

/* The one number of input i, of one of TYPES_REALS: STATUS_SHAPE where there are more or none, STATUS_NEEDS_VALUE where
   it is not known. An integer that double does not hold exactly is for op_scalar_int. */
status op_scalar_real(const struct op_call *call, int i, double *value, struct error *err);
/* The same as int64, toward zero. */
status op_scalar_int(const struct op_call *call, int i, int64_t *value, struct error *err);
/* Number i of a tensor of one of TYPES_REALS. */
double number_at(const struct tensor *tensor, int64_t i);
/* The same toward zero. */
int64_t int_of(const struct tensor *tensor, int64_t i);

/* The attribute's element type, which must be one of `types`; `fallback` without. */
struct attributes;
enum dtype attribute_dtype(struct attributes *attributes, const char *name, enum dtype fallback, uint32_t types,
                           status *code, struct error *err);

#endif

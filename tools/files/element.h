/* Single elements of tensors as numbers and as text. For reports and pictures, where speed is not all. */
#ifndef LIMNER_TOOLS_FILES_ELEMENT_H
#define LIMNER_TOOLS_FILES_ELEMENT_H

#include "base/tensor.h"

/* element_get knows the type: bool, integers, float, double, float16, bfloat16, complex (as two numbers each), float8,
   float4 and packed integers. */
bool element_is_number(enum dtype dtype);
bool element_is_float(enum dtype dtype);
bool element_is_complex(enum dtype dtype);
/* Element i; of a complex tensor its i-th real or imaginary part. NaN for types that are not numbers. */
double element_get(enum dtype dtype, const void *data, size_t i);
/* bool, integers (rounded and clamped), float, double, float16, bfloat16; false for other types. */
bool element_set(enum dtype dtype, void *data, size_t i, double value);

/* Element i as people write it, exactly for integers. */
#define ELEMENT_TEXT_BYTES 64
const char *element_text(const struct tensor *tensor, size_t i, char text[ELEMENT_TEXT_BYTES]);
/* The shortest text that reads back as the same number, as a float when `single`. */
const char *number_text(double value, bool single, char text[ELEMENT_TEXT_BYTES]);
/* "[0,2,17]": where element i of the shape stands. */
const char *index_text(const struct shape *shape, size_t i, char text[SHAPE_TEXT_BYTES]);

/* What a tensor's numbers are like; NaN stands aside. */
struct number_summary {
    double low, high, mean; /* of all that are not NaN; NaN when there are none */
    size_t nan;
};
struct number_summary tensor_summary(const struct tensor *tensor);

#endif

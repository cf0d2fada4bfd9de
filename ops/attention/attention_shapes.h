/* How the tensors of attention operators lie: [batch, heads, rows, size], or [batch, rows, heads * size]. */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_SHAPES_H
#define LIMNER_OPS_ATTENTION_ATTENTION_SHAPES_H

#include "ops/attention/attention_problem.h"

struct attention_heads {
    int64_t batch, heads, rows, size;
    struct attention_array array;
};

struct attention_array attention_array_4d(const struct tensor *tensor);
struct attention_array attention_array_3d(const struct tensor *tensor, int64_t heads);

/* An input of either form; of rank 3 with so many heads, which the attribute of that name says. */
status attention_heads_of(const struct op_call *call, int input, int64_t heads, const char *name,
                          struct attention_heads *out, struct error *err);
/* No size is so large that products of two of them would not be numbers. */
status attention_check_sizes(const struct attention *a, struct error *err);
/* The input has this shape. */
status attention_check_shape(const struct op_call *call, int input, int rank, const int64_t *dims, struct error *err);
/* An optional mask that broadcasts to [batch, heads, rows, keys], or has fewer keys. */
status attention_mask_of(const struct op_call *call, int input, const struct attention *a, struct attention_mask *mask,
                         struct error *err);
/* Writes output [batch, kv_heads, keys, size], where it is wanted: past vectors, then the new ones. */
void attention_present(const struct op_call *call, const struct attention *a, int output,
                       const struct attention_array *past, const struct attention_array *now, int64_t size);

#endif

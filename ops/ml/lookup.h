/* Lists of keys or values of the model, of any type, and the place of a key in one. */
#ifndef LIMNER_OPS_ML_LOOKUP_H
#define LIMNER_OPS_ML_LOOKUP_H

#include "base/pool.h"
#include "ops/core/attributes.h"

/* One of the members holds the elements. dtype DTYPE_UNDEFINED: there is no list. */
struct value_list {
    enum dtype dtype;
    size_t count;
    const int64_t *numbers;
    const float *floats;
    const struct text *texts;
    const struct tensor *tensor; /* of one of TYPES_LISTED, perhaps misaligned */
};

#define TYPES_LISTED                                                                                      \
    (TYPE(DTYPE_STRING) | TYPE(DTYPE_INT64) | TYPE(DTYPE_FLOAT) | TYPE(DTYPE_INT32) | TYPE(DTYPE_INT16) | \
     TYPE(DTYPE_DOUBLE))

/* prefix_int64s, prefix_floats, prefix_strings or, where tensors are allowed, prefix_tensor: exactly one. */
status value_list_read(struct attributes *attributes, const char *prefix, bool tensors, struct value_list *list,
                       struct error *err);

/* An element. Numbers are integers or not; floats with the value of an integer are no integers. */
struct list_key {
    bool is_text, is_real;
    struct text text;
    int64_t number;
    double real;
};

struct list_key value_list_key(const struct value_list *list, size_t i);
/* Element i of a tensor of one of TYPES_LISTED. */
struct list_key tensor_key(const struct tensor *tensor, int64_t i);
/* The element as element `at` of a tensor of its type. */
void list_key_write(const struct list_key *key, struct tensor *tensor, int64_t at);

/* Keys in order. */
struct lookup {
    const struct value_list *list;
    size_t *order;
};

/* In the pool. */
status lookup_make(const struct value_list *list, struct pool *pool, struct lookup *lookup, struct error *err);
/* The first place of the key in the list, -1 where it is not there. NaN is found, too. */
int64_t lookup_find(const struct lookup *lookup, const struct list_key *key);

#endif

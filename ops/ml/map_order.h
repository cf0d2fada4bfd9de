/* The order of a map's keys: onnxruntime's maps are sorted, so what it gives, or makes a row of, is. */
#ifndef LIMNER_OPS_ML_MAP_ORDER_H
#define LIMNER_OPS_ML_MAP_ORDER_H

#include "ops/ml/lookup.h"

struct map_place {
    struct list_key key;
    int64_t at; /* in the tensor of keys */
};

/* Keys of int64 or string in ascending order (strings by their bytes) into `places`, which has room for all; of equal
 * ones the last. Returns how many there are. */
int64_t map_order(const struct tensor *keys, struct map_place *places);

#endif

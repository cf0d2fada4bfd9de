#include "ops/ml/map_order.h"

#include <stdlib.h>
#include <string.h>

static int compare_texts(struct text a, struct text b) {
    const size_t both = a.length < b.length ? a.length : b.length;
    const int order = both > 0 ? memcmp(a.bytes, b.bytes, both) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_keys(const struct map_place *a, const struct map_place *b) {
    return a->key.is_text ? compare_texts(a->key.text, b->key.text)
                          : (a->key.number > b->key.number) - (a->key.number < b->key.number);
}

static int compare_places(const void *a, const void *b) {
    const struct map_place *one = a, *other = b;
    const int order = compare_keys(one, other);
    return order ? order : (one->at > other->at) - (one->at < other->at);
}

int64_t map_order(const struct tensor *keys, struct map_place *places) {
    const int64_t count = tensor_elements(keys);
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++)
        places[i] = (struct map_place){tensor_key(keys, i), i};
    if (count > 1)
        qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int64_t i = 0; i < count; i++) {
        if (kept > 0 && compare_keys(&places[kept - 1], &places[i]) == 0)
            kept--;
        places[kept++] = places[i];
    }
    return kept;
}

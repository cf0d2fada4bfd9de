/* Constants lie in the model's file where they lie: their numbers need not be aligned. */
#ifndef LIMNER_BASE_UNALIGNED_H
#define LIMNER_BASE_UNALIGNED_H

#include <stdint.h>
#include <string.h>

static inline float unaligned_float(const void *source, int64_t index) {
    float value;
    memcpy(&value, (const char *)source + index * (int64_t)sizeof value, sizeof value);
    return value;
}

static inline double unaligned_double(const void *source, int64_t index) {
    double value;
    memcpy(&value, (const char *)source + index * (int64_t)sizeof value, sizeof value);
    return value;
}

#endif

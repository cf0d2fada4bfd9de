#include "ops/reduce/order_keys.h"

#include "base/convert.h"
#include "base/scalar.h"

#define SIGN (UINT64_C(1) << 63)

static uint64_t key_of_double(double x) {
    uint64_t bits;
    if (x != x)
        return UINT64_MAX;
    if (x == 0)
        return SIGN;
    memcpy(&bits, &x, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

static uint64_t key_of_half(enum dtype dtype, uint16_t half) {
    float x;
    half_to_float(dtype, &half, &x, 1);
    return order_key_float(x);
}

#define KEYS(DTYPE, T, EXPRESSION)                   \
    case DTYPE_##DTYPE:                              \
        for (int64_t i = 0; i < count; i++) {        \
            const T x = ((const T *)in)[i * stride]; \
            keys[i] = (EXPRESSION);                  \
        }                                            \
        break;
#define SIGNED(DTYPE, T) KEYS(DTYPE, T, (uint64_t)(int64_t)x ^ SIGN)

void order_keys(enum dtype dtype, const void *in, int64_t stride, int64_t count, uint64_t *keys) {
    switch (dtype) {
        KEYS(FLOAT, float, order_key_float(x))
        KEYS(DOUBLE, double, key_of_double(x))
        KEYS(FLOAT16, uint16_t, key_of_half(dtype, x))
        KEYS(BFLOAT16, uint16_t, key_of_half(dtype, x))
        SIGNED(INT8, int8_t)
        SIGNED(INT16, int16_t)
        SIGNED(INT32, int32_t)
        SIGNED(INT64, int64_t)
        KEYS(UINT16, uint16_t, x)
        KEYS(UINT32, uint32_t, x)
        KEYS(UINT64, uint64_t, x)
        KEYS(BOOL, uint8_t, x != 0)
    default: /* UINT8 */
        for (int64_t i = 0; i < count; i++)
            keys[i] = ((const uint8_t *)in)[i * stride];
    }
}

#define DIGITS 256
#define KEY_DIGITS 8

static int digit_of(uint64_t key, int digit) {
    return (int)(key >> (8 * digit) & (DIGITS - 1));
}

/* One digit, from `from` to `to`; counts: how many keys have each value of it. */
static void sort_digit(const uint64_t *keys, int64_t count, int digit, int64_t *counts, const int64_t *from,
                       int64_t *to) {
    int64_t place = 0;
    for (int value = 0; value < DIGITS; value++) {
        const int64_t here = counts[value];
        counts[value] = place;
        place += here;
    }
    for (int64_t i = 0; i < count; i++)
        to[counts[digit_of(keys[from[i]], digit)]++] = from[i];
}

int64_t *order_sort(const uint64_t *keys, int64_t count, int64_t *a, int64_t *b) {
    int64_t counts[KEY_DIGITS][DIGITS] = {{0}};
    for (int64_t i = 0; i < count; i++) {
        a[i] = i;
        for (int digit = 0; digit < KEY_DIGITS; digit++)
            counts[digit][digit_of(keys[i], digit)]++;
    }
    for (int digit = 0; digit < KEY_DIGITS && count > 0; digit++) {
        if (counts[digit][digit_of(keys[0], digit)] == count) /* the same everywhere */
            continue;
        sort_digit(keys, count, digit, counts[digit], a, b);
        int64_t *const sorted = b;
        b = a;
        a = sorted;
    }
    return a;
}

/* Sizes of the pieces that work is cut into. All of them are above zero. */
#ifndef LIMNER_BASE_SIZES_H
#define LIMNER_BASE_SIZES_H

#include <stddef.h>
#include <stdint.h>

static inline int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* The next multiple of `unit`. */
static inline int64_t whole_units(int64_t size, int64_t unit) {
    return divide_up(size, unit) * unit;
}

/* Pieces of even size, none above `most`, a multiple of `unit`. */
static inline int64_t even_block(int64_t size, int64_t most, int64_t unit) {
    return whole_units(divide_up(size, divide_up(size, most)), unit);
}

/* The same for bytes; nothing above SIZE_MAX - unit goes in. */
static inline size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

/* Bytes in whole cache lines. */
static inline size_t whole_line_bytes(size_t bytes) {
    return round_up(bytes, 64);
}

/* Both above zero. */
static inline int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline int64_t at_most(int64_t size, int64_t limit) {
    return size < limit ? size : limit;
}

static inline int64_t between(int64_t low, int64_t size, int64_t high) {
    return size < low ? low : size > high ? high : size;
}

/* What part of the threads' time is used when so many units are shared out. */
static inline double balance(int64_t units, int threads) {
    return (double)units / (double)(divide_up(units, threads) * threads);
}

#endif

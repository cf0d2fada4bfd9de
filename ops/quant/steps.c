#include "ops/quant/steps.h"

#include "base/sizes.h"

#include <string.h>

int64_t quant_steps(const struct quant_rows *rows) {
    return divide_up(rows->channels, quant_step(rows->bytes)) * rows->taps;
}

int quant_panel_rows(const struct quant_rows *rows, int64_t first, int *rounded) {
    const int count = (int)at_most(rows->rows - first, rows->kernel->rows);
    *rounded = rows->kernel->round(count);
    return count;
}

int64_t quant_rows_ints(const struct quant_rows *rows) {
    const int64_t whole = rows->rows / rows->kernel->rows * rows->kernel->rows;
    const int rest = (int)(rows->rows - whole);
    return (whole + (rest ? rows->kernel->round(rest) : 0)) * quant_steps(rows);
}

/* A number of a row as it is packed. */
struct packed_number {
    uint8_t flip;
    int zero;
    bool has_sign;
};

static int number_at(const struct packed_number *how, const uint8_t *data, int64_t i) {
    const uint8_t x = data[i] ^ how->flip;
    return (how->has_sign ? (int8_t)x : x) - how->zero;
}

/* The step of some channels of a tap, of which `count` there are. */
static uint32_t step_at(const struct quant_rows *rows, const struct packed_number *how, const uint8_t *row, int64_t tap,
                        int64_t channel, int64_t count, int32_t *sum) {
    const int bits = rows->bytes ? 8 : 16;
    uint32_t step = 0;
    for (int j = 0; j < count; j++) {
        const int x = number_at(
            how, row, rows->taps_outside ? tap * rows->channels + channel + j : (channel + j) * rows->taps + tap);
        step |= ((uint32_t)x & ((1u << bits) - 1)) << bits * j;
        *sum += x;
    }
    return step;
}

#define BYTES(x) ((x)*0x0101010101010101u)
#define EVEN_BYTES 0x00ff00ff00ff00ffu
#define SUMS_FIT 256 /* bytes, of which sums of pairs fit in 16 bits */

static uint32_t add_four(uint64_t sums) {
    return (uint32_t)((sums & 65535) + (sums >> 16 & 65535) + (sums >> 32 & 65535) + (sums >> 48));
}

/* A row of one tap as bytes, but for a last step that is not whole. Returns the steps. */
static int64_t pack_bytes(const uint8_t *row, int64_t channels, uint64_t flip, int rounded, int32_t *to, int32_t *sum) {
    const int64_t steps = channels / 4, end = steps * 4;
    uint64_t sums = 0;
    uint32_t all = 0; /* of numbers that are 128 larger, so that they have no sign */
    for (int64_t i = 0; i < end; i += 8) {
        uint64_t eight = BYTES(flip ^ 0x80);
        memcpy(&eight, row + i, i + 8 <= end ? 8 : 4);
        eight ^= BYTES(flip);
        *to = (int32_t)(uint32_t)eight;
        if (i + 8 <= end)
            to[rounded] = (int32_t)(uint32_t)(eight >> 32);
        to += 2 * rounded;
        eight ^= BYTES((uint64_t)0x80);
        sums += (eight & EVEN_BYTES) + (eight >> 8 & EVEN_BYTES);
        if (i % SUMS_FIT == SUMS_FIT - 8) {
            all += add_four(sums);
            sums = 0;
        }
    }
    *sum = (int32_t)(all + add_four(sums) - 128 * (uint32_t)end);
    return steps;
}

void quant_pack_rows(const struct quant_rows *rows, enum dtype dtype, const void *data, int64_t first,
                     const struct quant_terms *zeros, int64_t first_line, int32_t *packed, int32_t *sums) {
    int rounded;
    const int count = quant_panel_rows(rows, first, &rounded), size = quant_step(rows->bytes);
    const int64_t blocks = divide_up(rows->channels, size);
    for (int r = 0; r < rounded; r++) {
        const uint8_t *row = (const uint8_t *)data + (first + r) * rows->channels * rows->taps;
        const struct packed_number how = {
            .flip = rows->bytes && dtype == DTYPE_UINT8 ? 0x80 : 0,
            .zero = rows->bytes || r >= count ? 0 : (int)quant_term(zeros, first_line + first + r),
            .has_sign = rows->bytes || dtype == DTYPE_INT8};
        int32_t sum = 0, *to = packed + r;
        int64_t done = 0;
        if (rows->bytes && rows->taps == 1 && r < count)
            done = pack_bytes(row, rows->channels, how.flip, rounded, to, &sum);
        to += done * rounded;
        for (int64_t tap = 0; tap < rows->taps; tap++)
            for (int64_t block = done; block < blocks; block++, to += rounded)
                *to = r < count ? (int32_t)step_at(rows, &how, row, tap, block * size,
                                                   at_most(rows->channels - block * size, size), &sum)
                                : 0;
        if (r < count)
            sums[r] = sum;
    }
}

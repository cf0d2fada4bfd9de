#include "ops/movement/pad_copy.h"

#include "base/simd.h"
#include "ops/movement/block_copy.h"

#include <string.h>

/* `count` blocks from the source at `index`, index + step, ...; index -1: the value. */
struct pad_run {
    int64_t index, step, count;
};

static int64_t modulo(int64_t a, int64_t b) {
    if (a >= -b && a < b) /* as a rule; saves the division */
        return a < 0 ? a + b : a;
    const int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

static struct pad_run reflected_run(int64_t position, int64_t extent) {
    if (extent == 1)
        return (struct pad_run){0, 0, INT64_MAX};
    const int64_t last = extent - 1, phase = modulo(position, 2 * last);
    if (phase < last)
        return (struct pad_run){phase, 1, last - phase};
    return (struct pad_run){2 * last - phase, -1, 2 * last - phase};
}

/* The longest run that is known to start at the position. */
static struct pad_run run_at(enum pad_mode mode, const struct pad_axis *axis, int64_t position) {
    const int64_t extent = axis->extent;
    if (position >= 0 && position < extent)
        return (struct pad_run){position, 1, extent - position};
    switch (mode) {
    case PAD_REFLECT:
        return reflected_run(position, extent);
    case PAD_WRAP:
        return (struct pad_run){modulo(position, extent), 1, extent - modulo(position, extent)};
    case PAD_EDGE:
        return (struct pad_run){position < 0 ? 0 : extent - 1, 0, position < 0 ? -position : INT64_MAX};
    default:
        return (struct pad_run){-1, 0, position < 0 ? -position : INT64_MAX};
    }
}

static void copy_blocks(char *to, const char *from, int64_t step, size_t block, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        block_copy(to + i * (int64_t)block, from + i * step, block);
}

static void fill_value(const struct pad_copy *copy, char *to, int64_t bytes) {
    if (copy->state->element == sizeof(uint32_t)) { /* as a rule a few: without a division */
        uint32_t value, *words = (uint32_t *)(void *)to;
        memcpy(&value, copy->value, sizeof value);
        SIMD for (int64_t i = 0; i < bytes / (int64_t)sizeof value; i++) words[i] = value;
        return;
    }
    block_fill(to, copy->value, copy->state->element, bytes / (int64_t)copy->state->element);
}

#define PIECES 8 /* of a row, that are made at once */

/* Part of a row: bytes from its start, and blocks of the source from `from` on, `step` bytes apart. */
struct pad_piece {
    int64_t to, bytes, count;
    int64_t from, step; /* from -1: the value */
};

/* The pieces of a row from block `begin` on; returns the block behind them. */
static int64_t make_pieces(const struct pad_state *state, int64_t begin, struct pad_piece pieces[PIECES], int *count) {
    const struct pad_axis *axis = &state->axes[state->rank - 1];
    const int64_t block = (int64_t)state->block;
    for (*count = 0; *count < PIECES && begin < axis->size; ++*count) {
        const struct pad_run run = run_at(state->mode, axis, begin - axis->before);
        const int64_t blocks = run.count < axis->size - begin ? run.count : axis->size - begin;
        pieces[*count] = (struct pad_piece){begin * block, blocks * block, blocks,
                                            run.index < 0 ? -1 : run.index * block, run.step * block};
        begin += blocks;
    }
    return begin;
}

static void copy_piece(const struct pad_copy *copy, const struct pad_piece *piece, char *to, const char *from) {
    const int64_t block = (int64_t)copy->state->block;
    const bool single = piece->from < 0 ? copy->state->element == sizeof(uint32_t) : piece->count == 1;
    if (single && piece->bytes == sizeof(uint32_t)) /* as a rule one number at either end */
        memcpy(to, piece->from < 0 ? copy->value : from + piece->from, sizeof(uint32_t));
    else if (piece->from < 0)
        fill_value(copy, to, piece->bytes);
    else if (piece->step == block)
        memcpy(to, from + piece->from, (size_t)piece->bytes);
    else
        copy_blocks(to, from + piece->from, piece->step, (size_t)block, piece->count);
}

/* Bytes from the first element to the row of these outer indices, or -1 where all of it is the value. */
static int64_t row_offset(const struct pad_state *state, const int64_t *indices) {
    int64_t offset = 0;
    for (int i = 0; i < state->rank - 1; i++) {
        const struct pad_run run = run_at(state->mode, &state->axes[i], indices[i] - state->axes[i].before);
        if (run.index < 0)
            return -1;
        offset += run.index * state->axes[i].stride;
    }
    return offset;
}

/* These pieces of rows begin .. end - 1. */
static void copy_pieces(const struct pad_copy *copy, const struct pad_piece *pieces, int count, size_t begin,
                        size_t end) {
    const struct pad_state *state = copy->state;
    const int64_t bytes = pieces[count - 1].to + pieces[count - 1].bytes - pieces[0].to;
    int64_t indices[MAX_RANK];
    size_t rest = begin;
    for (int i = state->rank - 2; i >= 0; i--) {
        indices[i] = (int64_t)(rest % (size_t)state->axes[i].size);
        rest /= (size_t)state->axes[i].size;
    }
    for (size_t row = begin; row < end; row++) {
        char *to = copy->to + (int64_t)row * state->row_bytes;
        const int64_t offset = row_offset(state, indices);
        if (offset < 0)
            fill_value(copy, to + pieces[0].to, bytes);
        for (int i = 0; offset >= 0 && i < count; i++)
            copy_piece(copy, &pieces[i], to + pieces[i].to, copy->from + offset);
        for (int i = state->rank - 2; i >= 0 && ++indices[i] == state->axes[i].size; i--)
            indices[i] = 0;
    }
}

void pad_copy_rows(void *context, size_t begin, size_t end) {
    const struct pad_copy *copy = context;
    const struct pad_state *state = copy->state;
    struct pad_piece pieces[PIECES];
    int count;
    for (int64_t next = 0; next < state->axes[state->rank - 1].size;) {
        next = make_pieces(state, next, pieces, &count);
        copy_pieces(copy, pieces, count, begin, end);
    }
}

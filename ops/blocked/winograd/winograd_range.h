/*
 * Which tiles Winograd would spoil. Its errors are relative to the largest input of a tile, those of direct sums to the
 * inputs that an output sees. While inputs are transformed the largest magnitude of every pixel is noted, over all
 * channels. A tile is suspect if one of its outputs sees only inputs far below the largest one of the tile, or if that
 * is not finite; its outputs are computed once more by direct sums (winograd_mend.c).
 *
 * Magnitudes (ops/kernels/kernels.h) are compared, never added: the answer is the same for any number of threads.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RANGE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RANGE_H

#include "ops/blocked/winograd/winograd_tile_group.h"

#include <stdatomic.h>

/* The list of a run, which the workspace begins with: how many tiles are suspect; behind it a byte for every tile. */
struct winograd_suspects {
    _Alignas(64) atomic_int count;
};

/* Bytes of the list, in whole cache lines. */
size_t winograd_suspects_bytes(const struct blocked_state *state);
/* Empties the list, before a run. */
void winograd_suspects_start(const struct blocked_run *run);
int winograd_suspects_count(const struct blocked_run *run);
/* The bytes of the tiles of an image. */
uint8_t *winograd_suspects_of(const struct blocked_run *run, const struct blocked_phase *phase, int grid,
                              int64_t image);

/* Magnitudes of a tile group of any grid of the phase, at most; in whole cache lines. */
int64_t winograd_range_size(const struct blocked_phase *phase);
/* Forgets what is known of the group's pixels, before its first inputs. */
void winograd_range_start(const struct winograd_tile_group *group);
/* Notes some rows of pixels of one channel block of the input, counted as elements from the image's first tile on. */
void winograd_range_rows(const struct winograd_tile_group *group, const struct winograd_part *part,
                         const struct blocked_input *input, int64_t first, int64_t end);
/* Lists the suspect tiles of a group, all of whose inputs have been noted. */
void winograd_range_judge(const struct winograd_tile_group *group);
/* Takes over what another thread has noted. */
void winograd_range_merge(const struct winograd_tile_group *group, const uint16_t *other);

#endif

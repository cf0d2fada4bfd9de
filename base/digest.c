#include "base/digest.h"

#include "base/thread_team.h"

#include <string.h>

#define LANES 8
#define BLOCK_BYTES ((size_t)1 << 20)
#define GROUP 64 /* blocks whose digests are held at a time */

/* For a fixed word a bijection of the state, for a fixed state one of the word: a single change is never lost. */
static uint64_t stir(uint64_t state, uint64_t word) {
    state = (state ^ word) * 0xd6e8feb86659fd93u;
    return state ^ state >> 32;
}

/* Lanes that do not wait for one another keep the multiplier busy. */
static void stir_lanes(uint64_t lanes[LANES], const unsigned char *bytes) {
    uint64_t words[LANES];
    memcpy(words, bytes, sizeof words);
    for (int i = 0; i < LANES; i++)
        lanes[i] = stir(lanes[i], words[i]);
}

static struct digest digest_block(const unsigned char *bytes, size_t count) {
    unsigned char rest[LANES * sizeof(uint64_t)] = {0};
    uint64_t lanes[LANES];
    size_t i = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = stir(count, (uint64_t)lane + 1);
    for (; count - i >= sizeof rest; i += sizeof rest)
        stir_lanes(lanes, bytes + i);
    if (count > i) {
        memcpy(rest, bytes + i, count - i);
        stir_lanes(lanes, rest);
    }
    struct digest digest = {0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu};
    for (int lane = 0; lane < LANES; lane++) {
        digest.a = stir(digest.a, lanes[lane]);
        digest.b = stir(digest.b, lanes[LANES - 1 - lane] + digest.a);
    }
    return digest;
}

static size_t block_count(size_t count) {
    return count / BLOCK_BYTES + (count % BLOCK_BYTES > 0);
}

/* Blocks of a group. */
struct digest_group {
    const unsigned char *bytes;
    size_t count, first; /* first: the number of its first block */
    struct digest *sums;
    digest_done *done;
    const void *context;
};

static void digest_blocks(void *context, int64_t begin, int64_t end) {
    const struct digest_group *group = context;
    for (int64_t i = begin; i < end; i++) {
        const size_t first = (group->first + (size_t)i) * BLOCK_BYTES;
        const size_t size = group->count - first < BLOCK_BYTES ? group->count - first : BLOCK_BYTES;
        group->sums[i] = digest_block(group->bytes + first, size);
        if (group->done)
            group->done(group->context, first, size);
    }
}

struct digest digest_make(const void *bytes, size_t count, int threads, digest_done *done, const void *context) {
    const size_t blocks = block_count(count);
    struct digest sums[GROUP + 1] = {{count, blocks}};
    for (size_t first = 0; first < blocks; first += GROUP) {
        const size_t in_group = blocks - first < GROUP ? blocks - first : GROUP;
        team_for(threads, (int64_t)in_group, digest_blocks,
                 &(struct digest_group){bytes, count, first, sums + 1, done, context});
        sums[0] = digest_block((const unsigned char *)sums, (in_group + 1) * sizeof sums[0]);
    }
    return blocks ? sums[0] : digest_block((const unsigned char *)sums, sizeof sums[0]);
}

/*
 * Fingerprints of 128 bits: the same bytes always have the same one, other bytes practically never. Made to be as fast
 * as memory, so that weights can be told by what they are and not by where a file says that they come from. No defence
 * against somebody who makes collisions on purpose.
 */
#ifndef LIMNER_BASE_DIGEST_H
#define LIMNER_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
    uint64_t a, b;
};

/* Called with the place of every part of the bytes that has been read for the last time, by any thread. */
typedef void digest_done(const void *context, size_t first, size_t count);

/* In that many threads; the result does not depend on how many. done may be NULL. */
struct digest digest_make(const void *bytes, size_t count, int threads, digest_done *done, const void *context);

static inline bool digest_equal(const struct digest *x, const struct digest *y) {
    return x->a == y->a && x->b == y->b;
}

#endif

/* Default beside exact, with passes or without, and the same bits with any number of threads. */
#ifndef LIMNER_TESTS_SWEEP_COMPARE_H
#define LIMNER_TESTS_SWEEP_COMPARE_H

#include "runtime/limner.h"
#include "tests/sweep/layer.h"

#define MOST_MESSAGE 512
/* The least that an output's range is taken for: numbers are about 1, and where few of them are left all may be tiny.
 */
#define LEAST_RANGE 0.25

struct outcome {
    bool failed;
    double error;               /* largest difference over the largest number of the exact output */
    char message[MOST_MESSAGE]; /* of what failed */
};

/* Told of the session that just ran by default, with one thread. */
typedef void compare_watch(const limner_session *session, void *context);

/* The largest error that a kind may have. */
double compare_bound(enum kind kind);
/* threads: compare the bits of one thread with those of two and three, too. watch may be NULL. */
struct outcome compare_layer(const struct layer *layer, limner_cpu cpu, bool threads, compare_watch *watch,
                             void *context);

#endif

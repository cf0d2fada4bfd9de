/* What all processes of a sweep have found so far, in memory that they share. */
#ifndef LIMNER_TESTS_SWEEP_TALLY_H
#define LIMNER_TESTS_SWEEP_TALLY_H

#include "tests/sweep/layer.h"
#include "tests/sweep/picks.h"

#include <pthread.h>
#include <stdatomic.h>

#define MOST_JOBS 256
#define MOST_PICKS 256

struct kind_tally {
    uint64_t cases, failures;
    double worst;         /* of the cases that did not fail */
    uint64_t worst_case;  /* its number */
    char worst_level[16]; /* and level */
};

struct pick_tally {
    char pick[MOST_PICK];
    uint64_t uses;
};

struct tally {
    pthread_mutex_t lock;
    atomic_uint_fast64_t next;           /* case that nobody took yet */
    atomic_uint_fast64_t now[MOST_JOBS]; /* case that each process is at */
    uint64_t failures;
    struct kind_tally kinds[KINDS];
    struct pick_tally picks[MOST_PICKS];
};

/* NULL without memory. */
struct tally *tally_create(void);
void tally_case(struct tally *tally, uint64_t number, enum kind kind, const char *level, bool failed, double error);
/* A note of picks_of(); context: the tally. */
void tally_pick(const char *pick, void *context);
/* Prints all of it. */
void tally_print(struct tally *tally);

#endif

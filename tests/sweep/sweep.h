/* Cases one after the other, in several processes. */
#ifndef LIMNER_TESTS_SWEEP_SWEEP_H
#define LIMNER_TESTS_SWEEP_SWEEP_H

#include "tests/sweep/compare.h"
#include "tests/sweep/tally.h"

#include <time.h>

/* Multiply-accumulates of a case, in thousands of millions: in a check, and in a long sweep. */
#define CHECK_WORK 1.5
#define LONG_WORK 30.0

struct sweep {
    const char *program; /* as it was called */
    uint64_t seed;
    double work; /* thousands of millions */
    limner_cpu cpu;
    int jobs;
    uint64_t end;    /* the case behind the last one */
    time_t deadline; /* no case begins then */
};

/* A level's name, and the level of a name; AUTO where there is none, or the processor lacks it. */
const char *level_name(limner_cpu cpu);
limner_cpu level_parse(const char *name);
limner_cpu level_best(void);

/* The layer of a case. Every other round of all kinds is as small as in a check: more layers in the same time. */
struct layer sweep_layer(const struct sweep *sweep, uint64_t number);
/* Runs one case, prints what fails with all that repeats it, and counts. */
struct outcome sweep_case(const struct sweep *sweep, uint64_t number, struct tally *tally);
/* Runs cases from tally->next on until the end or the deadline; a process that dies is a failure, and replaced. */
void sweep_run(const struct sweep *sweep, struct tally *tally);

#endif

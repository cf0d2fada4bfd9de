/* What the threads of a normalization share, and what is made of the moments of a group. For the engine's files alone.
 */
#ifndef LIMNER_OPS_NORM_NORM_WORK_H
#define LIMNER_OPS_NORM_NORM_WORK_H

#include "ops/norm/norm_job.h"

#include <math.h>

/* All that the threads share. A group is cut into `chunks` chunks of at most NORM_CHUNK numbers. */
struct norm_work {
    const struct norm_job *job;
    const struct kernels *kernels;
    struct norm_view stats, apply; /* without and with scale and bias */
    int64_t chunks;
    struct norm_moments *moments; /* [group][chunk] where there are several chunks */
};

/* What is measured for the job's `inverse`. */
static inline enum norm_measure norm_measure_of(const struct norm_job *job) {
    if (job->centered)
        return MEASURE_SPREAD;
    return job->inverse == INVERSE_ABSOLUTE ? MEASURE_ABSOLUTE : MEASURE_SQUARES;
}

/* The job's `inverse`, of a group that has been measured. */
static inline double norm_inverse_of(const struct norm_job *job, const struct norm_moments *moments) {
    const double variance = moments->squares * (1 / (double)moments->count); /* 1 / count is there before the squares */
    switch (job->inverse) {
    case INVERSE_VARIANCE:
        return 1 / sqrt(variance + job->epsilon);
    case INVERSE_DEVIATION:
        return 1 / (sqrt(variance) + job->epsilon);
    case INVERSE_LENGTH:
        return moments->squares == 0 ? 0 : 1 / sqrt(moments->squares);
    default:
        return moments->squares == 0 ? 0 : 1 / moments->squares;
    }
}

#endif

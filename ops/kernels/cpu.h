/* Which instruction sets this processor and system can run, and the tables of kernels for them. */
#ifndef LIMNER_OPS_KERNELS_CPU_H
#define LIMNER_OPS_KERNELS_CPU_H

#include "ops/kernels/kernels.h"

/* Best level that this processor and system can run. */
enum cpu_level cpu_best(void);
/* The table of a level; NULL when this processor cannot run it or it was not built. */
const struct kernels *kernels_get(enum cpu_level level);
/* The same without Winograd and Strassen, which save products and round a little more. */
const struct kernels *kernels_exact(enum cpu_level level);
/* "portable", "avx2", "avx512" -> level; -1 for anything else. */
int cpu_level_parse(const char *name);

#endif

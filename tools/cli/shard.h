/* A part of a folder's pictures, so that several processes share it without talking to each other. */
#ifndef LIMNER_TOOLS_CLI_SHARD_H
#define LIMNER_TOOLS_CLI_SHARD_H

#include "tools/cli/arguments.h"

#include <stddef.h>

struct shard {
    int number, count;  /* 1 to count; count 0: all of the folder */
    const char *source; /* the variable and its value, where the environment said the number; else NULL */
};

/*
 * "K/N"; or "auto" and "auto/N", which alone read the environment: SLURM_ARRAY_TASK_ID, or JOB_COMPLETION_INDEX of
 * Kubernetes, which counts from 0 and wants N. With N, Slurm's array is 1-N; without, its first task, step and count
 * are the environment's, too.
 */
option_set set_shard; /* struct shard */

/*
 * Whether a name belongs to the shard: (H mod N) + 1 == K, where H is FNV-1a (64 bits) of the name's bytes with the
 * last steps of MurmurHash3 (fmix64) behind it. It depends on nothing but the name: other names come and go without
 * effect.
 */
bool shard_holds(const struct shard *shard, const char *name, size_t length);

#define SHARD_OPTION(settings, shard)                                                                             \
    {                                                                                                             \
        "shard", 0, "K/N",                                                                                        \
            "of a folder, only the K-th of N parts, K from 1 to N; each picture is in one of them, by its name. " \
            "auto/N: K is Slurm's SLURM_ARRAY_TASK_ID (--array=1-N) or 1 + Kubernetes' JOB_COMPLETION_INDEX; "    \
            "auto: N, too, is that of Slurm's array",                                                             \
            set_shard, offsetof(settings, shard)                                                                  \
    }

#endif

#include "tools/cli/shard.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SHARDS 1000000

static bool read_number(const char *text, char end, long *value, const char **rest) {
    char *stop;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *value = strtol(text, &stop, 10);
    *rest = stop + 1;
    return !errno && *stop == end && *value <= MOST_SHARDS;
}

/* ---- the environment ---- */

static status read_variable(const char *name, long *value, struct error *err) {
    const char *text = getenv(name), *rest;
    if (!text)
        return fail(err, STATUS_INVALID_ARGUMENT, "auto: %s is not set: give auto/N or K/N", name);
    if (!read_number(text, '\0', value, &rest))
        return fail(err, STATUS_INVALID_ARGUMENT, "auto: %s is '%s', expected a number up to %d", name, text,
                    MOST_SHARDS);
    return STATUS_OK;
}

/* The place of a task among those of its array, which must be evenly spaced. */
static status place_in_array(long task, long *number, long *count, struct error *err) {
    long first, last, step;
    status code = read_variable("SLURM_ARRAY_TASK_MIN", &first, err);
    if (!code)
        code = read_variable("SLURM_ARRAY_TASK_MAX", &last, err);
    if (!code)
        code = read_variable("SLURM_ARRAY_TASK_STEP", &step, err);
    if (!code)
        code = read_variable("SLURM_ARRAY_TASK_COUNT", count, err);
    if (code)
        return code;
    if (step < 1 || task < first || task > last || (task - first) % step || (last - first) / step + 1 != *count)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "auto: the array's tasks are not evenly spaced (task %ld of %ld from %ld to %ld, step %ld): give "
                    "auto/N with --array=1-N",
                    task, *count, first, last, step);
    *number = (task - first) / step + 1;
    return STATUS_OK;
}

/* count: 0 where the environment is to say it. */
static status read_environment(struct pool *pool, struct shard *shard, long count, struct error *err) {
    static const char slurm[] = "SLURM_ARRAY_TASK_ID", kubernetes[] = "JOB_COMPLETION_INDEX";
    const bool in_slurm = getenv(slurm), in_kubernetes = getenv(kubernetes);
    if (in_slurm == in_kubernetes)
        return fail(err, STATUS_INVALID_ARGUMENT, "auto: %s of %s and %s is set: give K/N",
                    in_slurm ? "each" : "neither", slurm, kubernetes);
    const char *variable = in_slurm ? slurm : kubernetes;
    long value, number;
    status code = read_variable(variable, &value, err);
    if (code)
        return code;
    number = in_slurm ? value : value + 1;
    if (!count && in_kubernetes)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "auto: %s does not say how many there are: give auto/N, N being the job's completions", kubernetes);
    if (!count)
        code = place_in_array(value, &number, &count, err);
    if (code)
        return code;
    if (number < 1 || number > count)
        return fail(err, STATUS_INVALID_ARGUMENT, "auto/%ld: %s is %ld, expected %d to %ld", count, variable, value,
                    in_slurm, in_slurm ? count : count - 1);
    *shard = (struct shard){(int)number, (int)count, pool_format(pool, "%s=%ld", variable, value)};
    return shard->source ? STATUS_OK : fail_memory(err, "the command line");
}

/* ---- the option ---- */

status set_shard(struct pool *pool, void *field, const char *text, struct error *err) {
    static const char automatic[] = "auto";
    const size_t word = sizeof automatic - 1;
    struct shard *shard = field;
    long number, count;
    const char *rest;
    if (strcmp(text, automatic) == 0)
        return read_environment(pool, shard, 0, err);
    if (strncmp(text, "auto/", word + 1) == 0 && read_number(text + word + 1, '\0', &count, &rest) && count)
        return read_environment(pool, shard, count, err);
    if (!read_number(text, '/', &number, &rest) || !read_number(rest, '\0', &count, &rest) || number < 1 ||
        number > count)
        return fail(err, STATUS_INVALID_ARGUMENT, "wants K/N with K from 1 to N, at most %d, or auto, not '%s'",
                    MOST_SHARDS, text);
    *shard = (struct shard){(int)number, (int)count, NULL};
    return STATUS_OK;
}

static uint64_t hash(const char *name, size_t length) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

bool shard_holds(const struct shard *shard, const char *name, size_t length) {
    return !shard->count || hash(name, length) % (uint64_t)shard->count + 1 == (uint64_t)shard->number;
}

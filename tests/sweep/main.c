/*
 * sweep: layers as the planner meets them in real networks, drawn at random, default beside exact.
 *
 *   sweep check [--seed S]                           most of a minute: most cases at the best level, some at the others
 *   sweep --seconds N [--seed S] [--cpu L] [--jobs N] [--work G]   all levels in turn, or one
 *   sweep --seed S --case N --cpu L [--work G]       one case again
 *
 * --work: thousands of millions of multiply-accumulates that a case may take.
 */
#include "tests/sweep/sweep.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CHECK_CASES 400     /* at the best level */
#define CHECK_CASES_AVX2 90 /* where there is a better one */
#define CHECK_CASES_PORTABLE 50

struct options {
    struct sweep sweep;
    bool check, has_case;
    uint64_t number;
    int seconds;
};

static int processors(void) {
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < MOST_JOBS ? count : MOST_JOBS;
}

static uint64_t new_seed(void) {
    uint32_t seed = (uint32_t)time(NULL);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed ^= (uint32_t)clock();
    return seed;
}

static bool read_option(struct options *options, const char *name, const char *value) {
    struct sweep *sweep = &options->sweep;
    options->has_case = options->has_case || strcmp(name, "--case") == 0;
    if (strcmp(name, "--seed") == 0)
        sweep->seed = strtoull(value, NULL, 0);
    else if (strcmp(name, "--seconds") == 0)
        options->seconds = atoi(value);
    else if (strcmp(name, "--jobs") == 0)
        sweep->jobs = atoi(value);
    else if (strcmp(name, "--work") == 0)
        sweep->work = atof(value);
    else if (strcmp(name, "--cpu") == 0)
        return (sweep->cpu = level_parse(value)) != LIMNER_CPU_AUTO;
    else if (strcmp(name, "--case") == 0)
        options->number = strtoull(value, NULL, 0);
    else
        return false;
    return true;
}

static bool read_options(struct options *options, int count, char **words) {
    int i = 1;
    options->check = count > 1 && strcmp(words[1], "check") == 0;
    for (i += options->check; i + 1 < count; i += 2)
        if (!read_option(options, words[i], words[i + 1]))
            return false;
    if (options->sweep.work <= 0)
        options->sweep.work = options->seconds ? LONG_WORK : CHECK_WORK;
    return i == count && options->sweep.jobs >= 1 && options->sweep.jobs <= MOST_JOBS &&
           options->check + options->has_case + (options->seconds > 0) == 1;
}

static void run_level(struct sweep sweep, limner_cpu cpu, uint64_t cases, int seconds, struct tally *tally) {
    const uint64_t first = atomic_load(&tally->next);
    const time_t begin = time(NULL);
    sweep.cpu = cpu;
    sweep.end = cases ? first + cases : UINT64_MAX;
    sweep.deadline = begin + seconds;
    sweep_run(&sweep, tally);
    /* Every process takes a number that it finds too large before it ends. */
    if (atomic_load(&tally->next) > sweep.end)
        atomic_store(&tally->next, sweep.end);
    printf("%s: %" PRIu64 " cases, %lld s\n", level_name(cpu), (uint64_t)atomic_load(&tally->next) - first,
           (long long)(time(NULL) - begin));
    fflush(stdout);
}

static void run_check(const struct options *options, struct tally *tally) {
    static const uint64_t cases[] = {
        [LIMNER_CPU_PORTABLE] = CHECK_CASES_PORTABLE, [LIMNER_CPU_AVX2] = CHECK_CASES_AVX2};
    for (int cpu = level_best(); cpu >= LIMNER_CPU_PORTABLE; cpu--)
        run_level(options->sweep, (limner_cpu)cpu, cpu == (int)level_best() ? CHECK_CASES : cases[cpu], 3600, tally);
}

static void run_long(const struct options *options, struct tally *tally) {
    if (options->sweep.cpu) {
        run_level(options->sweep, options->sweep.cpu, 0, options->seconds, tally);
        return;
    }
    const int levels = (int)level_best() - LIMNER_CPU_PORTABLE + 1;
    for (int i = 0; i < levels; i++)
        run_level(options->sweep, (limner_cpu)((int)level_best() - i), 0, options->seconds / levels, tally);
}

static void run_one(const struct options *options, struct tally *tally) {
    struct sweep sweep = options->sweep;
    if (!sweep.cpu)
        sweep.cpu = level_best();
    const struct layer layer = sweep_layer(&sweep, options->number);
    char text[MOST_TEXT];
    printf("%s (%.2f GMAC)\n", layer_text(&layer, text), layer_macs(&layer) / 1e9);
    const struct outcome outcome = sweep_case(&sweep, options->number, tally);
    printf("error %.2e of the range\n", outcome.error);
}

int main(int count, char **words) {
    struct options options = {.sweep = {.program = words[0], .seed = new_seed(), .jobs = processors()}};
    if (!read_options(&options, count, words)) {
        fprintf(stderr,
                "sweep check [--seed S] | sweep --seconds N [--seed S] [--cpu LEVEL] [--jobs N] [--work GMAC] | "
                "sweep --seed S --case N --cpu LEVEL [--work GMAC]\n");
        return 2;
    }
    struct tally *tally = tally_create();
    if (!tally) {
        fprintf(stderr, "sweep: no memory\n");
        return 2;
    }
    printf("seed %" PRIu64 "\n", options.sweep.seed);
    if (options.has_case)
        run_one(&options, tally);
    else if (options.check)
        run_check(&options, tally);
    else
        run_long(&options, tally);
    if (!options.has_case)
        tally_print(tally);
    uint64_t cases = 0;
    for (int i = 0; i < KINDS; i++)
        cases += tally->kinds[i].cases;
    printf("\nsweep: %" PRIu64 " cases, %" PRIu64 " failed\n", cases, tally->failures);
    return tally->failures > 0;
}

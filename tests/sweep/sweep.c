/* The processes of a sweep. */
#include "tests/sweep/sweep.h"

#include "ops/kernels/cpu.h"
#include "ops/kernels/kernels.h"
#include "tests/sweep/shrink.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SECONDS 600 /* of a case: one that takes longer hangs */
#define THREADS_SHARE 5  /* of so many cases one is run with several threads, too; shares no factor with KINDS */

/* ---- levels ---- */

static const char *const levels[] = {"", "portable", "avx2", "avx512"};

const char *level_name(limner_cpu cpu) {
    return levels[cpu];
}

limner_cpu level_best(void) {
    return (limner_cpu)((int)cpu_best() + LIMNER_CPU_PORTABLE);
}

limner_cpu level_parse(const char *name) {
    const int count = (int)(sizeof levels / sizeof levels[0]);
    for (int cpu = LIMNER_CPU_PORTABLE; cpu < count && cpu <= (int)level_best(); cpu++)
        if (strcmp(levels[cpu], name) == 0)
            return (limner_cpu)cpu;
    return LIMNER_CPU_AUTO;
}

/* ---- one case ---- */

static void print_again(const struct sweep *sweep, uint64_t number) {
    printf("    again with: %s --seed %" PRIu64 " --case %" PRIu64 " --cpu %s", sweep->program, sweep->seed, number,
           level_name(sweep->cpu));
    if (sweep->work != CHECK_WORK)
        printf(" --work %g", sweep->work);
    printf("\n");
    fflush(stdout);
}

static void print_failure(const struct sweep *sweep, uint64_t number, const struct layer *layer,
                          const struct outcome *outcome, bool threads) {
    char text[MOST_TEXT], smaller_text[MOST_TEXT];
    struct outcome last = *outcome;
    const struct layer smaller = shrink_layer(layer, sweep->cpu, threads, &last);
    printf("FAILED case %" PRIu64 " at %s: %s\n    %s\n    smaller: %s\n    %s\n", number, level_name(sweep->cpu),
           layer_text(layer, text), outcome->message, layer_text(&smaller, smaller_text), last.message);
    print_again(sweep, number);
}

static void watch(const limner_session *session, void *context) {
    picks_of(session, tally_pick, context);
}

struct layer sweep_layer(const struct sweep *sweep, uint64_t number) {
    const bool small = number / KINDS % 2 == 1 && sweep->work > CHECK_WORK;
    const struct limits limits = limits_of((small ? CHECK_WORK : sweep->work) * 1e9);
    return layer_draw(sweep->seed, number, &limits);
}

struct outcome sweep_case(const struct sweep *sweep, uint64_t number, struct tally *tally) {
    const struct layer layer = sweep_layer(sweep, number);
    const bool threads = number % THREADS_SHARE == 0;
    const struct outcome outcome = compare_layer(&layer, sweep->cpu, threads, watch, tally);
    tally_case(tally, number, layer.kind, level_name(sweep->cpu), outcome.failed, outcome.error);
    if (outcome.failed)
        print_failure(sweep, number, &layer, &outcome, threads);
    return outcome;
}

/* ---- processes ---- */

static void work(const struct sweep *sweep, struct tally *tally, int job) {
    while (time(NULL) < sweep->deadline) {
        const uint64_t number = atomic_fetch_add(&tally->next, 1);
        if (number >= sweep->end)
            return;
        atomic_store(&tally->now[job], number);
        alarm(MOST_SECONDS);
        sweep_case(sweep, number, tally);
        alarm(0);
    }
}

static pid_t start(const struct sweep *sweep, struct tally *tally, int job) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no process outlives the sweep */
        work(sweep, tally, job);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0) {
        perror("fork");
        _exit(2);
    }
    return child;
}

static void report_death(const struct sweep *sweep, struct tally *tally, int job, int result) {
    const uint64_t number = atomic_load(&tally->now[job]);
    const struct layer layer = sweep_layer(sweep, number);
    char text[MOST_TEXT];
    tally_case(tally, number, layer.kind, level_name(sweep->cpu), true, 0);
    printf("FAILED case %" PRIu64 " at %s: %s\n    the process ended with %s %d\n", number, level_name(sweep->cpu),
           layer_text(&layer, text), WIFSIGNALED(result) ? "signal" : "code",
           WIFSIGNALED(result) ? WTERMSIG(result) : WEXITSTATUS(result));
    print_again(sweep, number);
}

void sweep_run(const struct sweep *sweep, struct tally *tally) {
    pid_t children[MOST_JOBS], child;
    int result;
    for (int job = 0; job < sweep->jobs; job++)
        children[job] = start(sweep, tally, job);
    while ((child = wait(&result)) > 0)
        for (int job = 0; job < sweep->jobs; job++)
            if (children[job] == child && (!WIFEXITED(result) || WEXITSTATUS(result) != 0)) {
                report_death(sweep, tally, job, result);
                children[job] = start(sweep, tally, job);
            }
}

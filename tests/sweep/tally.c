/* Counting, by several processes at once. */
#include "tests/sweep/tally.h"

#include "tests/sweep/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct tally *tally_create(void) {
    struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attributes;
    if (tally == MAP_FAILED)
        return NULL;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&tally->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return tally;
}

void tally_case(struct tally *tally, uint64_t number, enum kind kind, const char *level, bool failed, double error) {
    pthread_mutex_lock(&tally->lock);
    struct kind_tally *of = &tally->kinds[kind];
    of->cases++;
    of->failures += failed;
    tally->failures += failed;
    if (!failed && error >= of->worst) {
        of->worst = error;
        of->worst_case = number;
        snprintf(of->worst_level, sizeof of->worst_level, "%s", level);
    }
    pthread_mutex_unlock(&tally->lock);
}

void tally_pick(const char *pick, void *context) {
    struct tally *tally = context;
    pthread_mutex_lock(&tally->lock);
    int i = 0;
    while (i < MOST_PICKS - 1 && *tally->picks[i].pick && strcmp(tally->picks[i].pick, pick) != 0)
        i++;
    snprintf(tally->picks[i].pick, MOST_PICK, "%s", pick);
    tally->picks[i].uses++;
    pthread_mutex_unlock(&tally->lock);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct pick_tally *)a)->pick, ((const struct pick_tally *)b)->pick);
}

static void print_picks(struct tally *tally) {
    int count = 0;
    while (count < MOST_PICKS && *tally->picks[count].pick)
        count++;
    qsort(tally->picks, (size_t)count, sizeof *tally->picks, by_name);
    printf("\nwhat the planner picked, and how often\n");
    for (int i = 0; i < count; i++)
        printf("%8" PRIu64 "  %s\n", tally->picks[i].uses, tally->picks[i].pick);
}

void tally_print(struct tally *tally) {
    printf("\nkind           cases  failed  worst error  bound\n");
    for (int i = 0; i < KINDS; i++) {
        const struct kind_tally *of = &tally->kinds[i];
        printf("%-12s %7" PRIu64 " %7" PRIu64 "      %.1e  %.0e", kind_name((enum kind)i), of->cases, of->failures,
               of->worst, compare_bound((enum kind)i));
        if (of->cases > of->failures)
            printf("  (case %" PRIu64 ", %s)", of->worst_case, of->worst_level);
        printf("\n");
    }
    print_picks(tally);
}

#include "tests/support/refuse.h"

#include "tests/support/support.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/refuse_calls.h"

#define MOST_CALLS ((size_t)1 << 18)
#define MOST_PATHS ((size_t)1 << 13)
#define MOST_LIVE ((size_t)1 << 17)
#define MOST_SEEN ((size_t)1 << 17) /* a power of two */
#define MOST_FILES 64
#define DEPTH 7     /* callers that tell one place from another */
#define SECONDS 0.1 /* for tries beyond the first and last of each place */

/* A chain of callers that asked for something. */
struct place {
    size_t hash, first, last;
    void *callers[DEPTH];
    int depth;
};

static struct {
    pthread_mutex_t lock;
    bool running, paused, recording, all_after, happened;
    struct refusal refusal;
    size_t calls, wanted;
    struct place places[MOST_PATHS];
    size_t place_count;
    const void *live[MOST_LIVE];
    size_t live_count;
    size_t seen[MOST_SEEN]; /* hashes of chains that were tried, at their places or behind them */
    size_t seen_count;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is alive ---- */

static size_t home_of(const void *p) {
    return ((size_t)p >> 4) * 0x9e3779b97f4a7c15u >> 32 & (MOST_LIVE - 1);
}

static void live_put(const void *p) {
    size_t i = home_of(p);
    while (watch.live[i])
        i = (i + 1) & (MOST_LIVE - 1);
    watch.live[i] = p;
    if (++watch.live_count > MOST_LIVE / 2)
        abort();
}

/* Entries behind the one that leaves move up where that brings them nearer to their home. */
static void live_take(const void *p) {
    size_t i = home_of(p);
    while (watch.live[i] && watch.live[i] != p)
        i = (i + 1) & (MOST_LIVE - 1);
    if (!watch.live[i])
        return;
    watch.live_count--;
    for (size_t k = (i + 1) & (MOST_LIVE - 1); watch.live[k]; k = (k + 1) & (MOST_LIVE - 1))
        if (((k - home_of(watch.live[k])) & (MOST_LIVE - 1)) >= ((k - i) & (MOST_LIVE - 1))) {
            watch.live[i] = watch.live[k];
            i = k;
        }
    watch.live[i] = NULL;
}

void *refuse_made(void *p) {
    pthread_mutex_lock(&watch.lock);
    if (watch.running && p)
        live_put(p);
    pthread_mutex_unlock(&watch.lock);
    return p;
}

void refuse_gone(const void *p) {
    pthread_mutex_lock(&watch.lock);
    if (watch.running && p)
        live_take(p);
    pthread_mutex_unlock(&watch.lock);
}

static int open_files(void) {
    int count = 0;
    for (int fd = 0; fd < MOST_FILES; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- counting and refusing ---- */

static void record(size_t call) {
    void *callers[DEPTH + 3];
    const int found = backtrace(callers, DEPTH + 3), depth = found > 3 ? found - 3 : 0;
    size_t hash = 0;
    for (int i = 0; i < depth; i++)
        hash = (hash ^ (size_t)callers[i + 3]) * 0x100000001b3u;
    for (size_t i = 0; i < watch.place_count; i++)
        if (watch.places[i].hash == hash) {
            watch.places[i].last = call;
            return;
        }
    assert_true(watch.place_count < MOST_PATHS);
    struct place *place = &watch.places[watch.place_count++];
    *place = (struct place){.hash = hash, .first = call, .last = call, .depth = depth};
    memcpy(place->callers, callers + 3, (size_t)depth * sizeof *callers);
}

bool refuse_now(unsigned kind, int *number) {
    if (!watch.running || watch.paused || !(watch.refusal.kinds & kind))
        return false;
    pthread_mutex_lock(&watch.lock);
    const size_t call = ++watch.calls;
    if (watch.recording)
        record(call);
    const bool refused = watch.wanted && (watch.all_after ? call >= watch.wanted : call == watch.wanted);
    watch.happened |= refused;
    pthread_mutex_unlock(&watch.lock);
    *number = watch.refusal.number;
    if (refused && *number != REFUSE_HALF)
        errno = *number;
    return refused;
}

static void show_place(size_t call) {
    for (size_t i = 0; i < watch.place_count; i++)
        if (watch.places[i].first == call || watch.places[i].last == call)
            backtrace_symbols_fd(watch.places[i].callers, watch.places[i].depth, STDERR_FILENO);
}

void refuse_pause(void) {
    watch.paused = true;
}

void refuse_resume(void) {
    watch.paused = false;
}

void refuse_stop(void) {
    if (watch.running)
        show_place(watch.wanted);
    watch.running = false;
}

bool refuse_happened(void) {
    return watch.happened;
}

/* ---- tries ---- */

static bool says_what(const struct refusal *refusal, status code, const char *message) {
    if (refusal->harmless || !message[0])
        return false;
    if (refusal->kinds & REFUSE_MEMORY)
        return code == STATUS_NO_MEMORY && strstr(message, "memory");
    return code == errno_status(refusal->number) && strstr(message, strerror(refusal->number));
}

static void try_once(const char *name, size_t wanted, bool all_after, refuse_try *attempt, void *context) {
    struct error err = {STATUS_OK, ""};
    const int files = open_files();
    memset(watch.live, 0, sizeof watch.live);
    watch.live_count = watch.calls = 0;
    watch.wanted = wanted;
    watch.all_after = all_after;
    watch.happened = watch.paused = false;
    watch.running = true;
    const status code = attempt(context, &err);
    watch.running = false;
    const char *how = all_after ? "and all after it" : "alone";
    const bool right = code == STATUS_OK ? !(watch.refusal.needed && watch.happened)
                                         : (watch.happened && says_what(&watch.refusal, code, err.message));
    const int left = open_files() - files;
    if (right && !watch.live_count && !left)
        return;
    show_place(wanted);
    fail_msg("%s, call %zu %s refused: status %d, message \"%s\", %zu pieces of memory and %d files left", name, wanted,
             how, (int)code, err.message, watch.live_count, left);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* A number that is coprime to most counts, so that its multiples visit all. */
#define STRIDE 7919

static void try_others(const char *name, size_t calls, refuse_try *attempt, void *context) {
    const double end = now() + SECONDS * test_cases(100) / 100;
    for (size_t i = 0; i < calls && now() < end; i++)
        try_once(name, i * STRIDE % calls + 1, false, attempt, context);
}

/* Whether a chain of callers is new; from now on it is not. */
static bool first_seen(size_t hash) {
    size_t i = hash & (MOST_SEEN - 1);
    hash |= 1; /* 0 is a free place */
    while (watch.seen[i] && watch.seen[i] != hash)
        i = (i + 1) & (MOST_SEEN - 1);
    if (watch.seen[i])
        return false;
    assert_true(++watch.seen_count < MOST_SEEN / 2);
    watch.seen[i] = hash;
    return true;
}

void refuse_each(const char *name, const struct refusal *refusal, refuse_try *attempt, void *context) {
    void *warm[4];
    backtrace(warm, 4); /* loads what it needs, once */
    watch.refusal = *refusal;
    watch.place_count = 0;
    watch.running = false;
    try_once(name, 0, false, attempt, context); /* what is made once for all is made now */
    watch.recording = true;
    try_once(name, 0, false, attempt, context);
    watch.recording = false;
    const size_t calls = watch.calls, places = watch.place_count;
    if (!calls)
        fail_msg("%s: nothing to refuse", name);
    for (size_t i = 0; i < places; i++) {
        const struct place *place = &watch.places[i];
        if (refusal->fresh && !first_seen(place->hash))
            continue;
        try_once(name, place->first, false, attempt, context);
        if (place->last != place->first)
            try_once(name, place->last, false, attempt, context);
        if (!refusal->harmless)
            try_once(name, place->first, true, attempt, context);
    }
    if (!refusal->fresh)
        try_others(name, calls, attempt, context);
    print_message("%s: %zu calls from %zu places\n", name, calls, places);
}

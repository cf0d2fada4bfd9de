/* Teams: who is in them, the fixed split, barriers, nested calls, modes, and children of fork(). */
#include "tests/support/builder.h"
#include "tests/support/support.h"

#include "base/fpu.h"
#include "base/thread_team.h"
#include "ops/core/work_queue.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 3
#define SECONDS 20 /* until a child that hangs is ended */

/* ---- who is in a team ---- */

struct roll {
    atomic_int calls, members[THREADS], count;
};

static void call_roll(struct team_thread self, void *context) {
    struct roll *roll = context;
    atomic_fetch_add(&roll->calls, 1);
    atomic_store(&roll->count, self.count);
    if (self.index < THREADS)
        atomic_fetch_add(&roll->members[self.index], 1);
}

/* Sizes in turn: a team that grows, shrinks, and grows again. */
static void every_thread_comes_once(void **state) {
    (void)state;
    for (int run = 0; run < 50; run++) {
        const int threads = 1 + run * 2 % THREADS;
        struct roll roll = {0};
        team_run(threads, call_roll, &roll);
        assert_int_equal(roll.calls, threads);
        assert_int_equal(roll.count, threads);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(roll.members[i], i < threads);
    }
}

static void note_thread(struct team_thread self, void *context) {
    if (self.index == 0)
        *(pthread_t *)context = pthread_self();
}

static void the_caller_is_the_first(void **state) {
    (void)state;
    for (int threads = 0; threads <= THREADS; threads++) {
        pthread_t first = 0;
        team_run(threads, note_thread, &first);
        assert_true(pthread_equal(first, pthread_self()));
    }
}

static void *run_teams(void *context) {
    every_thread_comes_once(context);
    return NULL;
}

static void threads_have_teams_of_their_own(void **state) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_teams, state), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- sharing work out ---- */

static void ranges_are_even_and_complete(void **state) {
    (void)state;
    for (int threads = 1; threads < 40; threads++)
        for (int64_t count = 0; count < 100; count++) {
            int64_t next = 0;
            for (int i = 0; i < threads; i++) {
                const struct team_range range = team_range_of((struct team_thread){i, threads}, count);
                assert_int_equal(range.first, next);
                assert_in_range(range.end - range.first, count / threads, count / threads + 1);
                next = range.end;
            }
            assert_int_equal(next, count);
        }
}

#define ITEMS 1000
struct items {
    atomic_int visits[ITEMS];
    struct work_queue queue;
    int64_t count;
};

static void visit_range(void *context, int64_t first, int64_t end) {
    struct items *items = context;
    for (int64_t i = first; i < end; i++)
        atomic_fetch_add(&items->visits[i], 1);
}

static void visit_taken(struct team_thread self, void *context) {
    struct items *items = context;
    for (int64_t unit = 0; work_queue_take(&items->queue, self, items->count, &unit);)
        atomic_fetch_add(&items->visits[unit], 1);
}

static void assert_visited(const struct items *items) {
    for (int64_t i = 0; i < ITEMS; i++)
        assert_int_equal(items->visits[i], i < items->count);
}

static void every_item_has_its_turn(void **state) {
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 7, ITEMS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int threads = 1; threads <= THREADS; threads++)
            for (int ranges = 0; ranges <= THREADS; ranges++) {
                struct items items = {.count = counts[i]};
                if (ranges) {
                    work_queue_start(&items.queue, ranges);
                    team_run(threads, visit_taken, &items);
                } else {
                    team_for(threads, items.count, visit_range, &items);
                }
                assert_visited(&items);
            }
}

/* ---- barriers ---- */

#define ROUNDS 200
struct sums {
    int64_t sum[THREADS];
    atomic_int wrong;
};

/* Each adds up what all have written before the barrier. */
static void add_up(struct team_thread self, void *context) {
    struct sums *sums = context;
    for (int64_t round = 1; round <= ROUNDS; round++) {
        sums->sum[self.index] = round;
        team_barrier(self);
        for (int i = 0; i < self.count; i++)
            if (sums->sum[i] != round)
                atomic_fetch_add(&sums->wrong, 1);
        team_barrier(self);
    }
}

static void barriers_hold(void **state) {
    (void)state;
    for (int threads = 1; threads <= THREADS; threads++) {
        struct sums sums = {0};
        team_run(threads, add_up, &sums);
        assert_int_equal(sums.wrong, 0);
    }
}

/* ---- nested calls ---- */

struct nest {
    struct roll inner[THREADS];
    atomic_int strangers;
};

static void call_inner(struct team_thread self, void *context) {
    struct nest *nest = context;
    pthread_t thread = 0;
    team_run(THREADS, call_roll, &nest->inner[self.index]);
    team_run(THREADS, note_thread, &thread);
    if (!pthread_equal(thread, pthread_self()))
        atomic_fetch_add(&nest->strangers, 1);
    struct sums sums = {0};
    team_run(THREADS, add_up, &sums); /* its barriers are its own */
    team_barrier(self);
}

static void nested_teams_are_alone(void **state) {
    (void)state;
    struct nest nest = {0};
    const int levels = omp_get_max_active_levels();
    omp_set_max_active_levels(4); /* OpenMP would share the threads out once more */
    team_run(THREADS, call_inner, &nest);
    omp_set_max_active_levels(levels);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(nest.inner[i].calls, 1);
        assert_int_equal(nest.inner[i].count, 1);
    }
    assert_int_equal(nest.strangers, 0);
    struct roll after = {0};
    team_run(THREADS, call_roll, &after);
    assert_int_equal(after.calls, THREADS);
}

/* A body that is alone is in no team. */
static void a_team_of_one_may_run_a_team(void **state) {
    (void)state;
    struct nest nest = {0};
    team_run(1, call_inner, &nest);
    assert_int_equal(nest.inner[0].calls, THREADS);
}

/* ---- modes ---- */

/* Without the flags that arithmetic leaves. */
static unsigned mode_now(void) {
    return fpu_mode() & ~0x3fu;
}

struct modes {
    unsigned mode[THREADS];
};

static void note_mode(struct team_thread self, void *context) {
    ((struct modes *)context)->mode[self.index] = mode_now();
}

static void modes_are_the_caller_s(void **state) {
    (void)state;
    struct modes plain = {{0}}, flushing = {{0}}, after = {{0}}, others = {{0}};
    team_run(THREADS, note_mode, &plain);
    const unsigned before = fpu_enter();
    team_run(THREADS, note_mode, &flushing);
    fpu_leave(before);
#pragma omp parallel num_threads(THREADS)
    others.mode[omp_get_thread_num()] = mode_now();
    team_run(THREADS, note_mode, &after);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(others.mode[i], mode_now()); /* what they have outside of teams */
        assert_int_equal(plain.mode[i], mode_now());
        assert_int_equal(flushing.mode[i], flushing.mode[0]);
#if defined(__SSE__)
        assert_int_equal(flushing.mode[i] & 0x8040u, 0x8040u);
#endif
        assert_int_equal(after.mode[i], mode_now());
    }
}

/* ---- children of fork() ---- */

static limner_model *make_model(void) {
    struct random random = random_from(5);
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "1 32 h w");
    build_random(&b, "w0", "32 32 3 3", &random);
    build_random(&b, "scale", "32", &random);
    build_random(&b, "w1", "3 32 7 7", &random);
    build_node(&b, "Conv", "x w0", "c0");
    build_node(&b, "InstanceNormalization", "c0 scale scale", "n0");
    build_node(&b, "Conv", "n0 w1", "y");
    build_output(&b, "y");
    return build_model(&b, 0);
}

struct family {
    limner_model *model;
    limner_session *session;
    struct tensor *x;
    void *expected;
    size_t bytes;
};

static bool runs_right(const struct family *family, limner_session *session) {
    const limner_tensor input = as_input("x", family->x);
    limner_tensor output = {0};
    return limner_session_run(session, &input, 1, &output, 1, NULL) == LIMNER_OK && output.bytes == family->bytes &&
           memcmp(output.data, family->expected, output.bytes) == 0;
}

static bool inherited_session_runs(const struct family *family) {
    // NOLINTNEXTLINE(misc-redundant-expression): the second run is one, too
    return runs_right(family, family->session) && runs_right(family, family->session);
}

static bool new_session_runs(const struct family *family) {
    const limner_options options = {
        .size = sizeof(limner_options), .threads = THREADS, .cpu = LIMNER_CPU_PORTABLE + test_kernels()->level};
    limner_session *session = NULL;
    const bool right =
        limner_session_create(family->model, &options, &session, NULL) == LIMNER_OK && runs_right(family, session);
    limner_session_close(session);
    return right;
}

static bool new_model_runs(const struct family *family) {
    struct family own = *family;
    own.model = make_model();
    const bool right = new_session_runs(&own);
    limner_model_close(own.model);
    return right;
}

static bool teams_are_whole(const struct family *family) {
    (void)family;
    struct roll roll = {0};
    struct modes modes = {{0}};
    team_run(THREADS, call_roll, &roll);
    team_run(THREADS, note_mode, &modes);
    bool right = roll.calls == THREADS && roll.count == THREADS;
    for (int i = 0; i < THREADS; i++)
        right = right && modes.mode[i] == mode_now();
    return right;
}

/* What a new thread of the child does. */
static void *run_new_session(void *context) {
    return new_session_runs(context) ? context : NULL;
}

static bool another_thread_runs(const struct family *family) {
    pthread_t thread;
    void *right = NULL;
    return pthread_create(&thread, NULL, run_new_session, (void *)family) == 0 && pthread_join(thread, &right) == 0 &&
           right && inherited_session_runs(family);
}

typedef bool family_check(const struct family *family);

/* The exit status says whether the check holds in a child; a child that hangs is ended by a signal. */
static bool holds_in_child(family_check *check, const struct family *family) {
    int code = 0;
    const pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        _exit(check(family) ? 0 : 1);
    }
    return child > 0 && waitpid(child, &code, 0) == child && WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static bool grandchildren_run(const struct family *family) {
    return inherited_session_runs(family) && holds_in_child(teams_are_whole, family) &&
           holds_in_child(inherited_session_runs, family) && holds_in_child(new_model_runs, family) &&
           inherited_session_runs(family);
}

static struct family start_family(void) {
    struct random random = random_from(test_seed());
    struct family family = {.model = make_model(), .x = test_tensor(DTYPE_FLOAT, 4, 1, 32, 70, 60)};
    test_fill(family.x, &random);
    family.session = open_session(family.model, &(limner_options){.threads = THREADS});
    const limner_tensor input = as_input("x", family.x);
    limner_tensor output = {0};
    run_model(family.session, &input, 1, &output, 1);
    family.bytes = output.bytes;
    family.expected = malloc(output.bytes);
    assert_non_null(family.expected);
    memcpy(family.expected, output.data, output.bytes);
    return family;
}

static void end_family(struct family *family) {
    free(family->expected);
    test_tensor_free(family->x);
    limner_session_close(family->session);
    limner_model_close(family->model);
}

static void children_compute(void **state) {
    (void)state;
    struct family family = start_family();
    assert_true(holds_in_child(teams_are_whole, &family));
    assert_true(holds_in_child(inherited_session_runs, &family));
    assert_true(holds_in_child(new_session_runs, &family));
    assert_true(holds_in_child(new_model_runs, &family));
    assert_true(holds_in_child(another_thread_runs, &family));
    assert_true(holds_in_child(grandchildren_run, &family));
    assert_true(inherited_session_runs(&family)); /* and the parent goes on */
    end_family(&family);
}

/* ---- small stacks ---- */

#ifdef __SANITIZE_ADDRESS__ /* which puts room round every variable */
#define SMALL_STACK ((size_t)256 << 10)
#else
#define SMALL_STACK ((size_t)64 << 10)
#endif

static void a_small_stack_will_do(void **state) {
    (void)state;
    struct family family = start_family();
    pthread_attr_t attributes;
    pthread_t thread;
    void *right = NULL;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run_new_session, &family), 0);
    pthread_join(thread, &right);
    pthread_attr_destroy(&attributes);
    assert_ptr_equal(right, &family);
    end_family(&family);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_thread_comes_once),
                                       cmocka_unit_test(the_caller_is_the_first),
                                       cmocka_unit_test(threads_have_teams_of_their_own),
                                       cmocka_unit_test(ranges_are_even_and_complete),
                                       cmocka_unit_test(every_item_has_its_turn),
                                       cmocka_unit_test(barriers_hold),
                                       cmocka_unit_test(nested_teams_are_alone),
                                       cmocka_unit_test(a_team_of_one_may_run_a_team),
                                       cmocka_unit_test(modes_are_the_caller_s),
                                       cmocka_unit_test(children_compute),
                                       cmocka_unit_test(a_small_stack_will_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

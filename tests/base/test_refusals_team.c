/* Threads that cannot be had: smaller teams, the same bits, and never the end of the process. */
#include "tests/support/builder.h"
#include "tests/support/refuse.h"
#include "tests/support/support.h"

#include "base/thread_team.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define SECONDS 20 /* until a child that hangs is ended */

/* Every try works, but not .harmless: that would grant all later calls. */
static const struct refusal no_threads = {.kinds = REFUSE_THREAD, .number = EAGAIN};

/* ---- teams ---- */

struct crowd {
    int count;
    status code;
};

static void count_crowd(struct team_thread self, void *context) {
    if (self.index == 0)
        ((struct crowd *)context)->count = self.count;
}

/* A thread that has led no team yet: its first team grows. */
static void *lead_crowd(void *context) {
    refuse_resume();
    team_run(THREADS, count_crowd, context);
    refuse_pause();
    return NULL;
}

static status run_in_thread(void *(*work)(void *), void *context) {
    pthread_t thread;
    refuse_pause();
    assert_int_equal(pthread_create(&thread, NULL, work, context), 0);
    pthread_join(thread, NULL);
    refuse_resume();
    return STATUS_OK;
}

/* Inside a parallel region of the caller's own OpenMP keeps no threads for teams. */
static void *lead_crowd_inside(void *context) {
#pragma omp parallel num_threads(1)
    lead_crowd(context);
    return NULL;
}

static status try_crowd(void *inside, struct error *err) {
    struct crowd crowd = {0};
    (void)err;
    run_in_thread(inside ? lead_crowd_inside : lead_crowd, &crowd);
    assert_in_range(crowd.count, 1, THREADS);
    assert_int_equal(crowd.count < THREADS, refuse_happened());
    return STATUS_OK;
}

static void teams_are_smaller(void **state) {
    (void)state;
    bool inside = true;
    refuse_each("a team", &no_threads, try_crowd, NULL);
    refuse_each("a team inside a region", &no_threads, try_crowd, &inside);
}

/* The refused thread is tried for again after a while, without anybody's asking for another number. */
static void *lead_patiently(void *context) {
    struct crowd *crowd = context;
    refuse_resume();
    team_run(THREADS, count_crowd, crowd);
    refuse_pause();
    const int first = crowd->count;
    for (int i = 0; i < 2000 && crowd->count < THREADS; i++)
        team_run(THREADS, count_crowd, crowd);
    crowd->code = first <= THREADS && crowd->count == THREADS ? STATUS_OK : STATUS_IO;
    return NULL;
}

static status try_patience(void *context, struct error *err) {
    struct crowd crowd = {0};
    (void)context;
    (void)err;
    run_in_thread(lead_patiently, &crowd);
    assert_int_equal(crowd.code, STATUS_OK);
    return STATUS_OK;
}

static void threads_are_tried_for_again(void **state) {
    (void)state;
    refuse_each("patience", &no_threads, try_patience, NULL);
}

/* ---- a model ---- */

struct scenario {
    limner_model *model;
    struct tensor *x;
    limner_tensor expected;
    int threads; /* of the process, where none is on its way out */
    status code;
};

static status run_once(struct scenario *c, int threads) {
    const limner_options options = {
        .size = sizeof(limner_options), .threads = threads, .cpu = LIMNER_CPU_PORTABLE + test_kernels()->level};
    const limner_tensor input = as_input("x", c->x);
    limner_session *session = NULL;
    limner_tensor output = {0};
    limner_status code = limner_session_create(c->model, &options, &session, NULL);
    if (code == LIMNER_OK)
        code = limner_session_run(session, &input, 1, &output, 1, NULL);
    if (code == LIMNER_OK && memcmp(output.data, c->expected.data, c->expected.bytes) != 0)
        code = LIMNER_INVALID_ARGUMENT;
    limner_session_close(session);
    return (status)code;
}

static void *run_threads(void *context) {
    struct scenario *c = context;
    refuse_resume();
    c->code = run_once(c, THREADS);
    refuse_pause();
    return NULL;
}

static status try_model(void *context, struct error *err) {
    struct scenario *c = context;
    (void)err;
    run_in_thread(run_threads, c);
    assert_int_equal(c->code, STATUS_OK);
    return STATUS_OK;
}

static int count_threads(void) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && readdir(tasks))
        count++;
    if (tasks)
        closedir(tasks);
    return count;
}

/*
 * Threads on their way out of earlier teams hold locks of the sanitizers for a moment, which a child of fork() would
 * never see released. Those that are there after two seconds are kept by an OpenMP that keeps threads whose leader has
 * ended (clang's): they are not waited for again.
 */
static void await_threads(int *expected) {
    for (int i = 0; i < 2000 && count_threads() > *expected; i++)
        usleep(1000);
    const int count = count_threads();
    if (count > *expected)
        *expected = count;
}

/* The child counts its own calls, which its parent does not see: as many as the parent makes behind it are refused. */
static status try_child(void *context, struct error *err) {
    int code = 0;
    await_threads(&((struct scenario *)context)->threads);
    const pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        _exit(run_once(context, THREADS) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    return try_model(context, err);
}

static limner_model *make_model(void) {
    struct random random = random_from(5);
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "1 32 h w");
    build_random(&b, "w0", "32 32 3 3", &random);
    build_random(&b, "scale", "32", &random);
    build_node(&b, "Conv", "x w0", "c0");
    build_node(&b, "InstanceNormalization", "c0 scale scale", "y");
    build_output(&b, "y");
    return build_model(&b, 0);
}

static void models_run_with_fewer(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct scenario c = {.model = make_model(), .x = test_tensor(DTYPE_FLOAT, 4, 1, 32, 70, 60)};
    test_fill(c.x, &random);
    /* Of several threads: children inherit a team that is gone. */
    limner_session *session = open_session(c.model, &(limner_options){.threads = THREADS});
    const limner_tensor input = as_input("x", c.x);
    run_model(session, &input, 1, &c.expected, 1);
    c.threads = count_threads();
    refuse_each("a model", &no_threads, try_model, &c);
    refuse_each("a child", &no_threads, try_child, &c);
    test_tensor_free(c.x);
    limner_session_close(session);
    limner_model_close(c.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(teams_are_smaller),
                                       cmocka_unit_test(threads_are_tried_for_again),
                                       cmocka_unit_test(models_run_with_fewer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

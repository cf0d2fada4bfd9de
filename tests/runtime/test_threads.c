/* One model under many sessions in many threads: the same bits as alone. Run under ThreadSanitizer by `make tsan`. */
#include "runtime/session/model.h"
#include "tests/support/builder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define RUNS 6

/* What LLVM's OpenMP library keeps for a thread that has ended is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libomp";
}

/* Nodes from "picture" to "made". */
typedef void make_nodes(struct builder *b, struct random *random);

/* Plain tensors. */
static void plain_nodes(struct builder *b, struct random *random) {
    build_random(b, "w0", "8 3 3 3", random);
    build_random(b, "w1", "8 3 4 4", random);
    build_node(b, "Conv", "picture w0", "c0");
    build_node(b, "LeakyRelu", "c0", "r0");
    build_node(b, "ConvTranspose", "r0 w1", "made");
}

static void pad(struct builder *b, const char *pads) {
    build_attribute_ints(b, "pads", pads);
}

/* An image, Winograd where every thread has blocks of its own, normalization with what stands behind it. */
static void shallow_nodes(struct builder *b, struct random *random) {
    build_random(b, "w0", "32 3 3 3", random);
    build_random(b, "w1", "32 32 3 3", random);
    build_random(b, "scale", "32", random);
    build_random(b, "shift", "32", random);
    build_node(b, "Conv", "picture w0", "c0");
    pad(b, "1 1 1 1");
    build_node(b, "InstanceNormalization", "c0 scale shift", "n0");
    build_node(b, "Relu", "n0", "r0");
    build_node(b, "Conv", "r0 w1", "c1");
    pad(b, "1 1 1 1");
    build_node(b, "InstanceNormalization", "c1 scale shift", "n1");
    build_node(b, "Add", "r0 n1", "shallow");
}

/*
 * Direct sums in two k-blocks; so many channels that the threads share the blocks of Winograd, and a dilation that
 * makes several blocks of it; few-output convolutions.
 */
static void deep_nodes(struct builder *b, struct random *random) {
    build_random(b, "w2", "48 32 3 3", random);
    build_random(b, "w3", "192 48 5 5", random);
    build_random(b, "w4", "192 192 3 3", random);
    build_random(b, "w5", "192 32 4 4", random);
    build_random(b, "w6", "3 32 7 7", random);
    build_node(b, "Conv", "shallow w2", "c2");
    build_attribute_ints(b, "strides", "2 2");
    build_node(b, "Conv", "c2 w3", "c3");
    build_attribute_ints(b, "strides", "3 3");
    pad(b, "2 2 2 2");
    build_node(b, "Conv", "c3 w4", "c4");
    build_attribute_ints(b, "dilations", "2 2");
    pad(b, "2 2 2 2");
    build_node(b, "ConvTranspose", "c4 w5", "c5");
    build_attribute_ints(b, "strides", "2 2");
    build_node(b, "Conv", "c5 w6", "made");
    pad(b, "3 3 3 3");
}

/* Channel blocks, by every algorithm. */
static void blocked_nodes(struct builder *b, struct random *random) {
    shallow_nodes(b, random);
    deep_nodes(b, random);
}

/* An input "gain" with a default value, so that both programs of the model are in use. */
static limner_model *make_model(make_nodes *nodes, uint64_t seed) {
    struct random random = random_from(seed);
    struct builder b = build_start(13);
    build_input(&b, "picture", DTYPE_FLOAT, "N 3 H W");
    build_input(&b, "gain", DTYPE_FLOAT, "1");
    build_random(&b, "gain", "1", &random);
    nodes(&b, &random);
    build_node(&b, "Mul", "made gain", "repaired");
    build_output(&b, "repaired");
    return build_model(&b, 0);
}

/* Two sizes of picture, with and without a gain: one so large that normalization is shared out by rows. */
#define CASES 4
struct work {
    struct tensor *pictures[2], *gain;
};

static limner_status run_case(limner_session *session, const struct work *work, int i, limner_tensor *output) {
    const limner_tensor inputs[2] = {as_input("picture", work->pictures[i % 2]), as_input("gain", work->gain)};
    *output = (limner_tensor){.name = "repaired"};
    return limner_session_run(session, inputs, i < 2 ? 1 : 2, output, 1, NULL);
}

struct result {
    float *data[CASES];
    size_t bytes[CASES];
};

static void keep(struct result *result, int i, const limner_tensor *output) {
    free(result->data[i]);
    result->data[i] = malloc(output->bytes);
    result->bytes[i] = output->bytes;
    if (result->data[i])
        memcpy(result->data[i], output->data, output->bytes);
}

static bool same(const struct result *result, int i, const limner_tensor *output) {
    return result->bytes[i] == output->bytes && memcmp(result->data[i], output->data, output->bytes) == 0;
}

static void drop(struct result *result) {
    for (int i = 0; i < CASES; i++)
        free(result->data[i]);
}

struct worker {
    limner_model *model, *other;
    const struct work *work;
    const struct result *expected, *expected_other;
    int number;
    bool ok;
};

/* The level of LIMNER_TEST_CPU: ThreadSanitizer sees what the portable kernels touch, but no vectors of 32 bytes or
 * more. */
static limner_options options_for(int threads) {
    return (limner_options){
        .size = sizeof(limner_options), .threads = threads, .cpu = LIMNER_CPU_PORTABLE + test_kernels()->level};
}

static bool run_all(limner_session *session, const struct worker *worker, const struct result *expected) {
    for (int i = 0; i < RUNS; i++) {
        const int at = (i + worker->number) % CASES;
        limner_tensor output;
        if (run_case(session, worker->work, at, &output) != LIMNER_OK || !same(expected, at, &output))
            return false;
    }
    return true;
}

static void *run_worker(void *context) {
    struct worker *worker = context;
    limner_session *session = NULL;
    const limner_options options = options_for(1 + worker->number % 3);
    worker->ok = limner_session_create(worker->model, &options, &session, NULL) == LIMNER_OK &&
                 run_all(session, worker, worker->expected) &&
                 limner_session_swap(session, worker->other, NULL) == LIMNER_OK &&
                 run_all(session, worker, worker->expected_other);
    limner_session_close(session);
    limner_model_close(worker->model); /* every thread has holds of its own */
    limner_model_close(worker->other);
    return NULL;
}

static struct result run_alone(limner_model *model, const struct work *work) {
    struct result result = {{NULL}, {0}};
    const limner_options options = options_for(1);
    limner_session *session = open_session(model, &options);
    for (int i = 0; i < CASES; i++) {
        limner_tensor output;
        assert_int_equal(run_case(session, work, i, &output), LIMNER_OK);
        keep(&result, i, &output);
    }
    limner_session_close(session);
    return result;
}

static struct work make_work(void) {
    struct random random = random_from(test_seed());
    struct work work = {{test_tensor(DTYPE_FLOAT, 4, 1, 3, 20, 20), test_tensor(DTYPE_FLOAT, 4, 1, 3, 100, 90)},
                        test_tensor(DTYPE_FLOAT, 1, 1)};
    test_fill(work.pictures[0], &random);
    test_fill(work.pictures[1], &random);
    test_fill(work.gain, &random);
    return work;
}

static void free_work(struct work *work) {
    test_tensor_free(work->pictures[0]);
    test_tensor_free(work->pictures[1]);
    test_tensor_free(work->gain);
}

static void share_models(make_nodes *nodes) {
    struct work work = make_work();
    /* The expected results come from models of their own: those that are shared start untouched. */
    limner_model *alone = make_model(nodes, 1), *other_alone = make_model(nodes, 2);
    limner_model *model = make_model(nodes, 1), *other = make_model(nodes, 2);
    struct result expected = run_alone(alone, &work), expected_other = run_alone(other_alone, &work);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        model_hold(model);
        model_hold(other);
        workers[i] = (struct worker){model, other, &work, &expected, &expected_other, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
    }
    limner_model_close(model);
    limner_model_close(other);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_true(workers[i].ok);
    limner_model_close(alone);
    limner_model_close(other_alone);
    drop(&expected);
    drop(&expected_other);
    free_work(&work);
}

static void sessions_share_models(void **state) {
    (void)state;
    share_models(plain_nodes);
}

static void sessions_share_blocked_models(void **state) {
    (void)state;
    share_models(blocked_nodes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sessions_share_models),
                                       cmocka_unit_test(sessions_share_blocked_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* runtime/session/session_memory, run: memory of a session handed back to it, and buffers that overlap. */
#include "runtime/session/session_memory.h"
#include "tests/support/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 3000 /* elements of a test's vector */

static limner_tensor vector(const char *name, float *data, int64_t count) {
    return (limner_tensor){.name = name,
                           .type = LIMNER_FLOAT,
                           .rank = 1,
                           .dims = {count},
                           .data = data,
                           .bytes = (size_t)count * sizeof(float)};
}

/* joined = -a, b + 1 ; first = the first n of b, whose size depends on data ; same = a */
static limner_model *make_model(void) {
    struct builder b = build_start(13);
    build_input(&b, "a", DTYPE_FLOAT, "A");
    build_input(&b, "b", DTYPE_FLOAT, "B");
    build_input(&b, "n", DTYPE_INT64, "1");
    build_float(&b, "one", 1);
    build_ints(&b, "zero", "0");
    build_node(&b, "Neg", "a", "minus");
    build_node(&b, "Add", "b one", "more");
    build_node(&b, "Concat", "minus more", "joined");
    build_attribute_int(&b, "axis", 0);
    build_node(&b, "Slice", "b zero n", "first");
    build_node(&b, "Identity", "a", "same");
    build_output(&b, "joined");
    build_output(&b, "first");
    build_output(&b, "same");
    return build_model(&b, 0);
}

/* What one run gives, computed here, and the run itself. */
struct trial {
    limner_session *session;
    limner_tensor outputs[3];
    float a[MOST], b[MOST], joined[2 * MOST]; /* as they were before the run */
    int64_t a_count, b_count, n;
};

static void run_trial(struct trial *t, limner_tensor a, limner_tensor b, int64_t n) {
    t->a_count = a.dims[0], t->b_count = b.dims[0], t->n = n;
    memcpy(t->a, a.data, a.bytes);
    memcpy(t->b, b.data, b.bytes);
    for (int64_t i = 0; i < t->a_count; i++)
        t->joined[i] = -t->a[i];
    for (int64_t i = 0; i < t->b_count; i++)
        t->joined[t->a_count + i] = t->b[i] + 1;
    a.name = "a", b.name = "b";
    const limner_tensor inputs[] = {
        a, b, {.name = "n", .type = LIMNER_INT64, .rank = 1, .dims = {1}, .data = &t->n, .bytes = sizeof t->n}};
    run_model(t->session, inputs, 3, t->outputs, 3);
}

static void expect(const limner_tensor *output, const float *values, int64_t count) {
    assert_int_equal(output->dims[0], count);
    assert_int_equal(output->bytes, (size_t)count * sizeof(float));
    for (int64_t i = 0; i < count; i++)
        if (((const float *)output->data)[i] != values[i])
            fail_msg("%s[%d] is %g, expected %g", output->name, (int)i, ((const float *)output->data)[i], values[i]);
}

static void expect_all(const struct trial *t) {
    expect(&t->outputs[0], t->joined, t->a_count + t->b_count);
    expect(&t->outputs[1], t->b, t->n);
    expect(&t->outputs[2], t->a, t->a_count);
}

static struct trial *begin_trial(void) {
    limner_model *model = make_model();
    struct trial *t = calloc(1, sizeof *t);
    t->session = open_session(model, &(limner_options){.threads = 1, .plans = 2});
    limner_model_close(model);
    return t;
}

static void end_trial(struct trial *t) {
    limner_session_close(t->session);
    free(t);
}

static void fill_whole(float *data, int64_t count, struct random *random) {
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)random_int(random, -1000, 1000);
}

/* A part of an output of the last run, or of the caller's own memory. */
static limner_tensor pick(const struct trial *t, float *own, struct random *random) {
    const int which = (int)random_int(random, 0, 3);
    float *data = which < 3 ? t->outputs[which].data : own;
    const int64_t all = which < 3 ? t->outputs[which].dims[0] : MOST;
    const int64_t from = random_int(random, 0, all), count = random_int(random, 0, all - from);
    return vector(NULL, data + from, count < MOST / 2 ? count : MOST / 2);
}

static void any_part_of_what_was_given_is_an_input(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *t = begin_trial();
    float own[MOST];
    fill_whole(own, MOST, &random);
    run_trial(t, vector(NULL, own, 1000), vector(NULL, own + 7, 1000), 30);
    for (int i = 0; i < test_cases(2000); i++) {
        const limner_tensor a = pick(t, own, &random), b = pick(t, own, &random);
        for (int k = 0; k < 3; k++)
            if (random_int(&random, 0, 1))
                t->outputs[k] = (limner_tensor){.name = NULL}; /* else it points where the last run put it */
        run_trial(t, a, b, random_int(&random, 0, b.dims[0]));
        expect_all(t);
    }
    end_trial(t);
}

/* Bytes between elements, too: y + 1 byte is no address of a float. */
static void views_between_elements(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *t = begin_trial();
    float own[200];
    fill_whole(own, 200, &random);
    run_trial(t, vector(NULL, own, 100), vector(NULL, own, 200), 150);
    for (int which = 0; which < 3; which++) {
        limner_tensor part = t->outputs[which];
        memmove((char *)part.data + 1, part.data, part.bytes - sizeof(float));
        part.data = (char *)part.data + 1;
        part.dims[0]--;
        part.bytes -= sizeof(float);
        run_trial(t, part, vector(NULL, own, 200), 150);
        expect_all(t);
    }
    end_trial(t);
}

/* The caller's buffers for outputs lie where the inputs are. */
static void outputs_over_inputs(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *t = begin_trial();
    float own[4 * MOST];
    for (int i = 0; i < test_cases(300); i++) {
        fill_whole(own, 4 * MOST, &random);
        const int64_t count = random_int(&random, 0, 700), n = random_int(&random, 0, count);
        float *at = own + random_int(&random, 0, 2000);
        t->outputs[0] = vector(NULL, at, 2 * count);
        t->outputs[1] = vector(NULL, at + 2 * count, n);
        t->outputs[2] = vector(NULL, at + 2 * count + n, count);
        run_trial(t, vector(NULL, at + random_int(&random, 0, 300), count),
                  vector(NULL, at + random_int(&random, 0, 900), count), n);
        expect_all(t);
    }
    end_trial(t);
}

/* x grows to twice its size with each run, so that activations move. */
static void activations_that_grow(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_float(&b, "one", 1);
    build_node(&b, "Concat", "x x", "twice");
    build_attribute_int(&b, "axis", 0);
    build_node(&b, "Add", "twice one", "y");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .plans = 1});
    float start[3] = {0.5f, -4, 100};
    limner_tensor x = vector("x", start, 3), y = {0};
    for (int i = 1; i <= 18; i++) {
        y = (limner_tensor){0};
        run_model(session, &x, 1, &y, 1);
        assert_int_equal(y.dims[0], 3 << i);
        for (int64_t k = 0; k < y.dims[0]; k++)
            assert_true(((float *)y.data)[k] == start[k % 3] + (float)i);
        x = y;
        x.name = "x";
    }
    limner_session_close(session);
    limner_model_close(model);
}

/* Another session's outputs are the caller's memory like any other. */
static void from_session_to_session(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *one = begin_trial(), *two = begin_trial();
    float own[100];
    fill_whole(own, 100, &random);
    run_trial(one, vector(NULL, own, 60), vector(NULL, own + 30, 70), 50);
    for (int i = 0; i < 4; i++) {
        struct trial *from = i % 2 ? two : one, *to = i % 2 ? one : two;
        run_trial(to, vector(NULL, from->outputs[1].data, 50), vector(NULL, from->outputs[2].data, 60), 50);
        expect_all(to);
        expect_all(from);
    }
    end_trial(one);
    end_trial(two);
}

/* A run that is refused before it begins leaves the last one's outputs alone. */
static void a_refused_run_takes_nothing(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *t = begin_trial();
    float own[100];
    fill_whole(own, 100, &random);
    run_trial(t, vector(NULL, own, 60), vector(NULL, own + 30, 70), 50);
    limner_tensor inputs[] = {t->outputs[0], t->outputs[2]};
    inputs[0].name = "a", inputs[1].name = "b";
    assert_int_equal(limner_session_run(t->session, inputs, 2, t->outputs, 3, NULL), LIMNER_INVALID_ARGUMENT);
    expect_all(t);
    end_trial(t);
}

static size_t held(const limner_session *session) {
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    assert_int_equal(limner_session_get_info(session, &info), LIMNER_OK);
    return info.held_bytes;
}

/* A small generator: convolutions in channel blocks, a transposed one, a norm; and the size, known while planning. */
static limner_model *make_network(void) {
    struct random random = random_from(test_seed());
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "N 3 H W");
    build_random(&b, "w0", "32 3 3 3", &random);
    build_node(&b, "Conv", "x w0", "c0");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_attribute_ints(&b, "strides", "2 2");
    build_random(&b, "s", "32", &random);
    build_node(&b, "InstanceNormalization", "c0 s s", "n0");
    build_node(&b, "Relu", "n0", "r0");
    build_random(&b, "w1", "32 3 4 4", &random);
    build_node(&b, "ConvTranspose", "r0 w1", "c1");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_attribute_ints(&b, "strides", "2 2");
    build_node(&b, "Tanh", "c1", "y");
    build_node(&b, "Shape", "x", "size");
    build_output(&b, "y");
    build_output(&b, "size");
    return build_model(&b, 0);
}

static struct tensor *make_picture(int side) {
    struct random random = random_from(test_seed() + (uint64_t)side);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 3, side, side);
    test_fill(x, &random);
    return x;
}

static void run_network(limner_session *session, const struct tensor *x, limner_tensor *outputs) {
    const limner_tensor input = as_input("x", x);
    run_model(session, &input, 1, outputs, 2);
}

/* What sessions that were never trimmed give. */
static float *make_expected(limner_model *model, const struct tensor *x) {
    limner_session *session = open_session(model, NULL);
    limner_tensor outputs[2] = {{0}};
    run_network(session, x, outputs);
    float *expected = malloc(outputs[0].bytes);
    assert_non_null(expected);
    memcpy(expected, outputs[0].data, outputs[0].bytes);
    limner_session_close(session);
    return expected;
}

static void check_network(const limner_tensor *outputs, const float *expected, const struct tensor *x) {
    assert_memory_equal(outputs[0].data, expected, x->bytes);
    assert_int_equal(((const int64_t *)outputs[1].data)[2], x->shape.dims[2]);
}

static void the_same_bits_after_a_trim(void **state) {
    (void)state;
    limner_model *model = make_network();
    limner_session *session = open_session(model, NULL);
    struct tensor *small = make_picture(32), *large = make_picture(256);
    float *of_small = make_expected(model, small), *of_large = make_expected(model, large);
    limner_tensor outputs[2];
    limner_session_trim(NULL);
    limner_session_trim(session);
    for (int i = 0; i < 12; i++) {
        const struct tensor *x = i % 3 ? small : large;
        memset(outputs, 0, sizeof outputs);
        run_network(session, x, outputs);
        check_network(outputs, i % 3 ? of_small : of_large, x);
        assert_true(held(session) >= x->bytes);
        if (i % 4 == 0) {
            limner_session_trim(session);
            assert_int_equal(held(session), 0);
            limner_session_trim(session);
        }
    }
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    limner_session_get_info(session, &info);
    assert_int_equal(info.plans_made, 2); /* plans stay */
    free(of_small);
    free(of_large);
    test_tensor_free(small);
    test_tensor_free(large);
    limner_session_close(session);
    limner_model_close(model);
}

/* Outputs in the session stay until the next run, whatever the cap; those that the caller brings leave nothing. */
static void no_more_is_kept_than_was_asked_for(void **state) {
    (void)state;
    limner_model *model = make_network();
    struct tensor *small = make_picture(16), *large = make_picture(300);
    float *of_small = make_expected(model, small), *of_large = make_expected(model, large);
    static const size_t caps[] = {1, 100000, 2000000, (size_t)1 << 40};
    int64_t size[4];
    float *own = malloc(large->bytes);
    for (size_t i = 0; i < 4; i++) {
        limner_session *session = open_session(model, &(limner_options){.keep_bytes = caps[i]});
        for (int k = 0; k < 8; k++) {
            const struct tensor *x = k % 3 ? small : large;
            const float *expected = k % 3 ? of_small : of_large;
            limner_tensor outputs[2] = {{0}};
            run_network(session, x, outputs);
            check_network(outputs, expected, x);
            const size_t shown = outputs[0].bytes + outputs[1].bytes;
            assert_true(held(session) <= (caps[i] > shown ? caps[i] : shown));
            outputs[0] = (limner_tensor){.data = own, .bytes = large->bytes};
            outputs[1] = (limner_tensor){.data = size, .bytes = sizeof size};
            run_network(session, x, outputs);
            check_network(outputs, expected, x);
            assert_true(held(session) <= caps[i]);
            assert_int_equal(held(session) == 0, session->plans[0]->arena_bytes > caps[i] || session->touched == 0);
        }
        limner_session_close(session);
    }
    free(own);
    free(of_small);
    free(of_large);
    test_tensor_free(small);
    test_tensor_free(large);
    limner_model_close(model);
}

/* Parts of what is kept as inputs, with memory given back after every run. */
static void inputs_from_what_was_kept(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct trial *t = begin_trial();
    float own[MOST];
    fill_whole(own, MOST, &random);
    t->session->keep_bytes = 1;
    run_trial(t, vector(NULL, own, 1000), vector(NULL, own + 7, 1000), 30);
    for (int i = 0; i < test_cases(500); i++) {
        const limner_tensor a = pick(t, own, &random), b = pick(t, own, &random);
        run_trial(t, a, b, random_int(&random, 0, b.dims[0]));
        expect_all(t);
    }
    limner_session_trim(t->session);
    memset(t->outputs, 0, sizeof t->outputs);
    run_trial(t, vector(NULL, own, 1000), vector(NULL, own + 7, 1000), 30);
    expect_all(t);
    end_trial(t);
}

/* Pages of the process that are in memory. */
static size_t resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long all = 0, pages = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &pages), 2);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void the_system_has_it_back(void **state) {
    (void)state;
    limner_model *model = make_network();
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *large = make_picture(1024);
    limner_tensor outputs[2] = {{0}};
    run_network(session, large, outputs);
    const size_t before = resident(), had = held(session);
    assert_true(had > (size_t)30 << 20);
    limner_session_trim(session);
    const size_t after = resident();
    assert_true(before > after && before - after > had / 2);
    memset(outputs, 0, sizeof outputs);
    session->keep_bytes = 1;
    run_network(session, large, outputs); /* the output stays, and no more */
    assert_true(resident() < after + large->bytes + ((size_t)4 << 20));
    test_tensor_free(large);
    limner_session_close(session);
    limner_model_close(model);
}

static void pieces_overlap(void **state) {
    (void)state;
    static char m[8];
    assert_true(memory_overlaps(m, 8, m + 7, 1) && memory_overlaps(m + 7, 1, m, 8) && memory_overlaps(m, 1, m, 1));
    assert_true(memory_overlaps(m + 2, 1, m, 8) && memory_overlaps(m, 8, m + 2, 1));
    assert_false(memory_overlaps(m, 4, m + 4, 4) || memory_overlaps(m + 4, 4, m, 4));
    assert_false(memory_overlaps(m, 0, m, 8) || memory_overlaps(m, 8, m + 2, 0) || memory_overlaps(NULL, 8, NULL, 8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_part_of_what_was_given_is_an_input),
        cmocka_unit_test(views_between_elements),
        cmocka_unit_test(outputs_over_inputs),
        cmocka_unit_test(activations_that_grow),
        cmocka_unit_test(from_session_to_session),
        cmocka_unit_test(a_refused_run_takes_nothing),
        cmocka_unit_test(the_same_bits_after_a_trim),
        cmocka_unit_test(no_more_is_kept_than_was_asked_for),
        cmocka_unit_test(inputs_from_what_was_kept),
        cmocka_unit_test(the_system_has_it_back),
        cmocka_unit_test(pieces_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

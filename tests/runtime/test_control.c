/* If, Loop and Scan in a session: plans of subgraphs, limits, cancelling, refusals. What they compute is compared with
 * onnxruntime by tests/e2e/conformance.py. */
#include "runtime/passes/pass.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static limner_tensor floats(const char *name, float *data, int64_t count) {
    return (limner_tensor){.name = name,
                           .type = LIMNER_FLOAT,
                           .rank = 1,
                           .dims = {count},
                           .data = data,
                           .bytes = (size_t)count * sizeof *data};
}

static limner_tensor number(const char *name, int64_t *data) {
    return (limner_tensor){.name = name, .type = LIMNER_INT64, .data = data, .bytes = sizeof *data};
}

static limner_tensor flag(const char *name, unsigned char *data) {
    return (limner_tensor){.name = name, .type = LIMNER_BOOL, .data = data, .bytes = 1};
}

static limner_session *session_of(struct builder *b, unsigned passes_off, const limner_limits *limits) {
    limner_model *model = build_model(b, passes_off);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .limits = limits});
    limner_model_close(model);
    return session;
}

static void expect_floats(const limner_tensor *output, int count, const float *expected) {
    assert_int_equal(output->bytes, (size_t)count * sizeof *expected);
    for (int i = 0; i < count; i++)
        if (fabsf(((const float *)output->data)[i] - expected[i]) > 1e-6f)
            fail_msg("element %d is %g, expected %g", i, (double)((const float *)output->data)[i], (double)expected[i]);
}

/* ---- models ---- */

/* A value that goes into the loop and comes out of it: next = v + w, part = v * w; w is a value around. */
static struct builder adding_body(const struct builder *outer) {
    struct builder body = build_loop_body(outer);
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_captured(&body, "w");
    build_node(&body, "Add", "v w", "next");
    build_node(&body, "Mul", "v w", "part");
    build_output(&body, "next");
    build_output(&body, "part");
    return body;
}

/* w = x + x; Loop(trips, go, x) with adding_body; y = -last. */
static struct builder adding_loop(void) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "trips go x", "last all");
    build_name(&b, "walk", "");
    build_attribute_graph(&b, "body", &body);
    build_node(&b, "Neg", "last", "y");
    build_output(&b, "y");
    build_output(&b, "all");
    return b;
}

/* Concat(v, x) again and again: a shape of its own in every iteration. */
static struct builder growing_loop(void) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    struct builder body = build_loop_body(&b);
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_captured(&body, "x");
    build_node(&body, "Concat", "v x", "next");
    build_attribute_int(&body, "axis", 0);
    build_output(&body, "next");
    build_node(&b, "Loop", "trips - x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    return b;
}

static struct builder branch(const struct builder *outer, const char *op_type, const char *inputs) {
    struct builder body = build_body(outer);
    build_captured(&body, inputs);
    build_node(&body, op_type, inputs, "r");
    build_output(&body, "r");
    return body;
}

/* y = c ? x + w : -x, and z = exp(y); w = x + x. */
static struct builder choice(const char *condition) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    if (condition)
        build_constant(&b, "c", &(struct tensor){.dtype = DTYPE_BOOL, .data = (void *)condition, .bytes = 1});
    else
        build_input(&b, "c", DTYPE_BOOL, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder then = branch(&b, "Add", "x w"), other = branch(&b, "Neg", "x");
    build_node(&b, "If", "c", "y");
    build_name(&b, "choose", "");
    build_attribute_graph(&b, "then_branch", &then);
    build_attribute_graph(&b, "else_branch", &other);
    build_node(&b, "Sub", "y x", "z");
    build_output(&b, "z");
    build_output(&b, "y");
    return b;
}

/* ---- running ---- */

static void run_adding(limner_session *session, int64_t trips, unsigned char go) {
    float x[2] = {1, -2}, last[2], all[12];
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips), flag("go", &go)};
    limner_tensor outputs[2] = {{.name = "y"}, {.name = "all"}};
    const int64_t rounds = go && trips > 0 ? trips : 0;
    for (int i = 0; i < 2; i++) {
        last[i] = -x[i] * (float)(1 + 2 * rounds);
        for (int64_t k = 0; k < rounds; k++)
            all[2 * k + i] = x[i] * (float)(1 + 2 * k) * 2 * x[i];
    }
    run_model(session, inputs, 3, outputs, 2);
    expect_floats(&outputs[0], 2, last);
    expect_floats(&outputs[1], (int)(2 * rounds), all);
    assert_int_equal(outputs[1].rank, 2);
    assert_int_equal(outputs[1].dims[0], rounds);
    assert_int_equal(outputs[1].dims[1], 2);
}

static void loops_run_as_often_as_they_should(void **state) {
    (void)state;
    struct builder b = adding_loop();
    limner_session *session = session_of(&b, 0, NULL);
    for (int64_t trips = -1; trips < 6; trips++)
        run_adding(session, trips, 1);
    run_adding(session, 4, 0);
    run_adding(session, 3, 1);
    assert_int_equal(session->current->dynamic_bytes, (1 + 3) * 2 * sizeof(float)); /* y and all */
    limner_session_close(session);
}

/* The plans of a subgraph that are kept are few, and found again. */
static void plans_of_growing_loops_are_bounded(void **state) {
    (void)state;
    struct builder b = growing_loop();
    limner_session *session = session_of(&b, 0, NULL);
    for (int64_t trips = 0; trips < 20; trips += 3) {
        float x[2] = {3, 5}, expected[42];
        const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips)};
        limner_tensor output = {.name = "y"};
        for (int i = 0; i < 42; i++)
            expected[i] = x[i % 2];
        run_model(session, inputs, 2, &output, 1);
        expect_floats(&output, (int)(2 * trips + 2), expected);
        const struct plan_control *control = session->current->controls;
        assert_true(control && control->bodies[0].count <= BODY_PLANS);
    }
    limner_session_close(session);
}

static size_t control_steps(const limner_session *session) {
    size_t count = 0;
    for (int i = 0; i < session->current->step_count; i++)
        count += session->current->steps[i].control != NULL;
    return count;
}

static size_t dynamic_steps(const limner_session *session) {
    size_t count = 0;
    for (int i = 0; i < session->current->step_count; i++)
        count += session->current->steps[i].dynamic;
    return count;
}

static void run_choice(limner_session *session, unsigned char *c, bool then) {
    float x[2] = {1, -2};
    const limner_tensor inputs[] = {floats("x", x, 2), flag("c", c)};
    limner_tensor outputs[2] = {{.name = "z"}, {.name = "y"}};
    run_model(session, inputs, c ? 2 : 1, outputs, 2);
    expect_floats(&outputs[1], 2, then ? (const float[]){3, -6} : (const float[]){-1, 2});
    expect_floats(&outputs[0], 2, then ? (const float[]){2, -4} : (const float[]){-2, 4});
}

static void branches_are_chosen_by_values(void **state) {
    (void)state;
    unsigned char c = 1;
    struct builder b = choice(NULL);
    limner_session *session = session_of(&b, 0, NULL);
    run_choice(session, &c, true);
    c = 0;
    run_choice(session, &c, false);
    assert_int_equal(dynamic_steps(session), 2);
    limner_session_close(session);
}

/* Without the pass the branch is a step whose plan is fixed: nothing behind it waits for the run. */
static void constant_conditions_are_settled_before_the_run(void **state) {
    (void)state;
    static const char conditions[] = {0, 1};
    for (int i = 0; i < 4; i++) {
        struct builder b = choice(&conditions[i % 2]);
        limner_session *session = session_of(&b, i < 2 ? PASS_INLINE : 0, NULL);
        run_choice(session, NULL, i % 2);
        run_choice(session, NULL, i % 2);
        assert_int_equal(control_steps(session), i < 2 ? 1 : 0);
        assert_int_equal(dynamic_steps(session), 0);
        limner_session_close(session);
    }
}

/* An input with a default value, read by a branch alone: given or not. */
static void defaults_reach_into_branches(void **state) {
    (void)state;
    float x[2] = {1, 2}, given[2] = {10, 20};
    unsigned char c = 1;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "2");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_input(&b, "w", DTYPE_FLOAT, "2");
    build_constant(
        &b, "w",
        &(struct tensor){
            .dtype = DTYPE_FLOAT, .shape = {.rank = 1, .dims = {2}}, .data = (float[]){3, 4}, .bytes = sizeof x});
    const struct builder then = branch(&b, "Add", "x w"), other = branch(&b, "Sub", "x w");
    build_node(&b, "If", "c", "y");
    build_attribute_graph(&b, "then_branch", &then);
    build_attribute_graph(&b, "else_branch", &other);
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    const limner_tensor inputs[] = {floats("x", x, 2), flag("c", &c), floats("w", given, 2)};
    limner_tensor output = {.name = "y"};
    for (int i = 0; i < 4; i++) {
        c = (unsigned char)(i / 2);
        static const float expected[4][2] = {{-2, -2}, {-9, -18}, {4, 6}, {11, 22}};
        run_model(session, inputs, i % 2 ? 3 : 2, &output, 1);
        expect_floats(&output, 2, expected[i]);
    }
    limner_session_close(session);
}

/* A shape that a branch makes of shapes is known before the run. */
static void branches_over_shapes_are_run_while_planning(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "A B");
    build_ints(&b, "flat", "-1");
    build_ints(&b, "two", "2 2");
    build_node(&b, "Shape", "x", "shape");
    build_node(&b, "ReduceProd", "shape", "size");
    build_attribute_int(&b, "keepdims", 0);
    build_ints(&b, "five", "5");
    build_node(&b, "Greater", "size five", "many");
    const struct builder then = branch(&b, "Identity", "flat"), other = branch(&b, "Mul", "shape two");
    build_node(&b, "If", "many", "target");
    build_attribute_graph(&b, "then_branch", &then);
    build_attribute_graph(&b, "else_branch", &other);
    build_node(&b, "Sub", "target flat", "less");
    build_node(&b, "Add", "less flat", "same");
    build_node(&b, "Expand", "x same", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    float x[1] = {7};
    limner_tensor input = floats("x", x, 1), output = {.name = "y"};
    input.rank = 2;
    input.dims[1] = 1;
    run_model(session, &input, 1, &output, 1);
    expect_floats(&output, 4, (const float[]){7, 7, 7, 7});
    assert_int_equal(dynamic_steps(session), 0);
    assert_int_equal(control_steps(session), 0);
    limner_session_close(session);
}

/* A loop whose shapes do not change lives in the plan's own arena. */
static void loops_of_one_shape_are_planned_once(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "trips - x", "last -");
    build_attribute_graph(&b, "body", &body);
    build_node(&b, "Neg", "last", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    for (int64_t trips = 0; trips < 5; trips++) {
        float x[1] = {2};
        const limner_tensor inputs[] = {floats("x", x, 1), number("trips", &trips)};
        limner_tensor output = {.name = "y"};
        run_model(session, inputs, 2, &output, 1);
        expect_floats(&output, 1, (const float[]){-2 - 4 * (float)trips});
        assert_int_equal(dynamic_steps(session), 0);
        assert_int_equal(session->current->dynamic_bytes, 0);
    }
    limner_session_close(session);
}

/* As often as a constant says, while a condition is handed on: what is put together has a size before the run. */
static void counted_loops_are_planned_once(void **state) {
    (void)state;
    const int64_t trips = 3;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_constant(&b, "trips", &(struct tensor){.dtype = DTYPE_INT64, .data = (void *)&trips, .bytes = sizeof trips});
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "trips - x", "- all");
    build_attribute_graph(&b, "body", &body);
    build_node(&b, "Neg", "all", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    float x[1] = {1};
    const limner_tensor input = floats("x", x, 1);
    limner_tensor output = {.name = "y"};
    for (int i = 0; i < 2; i++) {
        run_model(session, &input, 1, &output, 1);
        expect_floats(&output, 3, (const float[]){-2, -6, -10});
        assert_int_equal(dynamic_steps(session), 0);
    }
    limner_session_close(session);
}

/* Both branches have one constant of the graph around: it is packed once. */
static void weights_are_packed_once(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    size_t packed[2];
    for (int shared = 0; shared < 2; shared++) {
        struct builder b = build_start(17);
        build_input(&b, "x", DTYPE_FLOAT, "1 32 3 3");
        build_input(&b, "c", DTYPE_BOOL, "");
        build_random(&b, "k", "32 32 3 3", &random);
        const struct builder then = branch(&b, "Conv", "x k"), other = branch(&b, shared ? "Conv" : "Add", "x k");
        build_node(&b, "If", "c", "y");
        build_attribute_graph(&b, "then_branch", &then);
        build_attribute_graph(&b, "else_branch", &other);
        build_output(&b, "y");
        limner_session *session = session_of(&b, 0, NULL);
        float x[32 * 9] = {0};
        unsigned char c = 0;
        limner_tensor inputs[] = {floats("x", x, 0), flag("c", &c)}, output = {.name = "y"};
        inputs[0].rank = 4;
        memcpy(inputs[0].dims, (const int64_t[]){1, 32, 3, 3}, 4 * sizeof(int64_t));
        inputs[0].bytes = sizeof x;
        run_model(session, inputs, 2, &output, 1);
        c = 1;
        run_model(session, inputs, 2, &output, 1);
        packed[shared] = weight_cache_bytes(session->model->weights);
        limner_session_close(session);
    }
    assert_true(packed[0] > 0);
    assert_int_equal(packed[0], packed[1]);
}

/* Loop(trips, x, k, x, -x, x + x): v grows by k + s, a constant k and s stay as they are, p and q change places. */
static struct builder carrying_loop(void) {
    struct builder b = build_start(17);
    float k[2] = {10, 20};
    build_input(&b, "x", DTYPE_FLOAT, "2");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_constant(
        &b, "k",
        &(struct tensor){.dtype = DTYPE_FLOAT, .shape = {.rank = 1, .dims = {2}}, .data = k, .bytes = sizeof k});
    build_node(&b, "Neg", "x", "p0");
    build_node(&b, "Add", "x x", "q0");
    struct builder body = build_loop_body(&b);
    for (const char *const *name = (const char *const[]){"v", "m", "s", "p", "q", NULL}; *name; name++)
        build_input(&body, *name, DTYPE_FLOAT, NULL);
    build_node(&body, "Add", "m s", "step");
    build_node(&body, "Add", "v step", "next");
    for (const char *const *name = (const char *const[]){"next", "m", "s", "q", "p", NULL}; *name; name++)
        build_output(&body, *name);
    build_node(&b, "Loop", "trips - x k x p0 q0", "y0 y1 y2 y3 y4");
    build_attribute_graph(&b, "body", &body);
    for (const char *const *name = (const char *const[]){"y0", "y1", "y2", "y3", "y4", NULL}; *name; name++)
        build_output(&b, *name);
    return b;
}

static void values_are_carried_unchanged(void **state) {
    (void)state;
    struct builder b = carrying_loop();
    limner_session *session = session_of(&b, 0, NULL);
    for (int64_t trips = 0; trips < 4; trips++) {
        float x[2] = {1, -3};
        const float n = (float)trips;
        const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips)};
        limner_tensor outputs[] = {{.name = "y0"}, {.name = "y1"}, {.name = "y2"}, {.name = "y3"}, {.name = "y4"}};
        run_model(session, inputs, 2, outputs, 5);
        expect_floats(&outputs[0], 2, (const float[]){1 + 11 * n, -3 + 17 * n});
        expect_floats(&outputs[1], 2, (const float[]){10, 20});
        expect_floats(&outputs[2], 2, x);
        expect_floats(&outputs[3 + trips % 2], 2, (const float[]){-1, 3});
        expect_floats(&outputs[4 - trips % 2], 2, (const float[]){2, -6});
    }
    limner_session_close(session);
}

/* The constant that a loop carries is packed as one that its body captures is. */
static void carried_weights_are_packed(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "3 64");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_random(&b, "k", "64 64", &random);
    struct builder body = build_loop_body(&b);
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_input(&body, "m", DTYPE_FLOAT, NULL);
    build_node(&body, "MatMul", "v m", "next");
    build_output(&body, "next");
    build_output(&body, "m");
    build_node(&b, "Loop", "trips - x k", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    float x[3 * 64] = {0};
    int64_t trips = 2;
    limner_tensor inputs[] = {floats("x", x, 0), number("trips", &trips)}, output = {.name = "y"};
    inputs[0].rank = 2;
    memcpy(inputs[0].dims, (const int64_t[]){3, 64}, 2 * sizeof(int64_t));
    inputs[0].bytes = sizeof x;
    run_model(session, inputs, 2, &output, 1);
    assert_true(weight_cache_bytes(session->model->weights) > 0);
    limner_session_close(session);
}

static void models_with_subgraphs_are_swapped(void **state) {
    (void)state;
    struct builder first = adding_loop(), second = adding_loop();
    limner_session *session = session_of(&first, 0, NULL);
    limner_model *model = build_model(&second, 0);
    run_adding(session, 3, 1);
    assert_int_equal(limner_session_swap(session, model, NULL), LIMNER_OK);
    limner_model_close(model);
    run_adding(session, 2, 1);
    limner_session_close(session);
}

/* ---- limits ---- */

static void expect_status(limner_session *session, const limner_tensor *inputs, size_t count, limner_status expected,
                          const char *words) {
    limner_tensor output = {.name = "y"};
    limner_error error;
    assert_int_equal(limner_session_run(session, inputs, count, &output, 1, &error), expected);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void loops_have_limits(void **state) {
    (void)state;
    float x[2] = {1, 2};
    int64_t trips = INT64_MAX;
    unsigned char go = 1;
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips), flag("go", &go)};
    static const struct {
        limner_limits limits;
        const char *words;
    } cases[] = {
        {{.loop_iterations = 100}, "Loop \"walk\": iteration 100: the loops of this run go beyond 100 iterations"},
        {{.tensor_bytes = 4096}, "Loop \"walk\": iteration 512: output 1: 513 pieces take 4104 bytes"},
        {{.arena_bytes = 65536}, "needs more than the limit of 65536 bytes for activations"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        limner_limits limits = cases[i].limits;
        limits.size = sizeof limits;
        struct builder b = adding_loop();
        limner_session *session = session_of(&b, 0, &limits);
        trips = INT64_MAX;
        expect_status(session, inputs, 3, LIMNER_LIMIT, cases[i].words);
        run_adding(session, 5, 1);
        limner_session_close(session);
    }
    struct builder b = growing_loop();
    limner_session *session = session_of(&b, 0, &(limner_limits){.size = sizeof(limner_limits), .tensor_bytes = 1000});
    expect_status(session, inputs, 2, LIMNER_LIMIT, "iteration 124: Concat");
    limner_session_close(session);
}

/* ---- cancelling ---- */

static void *cancel_soon(void *session) {
    usleep(20000);
    limner_session_cancel(session);
    return NULL;
}

static void runs_are_cancelled_from_another_thread(void **state) {
    (void)state;
    float x[2] = {1, 2};
    int64_t trips = INT64_MAX;
    const limner_limits limits = {.size = sizeof limits, .loop_iterations = SIZE_MAX};
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "trips - x", "y -");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, &limits);
    limner_session_cancel(session); /* no run: no effect */
    limner_session_cancel(NULL);
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips)};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        trips = INT64_MAX;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, session), 0);
        expect_status(session, inputs, 2, LIMNER_CANCELLED, "the run was cancelled");
        pthread_join(thread, NULL);
        limner_tensor output = {.name = "y"};
        trips = 1;
        run_model(session, inputs, 2, &output, 1);
        expect_floats(&output, 2, (const float[]){3, 6});
    }
    assert_string_equal(limner_status_name(LIMNER_CANCELLED), "cancelled");
    limner_session_close(session);
}

/* ---- models that cannot run ---- */

static void expect_refused(struct builder *b, limner_status expected, const char *words) {
    limner_error error;
    assert_int_equal(build_failing(b, &error), expected);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void bodies_must_be_there_and_fit(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_node(&b, "If", "c", "y");
    build_output(&b, "y");
    const struct builder then = branch(&b, "Neg", "x");
    build_attribute_graph(&b, "then_branch", &then);
    expect_refused(&b, LIMNER_INVALID_MODEL, "attribute \"else_branch\" is missing");

    b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "- - x x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    expect_refused(&b, LIMNER_INVALID_MODEL, "body has 3 inputs, expected 4");

    b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_node(&b, "Add", "x x", "w");
    const struct builder scanned = adding_body(&b);
    build_node(&b, "Scan", "x x x", "y");
    build_attribute_graph(&b, "body", &scanned);
    build_attribute_int(&b, "num_scan_inputs", 4);
    build_output(&b, "y");
    expect_refused(&b, LIMNER_INVALID_MODEL, "num_scan_inputs is 4, expected 1..3");
}

static void what_branches_lack_is_named_by_its_path(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "c", DTYPE_BOOL, "");
    struct builder then = branch(&b, "Nowhere", "x");
    build_name(&then, "lost", "");
    const struct builder other = branch(&b, "Not", "x");
    build_node(&b, "If", "c", "y");
    build_name(&b, "choose", "");
    build_attribute_graph(&b, "then_branch", &then);
    build_attribute_graph(&b, "else_branch", &other);
    build_output(&b, "y");
    expect_refused(&b, LIMNER_UNSUPPORTED,
                   "Nowhere (1 node \"lost\" in If \"choose\": then_branch); If \"choose\": else_branch: Not making "
                   "\"r\": input 0 (X) has element type float, supported: bool");
}

static void types_of_inputs_are_held_to(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    struct builder body = build_loop_body(&b);
    build_input(&body, "v", DTYPE_DOUBLE, NULL);
    build_node(&body, "Identity", "v", "next");
    build_output(&body, "next");
    build_node(&b, "Loop", "trips - x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    limner_session *session = session_of(&b, 0, NULL);
    float x[2] = {1, 2};
    int64_t trips = 2;
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips)};
    expect_status(session, inputs, 2, LIMNER_INVALID_MODEL, "input 2 (v) has element type float, expected double");
    limner_session_close(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_run_as_often_as_they_should),
        cmocka_unit_test(plans_of_growing_loops_are_bounded),
        cmocka_unit_test(branches_are_chosen_by_values),
        cmocka_unit_test(constant_conditions_are_settled_before_the_run),
        cmocka_unit_test(defaults_reach_into_branches),
        cmocka_unit_test(branches_over_shapes_are_run_while_planning),
        cmocka_unit_test(loops_of_one_shape_are_planned_once),
        cmocka_unit_test(counted_loops_are_planned_once),
        cmocka_unit_test(weights_are_packed_once),
        cmocka_unit_test(values_are_carried_unchanged),
        cmocka_unit_test(carried_weights_are_packed),
        cmocka_unit_test(models_with_subgraphs_are_swapped),
        cmocka_unit_test(loops_have_limits),
        cmocka_unit_test(runs_are_cancelled_from_another_thread),
        cmocka_unit_test(bodies_must_be_there_and_fit),
        cmocka_unit_test(what_branches_lack_is_named_by_its_path),
        cmocka_unit_test(types_of_inputs_are_held_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* If, Loop and Scan in a session: plans of subgraphs, limits, cancelling, refusals. What they compute is compared with
 * onnxruntime by tests/e2e/conformance.py. */
#include "runtime/session/session.h"
#include "tests/support/builder.h"
#include "tests/support/control_graphs.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void loops_run_as_often_as_they_should(void **state) {
    (void)state;
    struct builder b = adding_loop();
    limner_session *session = build_session(&b, 0, NULL);
    for (int64_t trips = -1; trips < 6; trips++)
        run_adding(session, trips, 1);
    run_adding(session, 4, 0);
    run_adding(session, 3, 1);
    assert_int_equal(session->current->dynamic_bytes, (1 + 3) * 2 * sizeof(float)); /* y and all */
    limner_session_close(session);
}

static void branches_are_chosen_by_values(void **state) {
    (void)state;
    unsigned char c = 1;
    struct builder b = choice(NULL);
    limner_session *session = build_session(&b, 0, NULL);
    run_choice(session, &c, true);
    c = 0;
    run_choice(session, &c, false);
    assert_int_equal(dynamic_steps(session), 2);
    limner_session_close(session);
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
    limner_session *session = build_session(&b, 0, NULL);
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
    struct builder body = build_body(&b);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    for (const char *const *name = (const char *const[]){"v", "m", "s", "p", "q", NULL}; *name; name++)
        build_input(&body, *name, DTYPE_FLOAT, NULL);
    build_node(&body, "Identity", "c", "again");
    build_node(&body, "Add", "m s", "step");
    build_node(&body, "Add", "v step", "next");
    for (const char *const *name = (const char *const[]){"again", "next", "m", "s", "q", "p", NULL}; *name; name++)
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
    limner_session *session = build_session(&b, 0, NULL);
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
        limner_session *session = build_session(&b, 0, &limits);
        trips = INT64_MAX;
        expect_status(session, inputs, 3, LIMNER_LIMIT, cases[i].words);
        run_adding(session, 5, 1);
        limner_session_close(session);
    }
    struct builder b = growing_loop();
    limner_session *session =
        build_session(&b, 0, &(limner_limits){.size = sizeof(limner_limits), .tensor_bytes = 1000});
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
    limner_session *session = build_session(&b, 0, &limits);
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
    struct builder body = build_body(&b);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    build_input(&body, "v", DTYPE_DOUBLE, NULL);
    build_node(&body, "Identity", "c", "again");
    build_node(&body, "Identity", "v", "next");
    build_output(&body, "again");
    build_output(&body, "next");
    build_node(&b, "Loop", "trips - x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    limner_session *session = build_session(&b, 0, NULL);
    float x[2] = {1, 2};
    int64_t trips = 2;
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips)};
    expect_status(session, inputs, 2, LIMNER_INVALID_MODEL, "input 2 (v) has element type float, expected double");
    limner_session_close(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loops_run_as_often_as_they_should),
                                       cmocka_unit_test(branches_are_chosen_by_values),
                                       cmocka_unit_test(defaults_reach_into_branches),
                                       cmocka_unit_test(values_are_carried_unchanged),
                                       cmocka_unit_test(loops_have_limits),
                                       cmocka_unit_test(runs_are_cancelled_from_another_thread),
                                       cmocka_unit_test(bodies_must_be_there_and_fit),
                                       cmocka_unit_test(what_branches_lack_is_named_by_its_path),
                                       cmocka_unit_test(types_of_inputs_are_held_to)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
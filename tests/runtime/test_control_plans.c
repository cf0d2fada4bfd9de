/* Plans of subgraphs: how many there are, what is settled before a run, weights that are packed once, swaps. */
#include "runtime/passes/pass.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"
#include "tests/support/control_graphs.h"

#include <string.h>

/* The plans of a subgraph that are kept are few, and found again. */
static void plans_of_growing_loops_are_bounded(void **state) {
    (void)state;
    struct builder b = growing_loop();
    limner_session *session = build_session(&b, 0, NULL);
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

/* Without the pass the branch is a step whose plan is fixed: nothing behind it waits for the run. */
static void constant_conditions_are_settled_before_the_run(void **state) {
    (void)state;
    static const char conditions[] = {0, 1};
    for (int i = 0; i < 4; i++) {
        struct builder b = choice(&conditions[i % 2]);
        limner_session *session = build_session(&b, i < 2 ? PASS_INLINE : 0, NULL);
        run_choice(session, NULL, i % 2);
        run_choice(session, NULL, i % 2);
        assert_int_equal(control_steps(session), i < 2 ? 1 : 0);
        assert_int_equal(dynamic_steps(session), 0);
        limner_session_close(session);
    }
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
    limner_session *session = build_session(&b, 0, NULL);
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
    limner_session *session = build_session(&b, 0, NULL);
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
    limner_session *session = build_session(&b, 0, NULL);
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
        limner_session *session = build_session(&b, 0, NULL);
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

/* The constant that a loop carries is packed as one that its body captures is. */
static void carried_weights_are_packed(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "3 64");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_random(&b, "k", "64 64", &random);
    struct builder body = build_body(&b);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_input(&body, "m", DTYPE_FLOAT, NULL);
    build_node(&body, "Identity", "c", "again");
    build_node(&body, "MatMul", "v m", "next");
    build_output(&body, "again");
    build_output(&body, "next");
    build_output(&body, "m");
    build_node(&b, "Loop", "trips - x k", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    limner_session *session = build_session(&b, 0, NULL);
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
    limner_session *session = build_session(&first, 0, NULL);
    limner_model *model = build_model(&second, 0);
    run_adding(session, 3, 1);
    assert_int_equal(limner_session_swap(session, model, NULL), LIMNER_OK);
    limner_model_close(model);
    run_adding(session, 2, 1);
    limner_session_close(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_of_growing_loops_are_bounded),
                                       cmocka_unit_test(constant_conditions_are_settled_before_the_run),
                                       cmocka_unit_test(branches_over_shapes_are_run_while_planning),
                                       cmocka_unit_test(loops_of_one_shape_are_planned_once),
                                       cmocka_unit_test(counted_loops_are_planned_once),
                                       cmocka_unit_test(weights_are_packed_once),
                                       cmocka_unit_test(carried_weights_are_packed),
                                       cmocka_unit_test(models_with_subgraphs_are_swapped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
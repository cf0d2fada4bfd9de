/* runtime/plan*.c: whatever shares memory with whatever, the outputs are those of computing every node on its own. */
#include "ops/core/op.h"
#include "runtime/passes/pass.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"

#include <string.h>

static size_t step_count(const limner_session *session) {
    return (size_t)session->current->step_count;
}

static size_t dynamic_count(const limner_session *session) {
    size_t count = 0;
    for (int i = 0; i < session->current->step_count; i++)
        count += session->current->steps[i].dynamic;
    return count;
}

/* ---- what an output can be ---- */

static void outputs_of_every_kind(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder = build_start(13);
    build_input(&builder, "other", DTYPE_FLOAT, "6");
    build_input(&builder, "x", DTYPE_FLOAT, "2 3");
    build_random(&builder, "k", "2 3", &random);
    build_ints(&builder, "flat", "6");
    build_node(&builder, "Reshape", "x flat", "view_of_input");
    build_node(&builder, "Reshape", "k flat", "view_of_constant");
    build_node(&builder, "Shape", "x", "known");
    build_node(&builder, "Relu", "x", "inner");
    build_node(&builder, "Reshape", "inner flat", "view_of_output");
    build_node(&builder, "Neg", "inner", "last");
    static const char *const names[] = {
        "x", "k", "view_of_input", "view_of_constant", "known", "inner", "view_of_output", "last", "last"};
    for (int i = 0; i < 9; i++)
        build_output(&builder, names[i]);
    limner_session *session = build_session(&builder, PASS_ALL, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3), *other = test_tensor(DTYPE_FLOAT, 1, 6);
    test_fill(x, &random);
    limner_tensor inputs[2] = {as_input("x", x), as_input("other", other)}, outputs[9] = {{0}};
    run_model(session, inputs, 2, outputs, 9);
    const float *data = x->data;
    for (int i = 0; i < 9; i++) {
        assert_string_equal(outputs[i].name, names[i]);
        assert_ptr_not_equal(outputs[i].data, x->data);
    }
    assert_memory_equal(outputs[0].data, data, 24);
    assert_memory_equal(outputs[2].data, data, 24);
    assert_memory_equal(outputs[1].data, outputs[3].data, 24);
    assert_int_equal(outputs[3].rank, 1);
    assert_int_equal(((const int64_t *)outputs[4].data)[0], 2);
    assert_int_equal(((const int64_t *)outputs[4].data)[1], 3);
    for (int i = 0; i < 6; i++) {
        const float inner = data[i] > 0 ? data[i] : 0;
        assert_true(((const float *)outputs[5].data)[i] == inner);
        assert_true(((const float *)outputs[6].data)[i] == inner);
        assert_true(((const float *)outputs[7].data)[i] == -inner);
        assert_true(((const float *)outputs[8].data)[i] == -inner);
        assert_true(((const float *)other->data)[i] == 0);
    }
    test_tensor_free(other);
    test_tensor_free(x);
    limner_session_close(session);
}

/* ---- shapes ---- */

/* Flattening as dynamic exports write it leaves no trace in what runs. */
static void shape_arithmetic_is_planned_away(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "batch 3 height width");
    build_node(&builder, "Relu", "x", "r");
    build_node(&builder, "Shape", "r", "shape");
    build_ints(&builder, "zero", "0");
    build_ints(&builder, "minus", "-1");
    build_node(&builder, "Gather", "shape zero", "batch");
    build_node(&builder, "Concat", "batch minus", "target");
    build_attribute_int(&builder, "axis", 0);
    build_node(&builder, "Reshape", "r target", "y");
    build_output(&builder, "y");
    limner_session *session = build_session(&builder, PASS_ALL, NULL);
    for (int batch = 1; batch < 4; batch++) {
        struct tensor *x = test_tensor(DTYPE_FLOAT, 4, batch, 3, 4 + batch, 5);
        test_fill(x, &random);
        limner_tensor input = as_input("x", x), output = {0};
        run_model(session, &input, 1, &output, 1);
        assert_int_equal(output.rank, 2);
        assert_int_equal(output.dims[0], batch);
        assert_int_equal(output.dims[1], 3 * (4 + batch) * 5);
        assert_int_equal(step_count(session), 2);
        assert_int_equal(dynamic_count(session), 0);
        test_tensor_free(x);
    }
    limner_session_close(session);
}

static void make_reshape_by_input(struct builder *builder) {
    *builder = build_start(13);
    build_input(builder, "x", DTYPE_FLOAT, "n");
    build_input(builder, "shape", DTYPE_INT64, "rank");
    build_node(builder, "Neg", "x", "a");
    build_node(builder, "Reshape", "a shape", "b");
    build_node(builder, "Relu", "b", "c");
    build_node(builder, "Add", "b c", "d");
    build_node(builder, "Sigmoid", "x", "e");
    build_node(builder, "Neg", "d", "y");
    build_output(builder, "y");
    build_output(builder, "e");
    build_output(builder, "c");
}

static void shapes_may_depend_on_data(void **state) {
    (void)state;
    struct builder builder;
    make_reshape_by_input(&builder);
    limner_session *session = build_session(&builder, 0, NULL);
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 24);
    test_fill(x, &random);
    static const int64_t shapes[4][3] = {{2, 3, 4}, {24, 1, 1}, {-1, 2, 2}, {1, 1, 24}};
    for (int round = 0; round < 4; round++) {
        struct tensor *shape = test_ints(3, shapes[round]);
        limner_tensor inputs[2] = {as_input("x", x), as_input("shape", shape)}, outputs[3] = {{0}};
        run_model(session, inputs, 2, outputs, 3);
        assert_int_equal(outputs[0].rank, 3);
        assert_int_equal(outputs[0].dims[1], shapes[round][1]);
        assert_int_equal(outputs[0].dims[0], round == 2 ? 6 : shapes[round][0]);
        for (int i = 0; i < 24; i++) {
            const float b = -((const float *)x->data)[i], c = b > 0 ? b : 0;
            assert_true(((const float *)outputs[0].data)[i] == -(b + c));
            assert_true(((const float *)outputs[2].data)[i] == c);
        }
        assert_int_equal(dynamic_count(session), 4);
        assert_int_equal(session->plan_count, 1);
        test_tensor_free(shape);
    }
    test_tensor_free(x);
    limner_session_close(session);
}

static void failures_while_running_name_the_node(void **state) {
    (void)state;
    struct builder builder;
    make_reshape_by_input(&builder);
    limner_session *session = build_session(&builder, 0, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 24);
    struct tensor *wrong = test_ints(2, (const int64_t[]){5, 5}), *right = test_ints(2, (const int64_t[]){4, 6});
    limner_tensor inputs[2] = {as_input("x", x), as_input("shape", wrong)}, output = {0};
    limner_error error;
    assert_int_not_equal(limner_session_run(session, inputs, 2, &output, 1, &error), LIMNER_OK);
    assert_int_equal(strncmp(error.message, "Reshape making \"b\": ", 20), 0);
    inputs[1] = as_input("shape", right);
    run_model(session, inputs, 2, &output, 1);
    assert_int_equal(output.dims[0], 4);
    test_tensor_free(x);
    test_tensor_free(wrong);
    test_tensor_free(right);
    limner_session_close(session);
}

static void failures_while_planning_name_the_node(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "? ?");
    build_random(&builder, "w", "5 2", &random);
    build_node(&builder, "MatMul", "x w", "y");
    build_name(&builder, "dec.0", "");
    build_output(&builder, "y");
    limner_session *session = build_session(&builder, 0, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 3, 4);
    limner_tensor input = as_input("x", x), output = {0};
    limner_error error;
    assert_int_equal(limner_session_run(session, &input, 1, &output, 1, &error), LIMNER_SHAPE);
    assert_int_equal(strncmp(error.message, "MatMul \"dec.0\": ", 16), 0);
    assert_null(output.data);
    test_tensor_free(x);
    limner_session_close(session);
}

static void empty_tensors(void **state) {
    (void)state;
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "n 3");
    build_node(&builder, "Relu", "x", "r");
    build_node(&builder, "Concat", "r x", "y");
    build_attribute_int(&builder, "axis", 0);
    build_output(&builder, "y");
    build_output(&builder, "x");
    limner_session *session = build_session(&builder, 0, NULL);
    limner_tensor input = {.name = "x", .type = LIMNER_FLOAT, .rank = 2, .dims = {0, 3}}, outputs[2] = {{0}};
    run_model(session, &input, 1, outputs, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outputs[i].bytes, 0);
        assert_int_equal(outputs[i].dims[0], 0);
        assert_int_equal(outputs[i].dims[1], 3);
        assert_non_null(outputs[i].data);
    }
    limner_session_close(session);
}

/* ---- inputs and constants ---- */

static void misaligned_constants_and_inputs(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    unsigned char bytes[2][64];
    float numbers[12];
    for (int i = 0; i < 12; i++)
        numbers[i] = random_float(&random);
    memcpy(bytes[0] + 1, numbers, sizeof numbers);
    memcpy(bytes[1] + 3, numbers, sizeof numbers);
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "3 4");
    struct tensor *placeholder = test_tensor(DTYPE_FLOAT, 2, 3, 4);
    build_constant(&builder, "k", placeholder);
    ((struct tensor *)builder.model->graph->values[graph_find_value(builder.model->graph, "k")].initializer)->data =
        bytes[0] + 1;
    build_node(&builder, "Add", "x k", "y");
    build_output(&builder, "y");
    limner_session *session = build_session(&builder, 0, NULL);
    limner_tensor input = as_input("x", placeholder), output = {0};
    input.data = bytes[1] + 3;
    for (int again = 0; again < 2; again++) {
        run_model(session, &input, 1, &output, 1);
        for (int i = 0; i < 12; i++)
            assert_true(((const float *)output.data)[i] == numbers[i] + numbers[i]);
        for (int i = 0; i < session->current->value_count; i++)
            assert_true(tensor_aligned(&session->current->values[i].tensor));
    }
    test_tensor_free(placeholder);
    limner_session_close(session);
}

static void make_overridable(struct builder *builder, struct random *random) {
    *builder = build_start(13);
    build_input(builder, "x", DTYPE_FLOAT, "2 3");
    build_input(builder, "w", DTYPE_FLOAT, "3 3");
    build_input(builder, "unused", DTYPE_FLOAT, "1");
    build_random(builder, "w", "3 3", random);
    build_node(builder, "Neg", "w", "n");
    build_node(builder, "MatMul", "x n", "y");
    build_output(builder, "y");
}

static void initializers_may_be_overridden(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder;
    make_overridable(&builder, &random);
    limner_session *session = build_session(&builder, 0, NULL);
    limner_value value;
    assert_int_equal(limner_model_input_count(session->model), 3);
    limner_model_input(session->model, 2, &value); /* required ones first */
    assert_string_equal(value.name, "w");
    assert_int_equal(value.optional, 1);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3), *w = test_tensor(DTYPE_FLOAT, 2, 3, 3);
    struct tensor *unused = test_tensor(DTYPE_FLOAT, 1, 1);
    test_fill(x, &random);
    for (int i = 0; i < 3; i++)
        ((float *)w->data)[i * 3 + i] = 1.0f;
    limner_tensor inputs[3] = {as_input("x", x), as_input("unused", unused), as_input("w", w)}, output = {0};
    float first[6];
    run_model(session, inputs, 2, &output, 1);
    assert_int_equal(step_count(session), 1); /* Neg is folded */
    memcpy(first, output.data, sizeof first);
    output.data = NULL;
    run_model(session, inputs, 3, &output, 1);
    for (int i = 0; i < 6; i++)
        assert_true(((const float *)output.data)[i] == -((const float *)x->data)[i]);
    output.data = NULL;
    run_model(session, inputs, 2, &output, 1);
    assert_memory_equal(first, output.data, sizeof first);
    assert_int_equal(session->plan_count, 2);
    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(unused);
    limner_session_close(session);
}

static void optional_inputs_are_left_out(void **state) {
    (void)state;
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "4");
    build_float(&builder, "high", 0.5f);
    build_node(&builder, "Clip", "x - high", "y");
    build_output(&builder, "y");
    limner_session *session = build_session(&builder, 0, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 4);
    memcpy(x->data, (const float[]){-2, 0, 0.25f, 3}, 16);
    limner_tensor input = as_input(NULL, x), output = {0};
    run_model(session, &input, 1, &output, 1);
    assert_memory_equal(output.data, ((const float[]){-2, 0, 0.25f, 0.5f}), 16);
    test_tensor_free(x);
    limner_session_close(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(outputs_of_every_kind),
                                       cmocka_unit_test(shape_arithmetic_is_planned_away),
                                       cmocka_unit_test(shapes_may_depend_on_data),
                                       cmocka_unit_test(failures_while_running_name_the_node),
                                       cmocka_unit_test(failures_while_planning_name_the_node),
                                       cmocka_unit_test(empty_tensors),
                                       cmocka_unit_test(misaligned_constants_and_inputs),
                                       cmocka_unit_test(initializers_may_be_overridden),
                                       cmocka_unit_test(optional_inputs_are_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
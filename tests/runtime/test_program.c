/* runtime/program, support, prune: what is refused, and how it is said. */
#include "runtime/session/model.h"
#include "tests/support/builder.h"

#include <stdio.h>
#include <string.h>

static void check_refusal(struct builder *builder, limner_status expected, const char *message) {
    limner_error error;
    const limner_status got = build_failing(builder, &error);
    if (got != expected || strcmp(error.message, message) != 0)
        fail_msg("got %d \"%s\", expected %d \"%s\"", (int)got, error.message, (int)expected, message);
}

static void every_unsupported_node_is_named_at_once(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "Foo", "x", "a");
    build_name(&b, "first", "");
    build_node(&b, "Foo", "a", "b");
    build_node(&b, "Relu", "b", "c");
    build_node(&b, "Baz", "c", "d");
    build_name(&b, "only", "ai.bar");
    build_node(&b, "Conv", "d a", "e");
    build_name(&b, "trick", "limner");
    build_node(&b, "LeakyRelu", "e", "y");
    build_attribute_text(&b, "alpha", "big");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED,
                  "3 operators are not supported: Foo (2 nodes, first \"first\"), ai.bar:Baz (1 node \"only\"), "
                  "limner:Conv (1 node \"trick\"); LeakyRelu making \"y\": attribute \"alpha\" is of type string, "
                  "expected float");
}

static void one_unsupported_operator(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "Foo", "x", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED, "1 operator is not supported: Foo (1 node without a name)");
}

static void attribute_problems_are_collected(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "Relu", "x", "a");
    build_attribute_int(&b, "speed", 3);
    build_node(&b, "Concat", "a a", "y");
    build_name(&b, "join", "");
    build_output(&b, "y");
    limner_error error;
    assert_int_equal(build_failing(&b, &error), LIMNER_UNSUPPORTED);
    assert_non_null(strstr(error.message, "2 nodes cannot run: Relu making \"a\": attribute \"speed\""));
    assert_non_null(strstr(error.message, "; Concat \"join\": "));
}

static void known_element_types_are_checked_at_load(void **state) {
    (void)state;
    struct builder b = build_start(13);
    struct tensor *weight = test_tensor(DTYPE_FLOAT16, 4, 1, 1, 1, 1);
    build_input(&b, "x", DTYPE_FLOAT16, "1 1 ? ?");
    build_constant(&b, "w", weight);
    build_node(&b, "Conv", "x w", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED, "Conv making \"y\": input 0 (X) has element type float16, supported: float");
    test_tensor_free(weight);
}

static void operator_sets_out_of_range(void **state) {
    (void)state;
    static const int versions[] = {0, 6, 1000};
    for (int i = 0; i < 3; i++) {
        struct builder b = build_start(versions[i]);
        build_input(&b, "x", DTYPE_FLOAT, "?");
        build_node(&b, "Relu", "x", "y");
        build_output(&b, "y");
        limner_error error;
        assert_int_equal(build_failing(&b, &error), i ? LIMNER_UNSUPPORTED : LIMNER_INVALID_MODEL);
        assert_non_null(strstr(error.message, i ? "7 to " : "which version"));
    }
}

static void an_operator_of_another_version(void **state) {
    (void)state;
    struct builder b = build_start(7);
    build_input(&b, "x", DTYPE_FLOAT, "? ?");
    build_input(&b, "c", DTYPE_BOOL, "? ?");
    build_node(&b, "Where", "c x x", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED, "1 operator is not supported: Where (opset 7; 1 node without a name)");
}

static void inputs_that_are_no_tensors(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    b.model->graph->values[0].type.other = "sequence";
    build_node(&b, "Relu", "x", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED, "input \"x\" is a sequence, only tensors are supported");
}

/* What no output depends on is neither checked nor run. */
static void dead_nodes_do_no_harm(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "Foo", "x", "dead");
    build_node(&b, "Relu", "x", "y");
    build_node(&b, "Relu", "y", "too");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    limner_model_get_info(model, &info);
    assert_int_equal(info.node_count, 3);
    assert_int_equal(info.optimized_count, 1);
    limner_model_close(model);
}

static void very_many_problems_fit_the_message(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "v0", DTYPE_FLOAT, "?");
    char op[32], in[32], out[32];
    for (int i = 0; i < 500; i++) {
        snprintf(op, sizeof op, "Operator%dOfALongName", i);
        snprintf(in, sizeof in, "v%d", i);
        snprintf(out, sizeof out, "v%d", i + 1);
        build_node(&b, op, in, out);
        build_name(&b, "a name that is not short either, to fill the message", "");
    }
    build_output(&b, "v500");
    limner_error error;
    assert_int_equal(build_failing(&b, &error), LIMNER_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Operator0OfALongName"));
    assert_true(strlen(error.message) < sizeof error.message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unsupported_node_is_named_at_once),
        cmocka_unit_test(one_unsupported_operator),
        cmocka_unit_test(attribute_problems_are_collected),
        cmocka_unit_test(known_element_types_are_checked_at_load),
        cmocka_unit_test(operator_sets_out_of_range),
        cmocka_unit_test(an_operator_of_another_version),
        cmocka_unit_test(inputs_that_are_no_tensors),
        cmocka_unit_test(dead_nodes_do_no_harm),
        cmocka_unit_test(very_many_problems_fit_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
    struct tensor *weight = test_tensor(DTYPE_INT8, 4, 1, 1, 1, 1);
    build_input(&b, "x", DTYPE_INT8, "1 1 ? ?");
    build_constant(&b, "w", weight);
    build_node(&b, "Conv", "x w", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED,
                  "Conv making \"y\": input 0 (X) has element type int8, supported: float, float16, double, bfloat16");
    test_tensor_free(weight);
}

static void operator_sets_out_of_range(void **state) {
    (void)state;
    static const int versions[] = {0, 1000};
    for (int i = 0; i < 2; i++) {
        struct builder b = build_start(versions[i]);
        build_input(&b, "x", DTYPE_FLOAT, "?");
        build_node(&b, "Relu", "x", "y");
        build_output(&b, "y");
        limner_error error;
        assert_int_equal(build_failing(&b, &error), i ? LIMNER_UNSUPPORTED : LIMNER_INVALID_MODEL);
        assert_non_null(strstr(error.message, i ? "1 to " : "which version"));
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
    b.model->graph->values[0].type.other = "sparse tensor";
    build_node(&b, "Relu", "x", "y");
    build_output(&b, "y");
    check_refusal(&b, LIMNER_UNSUPPORTED,
                  "input \"x\" is a sparse tensor, only tensors, sequences, optionals and maps are supported");
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

/* Which arguments a node has is checked when the model is loaded, not when it runs. */
static void counts_of_arguments_are_checked_at_load(void **state) {
    (void)state;
    static const struct {
        int opset;
        const char *op_type, *inputs, *outputs;
        limner_status status;
        const char *words;
    } cases[] = {
        {17, "BatchNormalization", "x c c c c", "y m v", LIMNER_INVALID_MODEL, "there is no output but the first one"},
        {13, "BatchNormalization", "x c c c", "y", LIMNER_INVALID_MODEL, "input 4 (var) is missing"},
        {13, "Relu", "x", "y z", LIMNER_INVALID_MODEL, "output 1 is not known"},
        {13, "Relu", "x x", "y", LIMNER_INVALID_MODEL, "2 inputs, at most 1 are known"},
        {13, "Add", "x", "y", LIMNER_INVALID_MODEL, "input 1 (B) is missing"},
        {13, "Add", "- x", "y", LIMNER_INVALID_MODEL, "input 0 (A) is missing"},
        {13, "Sum", "x - x", "y", LIMNER_INVALID_MODEL, "input 1 (data_0) is missing"},
        {11, "Clip", "x c c c", "y", LIMNER_INVALID_MODEL, "4 inputs, at most 3 are known"},
        {13, "Conv", "x", "y", LIMNER_INVALID_MODEL, "input 1 (W) is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct random random = random_from(test_seed());
        struct builder b = build_start(cases[i].opset);
        build_input(&b, "x", DTYPE_FLOAT, "N 3 H W");
        build_random(&b, "c", "3", &random);
        build_node(&b, cases[i].op_type, cases[i].inputs, cases[i].outputs);
        build_output(&b, "y");
        limner_error error;
        const limner_status got = build_failing(&b, &error);
        if (got != cases[i].status || !strstr(error.message, cases[i].words))
            fail_msg("%s(%s): %d \"%s\"", cases[i].op_type, cases[i].inputs, (int)got, error.message);
    }
}

static void declare_output(struct builder *b, const char *name, enum dtype dtype) {
    build_output(b, name);
    struct graph *graph = b->model->graph;
    graph->values[graph->outputs[graph->output_count - 1]].type = (struct declared_type){.dtype = dtype, .rank = -1};
}

static void outputs_are_of_the_declared_type(void **state) {
    (void)state;
    for (int right = 0; right < 2; right++)
        for (int i = 0; i < 4; i++) {
            struct builder b = build_start(13);
            build_input(&b, "x", DTYPE_FLOAT, "N");
            build_node(&b, "Cast", "x", "whole");
            build_attribute_int(&b, "to", DTYPE_INT64);
            build_node(&b, "Shape", "x", "size");
            build_node(&b, "Neg", i == 2 ? "whole" : "x", "minus");
            build_node(&b, "Less", "x x", "less");
            static const char *const names[] = {"whole", "size", "minus", "less"};
            const enum dtype made = i == 3 ? DTYPE_BOOL : DTYPE_INT64;
            declare_output(&b, names[i], right ? made : i == 3 ? DTYPE_FLOAT : DTYPE_INT32);
            if (right) {
                limner_model_close(build_model(&b, 0));
                continue;
            }
            limner_error error;
            assert_int_equal(build_failing(&b, &error), LIMNER_INVALID_MODEL);
            assert_non_null(strstr(error.message, i == 3 ? "is declared as float, but what makes it gives bool"
                                                         : "is declared as int32, but what makes it gives int64"));
        }
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
        cmocka_unit_test(counts_of_arguments_are_checked_at_load),
        cmocka_unit_test(outputs_are_of_the_declared_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

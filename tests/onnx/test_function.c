/* Model-local functions: their bodies stand in the place of the calls after loading. */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "onnx/model.h"
#include "tests/support/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of domain "mine"; inputs and outputs are separated by spaces. Its nodes follow in the caller. */
static struct proto function_begin(const char *name, const char *inputs, const char *outputs) {
    struct proto function = {0};
    const struct {
        unsigned field;
        const char *names;
    } lists[] = {{FUNCTION_INPUT, inputs}, {FUNCTION_OUTPUT, outputs}};
    proto_text(&function, FUNCTION_NAME, name);
    proto_text(&function, FUNCTION_DOMAIN, "mine");
    for (int i = 0; i < 2; i++)
        for (const char *at = lists[i].names; *at; at += at[strcspn(at, " ")] ? strcspn(at, " ") + 1 : strcspn(at, " "))
            proto_bytes(&function, lists[i].field, at, strcspn(at, " "));
    return function;
}

/* A graph x -> y of the given calls, which are already in `graph`. */
static struct proto model_around(struct proto *graph) {
    proto_value(graph, GRAPH_INPUT, "x", 0);
    proto_value(graph, GRAPH_OUTPUT, "y", 0);
    return proto_model(graph);
}

/* The nodes as text: `Op(inputs)>outputs` and so on. */
static const char *nodes_text(const struct graph *graph) {
    static char text[1024];
    text[0] = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s(", i ? " " : "", node->op_type);
        for (int j = 0; j < node->input_count + node->output_count; j++) {
            const int value = j < node->input_count ? node->inputs[j] : node->outputs[j - node->input_count];
            const char *before = j == node->input_count ? ")>" : j ? "," : "";
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", before,
                     value == NO_VALUE ? "-" : graph->values[value].name);
        }
    }
    return text;
}

static void check_nodes(struct proto *proto, const char *expected) {
    void *data;
    struct onnx_model *model = proto_load(proto, &data);
    assert_string_equal(nodes_text(model->graph), expected);
    onnx_close(model);
    free(data);
}

static void bodies_take_the_place_of_calls(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a", "b");
    proto_node(&function, FUNCTION_NODE, "Abs", "second", "t", "b", NULL);
    proto_node(&function, FUNCTION_NODE, "Relu", "first", "a", "t", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "one", "x", "m", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "two", "m", "y", NULL);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &function);
    void *data;
    struct onnx_model *loaded = proto_load(&model, &data);
    assert_string_equal(nodes_text(loaded->graph), "Relu(x)>one/t Abs(one/t)>m Relu(m)>two/t Abs(two/t)>y");
    assert_string_equal(loaded->graph->nodes[0].name, "one/first");
    onnx_close(loaded);
    free(data);
}

/* The names that expansion makes up must be new ones. */
static void made_up_names_are_unique(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a", "b");
    proto_node(&function, FUNCTION_NODE, "Relu", "", "a", "t", NULL);
    proto_node(&function, FUNCTION_NODE, "Abs", "", "t", "b", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "n", "x", "1", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "n", "1", "n/t", NULL); /* the same node name, and a name of that form */
    proto_node(&graph, GRAPH_NODE, "mine.F", "", "n/t", "y", NULL);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &function);
    void *data;
    struct onnx_model *loaded = proto_load(&model, &data);
    const struct graph *g = loaded->graph;
    assert_int_equal(g->node_count, 6);
    for (int i = 0; i < g->value_count; i++)
        assert_int_equal(graph_find_value(g, g->values[i].name), i);
    onnx_close(loaded);
    free(data);
}

static void functions_call_functions(void **state) {
    (void)state;
    struct proto graph = {0}, outer = function_begin("Outer", "a", "b"), inner = function_begin("Inner", "a", "b");
    proto_node(&outer, FUNCTION_NODE, "mine.Inner", "i", "a", "m", NULL);
    proto_node(&outer, FUNCTION_NODE, "mine.Inner", "j", "m", "b", NULL);
    proto_node(&inner, FUNCTION_NODE, "Neg", "n", "a", "t", NULL);
    proto_node(&inner, FUNCTION_NODE, "Relu", "r", "t", "b", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.Outer", "o", "x", "y", NULL);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &outer);
    proto_add(&model, MODEL_FUNCTION, &inner);
    check_nodes(&model, "Neg(x)>o/i/t Relu(o/i/t)>o/m Neg(o/m)>o/j/t Relu(o/j/t)>y");
}

static void inputs_and_outputs_may_be_left_out(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a low high", "b c");
    proto_node(&function, FUNCTION_NODE, "Clip", "", "a low high", "b", NULL);
    proto_node(&function, FUNCTION_NODE, "Relu", "", "a", "c", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "f", "x - x", "- y", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "g", "x", "z", NULL);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &function);
    check_nodes(&model, "Clip(x,-,x)>f/b Relu(x)>y Clip(x,-,-)>z Relu(x)>g/c");
}

/* An output that is an input, or that stands there twice, is copied. */
static void passed_through_values_are_copied(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a", "a b b");
    proto_node(&function, FUNCTION_NODE, "Relu", "", "a", "b", NULL);
    proto_node(&graph, GRAPH_NODE, "mine.F", "f", "x", "p y z", NULL);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &function);
    check_nodes(&model, "Relu(x)>z Identity(x)>p Identity(z)>y");
}

/* ---- attributes ---- */

static struct proto function_with_attribute(const char *inner_name, const char *reference) {
    struct proto function = function_begin("F", "a", "b"), attributes = {0};
    proto_reference(&attributes, inner_name, reference, ATTRIBUTE_INT);
    proto_node(&function, FUNCTION_NODE, "Softmax", "s", "a", "b", &attributes);
    return function;
}

static void check_axis(struct proto *model, int count, int64_t expected) {
    void *data;
    struct onnx_model *loaded = proto_load(model, &data);
    const struct node *node = &loaded->graph->nodes[0];
    assert_string_equal(node->op_type, "Softmax");
    assert_int_equal(node->attribute_count, count);
    if (count > 0) {
        assert_string_equal(node->attributes[0].name, "axis");
        assert_null(node->attributes[0].reference);
        assert_int_equal(node->attributes[0].type, ATTRIBUTE_INT);
        assert_int_equal(node->attributes[0].i, expected);
    }
    onnx_close(loaded);
    free(data);
}

static struct proto call_with(struct proto *call, struct proto *function) {
    struct proto graph = {0};
    proto_node(&graph, GRAPH_NODE, "mine.F", "f", "x", "y", call);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, function);
    return model;
}

static void add_default(struct proto *function, const char *name, int64_t value) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_int(&attribute, ATTRIBUTE_I, value);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_INT);
    proto_add(function, FUNCTION_DEFAULT, &attribute);
}

static void attributes_come_from_the_call(void **state) {
    (void)state;
    struct proto call = {0}, function = function_with_attribute("axis", "which");
    proto_int_attribute(&call, "which", 7);
    proto_text(&function, FUNCTION_ATTRIBUTE, "which");
    struct proto given = call_with(&call, &function);
    check_axis(&given, 1, 7);

    function = function_with_attribute("axis", "which");
    add_default(&function, "which", 3);
    struct proto standard = call_with(NULL, &function);
    check_axis(&standard, 1, 3);

    function = function_with_attribute("axis", "which");
    add_default(&function, "which", 3);
    proto_int_attribute(&call, "which", 9);
    struct proto overridden = call_with(&call, &function);
    check_axis(&overridden, 1, 9);

    function = function_with_attribute("axis", "which");
    struct proto absent = call_with(NULL, &function); /* then the operator's own default holds */
    check_axis(&absent, 0, 0);

    function = function_with_attribute("axis", "which");
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, "which");
    proto_float(&attribute, ATTRIBUTE_F, 1);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_FLOAT);
    proto_add(&call, NODE_ATTRIBUTE, &attribute);
    struct proto wrong = call_with(&call, &function);
    proto_refused(&wrong, NULL, STATUS_INVALID_MODEL, "attribute \"axis\" of type 2 refers to \"which\" of type 1");
}

static void attributes_go_through_nested_calls(void **state) {
    (void)state;
    struct proto graph = {0}, outer = function_begin("Outer", "a", "b"), call = {0}, inner_call = {0};
    struct proto inner = function_with_attribute("axis", "which");
    proto_reference(&inner_call, "which", "number", ATTRIBUTE_INT);
    proto_node(&outer, FUNCTION_NODE, "mine.F", "f", "a", "b", &inner_call);
    proto_int_attribute(&call, "number", -2);
    proto_node(&graph, GRAPH_NODE, "mine.Outer", "o", "x", "y", &call);
    struct proto model = model_around(&graph);
    proto_add(&model, MODEL_FUNCTION, &inner);
    proto_add(&model, MODEL_FUNCTION, &outer);
    check_axis(&model, 1, -2);
}

/* ---- subgraphs ---- */

/* A subgraph in a body sees the body's names, which are other names in the graph around the call. */
static void subgraphs_in_bodies_capture_what_they_mean(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a b", "c"), body = {0}, attributes = {0};
    void *data;
    proto_node(&body, GRAPH_NODE, "Relu", "", "a", "x", NULL);      /* "x" is another value outside */
    proto_node(&body, GRAPH_NODE, "Sum", "", "x t a b", "c", NULL); /* not the function's output "c" */
    proto_value(&body, GRAPH_OUTPUT, "c", 0);
    proto_graph_attribute(&attributes, "body", &body);
    proto_node(&function, FUNCTION_NODE, "Neg", "", "a", "t", NULL);
    proto_node(&function, FUNCTION_NODE, "Op", "o", "", "c", &attributes);
    proto_node(&graph, GRAPH_NODE, "mine.F", "f", "x x", "y", NULL); /* a and b are the same value */
    struct proto proto = model_around(&graph);
    proto_add(&proto, MODEL_FUNCTION, &function);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_string_equal(nodes_text(model->graph), "Neg(x)>f/t Op()>y");
    const struct graph *inner = model->graph->nodes[1].attributes[0].graph;
    assert_string_equal(nodes_text(inner), "Relu(x)>f/x Sum(f/x,f/t,x,x)>f/c");
    for (int i = 0; i < inner->value_count; i++) {
        const struct value *value = &inner->values[i];
        assert_int_equal(graph_find_value(inner, value->name), i);
        assert_int_equal(value->is_captured, graph_find_value(model->graph, value->name) >= 0);
    }
    onnx_close(model);
    free(data);
}

static void calls_may_stand_in_subgraphs(void **state) {
    (void)state;
    struct proto graph = {0}, function = function_begin("F", "a", "b"), body = {0}, attributes = {0};
    void *data;
    proto_node(&function, FUNCTION_NODE, "Neg", "", "a", "t", NULL);
    proto_node(&function, FUNCTION_NODE, "Abs", "", "t", "b", NULL);
    proto_node(&body, GRAPH_NODE, "mine.F", "f", "x", "s", NULL);
    proto_value(&body, GRAPH_OUTPUT, "s", 0);
    proto_graph_attribute(&attributes, "body", &body);
    proto_node(&graph, GRAPH_NODE, "Op", "o", "", "y", &attributes);
    struct proto proto = model_around(&graph);
    proto_add(&proto, MODEL_FUNCTION, &function);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_string_equal(nodes_text(model->graph->nodes[0].attributes[0].graph), "Neg(x)>f/t Abs(f/t)>s");
    onnx_close(model);
    free(data);
}

/* ---- what is refused ---- */

static void refuses_bad_calls(void **state) {
    (void)state;
    static const struct {
        const char *inputs, *outputs, *words;
    } cases[] = {
        {"x x", "y", "F \"f\": has 2 inputs, function \"mine.F\" takes 1"},
        {"x", "y z", "F \"f\": has 2 outputs, function \"mine.F\" makes 1"},
        {"z", "y", "input 0 \"z\" is no input"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto graph = {0}, function = function_begin("F", "a", "b");
        proto_node(&function, FUNCTION_NODE, "Relu", "", "a", "b", NULL);
        proto_node(&graph, GRAPH_NODE, "mine.F", "f", cases[i].inputs, cases[i].outputs, NULL);
        struct proto model = model_around(&graph);
        proto_add(&model, MODEL_FUNCTION, &function);
        proto_refused(&model, NULL, STATUS_INVALID_MODEL, cases[i].words);
    }
}

static struct proto model_of_function(struct proto *function) {
    struct proto none = {0};
    return call_with(&none, function);
}

static void refuses_bad_functions(void **state) {
    (void)state;
    struct proto unmade = function_begin("F", "a", "b");
    struct proto model = model_of_function(&unmade);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "function \"mine.F\" does not make its output \"b\"");

    struct proto closed = function_begin("F", "a", "b"); /* a body does not see the names around the call */
    proto_node(&closed, FUNCTION_NODE, "Relu", "r", "x", "b", NULL);
    model = model_of_function(&closed);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "F \"f\": Relu \"r\": input 0 \"x\" is no input");

    struct proto twice = function_begin("F", "a", "b");
    proto_node(&twice, FUNCTION_NODE, "Relu", "r", "a", "b", NULL);
    proto_node(&twice, FUNCTION_NODE, "Relu", "s", "a", "b", NULL);
    model = model_of_function(&twice);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "value \"b\" is defined twice");

    struct proto inputs = function_begin("F", "a a", "b");
    model = model_of_function(&inputs);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "has two inputs \"a\"");

    struct proto first = function_begin("F", "a", "a"), second = function_begin("F", "a", "a");
    model = model_of_function(&first);
    proto_add(&model, MODEL_FUNCTION, &second);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "function \"mine.F\" is defined twice");
}

/* Nodes of a function keep its operator sets where the model has others. */
static void a_function_has_its_own_operator_sets(void **state) {
    (void)state;
    struct proto newer = function_begin("F", "a", "b");
    void *data;
    proto_opset(&newer, FUNCTION_OPSET, "", 18);
    proto_node(&newer, FUNCTION_NODE, "Relu", "r", "a", "b", NULL);
    struct proto proto = model_of_function(&newer);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_int_equal(model->graph->nodes[0].opset, 18);
    onnx_close(model);
    free(data);

    struct proto same = function_begin("F", "a", "b");
    proto_opset(&same, FUNCTION_OPSET, "", 17);
    proto_node(&same, FUNCTION_NODE, "Relu", "r", "a", "b", NULL);
    proto = model_of_function(&same);
    model = proto_load(&proto, &data);
    assert_int_equal(model->graph->nodes[0].opset, 0);
    onnx_close(model);
    free(data);
}

static void a_functions_operator_sets_become_the_models(void **state) {
    (void)state;
    struct proto function = function_begin("F", "a", "b");
    void *data;
    proto_opset(&function, FUNCTION_OPSET, "other", 3);
    proto_opset(&function, FUNCTION_OPSET, "", 17);
    proto_node(&function, FUNCTION_NODE, "other.Op", "", "a", "b", NULL);
    struct proto proto = model_of_function(&function);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_int_equal(onnx_opset(model, "other"), 3);
    assert_string_equal(model->graph->nodes[0].domain, "other");
    onnx_close(model);
    free(data);
}

static void refuses_recursion(void **state) {
    (void)state;
    struct proto self = function_begin("F", "a", "b");
    proto_node(&self, FUNCTION_NODE, "mine.F", "again", "a", "b", NULL);
    struct proto model = model_of_function(&self);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "F \"f\": F \"again\": function \"mine.F\" calls itself");

    struct proto one = function_begin("F", "a", "b"), two = function_begin("G", "a", "b");
    proto_node(&one, FUNCTION_NODE, "mine.G", "g", "a", "b", NULL);
    proto_node(&two, FUNCTION_NODE, "mine.F", "h", "a", "b", NULL);
    model = model_of_function(&one);
    proto_add(&model, MODEL_FUNCTION, &two);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "calls itself");
}

/* F0 calls F1 twice, F1 calls F2 twice, ...: few bytes, 2^depth calls. */
static struct proto doubling_model(int depth, int times) {
    struct proto graph = {0}, functions = {0};
    char name[16], callee[32];
    for (int i = 0; i <= depth; i++) {
        snprintf(name, sizeof name, "F%d", i);
        struct proto function = function_begin(name, "a", "a");
        snprintf(callee, sizeof callee, "mine.F%d", i + 1);
        for (int j = 0; j < times && i < depth; j++)
            proto_node(&function, FUNCTION_NODE, callee, "c", "a", "-", NULL);
        proto_add(&functions, MODEL_FUNCTION, &function);
    }
    proto_node(&graph, GRAPH_NODE, "mine.F0", "f", "x", "y", NULL);
    struct proto model = model_around(&graph);
    proto_raw(&model, functions.bytes, functions.size);
    proto_free(&functions);
    return model;
}

static void expansion_is_bounded(void **state) {
    (void)state;
    struct proto bomb = doubling_model(50, 2), chain = doubling_model(100, 1);
    proto_refused(&bomb, &(struct load_limits){.nodes = 10000}, STATUS_LIMIT, "limit nodes");
    proto_refused(&chain, NULL, STATUS_LIMIT, "functions call each other deeper than 64 levels");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_take_the_place_of_calls),
        cmocka_unit_test(made_up_names_are_unique),
        cmocka_unit_test(functions_call_functions),
        cmocka_unit_test(inputs_and_outputs_may_be_left_out),
        cmocka_unit_test(passed_through_values_are_copied),
        cmocka_unit_test(attributes_come_from_the_call),
        cmocka_unit_test(attributes_go_through_nested_calls),
        cmocka_unit_test(subgraphs_in_bodies_capture_what_they_mean),
        cmocka_unit_test(calls_may_stand_in_subgraphs),
        cmocka_unit_test(refuses_bad_calls),
        cmocka_unit_test(refuses_bad_functions),
        cmocka_unit_test(a_functions_operator_sets_become_the_models),
        cmocka_unit_test(a_function_has_its_own_operator_sets),
        cmocka_unit_test(refuses_recursion),
        cmocka_unit_test(expansion_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

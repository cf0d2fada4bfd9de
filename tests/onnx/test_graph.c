/* Graphs: names, order, cycles, subgraphs, copies. */
#include "onnx/graph_sort.h"
#include "onnx/load/load.h"
#include "tests/support/proto.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *names(const struct graph *graph) {
    static char text[256];
    text[0] = 0;
    for (int i = 0; i < graph->node_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", graph->nodes[i].name);
    return text;
}

static int value_at(const struct graph *graph, const char *name) {
    const int index = graph_find_value(graph, name);
    if (index < 0)
        fail_msg("there is no value \"%s\"", name);
    return index;
}

/* Every value is made before it is used, and says by which node. */
static void check_order(const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int j = 0; j < node->input_count; j++)
            assert_true(node->inputs[j] == NO_VALUE || graph->values[node->inputs[j]].producer < i);
        for (int j = 0; j < node->output_count; j++)
            assert_true(node->outputs[j] == NO_VALUE || graph->values[node->outputs[j]].producer == i);
    }
}

/* ---- order ---- */

static void keeps_an_order_that_is_good(void **state) {
    (void)state;
    struct proto graph = {0};
    void *data;
    proto_node(&graph, GRAPH_NODE, "Relu", "d", "x", "1", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "a", "x", "2", NULL);
    proto_node(&graph, GRAPH_NODE, "Add", "c", "2 1", "3", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "b", "x", "4", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "3", 0);
    struct proto proto = proto_model(&graph);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_string_equal(names(model->graph), "d a c b");
    onnx_close(model);
    free(data);
}

static void sorts_nodes_in_any_order(void **state) {
    (void)state;
    enum { COUNT = 40 };
    print_message("LIMNER_TEST_SEED=%llu\n", (unsigned long long)test_seed());
    struct random random = random_from(test_seed());
    for (int round = 0; round < 200; round++) {
        int order[COUNT];
        struct proto graph = {0};
        void *data;
        for (int i = 0; i < COUNT; i++) {
            const int other = (int)random_int(&random, 0, i);
            order[i] = order[other];
            order[other] = i;
        }
        for (int i = 0; i < COUNT; i++) { /* node n takes two values made before it */
            char inputs[32], output[16], name[16];
            const int n = order[i];
            snprintf(inputs, sizeof inputs, "v%d v%d", (int)random_int(&random, 0, n), (int)random_int(&random, 0, n));
            snprintf(output, sizeof output, "v%d", n + 1);
            snprintf(name, sizeof name, "n%d", n);
            proto_node(&graph, GRAPH_NODE, "Add", name, inputs, output, NULL);
        }
        proto_value(&graph, GRAPH_INPUT, "v0", 0);
        proto_value(&graph, GRAPH_OUTPUT, "v40", 0);
        struct proto proto = proto_model(&graph);
        struct onnx_model *model = proto_load(&proto, &data);
        assert_int_equal(model->graph->node_count, COUNT);
        check_order(model->graph);
        onnx_close(model);
        free(data);
    }
}

static void names_a_cycle(void **state) {
    (void)state;
    struct proto graph = {0};
    proto_node(&graph, GRAPH_NODE, "Relu", "start", "x", "1", NULL);
    proto_node(&graph, GRAPH_NODE, "Add", "one", "1 4", "2", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "two", "2", "3", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "", "3", "4", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "end", "4", "5", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "5", 0);
    struct proto model = proto_model(&graph);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL,
                  "a cycle of 3 nodes: \"two\" (Relu) -> \"4\" (Relu) -> \"one\" (Add) -> \"two\"");

    proto_node(&graph, GRAPH_NODE, "Relu", "self", "y", "y", NULL);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    struct proto self = proto_model(&graph);
    proto_refused(&self, NULL, STATUS_INVALID_MODEL, "a cycle of 1 node: \"self\" (Relu) -> \"self\"");
}

static void a_long_cycle_and_a_long_chain_need_no_stack(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    struct pool *pool = pool_create();
    struct graph graph = {.name = "long"};
    struct error err = {0};
    for (int i = 0; i <= COUNT; i++)
        assert_int_equal(graph_add_value(&graph, pool, "v"), i);
    for (int i = 0; i < COUNT; i++) {
        int *ends = pool_array(pool, 2, sizeof *ends);
        ends[0] = i + 1; /* the first node needs what the last one makes */
        ends[1] = i;
        const struct node node = {.name = "n",
                                  .op_type = "Relu",
                                  .domain = "",
                                  .inputs = ends,
                                  .input_count = 1,
                                  .outputs = ends + 1,
                                  .output_count = 1};
        assert_int_equal(graph_add_node(&graph, pool, &node), i);
    }
    assert_int_equal(graph_sort(&graph, &err), STATUS_OK);
    check_order(&graph);
    assert_int_equal(graph.nodes[0].inputs[0], COUNT);
    graph.nodes[0].inputs[0] = 0;
    assert_int_equal(graph_sort(&graph, &err), STATUS_INVALID_MODEL);
    assert_non_null(strstr(err.message, "a cycle of 100000 nodes"));
    assert_non_null(strstr(err.message, "-> ... ->"));
    pool_destroy(pool);
}

/* ---- names ---- */

static void refused_graph(struct proto *graph, const char *words) {
    struct proto model = proto_model(graph);
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, words);
}

static void refuses_values_that_are_defined_twice(void **state) {
    (void)state;
    struct proto graph = {0};
    proto_node(&graph, GRAPH_NODE, "Relu", "a", "x", "y", NULL);
    proto_node(&graph, GRAPH_NODE, "Relu", "b", "x", "y", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "Relu \"b\": value \"y\" is defined twice");
    proto_node(&graph, GRAPH_NODE, "Split", "a", "x", "y y", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "value \"y\" is defined twice");
    proto_node(&graph, GRAPH_NODE, "Relu", "a", "x", "x", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "x", 0);
    refused_graph(&graph, "value \"x\" is defined twice");
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "x", 0);
    refused_graph(&graph, "value \"x\" is defined twice");
    proto_initializer(&graph, "w", 1);
    proto_initializer(&graph, "w", 1);
    proto_value(&graph, GRAPH_OUTPUT, "w", 1, 1);
    refused_graph(&graph, "initializer \"w\": is defined twice");
    proto_initializer(&graph, "w", 1);
    proto_node(&graph, GRAPH_NODE, "Relu", "a", "w", "w", NULL);
    proto_value(&graph, GRAPH_OUTPUT, "w", 1, 1);
    refused_graph(&graph, "value \"w\" is defined twice");
}

static void refuses_values_that_nothing_makes(void **state) {
    (void)state;
    struct proto graph = {0};
    proto_node(&graph, GRAPH_NODE, "Conv", "enc.0", "x weight", "y", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "Conv \"enc.0\": input 1 \"weight\" is no input, initializer or node output");
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "graph output 0 \"y\" is made by no node");
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    refused_graph(&graph, "no outputs");
}

static void refuses_missing_names(void **state) {
    (void)state;
    struct proto graph = {0};
    proto_value(&graph, GRAPH_INPUT, "", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "graph input 0 has no name");
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "", 0);
    refused_graph(&graph, "graph output 1 has no name");
    proto_initializer(&graph, "", 1);
    proto_value(&graph, GRAPH_OUTPUT, "x", 0);
    refused_graph(&graph, "initializer 0 has no name");
    proto_node(&graph, GRAPH_NODE, "", "n", "", "y", NULL);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "no op_type");
}

static void empty_names_leave_edges_out(void **state) {
    (void)state;
    struct proto graph = {0};
    void *data;
    proto_node(&graph, GRAPH_NODE, "Clip", "c", "x - x", "y -", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    struct proto proto = proto_model(&graph);
    struct onnx_model *model = proto_load(&proto, &data);
    const struct node *node = &model->graph->nodes[0];
    assert_int_equal(node->input_count, 3);
    assert_int_equal(node->inputs[1], NO_VALUE);
    assert_int_equal(node->output_count, 2);
    assert_int_equal(node->outputs[1], NO_VALUE);
    onnx_close(model);
    free(data);
}

static void an_initializer_may_be_an_input_too(void **state) {
    (void)state;
    struct proto graph = {0};
    void *data;
    proto_node(&graph, GRAPH_NODE, "Add", "a", "x w", "y", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 1, 4);
    proto_value(&graph, GRAPH_INPUT, "w", 1, 4);
    proto_initializer(&graph, "w", 4);
    proto_value(&graph, GRAPH_OUTPUT, "y", 1, 4);
    struct proto proto = proto_model(&graph);
    struct onnx_model *model = proto_load(&proto, &data);
    const struct value *w = &model->graph->values[value_at(model->graph, "w")];
    assert_true(w->is_input);
    assert_non_null(w->initializer);
    assert_int_equal(model->graph->input_count, 2);
    onnx_close(model);
    free(data);

    struct proto tensor = proto_tensor("w", DTYPE_INT32, 1, 1);
    proto_int(&tensor, TENSOR_INT32S, 1);
    proto_value(&graph, GRAPH_INPUT, "w", 1, 1);
    proto_add(&graph, GRAPH_INITIALIZER, &tensor);
    proto_value(&graph, GRAPH_OUTPUT, "w", 1, 1);
    refused_graph(&graph,
                  "initializer \"w\": has elements of type int32, its input of the same name is declared with float");
}

/* ---- subgraphs ---- */

/* A node that has a graph with one Add of these inputs, whose output is "sum". */
static void add_body(struct proto *graph, const char *name, const char *inputs, const char *output) {
    struct proto body = {0}, attributes = {0};
    proto_node(&body, GRAPH_NODE, "Add", "inner", inputs, "sum", NULL);
    proto_value(&body, GRAPH_OUTPUT, "sum", 0);
    proto_graph_attribute(&attributes, "body", &body);
    proto_node(graph, GRAPH_NODE, "Op", name, "", output, &attributes);
}

static void captured_values_order_their_node(void **state) {
    (void)state;
    struct proto graph = {0};
    void *data;
    add_body(&graph, "user", "x made", "y"); /* stands before the node that makes what it captures */
    proto_node(&graph, GRAPH_NODE, "Relu", "maker", "x", "made", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    struct proto proto = proto_model(&graph);
    struct onnx_model *model = proto_load(&proto, &data);
    assert_string_equal(names(model->graph), "maker user");
    const struct graph *body = model->graph->nodes[1].attributes[0].graph;
    const struct value *made = &body->values[value_at(body, "made")];
    assert_true(made->is_captured);
    assert_int_equal(made->producer, -1);
    assert_false(body->values[value_at(body, "sum")].is_captured);
    assert_true(body->values[value_at(body, "x")].is_captured);
    assert_int_equal(body->value_count, 3);
    onnx_close(model);
    free(data);
}

static void a_cycle_may_lead_through_a_subgraph(void **state) {
    (void)state;
    struct proto graph = {0};
    add_body(&graph, "user", "x made", "y");
    proto_node(&graph, GRAPH_NODE, "Relu", "maker", "y", "made", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "a cycle of 2 nodes: \"maker\" (Relu) -> \"user\" (Op) -> \"maker\"");
}

/* What an inner graph takes from the outermost one, the graph between captures too. */
static void captures_go_through_the_graph_between(void **state) {
    (void)state;
    struct proto graph = {0}, middle = {0}, attributes = {0};
    void *data;
    add_body(&middle, "deep", "x w", "m");
    proto_value(&middle, GRAPH_OUTPUT, "m", 0);
    proto_graph_attribute(&attributes, "body", &middle);
    proto_node(&graph, GRAPH_NODE, "Op", "outer", "", "y", &attributes);
    proto_initializer(&graph, "w", 4);
    proto_value(&graph, GRAPH_INPUT, "x", 1, 4);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    struct proto proto = proto_model(&graph);
    struct onnx_model *model = proto_load(&proto, &data);
    const struct graph *between = model->graph->nodes[0].attributes[0].graph;
    assert_true(between->values[value_at(between, "x")].is_captured);
    assert_true(between->values[value_at(between, "w")].is_captured);
    assert_int_equal(between->values[value_at(between, "x")].type.dims[0].size, 4);
    const struct graph *deep = between->nodes[0].attributes[0].graph;
    assert_true(deep->values[value_at(deep, "w")].is_captured);
    onnx_close(model);
    free(data);
}

static void refuses_names_that_no_graph_around_knows(void **state) {
    (void)state;
    struct proto graph = {0};
    add_body(&graph, "user", "x nowhere", "y");
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    refused_graph(&graph, "Op \"user\": attribute \"body\": subgraph \"\": Add \"inner\": input 1 \"nowhere\"");

    add_body(&graph, "user", "x x", "y"); /* what is inside stays inside */
    proto_node(&graph, GRAPH_NODE, "Relu", "r", "sum", "z", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "z", 0);
    refused_graph(&graph, "input 0 \"sum\" is no input");
}

/* ---- building and copying ---- */

static void a_copy_can_be_changed(void **state) {
    (void)state;
    struct proto proto = {0}, attributes = {0};
    void *data;
    proto_int_attribute(&attributes, "axis", 3);
    proto_node(&proto, GRAPH_NODE, "Relu", "a", "x", "y", &attributes);
    proto_value(&proto, GRAPH_INPUT, "x", 0);
    proto_value(&proto, GRAPH_OUTPUT, "y", 0);
    struct proto whole = proto_model(&proto);
    struct onnx_model *model = proto_load(&whole, &data);
    struct pool *pool = pool_create();
    struct graph *copy = graph_copy(model->graph, pool);
    assert_non_null(copy);
    copy->nodes[0].inputs[0] = NO_VALUE;
    copy->nodes[0].attributes[0].i = 4;
    copy->nodes[0].op_type = "Abs";
    copy->outputs[0] = copy->inputs[0];
    copy->values[0].is_output = true;
    const int added = graph_add_value(copy, pool, "new");
    assert_int_equal(added, 2);
    assert_int_equal(copy->values[added].producer, -1);
    assert_int_equal(copy->values[added].type.rank, -1);
    assert_int_equal(graph_add_node(copy, pool, &copy->nodes[0]), 1);
    assert_int_equal(graph_find_value(copy, "new"), added);

    const struct graph *graph = model->graph;
    assert_int_equal(graph->nodes[0].inputs[0], value_at(graph, "x"));
    assert_int_equal(graph->nodes[0].attributes[0].i, 3);
    assert_string_equal(graph->nodes[0].op_type, "Relu");
    assert_int_equal(graph->outputs[0], value_at(graph, "y"));
    assert_false(graph->values[0].is_output);
    assert_int_equal(graph->value_count, 2);
    assert_int_equal(graph->node_count, 1);
    pool_destroy(pool);
    onnx_close(model);
    free(data);
}

static void sorting_finds_two_makers(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct graph graph = {.name = "g"};
    struct error err = {0};
    int y = graph_add_value(&graph, pool, "y");
    const struct node node = {.name = "n", .op_type = "Op", .domain = "", .outputs = &y, .output_count = 1};
    assert_int_equal(graph_sort(&graph, &err), STATUS_OK); /* no nodes at all */
    graph_add_node(&graph, pool, &node);
    assert_int_equal(graph_sort(&graph, &err), STATUS_OK);
    graph_add_node(&graph, pool, &node);
    assert_int_equal(graph_sort(&graph, &err), STATUS_INVALID_MODEL);
    assert_non_null(strstr(err.message, "value \"y\" is made by both"));
    graph.node_count = 1;
    graph.values[y].is_input = true;
    assert_int_equal(graph_sort(&graph, &err), STATUS_INVALID_MODEL);
    assert_non_null(strstr(err.message, "is a graph input too"));
    pool_destroy(pool);
}

static void domains_have_one_spelling(void **state) {
    (void)state;
    assert_string_equal(domain_canonical(""), "");
    assert_string_equal(domain_canonical("ai.onnx"), "");
    assert_string_equal(domain_canonical(NULL), "");
    assert_string_equal(domain_canonical("ai.onnx.ml"), "ai.onnx.ml");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_an_order_that_is_good),
                                       cmocka_unit_test(sorts_nodes_in_any_order),
                                       cmocka_unit_test(names_a_cycle),
                                       cmocka_unit_test(a_long_cycle_and_a_long_chain_need_no_stack),
                                       cmocka_unit_test(refuses_values_that_are_defined_twice),
                                       cmocka_unit_test(refuses_values_that_nothing_makes),
                                       cmocka_unit_test(refuses_missing_names),
                                       cmocka_unit_test(empty_names_leave_edges_out),
                                       cmocka_unit_test(an_initializer_may_be_an_input_too),
                                       cmocka_unit_test(captured_values_order_their_node),
                                       cmocka_unit_test(a_cycle_may_lead_through_a_subgraph),
                                       cmocka_unit_test(captures_go_through_the_graph_between),
                                       cmocka_unit_test(refuses_names_that_no_graph_around_knows),
                                       cmocka_unit_test(a_copy_can_be_changed),
                                       cmocka_unit_test(sorting_finds_two_makers),
                                       cmocka_unit_test(domains_have_one_spelling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
/* Memory of plans: who may share it, that plans are made over, and limits. */
#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "runtime/passes/pass.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- against computing node by node ---- */

/* Every value of the graph, computed with op_evaluate on memory of its own. */
static struct tensor *evaluate_all(const struct graph *graph, const struct tensor *x) {
    struct tensor *values = calloc((size_t)graph->value_count, sizeof *values);
    assert_non_null(values);
    values[graph->inputs[0]] = *x;
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer)
            values[i] = *graph->values[i].initializer;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        const struct tensor *inputs[8] = {NULL};
        struct tensor *outputs[8] = {NULL};
        struct error err;
        for (int k = 0; k < node->input_count; k++)
            inputs[k] = node->inputs[k] == NO_VALUE ? NULL : &values[node->inputs[k]];
        for (int k = 0; k < node->output_count; k++)
            outputs[k] = &values[node->outputs[k]];
        if (op_evaluate(node, 13, inputs, outputs, test_kernels(), 1, SIZE_MAX, &err) != STATUS_OK)
            fail_msg("%s: %s", node->op_type, err.message);
    }
    return values;
}

static void free_all(const struct graph *graph, struct tensor *values) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].output_count; k++)
            free(values[graph->nodes[i].outputs[k]].data);
    free(values);
}

/* Nodes that may be in place, views, splits, and joins over values of 24 floats in two shapes. */
static void add_random_node(struct builder *b, struct random *random, int i) {
    static const char *const one[] = {"Relu", "Identity", "Neg", "Sigmoid"};
    char inputs[64], outputs[64];
    const int a = (int)random_int(random, 0, i - 1), c = (int)random_int(random, 0, i - 1);
    snprintf(outputs, sizeof outputs, "v%d", i);
    switch (random_int(random, 0, 5)) {
    case 0:
        snprintf(inputs, sizeof inputs, "v%d", a);
        build_node(b, one[random_int(random, 0, 3)], inputs, outputs);
        break;
    case 1: /* there and back: a view of a view */
        snprintf(inputs, sizeof inputs, "v%d flat", a);
        snprintf(outputs, sizeof outputs, "r%d", i);
        build_node(b, "Reshape", inputs, outputs);
        snprintf(inputs, sizeof inputs, "r%d square", i);
        snprintf(outputs, sizeof outputs, "v%d", i);
        build_node(b, "Reshape", inputs, outputs);
        break;
    case 2:
        snprintf(inputs, sizeof inputs, "v%d", a);
        snprintf(outputs, sizeof outputs, "s%d t%d", i, i);
        build_node(b, "Split", inputs, outputs);
        snprintf(inputs, sizeof inputs, "t%d s%d", i, i);
        snprintf(outputs, sizeof outputs, "v%d", i);
        build_node(b, "Concat", inputs, outputs);
        build_attribute_int(b, "axis", 0);
        break;
    case 3: /* a view and what it is a view of, in one node */
        snprintf(inputs, sizeof inputs, "v%d square", a);
        snprintf(outputs, sizeof outputs, "w%d", i);
        build_node(b, "Reshape", inputs, outputs);
        snprintf(inputs, sizeof inputs, "w%d v%d", i, a);
        snprintf(outputs, sizeof outputs, "v%d", i);
        build_node(b, "Sub", inputs, outputs);
        break;
    default:
        snprintf(inputs, sizeof inputs, random_int(random, 0, 4) ? "v%d v%d" : "k v%d", a, c);
        build_node(b, random_int(random, 0, 1) ? "Add" : "Sub", inputs, outputs);
    }
}

static void make_tangle(struct builder *b, struct random *random, struct random *constants) {
    build_input(b, "v0", DTYPE_FLOAT, "4 6");
    build_random(b, "k", "6", constants);
    build_ints(b, "flat", "24");
    build_ints(b, "square", "4 6");
    const int nodes = (int)random_int(random, 3, 25);
    for (int i = 1; i <= nodes; i++)
        add_random_node(b, random, i);
    const int outputs = (int)random_int(random, 1, 5);
    for (int i = 0; i < outputs; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", (int)random_int(random, 0, nodes));
        build_output(b, name);
    }
}

static void check_tangle(uint64_t seed) {
    struct random random = random_from(seed);
    struct builder builder = build_start(13);
    make_tangle(&builder, &random, &random);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 4, 6);
    test_fill(x, &random);
    const struct graph *graph = builder.model->graph;
    struct tensor *expected = evaluate_all(graph, x);
    const unsigned passes_off = random_int(&random, 0, 1) ? PASS_ALL : 0;
    limner_session *session = build_session(&builder, passes_off, NULL);
    float before[24];
    memcpy(before, x->data, sizeof before);
    limner_tensor input = as_input("v0", x), outputs[5] = {{0}};
    for (int again = 0; again < 2; again++) {
        memset(outputs, 0, sizeof outputs);
        run_model(session, &input, 1, outputs, (size_t)graph->output_count);
        for (int i = 0; i < graph->output_count; i++)
            if (memcmp(outputs[i].data, expected[graph->outputs[i]].data, 24 * sizeof(float)) != 0)
                fail_msg("seed %llu: output %d (%s) differs", (unsigned long long)seed, i, outputs[i].name);
        assert_memory_equal(before, x->data, sizeof before);
        for (int i = 0; i < graph->output_count; i++) /* the caller may do with outputs what he likes */
            memset(outputs[i].data, 0xff, outputs[i].bytes);
        assert_memory_equal(before, x->data, sizeof before);
    }
    free_all(graph, expected);
    limner_session_close(session);
    test_tensor_free(x);
}

static void random_graphs_share_memory_correctly(void **state) {
    (void)state;
    for (int i = 0; i < 500; i++)
        check_tangle(test_seed() + (uint64_t)i);
}

static limner_model *tangled(uint64_t seed, uint64_t constants_seed, unsigned passes_off, size_t *output_count) {
    struct random random = random_from(seed), constants = random_from(constants_seed);
    struct builder builder = build_start(13);
    make_tangle(&builder, &random, &constants);
    *output_count = (size_t)builder.model->graph->output_count;
    return build_model(&builder, passes_off);
}

/* The plan of one model made over to one with another constant gives what that one's own plan gives. */
static void random_plans_are_made_over(void **state) {
    (void)state;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 4, 6);
    struct random random = random_from(test_seed());
    test_fill(x, &random);
    const limner_tensor input = as_input("v0", x);
    for (uint64_t i = 0; i < 200; i++) {
        const uint64_t seed = test_seed() + i;
        const unsigned passes_off = i % 2 ? PASS_ALL : 0;
        size_t count;
        limner_model *old = tangled(seed, seed + 1, passes_off, &count),
                     *new = tangled(seed, seed + 2, passes_off, &count);
        limner_session *session = open_session(old, NULL), *fresh = open_session(new, NULL);
        limner_tensor outputs[5] = {{0}}, expected[5] = {{0}};
        limner_session_info info = LIMNER_SESSION_INFO_INIT;
        run_model(session, &input, 1, outputs, count);
        run_model(fresh, &input, 1, expected, count);
        assert_int_equal(limner_session_swap(session, new, NULL), LIMNER_OK);
        limner_model_close(old);
        limner_model_close(new);
        memset(outputs, 0, sizeof outputs); /* their names were the old model's */
        run_model(session, &input, 1, outputs, count);
        for (size_t k = 0; k < count; k++)
            if (memcmp(outputs[k].data, expected[k].data, 24 * sizeof(float)) != 0)
                fail_msg("seed %llu: output %zu differs", (unsigned long long)seed, k);
        limner_session_get_info(session, &info);
        assert_int_equal(info.plans_reused, 1);
        assert_int_equal(info.plans_made, 1);
        limner_session_close(session);
        limner_session_close(fresh);
    }
    test_tensor_free(x);
}

/* A chain of element-wise nodes needs the memory of one value, a chain of convolutions that of two. */
static void chains_use_little_memory(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "1 4 32 32");
    build_node(&builder, "Relu", "x", "a");
    build_node(&builder, "Sigmoid", "a", "b");
    build_node(&builder, "Neg", "b", "c");
    build_ints(&builder, "shape", "4 1024");
    build_node(&builder, "Reshape", "c shape", "d");
    build_node(&builder, "Tanh", "d", "y");
    build_output(&builder, "y");
    limner_session *session = build_session(&builder, PASS_ALL, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 4, 32, 32);
    test_fill(x, &random);
    limner_tensor input = as_input("x", x), output = {0};
    run_model(session, &input, 1, &output, 1);
    assert_int_equal(session->current->arena_bytes, 4 * 32 * 32 * 4);
    test_tensor_free(x);
    limner_session_close(session);
}

/* A node that reads a value and a view of it writes over neither. */
static void a_value_and_its_view_are_kept_apart_from_the_output(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "2 3");
    build_ints(&builder, "shape", "2 3");
    build_node(&builder, "Neg", "x", "a");
    build_node(&builder, "Reshape", "a shape", "b");
    build_node(&builder, "Sub", "b a", "c");
    build_node(&builder, "Neg", "c", "y");
    build_output(&builder, "y");
    const int a = graph_find_value(builder.model->graph, "a"), c = graph_find_value(builder.model->graph, "c");
    limner_session *session = build_session(&builder, PASS_ALL, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    test_fill(x, &random);
    limner_tensor input = as_input("x", x), output = {0};
    run_model(session, &input, 1, &output, 1);
    assert_int_not_equal(session->current->values[a].item, session->current->values[c].item);
    test_tensor_free(x);
    limner_session_close(session);
}

/* ---- limits ---- */

static void limits_hold_before_memory_is_taken(void **state) {
    (void)state;
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "n");
    build_ints(&builder, "shape", "1000000 1000000");
    build_node(&builder, "Expand", "x shape", "a");
    build_node(&builder, "Relu", "a", "y");
    build_output(&builder, "y");
    limner_model *model = build_model(&builder, 0);
    limner_tensor input = {.name = "x", .type = LIMNER_FLOAT, .rank = 1, .dims = {1}};
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    limner_session *session = open_session(model, NULL);
    assert_int_equal(limner_session_plan(session, &input, 1, &info, &error), LIMNER_LIMIT);
    assert_non_null(strstr(error.message, "Expand making \"a\": "));
    limner_session_close(session);
    session = open_session(model, &(limner_options){.limits = &(limner_limits){.size = sizeof(limner_limits),
                                                                               .tensor_bytes = (size_t)8 << 40}});
    assert_int_equal(limner_session_plan(session, &input, 1, &info, &error), LIMNER_LIMIT);
    assert_non_null(strstr(error.message, "activations"));
    limner_session_close(session);
    session = open_session(
        model, &(limner_options){.limits = &(limner_limits){.size = sizeof(limner_limits), .tensor_bytes = 8}});
    input.dims[0] = 3;
    assert_int_equal(limner_session_plan(session, &input, 1, &info, &error), LIMNER_LIMIT);
    assert_non_null(strstr(error.message, "input \"x\""));
    limner_session_close(session);
    limner_model_close(model);
}

static void dynamic_values_count_towards_the_limit(void **state) {
    (void)state;
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "1");
    build_input(&builder, "shape", DTYPE_INT64, "1");
    build_node(&builder, "Expand", "x shape", "a");
    for (int i = 0; i < 20; i++) { /* each is freed when the next one is there */
        char input[8], output[8];
        snprintf(input, sizeof input, i ? "a%d" : "a", i);
        snprintf(output, sizeof output, "a%d", i + 1);
        build_node(&builder, "Neg", input, output);
    }
    build_node(&builder, "Concat", "a19 a20", "y");
    build_attribute_int(&builder, "axis", 0);
    build_output(&builder, "y");
    limner_model *model = build_model(&builder, 0);
    limner_session *session = open_session(
        model, &(limner_options){.limits = &(limner_limits){.size = sizeof(limner_limits), .arena_bytes = 40000}});
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 1);
    limner_error error;
    for (int64_t size = 2000; size <= 3000; size += 1000) {
        struct tensor *shape = test_ints(1, &size);
        limner_tensor inputs[2] = {as_input("x", x), as_input("shape", shape)}, output = {0};
        const limner_status got = limner_session_run(session, inputs, 2, &output, 1, &error);
        assert_int_equal(got, size == 2000 ? LIMNER_OK : LIMNER_LIMIT);
        test_tensor_free(shape);
    }
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs_share_memory_correctly),
                                       cmocka_unit_test(random_plans_are_made_over),
                                       cmocka_unit_test(chains_use_little_memory),
                                       cmocka_unit_test(a_value_and_its_view_are_kept_apart_from_the_output),
                                       cmocka_unit_test(limits_hold_before_memory_is_taken),
                                       cmocka_unit_test(dynamic_values_count_towards_the_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
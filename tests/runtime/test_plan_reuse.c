/*
 * runtime/plan/plan_reuse.c, program_alike.c: a swapped-in model gives what it gives in a session of its own, and its
 * plan is the old one exactly when the models differ in nothing but the values of their constants.
 */
#include "runtime/passes/pass.h"
#include "tests/support/builder.h"

#include <string.h>

enum { MOST_OUTPUTS = 6 };

/* What both models are run with. */
struct trial {
    limner_model *old, *new; /* given up by check_swap */
    limner_tensor inputs[2];
    size_t input_count, output_count;
    bool reused;
};

static void run_all(const struct trial *trial, limner_session *session, limner_tensor outputs[MOST_OUTPUTS]) {
    memset(outputs, 0, MOST_OUTPUTS * sizeof *outputs);
    run_model(session, trial->inputs, trial->input_count, outputs, trial->output_count);
}

static void check_equal(const limner_tensor *output, const limner_tensor *expected) {
    assert_string_equal(output->name, expected->name);
    assert_int_equal(output->rank, expected->rank);
    assert_memory_equal(output->dims, expected->dims, sizeof output->dims);
    assert_memory_equal(output->data, expected->data, output->bytes);
}

/* The session must not need the old model any more. */
static void check_swap(const char *what, const struct trial *trial) {
    limner_tensor outputs[MOST_OUTPUTS], expected[MOST_OUTPUTS];
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    limner_error error;
    limner_session *session = open_session(trial->old, &(limner_options){.threads = 2});
    limner_session *fresh = open_session(trial->new, &(limner_options){.threads = 2});
    limner_model_close(trial->old);
    run_all(trial, session, outputs);
    run_all(trial, fresh, expected);
    if (limner_session_swap(session, trial->new, &error))
        fail_msg("%s: %s", what, error.message);
    limner_model_close(trial->new);
    limner_session_get_info(session, &info);
    if (info.plans_reused != trial->reused || info.plans_made != (trial->reused ? 1 : 2))
        fail_msg("%s: %zu plans made, %zu reused", what, info.plans_made, info.plans_reused);
    for (int again = 0; again < 2; again++) {
        run_all(trial, session, outputs);
        for (size_t i = 0; i < trial->output_count; i++)
            check_equal(&outputs[i], &expected[i]);
    }
    limner_session_get_info(session, &info);
    assert_int_equal(info.plans_made, trial->reused ? 1 : 2);
    assert_int_equal(info.plans, 1);
    limner_session_close(session);
    limner_session_close(fresh);
}

/* ---- what is reused, and what is not ---- */

enum change {
    VALUES, /* of constants that have no say in any shape */
    SAME_SHAPE,
    OTHER_SHAPE,
    CONSTANT_SHAPE,
    CONSTANT_TYPE,
    ATTRIBUTE,
    OPERATOR,
    EDGE,
    MORE_NODES,
    INPUT_ORDER,
    INPUT_NUMBERS,
    OUTPUT_ORDER,
    CHANGES
};
static const char *const change_names[CHANGES] = {"values",
                                                  "a target with the same meaning",
                                                  "another target shape",
                                                  "a constant's rank",
                                                  "a constant's type",
                                                  "an attribute",
                                                  "an operator",
                                                  "an edge",
                                                  "a node more",
                                                  "the order of inputs",
                                                  "the numbers of inputs",
                                                  "the order of outputs"};

/* The first constant's values are the same in no two models. Values are numbered as they are first named. */
static limner_model *make_changed(enum change change, uint64_t seed, unsigned passes_off) {
    struct random random = random_from(seed);
    struct builder b = build_start(13);
    build_node(&b, "Sub", change == INPUT_ORDER || change == INPUT_NUMBERS ? "z x" : "x z", "difference");
    build_input(&b, change == INPUT_ORDER ? "z" : "x", DTYPE_FLOAT, "? ?");
    build_input(&b, change == INPUT_ORDER ? "x" : "z", DTYPE_FLOAT, "? ?");
    build_random(&b, "k", change == CONSTANT_SHAPE ? "1 1" : "1", &random);
    build_ints(&b, "target", change == OTHER_SHAPE ? "8 3" : change == SAME_SHAPE ? "-1 12" : "2 12");
    build_ints(&b, "ones", "1 1");
    if (change == CONSTANT_TYPE)
        build_ints(&b, "unit", "1");
    else
        build_float(&b, "unit", 1);
    build_node(&b, "LeakyRelu", "difference", "leaky");
    build_attribute_float(&b, "alpha", change == ATTRIBUTE ? 0.2f : 0.1f);
    build_node(&b, "Mul", "target ones", "shape");
    build_node(&b, "Reshape", "leaky shape", "r");
    build_node(&b, "Mul", change == EDGE ? "k r" : "r k", "m");
    build_node(&b, change == OPERATOR ? "Tanh" : "Sigmoid", "m", change == MORE_NODES ? "s" : "y");
    if (change == MORE_NODES)
        build_node(&b, "Neg", "s", "y");
    build_node(&b, "Shape", "unit", "unit_shape");
    build_node(&b, "Cast", "unit", "unit_float");
    build_attribute_int(&b, "to", DTYPE_FLOAT);
    build_output(&b, change == OUTPUT_ORDER ? "m" : "y");
    build_output(&b, change == OUTPUT_ORDER ? "y" : "m");
    build_output(&b, "unit_shape");
    build_output(&b, "unit_float");
    return build_model(&b, passes_off);
}

static void only_models_that_are_alike_share_a_plan(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 4, 6), *z = test_tensor(DTYPE_FLOAT, 2, 4, 1);
    test_fill(x, &random);
    test_fill(z, &random);
    for (int change = 0; change < CHANGES; change++)
        for (unsigned passes_off = 0; passes_off <= PASS_ALL; passes_off += PASS_ALL) {
            const struct trial trial = {.old = make_changed(VALUES, 1, passes_off),
                                        .new = make_changed((enum change)change, 2, passes_off),
                                        .inputs = {as_input("x", x), as_input("z", z)},
                                        .input_count = 2,
                                        .output_count = 4,
                                        .reused = change == VALUES || change == SAME_SHAPE};
            check_swap(change_names[change], &trial);
        }
    test_tensor_free(x);
    test_tensor_free(z);
}

/* ---- where constants go ---- */

static void add_channels(struct builder *b, const char *const names[4], const char *dims, struct random *random) {
    for (int i = 0; i < 4; i++)
        build_random(b, names[i], dims, random);
}

static void make_network(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "? 3 ? ?");
    build_random(b, "w", "8 3 3 3", random);
    build_random(b, "v", "8 5 4 4", random);
    add_channels(b, (const char *const[]){"scale", "shift", "mean", "bias"}, "8", random);
    struct tensor *variance = test_tensor(DTYPE_FLOAT, 1, 8);
    for (int i = 0; i < 8; i++)
        ((float *)variance->data)[i] = 1.5f + random_float(random);
    build_constant(b, "variance", variance);
    test_tensor_free(variance);
    build_node(b, "Conv", "x w bias", "c");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_node(b, "BatchNormalization", "c scale shift mean variance", "n");
    build_node(b, "Relu", "n", "r");
    build_node(b, "ConvTranspose", "r v", "y");
    build_attribute_ints(b, "strides", "2 2");
    build_output(b, "y");
    build_output(b, "c");
}

/* Products, and values that are computed or viewed while planning when no pass folds them. */
static void make_products(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "? 3 ? ?");
    build_random(b, "p", "9 70", random);
    build_random(b, "q", "70 5", random);
    build_random(b, "big", "70 70", random);
    build_random(b, "k", "5", random);
    build_ints(b, "rows", "-1 9");
    build_ints(b, "flat", "4900");
    build_node(b, "Reshape", "x rows", "r");
    build_node(b, "MatMul", "r p", "a");
    build_node(b, "Gemm", "a q k", "g");
    build_node(b, "Exp", "k", "e");
    build_node(b, "Mul", "g e", "y");
    build_node(b, "Reshape", "big flat", "view");
    build_node(b, "Tanh", "view", "t");
    for (int i = 0; i < 5; i++)
        build_output(b, (const char *const[]){"y", "e", "view", "t", "k"}[i]);
}

/* The shape of what follows Reshape is known only when it runs. */
static void make_dynamic(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "? 3 ? ?");
    build_input(b, "target", DTYPE_INT64, "2");
    build_random(b, "w", "4 3 1 1", random);
    build_random(b, "k", "9", random);
    build_node(b, "Conv", "x w", "c");
    build_node(b, "Relu", "c", "r");
    build_node(b, "Reshape", "r target", "s");
    build_node(b, "Mul", "s k", "y");
    build_output(b, "y");
    build_output(b, "r");
}

static void every_constant_is_the_new_models(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*make)(struct builder *b, struct random *random);
        size_t input_count, output_count;
    } graphs[] = {{"network", make_network, 1, 2}, {"products", make_products, 1, 5}, {"dynamic", make_dynamic, 2, 2}};
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 2, 3, 12, 15);
    struct tensor *target = test_ints(2, (const int64_t[]){-1, 9});
    test_fill(x, &random);
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++)
        for (unsigned passes_off = 0; passes_off <= PASS_ALL; passes_off += PASS_ALL) {
            struct builder old = build_start(13), new = build_start(13);
            graphs[i].make(&old, &random);
            graphs[i].make(&new, &random);
            const struct trial trial = {.old = build_model(&old, passes_off),
                                        .new = build_model(&new, passes_off),
                                        .inputs = {as_input("x", x), as_input("target", target)},
                                        .input_count = graphs[i].input_count,
                                        .output_count = graphs[i].output_count,
                                        .reused = true};
            check_swap(graphs[i].name, &trial);
        }
    test_tensor_free(x);
    test_tensor_free(target);
}

/* A run that gives an input with a default value has a program of its own; what is not given stays a default. */
static void defaults_that_are_given_and_that_are_not(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 6), *k = test_tensor(DTYPE_FLOAT, 1, 6);
    test_fill(x, &random);
    test_fill(k, &random);
    for (size_t given = 1; given <= 2; given++) {
        limner_model *models[2];
        for (int i = 0; i < 2; i++) {
            struct builder b = build_start(13);
            build_input(&b, "x", DTYPE_FLOAT, "6");
            build_input(&b, "k", DTYPE_FLOAT, "6");
            build_input(&b, "h", DTYPE_FLOAT, "6");
            build_random(&b, "k", "6", &random);
            build_random(&b, "h", "6", &random);
            build_node(&b, "Mul", "x k", "m");
            build_node(&b, "Add", "m h", "y");
            build_output(&b, "y");
            models[i] = build_model(&b, 0);
        }
        const struct trial trial = {.old = models[0],
                                    .new = models[1],
                                    .inputs = {as_input("x", x), as_input("k", k)},
                                    .input_count = given,
                                    .output_count = 1,
                                    .reused = true};
        check_swap("defaults", &trial);
    }
    test_tensor_free(x);
    test_tensor_free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_models_that_are_alike_share_a_plan),
        cmocka_unit_test(every_constant_is_the_new_models),
        cmocka_unit_test(defaults_that_are_given_and_that_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What models and sessions refuse, and what they say of it; a refusal changes nothing. */
#include "runtime/session/session.h"
#include "tests/support/builder.h"
#include "tests/support/small_generator.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

/* Fits in names and types, but not at the shapes that the session has seen. */
static limner_model *stubborn_model(void) {
    struct random random = random_from(1);
    struct builder b = build_start(13);
    build_input(&b, "picture", DTYPE_FLOAT, "N 3 H W");
    build_random(&b, "k", "1 3 5 7", &random);
    build_node(&b, "Add", "picture k", "repaired");
    build_node(&b, "Shape", "picture", "size");
    build_output(&b, "repaired");
    build_output(&b, "size");
    return build_model(&b, 0);
}

static limner_model *other_ports(const char *input, enum dtype dtype, const char *output) {
    struct builder b = build_start(13);
    build_input(&b, input, dtype, "N 3 H W");
    build_node(&b, "Neg", input, output);
    build_node(&b, "Shape", input, "size");
    build_output(&b, output);
    build_output(&b, "size");
    b.model->graph->values[graph_find_value(b.model->graph, "size")].type.dtype = DTYPE_UNDEFINED;
    return build_model(&b, 0);
}

static void a_failing_swap_changes_nothing(void **state) {
    (void)state;
    limner_model *model = small_generator(9);
    limner_model *others[4] = {stubborn_model(), other_ports("image", DTYPE_FLOAT, "repaired"),
                               other_ports("picture", DTYPE_DOUBLE, "repaired"),
                               other_ports("picture", DTYPE_FLOAT, "result")};
    static const char *const messages[4] = {"Add making \"repaired\": ", "\"image\"", "double", "\"result\""};
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *x = small_picture(1, 12, 12);
    limner_tensor before, after;
    run_picture(session, x, &before);
    float *copy = malloc(before.bytes);
    memcpy(copy, before.data, before.bytes);
    for (int i = 0; i < 4; i++) {
        limner_error error;
        assert_int_equal(limner_session_swap(session, others[i], &error), i ? LIMNER_INVALID_ARGUMENT : LIMNER_SHAPE);
        assert_non_null(strstr(error.message, messages[i]));
        assert_memory_equal(before.data, copy, before.bytes); /* even the outputs are still there */
        limner_model_close(others[i]);
    }
    run_picture(session, x, &after);
    assert_memory_equal(after.data, copy, after.bytes);
    free(copy);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

/* ---- bad arguments ---- */

static void expect_refusal(limner_session *session, const limner_tensor *inputs, size_t count, limner_status expected,
                           const char *part) {
    limner_tensor output = {.name = "repaired"};
    limner_error error;
    const limner_status got = limner_session_run(session, inputs, count, &output, 1, &error);
    if (got != expected || !strstr(error.message, part) || error.status != got)
        fail_msg("got %d \"%s\", expected %d \"%s\"", (int)got, error.message, (int)expected, part);
    assert_int_equal(limner_session_run(session, inputs, count, &output, 1, NULL), expected);
    assert_null(output.data);
}

static void inputs_are_checked(void **state) {
    (void)state;
    limner_model *model = small_generator(10);
    limner_session *session = open_session(model, NULL);
    struct tensor *x = small_picture(1, 8, 8);
    const limner_tensor good = as_input("picture", x);
    limner_tensor bad[2] = {good, good};
    expect_refusal(session, NULL, 0, LIMNER_INVALID_ARGUMENT, "input \"picture\" is missing");
    expect_refusal(session, bad, 2, LIMNER_INVALID_ARGUMENT, "input \"picture\": is given twice");
    bad[1].name = NULL;
    expect_refusal(session, bad, 2, LIMNER_INVALID_ARGUMENT, "has only 1 inputs");
    bad[0].name = "pic";
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "no input \"pic\"; its inputs are \"picture\"");
    bad[0] = good;
    bad[0].type = LIMNER_DOUBLE;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "element type double, expected float");
    bad[0].type = (limner_type)99;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "is no element type");
    bad[0] = good;
    bad[0].rank = 9;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "rank 9");
    bad[0].rank = 3;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "has shape [1,3,8], the model declares [N,3,H,W]");
    bad[0] = good;
    bad[0].dims[1] = 4;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "has shape [1,4,8,8], the model declares [N,3,H,W]");
    bad[0] = good;
    bad[0].dims[2] = -1;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "no shape");
    bad[0].dims[2] = INT64_MAX / 2;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "no shape");
    bad[0] = good;
    bad[0].data = NULL;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "has no data");
    bad[0] = good;
    bad[0].bytes--;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "has 767 bytes, its type and shape need 768");
    limner_tensor output = {.name = "fixed"};
    limner_error error;
    assert_int_equal(limner_session_run(session, &good, 1, &output, 1, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no output \"fixed\"; its outputs are \"repaired\", \"size\""));
    run_model(session, &good, 1, NULL, 0);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

/* Two sizes for one name: it runs, and the session says so, once; never for what stands for any size. */
static void one_name_for_two_sizes(void **state) {
    (void)state;
    static const struct {
        const char *a, *mask, *note;
    } cases[] = {
        {"n m", "m n", "dimension 0 (m) of input \"mask\" is 4, but dimension 1 of input \"a\" is 3"},
        {"side side", "h w", "dimension 1 (side) of input \"a\" is 3, but dimension 0 of input \"a\" is 2"},
        {"h w", "v u", ""},
        {"u v", "2 v", "dimension 1 (v) of input \"mask\" is 2, but dimension 1 of input \"a\" is 3"},
        {"? ?", "? ?", ""},
        {"* *", "* *", ""},
        {"None None", "None None", ""},
        {"-1 -1", "-1 -1", ""},
        {"dynamic dynamic", "p q", "(dynamic)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct builder b = build_start(13);
        const int rows = cases[i].mask[0] == '2' ? 2 : 4;
        build_input(&b, "a", DTYPE_FLOAT, cases[i].a);
        build_input(&b, "mask", DTYPE_BOOL, cases[i].mask);
        build_node(&b, "Shape", "mask", "s");
        build_node(&b, "Neg", "a", "y");
        build_output(&b, "y");
        build_output(&b, "s");
        limner_model *model = build_model(&b, 0);
        limner_session *session = open_session(model, NULL);
        struct tensor *a = test_tensor(DTYPE_FLOAT, 2, 2, 3), *mask = test_tensor(DTYPE_BOOL, 2, rows, 2);
        const limner_tensor inputs[2] = {as_input("a", a), as_input("mask", mask)};
        limner_tensor outputs[2] = {{0}};
        ((float *)a->data)[5] = 7;
        assert_string_equal(limner_session_note(session), "");
        for (int k = 0; k < 2; k++) {
            run_model(session, inputs, 2, outputs, 2);
            assert_true(((const float *)outputs[0].data)[5] == -7);
            assert_int_equal(((const int64_t *)outputs[1].data)[0], rows);
        }
        if (!strstr(limner_session_note(session), cases[i].note) ||
            (!cases[i].note[0] && limner_session_note(session)[0]))
            fail_msg("%s, %s: \"%s\"", cases[i].a, cases[i].mask, limner_session_note(session));
        test_tensor_free(a);
        test_tensor_free(mask);
        limner_session_close(session);
        limner_model_close(model);
    }
    assert_string_equal(limner_session_note(NULL), "");
}

static void bytes_of_a_bool(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "mask", DTYPE_BOOL, "n");
    build_node(&b, "Not", "mask", "y");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    limner_session *session = open_session(model, NULL);
    limner_error error;
    for (int count = 1; count < 140; count += 1 + count / 8) {
        struct tensor *mask = test_tensor(DTYPE_BOOL, 1, count);
        const limner_tensor input = as_input("mask", mask);
        memset(mask->data, 1, (size_t)count);
        run_model(session, &input, 1, NULL, 0);
        for (int i = 0; i < count; i++) {
            ((unsigned char *)mask->data)[i] = (unsigned char)(2 << i % 7);
            assert_int_equal(limner_session_run(session, &input, 1, NULL, 0, &error), LIMNER_INVALID_ARGUMENT);
            assert_non_null(strstr(error.message, "other than 0 and 1"));
            ((unsigned char *)mask->data)[i] = 0;
        }
        test_tensor_free(mask);
    }
    limner_session_close(session);
    limner_model_close(model);
}

#define REFUSED(call) assert_int_equal(call, LIMNER_INVALID_ARGUMENT)

static void models_refuse_nonsense(void **state) {
    (void)state;
    limner_model *model = small_generator(11), *none = model;
    limner_value value;
    limner_operator op;
    limner_error error;
    const char *text;
    int64_t version;
    REFUSED(limner_model_load(NULL, NULL, &none, &error));
    assert_null(none);
    assert_true(error.message[0] != 0);
    REFUSED(limner_model_load("x", NULL, NULL, NULL));
    REFUSED(limner_model_load_memory(NULL, 5, NULL, NULL, &none, NULL));
    REFUSED(limner_model_load_memory("x", 1, NULL, NULL, NULL, &error));
    REFUSED(limner_model_input(model, 1, &value));
    REFUSED(limner_model_input(model, 0, NULL));
    REFUSED(limner_model_input(NULL, 0, &value));
    REFUSED(limner_model_output(model, 2, &value));
    REFUSED(limner_model_output(model, 0, NULL));
    REFUSED(limner_model_output(NULL, 0, &value));
    REFUSED(limner_model_opset(model, 1, &text, &version));
    REFUSED(limner_model_opset(NULL, 0, &text, &version));
    REFUSED(limner_model_opset(model, 0, NULL, &version));
    REFUSED(limner_model_opset(model, 0, &text, NULL));
    REFUSED(limner_model_metadata(model, 0, &text, &text));
    REFUSED(limner_model_metadata(NULL, 0, &text, &text));
    REFUSED(limner_operator_at(1000000, &op));
    REFUSED(limner_operator_at(0, NULL));
    limner_model_close(model);
}

static void sessions_refuse_nonsense(void **state) {
    (void)state;
    limner_model *model = small_generator(11);
    limner_session *session = open_session(model, NULL), *no_session = session;
    limner_node_profile profile = LIMNER_NODE_PROFILE_INIT;
    limner_plan_info plan = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    limner_tensor tensor = {0};
    REFUSED(limner_session_create(NULL, NULL, &no_session, &error));
    assert_null(no_session);
    REFUSED(limner_session_create(model, NULL, NULL, &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .threads = -1}, &no_session,
                                  &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .threads = 100000},
                                  &no_session, &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .plans = -1}, &no_session,
                                  &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .cpu = (limner_cpu)7},
                                  &no_session, &error));
    REFUSED(limner_session_run(NULL, NULL, 0, NULL, 0, &error));
    REFUSED(limner_session_run(session, NULL, 1, NULL, 0, NULL));
    REFUSED(limner_session_run(session, NULL, 0, NULL, 1, NULL));
    REFUSED(limner_session_swap(NULL, model, NULL));
    REFUSED(limner_session_swap(session, NULL, &error));
    REFUSED(limner_session_plan(NULL, NULL, 0, &plan, &error));
    REFUSED(limner_session_plan(session, NULL, 1, &plan, &error));
    REFUSED(limner_session_plan(session, &tensor, 0, NULL, &error));
    REFUSED(limner_session_profile(NULL, 0, &profile));
    REFUSED(limner_session_profile(session, 0, NULL));
    limner_session_close(session);
    limner_model_close(model);
}

static void nothing_may_be_asked_of_nobody(void **state) {
    (void)state;
    limner_model *model = small_generator(11);
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    limner_model_get_info(NULL, &info);
    limner_model_get_info(model, NULL);
    limner_model_close(NULL);
    limner_session_close(NULL);
    assert_int_equal(limner_model_input_count(NULL), 0);
    assert_int_equal(limner_model_output_count(NULL), 0);
    assert_int_equal(limner_session_threads(NULL), 0);
    assert_string_equal(limner_session_cpu(NULL), "");
    assert_string_equal(limner_status_name((limner_status)1000), "unknown status");
    assert_string_equal(limner_type_name((limner_type)-5), "unknown");
    limner_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_swap_changes_nothing), cmocka_unit_test(inputs_are_checked),
        cmocka_unit_test(one_name_for_two_sizes),         cmocka_unit_test(bytes_of_a_bool),
        cmocka_unit_test(models_refuse_nonsense),         cmocka_unit_test(sessions_refuse_nonsense),
        cmocka_unit_test(nothing_may_be_asked_of_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
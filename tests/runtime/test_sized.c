/* runtime/session/sized: structures of limner.h as older and newer callers have them. */
#include "tests/support/builder.h"

#include "runtime/session/sized.h"

#include <string.h>

static limner_model *small_model(void) {
    struct builder b = build_start(13);
    build_input(&b, "x", DTYPE_FLOAT, "1 ?");
    build_node(&b, "Relu", "x", "y");
    build_output(&b, "y");
    return build_model(&b, 0);
}

static limner_status create(limner_model *model, const void *options, limner_error *error) {
    limner_session *session = NULL;
    const limner_status code = limner_session_create(model, options, &session, error);
    limner_session_close(session);
    return code;
}

static void options_of_every_size(void **state) {
    (void)state;
    limner_model *model = small_model();
    limner_options options = LIMNER_OPTIONS_INIT;
    limner_error error;
    assert_int_equal(create(model, NULL, &error), LIMNER_OK);
    assert_int_equal(create(model, &options, &error), LIMNER_OK);
    assert_int_equal(create(model, &(limner_options){0}, &error), LIMNER_OK);
    options.threads = -1;
    assert_int_equal(create(model, &options, &error), LIMNER_INVALID_ARGUMENT);
    options.size = sizeof options.size; /* of a time before threads */
    assert_int_equal(create(model, &options, &error), LIMNER_OK);
    limner_model_close(model);
}

static void options_of_a_newer_caller(void **state) {
    (void)state;
    struct {
        limner_options known;
        int newer;
    } options = {LIMNER_OPTIONS_INIT, 0};
    limner_model *model = small_model();
    limner_error error;
    options.known.size = sizeof options;
    assert_int_equal(create(model, &options, &error), LIMNER_OK);
    options.newer = 1;
    assert_int_equal(create(model, &options, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "limner_options has "));
    limner_model_close(model);
}

static void sizes_that_cannot_be(void **state) {
    (void)state;
    static const size_t sizes[] = {1, sizeof(size_t) - 1, SIZE_MAX, (size_t)1 << 20};
    limner_model *model = small_model();
    limner_error error;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(create(model, &(limner_options){.size = sizes[i]}, &error), LIMNER_INVALID_ARGUMENT);
        assert_int_equal(limner_model_get_info(model, &(limner_model_info){.size = sizes[i]}), LIMNER_INVALID_ARGUMENT);
    }
    assert_int_equal(create(model, &(limner_options){.threads = 1}, &error), LIMNER_INVALID_ARGUMENT); /* forgotten */
    assert_non_null(strstr(error.message, "limner_options.size is 0"));
    limner_model_close(model);
}

static void limits_have_sizes_too(void **state) {
    (void)state;
    limner_model *model = small_model();
    limner_error error;
    const limner_limits forgotten = {.arena_bytes = 1};
    const limner_options options = {.size = sizeof(limner_options), .limits = &forgotten};
    assert_int_equal(create(model, &options, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "limner_limits.size is 0"));
    limner_model *none = NULL;
    assert_int_equal(limner_model_load("nowhere.onnx", &forgotten, &none, &error), LIMNER_INVALID_ARGUMENT);
    limner_model_close(model);
}

static void answers_of_every_size(void **state) {
    (void)state;
    struct {
        limner_model_info known;
        int64_t newer;
    } info = {LIMNER_MODEL_INFO_INIT, 7};
    limner_model *model = small_model();
    info.known.size = sizeof info;
    assert_int_equal(limner_model_get_info(model, &info.known), LIMNER_OK);
    assert_int_equal(info.known.size, sizeof info);
    assert_int_equal(info.known.node_count, 1);
    assert_int_equal(info.newer, 0);
    limner_model_info old = {.size = offsetof(limner_model_info, node_count), .node_count = 99};
    assert_int_equal(limner_model_get_info(model, &old), LIMNER_OK);
    assert_int_equal(old.ir_version, info.known.ir_version);
    assert_int_equal(old.node_count, 99);
    assert_int_equal(limner_model_get_info(NULL, &info.known), LIMNER_INVALID_ARGUMENT);
    limner_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(options_of_every_size),
                                       cmocka_unit_test(options_of_a_newer_caller),
                                       cmocka_unit_test(sizes_that_cannot_be), cmocka_unit_test(limits_have_sizes_too),
                                       cmocka_unit_test(answers_of_every_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

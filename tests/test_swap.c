/* limner_session_swap on a real network: variants of one template take each other's place between two runs. */
#include "onnx/model.h"
#include "runtime/limner.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE "models/small/inpaint-torchscript17/model.onnx"
#define OTHER "models/small/edge-torchscript17/model.onnx"
enum { SIDE = 16, PIXELS = SIDE * SIDE };

/* A model made from the template by changing its weights, and the memory that it lies in. */
struct variant {
    void *bytes;
    limner_model *model;
};

static bool is_weight(const struct value *value) {
    const struct tensor *tensor = value->initializer;
    return tensor && tensor->dtype == DTYPE_FLOAT && tensor->shape.rank == 4;
}

/* Every weight becomes `factor` times a number that depends on its place. */
static void pour(struct onnx_model *model, float factor) {
    for (int i = 0; i < model->graph->value_count; i++) {
        struct value *value = &model->graph->values[i];
        if (!is_weight(value))
            continue;
        struct tensor *changed = pool_alloc(model->pool, sizeof *changed);
        *changed = *value->initializer;
        changed->mapped = false;
        changed->data = pool_alloc(model->pool, changed->bytes);
        float *to = changed->data;
        const float *from = value->initializer->data;
        for (size_t k = 0; k < changed->bytes / sizeof *to; k++)
            to[k] = from[k] * (1 + factor * sinf((float)k));
        value->initializer = changed;
    }
}

/* The first convolution wants five channels and the input no longer says how many it has: only planning can tell. */
static void spoil(struct onnx_model *model) {
    struct graph *graph = model->graph;
    graph->values[graph->inputs[0]].type.dims[1] = (struct dim){-1, NULL};
    for (int i = 0; i < graph->value_count; i++) {
        struct value *value = &graph->values[i];
        if (!is_weight(value) || value->initializer->shape.dims[1] != 4 || value->initializer->shape.dims[2] != 7)
            continue;
        struct tensor *changed = pool_alloc(model->pool, sizeof *changed);
        struct shape shape = value->initializer->shape;
        struct error err;
        shape.dims[1] = 5;
        assert_int_equal(tensor_describe(changed, DTYPE_FLOAT, &shape, &err), STATUS_OK);
        changed->data = pool_alloc(model->pool, changed->bytes);
        value->initializer = changed;
        return;
    }
    fail_msg("the template has no first convolution");
}

static struct variant make_variant(float factor, bool spoiled) {
    struct onnx_model *file;
    struct error err;
    limner_error error;
    struct variant variant;
    size_t size;
    if (onnx_load(TEMPLATE, NULL, &file, &err))
        fail_msg("%s", err.message);
    pour(file, factor);
    if (spoiled)
        spoil(file);
    if (onnx_save_memory(file, &variant.bytes, &size, &err))
        fail_msg("%s", err.message);
    onnx_close(file);
    if (limner_model_load_memory(variant.bytes, size, NULL, NULL, &variant.model, &error))
        fail_msg("%s", error.message);
    return variant;
}

static void variant_close(struct variant *variant) {
    limner_model_close(variant->model);
    free(variant->bytes);
}

static limner_session *open_one(limner_model *model) {
    limner_session *session;
    limner_error error;
    if (limner_session_create(model, &(limner_options){.threads = 2}, &session, &error))
        fail_msg("%s", error.message);
    return session;
}

static void paint(limner_session *session, float out[3 * PIXELS]) {
    float in[4 * PIXELS];
    struct random random = random_from(test_seed());
    for (size_t i = 0; i < 4 * PIXELS; i++)
        in[i] = fabsf(random_float(&random));
    const limner_tensor input = {"rgb_edge", LIMNER_FLOAT, 4, {1, 4, SIDE, SIDE}, in, sizeof in};
    limner_tensor output = {.name = "painted", .data = out, .bytes = 3 * PIXELS * sizeof *out};
    limner_error error;
    if (limner_session_run(session, &input, 1, &output, 1, &error))
        fail_msg("%s", error.message);
}

/* What a session of its own gives. */
static void paint_fresh(limner_model *model, float out[3 * PIXELS]) {
    limner_session *session = open_one(model);
    paint(session, out);
    limner_session_close(session);
}

static void variants_take_each_others_place(void **state) {
    (void)state;
    static float first[3 * PIXELS], second[3 * PIXELS], swapped[3 * PIXELS];
    struct variant a = make_variant(0, false), b = make_variant(0.7f, false);
    paint_fresh(a.model, first);
    paint_fresh(b.model, second);
    assert_memory_not_equal(first, second, sizeof first);
    limner_session *session = open_one(a.model);
    for (int i = 0; i < 3; i++) {
        paint(session, swapped);
        assert_memory_equal(swapped, first, sizeof first);
        assert_int_equal(limner_session_swap(session, b.model, NULL), LIMNER_OK);
        paint(session, swapped);
        assert_memory_equal(swapped, second, sizeof second);
        assert_int_equal(limner_session_swap(session, a.model, NULL), LIMNER_OK);
    }
    limner_session_close(session);
    variant_close(&a);
    variant_close(&b);
}

/* The session holds what it runs: the caller may give the old model up at once. */
static void the_swapped_in_model_outlives_its_caller(void **state) {
    (void)state;
    static float wanted[3 * PIXELS], swapped[3 * PIXELS];
    struct variant a = make_variant(0, false), b = make_variant(0.3f, false);
    paint_fresh(b.model, wanted);
    limner_session *session = open_one(a.model);
    paint(session, swapped);
    assert_int_equal(limner_session_swap(session, b.model, NULL), LIMNER_OK);
    variant_close(&a);
    limner_model_close(b.model);
    b.model = NULL;
    paint(session, swapped);
    assert_memory_equal(swapped, wanted, sizeof wanted);
    limner_session_close(session);
    variant_close(&b);
}

static void a_failing_swap_keeps_the_old_model(void **state) {
    (void)state;
    static float before[3 * PIXELS], after[3 * PIXELS];
    limner_error error;
    struct variant a = make_variant(0, false), spoiled = make_variant(0.5f, true);
    limner_model *other;
    assert_int_equal(limner_model_load(OTHER, NULL, &other, &error), LIMNER_OK);
    limner_session *session = open_one(a.model);
    paint(session, before);
    assert_int_equal(limner_session_swap(session, other, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "gray_edge_mask"));
    paint(session, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(limner_session_swap(session, spoiled.model, &error), LIMNER_SHAPE);
    paint(session, after);
    assert_memory_equal(before, after, sizeof before);
    limner_session_close(session);
    limner_model_close(other);
    variant_close(&a);
    variant_close(&spoiled);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_take_each_others_place),
        cmocka_unit_test(the_swapped_in_model_outlives_its_caller),
        cmocka_unit_test(a_failing_swap_keeps_the_old_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

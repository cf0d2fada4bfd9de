/*
 * limner_session_swap on a real network: checkpoints poured into one template take each other's place in one session,
 * between two runs.
 */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "runtime/limner.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/convert/convert.h"
#include "tools/convert/pour.h"
#include "tools/files/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE "models/small/inpaint-torchscript17/model.onnx"
#define OTHER "models/small/edge-torchscript17/model.onnx"
#define FIRST "tests/data/convert/inpaint" /* of one network, trained twice */
#define SECOND "tests/data/convert/inpaint-second"
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
static void pour_numbers(struct onnx_model *model, float factor) {
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

static struct variant load_saved(const struct onnx_model *file) {
    struct variant variant;
    struct error err;
    limner_error error;
    size_t size;
    if (onnx_save_memory(file, &variant.bytes, &size, &err))
        fail_msg("%s", err.message);
    if (limner_model_load_memory(variant.bytes, size, NULL, NULL, &variant.model, &error))
        fail_msg("%s", error.message);
    return variant;
}

static struct variant make_variant(float factor, bool spoiled) {
    struct onnx_model *file;
    struct error err;
    if (onnx_load(TEMPLATE, NULL, &file, &err))
        fail_msg("%s", err.message);
    pour_numbers(file, factor);
    if (spoiled)
        spoil(file);
    const struct variant variant = load_saved(file);
    onnx_close(file);
    return variant;
}

static void variant_close(struct variant *variant) {
    limner_model_close(variant->model);
    free(variant->bytes);
}

static limner_session *open_one(limner_model *model) {
    limner_session *session;
    limner_error error;
    if (limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .threads = 2}, &session, &error))
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

/* What the session has done so far. */
static void expect_plans(const limner_session *session, size_t made, size_t reused) {
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    limner_session_get_info(session, &info);
    assert_int_equal(info.plans_made, made);
    assert_int_equal(info.plans_reused, reused);
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
    expect_plans(session, 1, 6);
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

/* Refused: a network for another purpose, and one that only planning can tell to be spoiled. */
static void check_refusals(limner_session *session) {
    limner_error error;
    struct variant spoiled = make_variant(0.5f, true);
    limner_model *other;
    assert_int_equal(limner_model_load(OTHER, NULL, &other, &error), LIMNER_OK);
    assert_int_equal(limner_session_swap(session, other, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "gray_edge_mask"));
    assert_int_equal(limner_session_swap(session, spoiled.model, &error), LIMNER_SHAPE);
    limner_model_close(other);
    variant_close(&spoiled);
}

static void a_failing_swap_keeps_the_old_model(void **state) {
    (void)state;
    static float before[3 * PIXELS], after[3 * PIXELS];
    struct variant a = make_variant(0, false);
    limner_session *session = open_one(a.model);
    paint(session, before);
    check_refusals(session);
    paint(session, after);
    assert_memory_equal(before, after, sizeof before);
    expect_plans(session, 1, 0);
    limner_session_close(session);
    variant_close(&a);
}

/* ---- with the converter ---- */

static struct variant pour_checkpoint(const struct checkpoint *checkpoint) {
    const struct convert_options options = {0};
    struct pool *pool = pool_create();
    struct onnx_model *template, poured;
    struct conversion_plan plan;
    struct error err;
    if (onnx_load(TEMPLATE, NULL, &template, &err) || convert_plan(template, checkpoint, &options, pool, &plan, &err))
        fail_msg("%s", err.message);
    if (plan.problem_count)
        fail_msg("%s", plan.problems->text);
    if (pour(&plan, &poured, &err))
        fail_msg("%s", err.message);
    const struct variant variant = load_saved(&poured);
    convert_close(&plan);
    onnx_close(template);
    pool_destroy(pool);
    return variant;
}

static const char *file_in(const char *folder, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct variant convert(const char *folder) {
    struct checkpoint *checkpoint = NULL;
    struct error err;
    if (checkpoint_load(file_in(folder, "saved.pth"), NULL, &checkpoint, &err) ||
        checkpoint_choose(checkpoint, NULL, &err))
        fail_msg("%s", err.message);
    const struct variant variant = pour_checkpoint(checkpoint);
    checkpoint_close(checkpoint);
    return variant;
}

static struct tensor read_npy_file(const char *path) {
    struct byte_buffer bytes;
    struct tensor tensor = {.data = NULL};
    struct error err;
    if (file_read(path, &bytes, &err) || npy_read(bytes.data, bytes.size, &tensor, &err))
        fail_msg("%s", err.message);
    free(bytes.data);
    return tensor;
}

/* The largest difference from what PyTorch gave for the folder's checkpoint. */
static double distance_from_pytorch(limner_session *session, const char *folder) {
    const struct tensor in = read_npy_file(file_in(folder, "rgb_edge.npy"));
    const struct tensor expected = read_npy_file(file_in(folder, "expected.npy"));
    limner_tensor input = {"rgb_edge", LIMNER_FLOAT, in.shape.rank, {0}, in.data, in.bytes};
    limner_tensor output = {.name = "painted"};
    limner_error error;
    memcpy(input.dims, in.shape.dims, sizeof in.shape.dims);
    if (limner_session_run(session, &input, 1, &output, 1, &error))
        fail_msg("%s", error.message);
    assert_int_equal(output.bytes, expected.bytes);
    double largest = 0;
    for (size_t i = 0; i < output.bytes / sizeof(float); i++)
        largest = fmax(largest, fabs((double)((float *)output.data)[i] - (double)((float *)expected.data)[i]));
    free(in.data);
    free(expected.data);
    return largest;
}

/* Two sizes are planned once, at the first model's runs. After that only weights are packed. */
static void converted_checkpoints_are_swapped(void **state) {
    (void)state;
    static float first[3 * PIXELS], second[3 * PIXELS], swapped[3 * PIXELS];
    struct variant a = convert(FIRST), b = convert(SECOND);
    paint_fresh(a.model, first);
    paint_fresh(b.model, second);
    limner_session *session = open_one(a.model);
    paint(session, swapped);
    assert_true(distance_from_pytorch(session, FIRST) < 1e-4);
    assert_true(distance_from_pytorch(session, SECOND) > 1e-2);
    expect_plans(session, 2, 0);
    assert_int_equal(limner_session_swap(session, b.model, NULL), LIMNER_OK);
    paint(session, swapped);
    assert_memory_equal(swapped, second, sizeof second);
    assert_true(distance_from_pytorch(session, SECOND) < 1e-4);
    check_refusals(session);
    paint(session, swapped);
    assert_memory_equal(swapped, second, sizeof second);
    expect_plans(session, 2, 2);
    assert_int_equal(limner_session_swap(session, a.model, NULL), LIMNER_OK);
    paint(session, swapped);
    assert_memory_equal(swapped, first, sizeof first);
    expect_plans(session, 2, 4);
    limner_session_close(session);
    variant_close(&a);
    variant_close(&b);
}

/* A model for one fixed size cannot take the place of one whose session has planned another. */
static void a_fixed_size_that_contradicts_is_refused(void **state) {
    (void)state;
    limner_error error = {0};
    limner_model *dynamic = NULL, *fixed = NULL;
    limner_session *session = NULL;
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    limner_tensor input = {"picture", LIMNER_FLOAT, 4, {1, 3, 48, 48}, NULL, 0};
    assert_int_equal(limner_model_load("models/small/plain-torchscript17/model.onnx", NULL, &dynamic, &error),
                     LIMNER_OK);
    assert_int_equal(limner_model_load("models/small/plain-torchscript11-static/model.onnx", NULL, &fixed, &error),
                     LIMNER_OK);
    assert_int_equal(limner_session_create(dynamic, NULL, &session, &error), LIMNER_OK);
    assert_int_equal(limner_session_plan(session, &input, 1, &info, &error), LIMNER_OK);
    assert_int_equal(limner_session_swap(session, fixed, &error), LIMNER_SHAPE);
    assert_non_null(strstr(error.message, "\"picture\": has shape [1,3,48,48], the model declares [1,3,32,32]"));
    assert_int_equal(limner_session_plan(session, &input, 1, &info, &error), LIMNER_OK);
    limner_session_close(session);
    limner_model_close(dynamic);
    limner_model_close(fixed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_take_each_others_place),
        cmocka_unit_test(the_swapped_in_model_outlives_its_caller),
        cmocka_unit_test(a_failing_swap_keeps_the_old_model),
        cmocka_unit_test(a_fixed_size_that_contradicts_is_refused),
        cmocka_unit_test(converted_checkpoints_are_swapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

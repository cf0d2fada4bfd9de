/*
 * No memory while a session is made, plans, runs, takes another model, or keeps its packed weights: a clean error each
 * time, and a session that works as before.
 */
#include "runtime/limner.h"
#include "tests/support/builder.h"
#include "tests/support/refuse.h"
#include "tests/support/support.h"
#include "tools/files/array.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_INPUTS 4
#define MOST_OUTPUTS 8

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM};

/* A model, what it is fed with, and what it gives. */
struct scenario {
    char folder[256];
    limner_model *model;
    limner_options options;
    struct file_array arrays[MOST_INPUTS];
    limner_tensor inputs[MOST_INPUTS], expected[MOST_OUTPUTS];
    size_t input_count, output_count;
};

static status handed(limner_status code, const limner_error *error, struct error *err) {
    return code ? fail(err, (status)code, "%s", error->message) : STATUS_OK;
}

/* ---- cases ---- */

static limner_model *open_model(const char *folder) {
    limner_model *model;
    limner_error error;
    char path[256];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (limner_model_load(path, NULL, &model, &error))
        fail_msg("%s", error.message);
    return model;
}

static void read_input(struct scenario *c, const char *folder) {
    const size_t i = c->input_count++;
    struct file_array *array = &c->arrays[i];
    const struct picture_request none = {.place = NULL};
    struct error err;
    char path[256];
    assert_true(i < MOST_INPUTS);
    snprintf(path, sizeof path, "%s/test_data_set_0/input_%zu.pb", folder, i);
    if (array_read(path, &none, array, &err))
        fail_msg("%s", err.message);
    c->inputs[i] = as_input(array->name, &array->tensor);
}

static status run(const struct scenario *c, limner_session *session, limner_tensor outputs[MOST_OUTPUTS],
                  struct error *err) {
    limner_error error;
    for (size_t i = 0; i < c->output_count; i++)
        outputs[i] = (limner_tensor){.name = c->expected[i].name};
    return handed(limner_session_run(session, c->inputs, c->input_count, outputs, c->output_count, &error), &error,
                  err);
}

static void expect_right(const struct scenario *c, const limner_tensor outputs[MOST_OUTPUTS]) {
    for (size_t i = 0; i < c->output_count; i++) {
        assert_int_equal(outputs[i].bytes, c->expected[i].bytes);
        assert_memory_equal(outputs[i].data, c->expected[i].data, outputs[i].bytes);
    }
}

static void note_expected(struct scenario *c) {
    limner_session *session = open_session(c->model, &c->options);
    limner_tensor outputs[MOST_OUTPUTS];
    struct error err;
    if (run(c, session, outputs, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < c->output_count; i++) {
        c->expected[i] = outputs[i];
        c->expected[i].data = malloc(outputs[i].bytes);
        assert_non_null(c->expected[i].data);
        memcpy(c->expected[i].data, outputs[i].data, outputs[i].bytes);
    }
    limner_session_close(session);
}

static struct scenario scenario_open(const char *folder, limner_options options) {
    struct scenario c = {.model = open_model(folder), .options = options};
    c.options.cpu = (limner_cpu)(test_kernels()->level + LIMNER_CPU_PORTABLE);
    snprintf(c.folder, sizeof c.folder, "%s", folder);
    for (size_t i = limner_model_input_count(c.model); i > 0; i--)
        read_input(&c, folder);
    c.output_count = limner_model_output_count(c.model);
    assert_true(c.output_count <= MOST_OUTPUTS);
    for (size_t i = 0; i < c.output_count; i++) {
        limner_value value;
        limner_model_output(c.model, i, &value);
        c.expected[i].name = value.name;
    }
    note_expected(&c);
    return c;
}

static void scenario_close(struct scenario *c) {
    for (size_t i = 0; i < c->input_count; i++)
        array_close(&c->arrays[i]);
    for (size_t i = 0; i < c->output_count; i++)
        free(c->expected[i].data);
    limner_model_close(c->model);
}

/* ---- a session that plans and runs ---- */

/* A model of its own, so that weights are packed anew. After a refusal the same session runs, and gives the same. */
static status create_and_run(void *context, struct error *err) {
    const struct scenario *c = context;
    limner_session *session;
    limner_tensor outputs[MOST_OUTPUTS];
    limner_error error;
    refuse_pause();
    limner_model *model = open_model(c->folder);
    refuse_resume();
    status code = handed(limner_session_create(model, &c->options, &session, &error), &error, err);
    if (!code) {
        struct error ignored;
        code = run(c, session, outputs, err);
        refuse_pause();
        if (code)
            assert_int_equal(run(c, session, outputs, &ignored), STATUS_OK);
        expect_right(c, outputs);
    }
    limner_session_close(session);
    limner_model_close(model);
    return code;
}

static void refuse_running(const char *name, limner_options options) {
    char folder[256];
    snprintf(folder, sizeof folder, "models/small/%s", name);
    struct scenario c = scenario_open(folder, options);
    refuse_each(name, &no_memory, create_and_run, &c);
    scenario_close(&c);
}

static void sessions_run(void **state) {
    (void)state;
    static const char *const names[] = {
        "edge-torchscript17",       "inpaint-dynamo20",         "inpaint-torchscript9",
        "keyvalue-dynamo25",        "plain-torchscript17",      "convolution-torchscript17",
        "convtranspose1d-dynamo20", "convtranspose2d-dynamo20", "convtranspose3d-dynamo20",
        "outputpadding-dynamo18",   "gather-torchscript17",     "splitconcat-torchscript17",
        "reduce-torchscript17",     "reshape-torchscript17",    "linear-torchscript17",
        "instancenorm-dynamo20"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        refuse_running(names[i], (limner_options){.size = sizeof(limner_options), .threads = 2});
}

static void frugal_and_exact_sessions_run(void **state) {
    (void)state;
    refuse_running("inpaint-torchscript17",
                   (limner_options){.size = sizeof(limner_options), .threads = 1, .low_memory = 1});
    refuse_running("edge-torchscript17",
                   (limner_options){.size = sizeof(limner_options), .threads = 2, .exact = 1, .profile = 1});
}

/* ---- large pictures: algorithms that small ones do not choose ---- */

/* Convolutions of many kinds, one after the other. */
static limner_model *large_network(void) {
    struct random random = random_from(test_seed());
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "1 3 H W");
    build_random(&b, "w0", "64 3 7 7", &random);
    build_node(&b, "Conv", "x w0", "c0");
    build_attribute_ints(&b, "pads", "3 3 3 3");
    build_node(&b, "Relu", "c0", "r0");
    build_random(&b, "w1", "64 64 3 3", &random);
    build_node(&b, "Conv", "r0 w1", "c1");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_random(&b, "w2", "128 64 4 4", &random);
    build_node(&b, "Conv", "c1 w2", "c2");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_attribute_ints(&b, "strides", "2 2");
    build_random(&b, "w3", "128 128 3 3", &random);
    build_node(&b, "Conv", "c2 w3", "c3");
    build_attribute_ints(&b, "pads", "2 2 2 2");
    build_attribute_ints(&b, "dilations", "2 2");
    build_random(&b, "w4", "128 64 4 4", &random);
    build_node(&b, "ConvTranspose", "c3 w4", "c4");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_attribute_ints(&b, "strides", "2 2");
    build_random(&b, "w5", "3 64 7 7", &random);
    build_node(&b, "Conv", "c4 w5", "c5");
    build_attribute_ints(&b, "pads", "3 3 3 3");
    build_node(&b, "Tanh", "c5", "y");
    build_output(&b, "y");
    return build_model(&b, 0);
}

struct size {
    int64_t height, width;
};

/* The plan alone: what operators choose and pack. */
static status plan_large(void *context, struct error *err) {
    const struct size *size = context;
    const limner_tensor input = {
        .name = "x", .type = LIMNER_FLOAT, .rank = 4, .dims = {1, 3, size->height, size->width}};
    const limner_options options = {
        .size = sizeof(limner_options), .threads = 2, .cpu = (limner_cpu)(test_kernels()->level + LIMNER_CPU_PORTABLE)};
    limner_session *session;
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    refuse_pause();
    limner_model *model = large_network();
    refuse_resume();
    status code = handed(limner_session_create(model, &options, &session, &error), &error, err);
    if (!code)
        code = handed(limner_session_plan(session, &input, 1, &info, &error), &error, err);
    refuse_pause();
    if (code && session)
        assert_int_equal(limner_session_plan(session, &input, 1, &info, NULL), LIMNER_OK);
    limner_session_close(session);
    limner_model_close(model);
    return code;
}

static void large_pictures_are_planned(void **state) {
    (void)state;
    refuse_each("64x64", &no_memory, plan_large, &(struct size){64, 64});
    refuse_each("768x768", &no_memory, plan_large, &(struct size){768, 768});
}

/* ---- swaps ---- */

struct swap {
    struct scenario old, new;
    bool reused;
};

/* A refused swap leaves the old model running; then it is done. */
static status swap_models(void *context, struct error *err) {
    const struct swap *swap = context;
    limner_tensor outputs[MOST_OUTPUTS];
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    limner_error error;
    refuse_pause();
    limner_model *old = open_model(swap->old.folder), *new = open_model(swap->new.folder);
    limner_session *session = open_session(old, &swap->old.options);
    assert_int_equal(run(&swap->old, session, outputs, err), STATUS_OK);
    refuse_resume();
    const status code = handed(limner_session_swap(session, new, &error), &error, err);
    refuse_pause();
    if (code) {
        struct error ignored;
        assert_int_equal(run(&swap->old, session, outputs, &ignored), STATUS_OK);
        expect_right(&swap->old, outputs);
        assert_int_equal(limner_session_swap(session, new, NULL), LIMNER_OK);
    }
    limner_session_get_info(session, &info);
    assert_int_equal(info.plans_reused, swap->reused ? 1 : 0);
    assert_int_equal(run(&swap->new, session, outputs, &(struct error){STATUS_OK, ""}), STATUS_OK);
    expect_right(&swap->new, outputs);
    limner_session_close(session);
    limner_model_close(old);
    limner_model_close(new);
    return code;
}

static void refuse_swap(const char *name, const char *old, const char *new, bool reused) {
    const limner_options options = {.size = sizeof(limner_options), .threads = 2};
    struct swap swap = {scenario_open(old, options), scenario_open(new, options), reused};
    refuse_each(name, &no_memory, swap_models, &swap);
    scenario_close(&swap.old);
    scenario_close(&swap.new);
}

static void models_are_swapped(void **state) {
    (void)state;
    refuse_swap("a swap that plans", "models/small/inpaint-torchscript17", "models/small/inpaint-dynamo20", false);
    refuse_swap("a swap that keeps the plan", "models/small/inpaint-torchscript17",
                "models/small/inpaint-torchscript17", true);
}

/* ---- kept weights ---- */

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

/* What is not saved is not there, and is saved later. */
static status save_cache(void *context, struct error *err) {
    const struct scenario *c = context;
    limner_tensor outputs[MOST_OUTPUTS];
    limner_error error;
    refuse_pause();
    remove(c->options.cache);
    limner_model *model = open_model(c->folder);
    limner_session *session = open_session(model, &c->options);
    assert_int_equal(run(c, session, outputs, err), STATUS_OK);
    refuse_resume();
    const status code = handed(limner_session_save_cache(session, &error), &error, err);
    refuse_pause();
    assert_int_equal(is_there(c->options.cache), !code);
    assert_int_equal(limner_session_save_cache(session, NULL), LIMNER_OK);
    assert_true(is_there(c->options.cache));
    limner_session_close(session);
    limner_model_close(model);
    return code;
}

static void weights_are_kept(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    snprintf(path, sizeof path, "%s/cache", folder);
    struct scenario c = scenario_open("models/small/inpaint-torchscript17",
                                      (limner_options){.size = sizeof(limner_options), .threads = 2, .cache = path});
    refuse_each("saving packed weights", &no_memory, save_cache, &c);
    refuse_each("reading packed weights", &no_memory, create_and_run, &c);
    remove(path);
    refuse_each("packing what is kept", &no_memory, create_and_run, &c);
    scenario_close(&c);
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_run),
        cmocka_unit_test(frugal_and_exact_sessions_run),
        cmocka_unit_test(large_pictures_are_planned),
        cmocka_unit_test(models_are_swapped),
        cmocka_unit_test(weights_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

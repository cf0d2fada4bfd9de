/* The converter's parts: names, scopes, maps, prefixes, and the arithmetic of weights against plain loops. */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "onnx/model.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/convert/convert.h"
#include "tools/convert/modules_read.h"
#include "tools/convert/pour.h"
#include "tools/convert/recipe_make.h"
#include "tools/convert/scope.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checkpoints made here: safetensors in memory ---- */

enum { HEADER_BYTES = 1 << 14, DATA_FLOATS = 1 << 15 };

struct maker {
    char header[HEADER_BYTES];
    size_t used;
    float data[DATA_FLOATS];
    size_t floats;
    unsigned char *file;
    struct pool *pool;
    struct checkpoint *checkpoint;
    struct modules modules;
};

static struct maker *maker_new(void) {
    struct maker *maker = calloc(1, sizeof *maker);
    assert_non_null(maker);
    maker->pool = pool_create();
    assert_non_null(maker->pool);
    maker->used = (size_t)snprintf(maker->header, sizeof maker->header, "{");
    return maker;
}

/* Adds a tensor of numbers round zero, or, for one dimension, above it; dims end with 0. */
static float *add(struct maker *maker, struct random *random, const char *name, const int64_t *dims) {
    size_t count = 1;
    maker->used += (size_t)snprintf(maker->header + maker->used, sizeof maker->header - maker->used,
                                    "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", maker->used > 1 ? "," : "", name);
    for (int i = 0; dims[i]; i++) {
        count *= (size_t)dims[i];
        maker->used += (size_t)snprintf(maker->header + maker->used, sizeof maker->header - maker->used, "%s%lld",
                                        i ? "," : "", (long long)dims[i]);
    }
    float *data = maker->data + maker->floats;
    maker->used += (size_t)snprintf(maker->header + maker->used, sizeof maker->header - maker->used,
                                    "],\"data_offsets\":[%zu,%zu]}", maker->floats * 4, (maker->floats + count) * 4);
    maker->floats += count;
    assert_true(maker->floats <= DATA_FLOATS && maker->used < HEADER_BYTES);
    for (size_t i = 0; i < count; i++)
        data[i] = dims[1] ? random_float(random) : 0.5F + fabsf(random_float(random));
    return data;
}

#define ADD(maker, random, name, ...) add(maker, random, name, (const int64_t[]){__VA_ARGS__, 0})

static void maker_load(struct maker *maker) {
    struct error err;
    strcat(maker->header, "}");
    const uint64_t length = strlen(maker->header);
    maker->file = malloc(8 + length + maker->floats * 4);
    assert_non_null(maker->file);
    memcpy(maker->file, &length, 8);
    memcpy(maker->file + 8, maker->header, length);
    memcpy(maker->file + 8 + length, maker->data, maker->floats * 4);
    if (checkpoint_load_memory(maker->file, 8 + length + maker->floats * 4, "made", NULL, &maker->checkpoint, &err) ||
        checkpoint_choose(maker->checkpoint, NULL, &err))
        fail_msg("%s", err.message);
}

static void maker_read(struct maker *maker) {
    struct error err;
    maker_load(maker);
    if (modules_read(maker->checkpoint, NULL, 0, "", NULL, maker->pool, &maker->modules, &err))
        fail_msg("%s", err.message);
}

static void maker_free(struct maker *maker) {
    modules_free(&maker->modules);
    checkpoint_close(maker->checkpoint);
    pool_destroy(maker->pool);
    free(maker->file);
    free(maker);
}

static struct recipe take(const struct maker *maker, const char *name) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.parameter = modules_parameter(&maker->modules, name);
    assert_true(recipe.parameter >= 0);
    recipe.module = maker->modules.parameters[recipe.parameter].module;
    return recipe;
}

/* What the recipe makes; in the maker's pool. */
static const float *make(const struct maker *maker, const struct recipe *recipe, struct shape *shape) {
    struct error err;
    struct tensor tensor;
    if (recipe_shape(&maker->modules, recipe, shape, &err) || tensor_describe(&tensor, DTYPE_FLOAT, shape, &err) ||
        recipe_make(&maker->modules, recipe, maker->pool, &tensor, &err))
        fail_msg("%s", err.message);
    float *copy = pool_alloc(maker->pool, tensor.bytes + 1);
    memcpy(copy, tensor.data, tensor.bytes);
    return copy;
}

/* ---- names ---- */

static void check_leaf(const char *name, enum leaf leaf, const char *path) {
    size_t length;
    if (leaf_of(name, &length) != leaf || length != strlen(path) || strncmp(name, path, length) != 0)
        fail_msg("%s: leaf %d, path of %zu", name, (int)leaf_of(name, &length), length);
}

static void leaves(void **state) {
    (void)state;
    check_leaf("encoder.0.weight", LEAF_WEIGHT, "encoder.0");
    check_leaf("weight", LEAF_WEIGHT, "");
    check_leaf("overweight", LEAF_OTHER, "");
    check_leaf("a.overweight", LEAF_OTHER, "a");
    check_leaf("a.running_var", LEAF_VARIANCE, "a");
    check_leaf("a.weight_orig", LEAF_ORIGINAL, "a");
    check_leaf("a.weight_u", LEAF_U, "a");
    check_leaf("a.parametrizations.weight.original", LEAF_ORIGINAL, "a");
    check_leaf("a.parametrizations.weight.original0", LEAF_MAGNITUDE, "a");
    check_leaf("a.parametrizations.weight.original1", LEAF_DIRECTION, "a");
    check_leaf("a.b.parametrizations.weight.0._v", LEAF_V, "a.b");
    check_leaf("second.weight_bias", LEAF_BIAS, "second");
    check_leaf("onnx::Conv_96", LEAF_OTHER, "");
    check_leaf("", LEAF_OTHER, "");
}

static void natural_order(void **state) {
    (void)state;
    assert_true(natural_compare("a.2", "a.10") < 0);
    assert_true(natural_compare("a.10", "a.2") > 0);
    assert_int_equal(natural_compare("a.10.b", "a.10.b"), 0);
    assert_int_equal(natural_compare("a.010", "a.10"), 0);
    assert_true(natural_compare("a", "a.0") < 0);
    assert_true(natural_compare("b", "a.0") > 0);
    assert_true(natural_compare("a.99999999999999999999", "a.100000000000000000000") < 0);
}

static void check_scope(const char *name, const char *scopes, const char *expected) {
    struct pool *pool = pool_create();
    bool precise, lost = false;
    struct metadata metadata = {"pkg.torch.onnx.name_scopes", scopes};
    const struct node node = {
        .name = name, .op_type = "Conv", .domain = "", .metadata = &metadata, .metadata_count = scopes ? 1 : 0};
    const char *scope = scope_of(&node, pool, &precise, &lost);
    assert_false(lost);
    if (expected ? !scope || strcmp(scope, expected) != 0 : scope != NULL)
        fail_msg("%s %s: %s", name, scopes ? scopes : "", scope ? scope : "no scope");
    pool_destroy(pool);
}

static void scopes(void **state) {
    (void)state;
    check_scope("/encoder/encoder.0/Conv", NULL, "encoder.0");
    check_scope("/middle/middle.0/conv_block/conv_block.1/Conv", NULL, "middle.0.conv_block.1");
    check_scope("/main/main.0/main.0.0/Conv_1", NULL, "main.0.0");
    check_scope("/layer1/layer1.0/conv1/Conv", NULL, "layer1.0.conv1");
    check_scope("/edge_connect_keys.0/MatMul", NULL, "edge_connect_keys.0");
    check_scope("/Conv", NULL, "");
    check_scope("Conv_12", NULL, NULL);
    check_scope("", NULL, NULL);
    check_scope("node_Conv_60", "['', 'encoder', 'encoder.1', 'batch_norm']", "encoder.1");
    check_scope("node", "[\"\", \"it's\", \"x\"]", "it's");
    check_scope("node", "['', 'conv2d']", "");
    check_scope("node", "['unclosed", NULL);
    check_scope("node", "", NULL);
}

/* ---- maps ---- */

static status parse(struct pool *pool, const char *text, struct map *map, struct error *err) {
    return map_parse(text, strlen(text), "weights.map", pool, map, err);
}

static void maps(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct error err;
    struct map map;
    assert_int_equal(parse(pool,
                           "# first\n\nonnx::Conv_96 <- encoder.0.weight folded encoder.1 # why\r\n"
                           "\"a name\" <- \"a # key\" transposed\nb <- keep\nc <- zeros\nd <- ones\n- <- gone.*\n"
                           "e <- zeros folded f\n- <- one",
                           &map, &err),
                     STATUS_OK);
    assert_int_equal(map.count, 8);
    assert_string_equal(map.entries[0].target, "onnx::Conv_96");
    assert_string_equal(map.entries[0].norm, "encoder.1");
    assert_int_equal(map.entries[0].line, 3);
    assert_string_equal(map.entries[1].key, "a # key");
    assert_true(map.entries[1].transposed && !map.entries[1].plain);
    assert_int_equal(map.entries[2].action, MAP_KEEP);
    assert_int_equal(map.entries[3].action, MAP_ZEROS);
    assert_int_equal(map.entries[4].action, MAP_ONES);
    assert_int_equal(map.entries[5].action, MAP_IGNORE);
    assert_string_equal(map.entries[5].key, "gone.");
    assert_true(map.entries[5].all && !map.entries[7].all);
    assert_string_equal(map.entries[6].norm, "f");
    assert_ptr_equal(map_find(&map, "a name"), &map.entries[1]);
    assert_null(map_find(&map, "nothing"));
    assert_null(map_find(NULL, "nothing"));
    pool_destroy(pool);
}

static void wrong_maps(void **state) {
    (void)state;
    static const char *const texts[] = {"a",
                                        "a <- ",
                                        "a => b",
                                        "a.* -> b",
                                        "a.*.* -> b.*.*",
                                        "a -> \"\"",
                                        "a -> b plain",
                                        "a <- b folded",
                                        "a <- b transposed plain",
                                        "a <- keep folded b",
                                        "\"a <- b",
                                        "a <- b c d e f g h",
                                        "a <- b\na <- b",
                                        "- <- b transposed",
                                        "a <- ones folded b"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pool *pool = pool_create();
        struct error err;
        struct map map;
        if (parse(pool, texts[i], &map, &err) != STATUS_INVALID_ARGUMENT)
            fail_msg("%s: is taken", texts[i]);
        assert_non_null(strstr(err.message, "weights.map, line "));
        pool_destroy(pool);
    }
}

/* ---- prefixes ---- */

static status read_with(struct maker *maker, const char *wanted, struct error *err) {
    const char *const names[] = {wanted, "input"};
    maker_load(maker);
    return modules_read(maker->checkpoint, names, 2, NULL, NULL, maker->pool, &maker->modules, err);
}

static void check_prefix(const char *key, const char *wanted, const char *taken, const char *put) {
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct error err;
    ADD(maker, &random, key, 2, 2);
    if (read_with(maker, wanted, &err))
        fail_msg("%s", err.message);
    assert_string_equal(maker->modules.taken, taken);
    assert_string_equal(maker->modules.put, put);
    maker_free(maker);
}

static void prefixes(void **state) {
    (void)state;
    check_prefix("a.weight", "a.weight", "", "");
    check_prefix("module.a.weight", "a.weight", "module.", "");
    check_prefix("module.generator.a.weight_orig", "a.weight", "module.generator.", "");
    check_prefix("a.weight", "generator.a.weight", "", "generator.");
    check_prefix("a.weight", "b.bias", "", "");
}

static void two_prefixes(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct error err;
    ADD(maker, &random, "ema.a.weight", 2, 2);
    ADD(maker, &random, "net.a.weight", 2, 2);
    assert_int_equal(read_with(maker, "a.weight", &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "--prefix"));
    assert_non_null(strstr(err.message, "ema."));
    assert_non_null(strstr(err.message, "net."));
    maker_free(maker);
}

/* ---- wrappers' words and rules ---- */

struct spelling {
    const char *keys[4], *wanted[4]; /* up to a NULL */
    const char *rules;
    const char *names[4]; /* what the keys are called in the end */
    const char *wrappers;
};

static size_t count_texts(const char *const texts[4]) {
    size_t count = 0;
    while (count < 4 && texts[count])
        count++;
    return count;
}

static void check_spelling(const struct spelling *spelling) {
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct error err = {.message = ""};
    struct map map;
    for (size_t i = 0; i < count_texts(spelling->keys); i++)
        ADD(maker, &random, spelling->keys[i], 2, 2);
    maker_load(maker);
    if (parse(maker->pool, spelling->rules, &map, &err) ||
        modules_read(maker->checkpoint, spelling->wanted, count_texts(spelling->wanted), NULL, &map, maker->pool,
                     &maker->modules, &err))
        fail_msg("%s: %s", spelling->keys[0], err.message);
    assert_string_equal(maker->modules.wrappers, spelling->wrappers);
    for (size_t i = 0; i < count_texts(spelling->keys); i++) {
        const int parameter = modules_parameter(&maker->modules, spelling->keys[i]);
        const char *name = parameter < 0 ? NULL : maker->modules.parameters[parameter].name;
        if (!name || strcmp(name, spelling->names[i]) != 0)
            fail_msg("%s is called %s, expected %s", spelling->keys[i], name ? name : "nothing", spelling->names[i]);
    }
    maker_free(maker);
}

static void wrappers_and_rules(void **state) {
    (void)state;
    static const struct spelling spellings[] = {
        {{"a._orig_mod.0.weight", "b.0.weight"},
         {"a.0.weight", "b.0.weight"},
         "",
         {"a.0.weight", "b.0.weight"},
         "\"_orig_mod.\""},
        {{"_fsdp_wrapped_module.a._fsdp_wrapped_module._checkpoint_wrapped_module.weight",
          "_fsdp_wrapped_module.b.weight"},
         {"a.weight", "b.weight"},
         "",
         {"a.weight", "b.weight"},
         "\"_fsdp_wrapped_module.\", \"_checkpoint_wrapped_module.\""},
        {{"_forward_module.net.a._orig_mod.weight", "_forward_module.net.b.bias"},
         {"a.weight", "b.bias"},
         "",
         {"a.weight", "b.bias"},
         "\"_orig_mod.\""}, /* what stands before every key is a prefix */
        {{"a.module.weight", "b.weight"}, {"a.module.weight", "b.weight"}, "", {"a.module.weight", "b.weight"}, ""},
        {{"a.module._orig_mod.weight"}, {"a.module.weight"}, "", {"a.module.weight"}, "\"_orig_mod.\""},
        {{"a.0.module", "a._orig_mod.1.module"},
         {"a.0.module", "a.1.module"},
         "",
         {"a.0.module", "a.1.module"},
         "\"_orig_mod.\""},
        {{"a.weight", "a._orig_mod.weight"}, {"a.weight"}, "", {"a.weight", "a._orig_mod.weight"}, ""},
        {{"x.1.gamma", "x.2.gamma", "x.2.bias"},
         {"y.1.weight"},
         "x.* -> y.*\n*.gamma -> *.weight",
         {"y.1.weight", "y.2.weight", "y.2.bias"},
         ""},
        {{"first", "m._orig_mod.weight"},
         {"a.weight", "m.weight"},
         "first -> a.weight",
         {"a.weight", "m.weight"},
         "\"_orig_mod.\""},
        {{"block1_conv.weight", "block2_conv.weight"},
         {"block1.conv.weight"},
         "block*_conv.weight -> block*.conv.weight",
         {"block1.conv.weight", "block2.conv.weight"},
         ""},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        check_spelling(&spellings[i]);
}

static void check_wrong_rules(const char *rules, const char *said) {
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct error err = {.message = ""};
    struct map map;
    ADD(maker, &random, "a.1.weight", 2, 2);
    ADD(maker, &random, "a.2.weight", 2, 2);
    maker_load(maker);
    assert_int_equal(parse(maker->pool, rules, &map, &err), STATUS_OK);
    assert_int_equal(modules_read(maker->checkpoint, NULL, 0, NULL, &map, maker->pool, &maker->modules, &err),
                     STATUS_INVALID_ARGUMENT);
    if (!strstr(err.message, said))
        fail_msg("%s: %s", rules, err.message);
    maker_free(maker);
}

static void wrong_rules(void **state) {
    (void)state;
    check_wrong_rules("a.* -> b.*\n\na.* -> c.*", "weights.map, line 3: no key fits \"a.*\"");
    check_wrong_rules("a.1.weight -> a.2.weight", "both become \"a.2.weight\"");
    check_wrong_rules("a.1.weight.* -> a.*", "no key fits");
}

/* ---- arithmetic ---- */

static void close_to(const float *actual, const double *expected, size_t count, const char *what) {
    test_close(actual, expected, count, 1e-5, 1e-6, what);
}

/*
 * Weights [A, B, K] of a layer with `groups`, transposed or not; y = W x at one place, by definition, for every channel
 * and tap; then the batch norm after it. The folded weights must give the same.
 */
static void check_fold(struct random *random, int64_t inputs, int64_t outputs, int64_t groups, bool transposed) {
    const int64_t taps = random_int(random, 1, 3), channels = outputs * groups;
    const int64_t first = transposed ? inputs * groups : channels, second = transposed ? outputs : inputs;
    struct maker *maker = maker_new();
    const float *weight = ADD(maker, random, "l.weight", first, second, taps),
                *bias = ADD(maker, random, "l.bias", channels);
    const float *gamma = ADD(maker, random, "n.weight", channels), *beta = ADD(maker, random, "n.bias", channels);
    const float *mean = ADD(maker, random, "n.running_mean", channels),
                *var = ADD(maker, random, "n.running_var", channels);
    maker_read(maker);
    struct recipe recipe = take(maker, "l.weight"), bias_recipe = take(maker, "l.bias");
    struct shape shape;
    recipe.norm = bias_recipe.norm = modules_find(&maker->modules, "n", 1);
    recipe.eps = bias_recipe.eps = 1e-3;
    recipe.axis = transposed;
    recipe.groups = (int)groups;
    bias_recipe.is_bias = true;
    const float *folded = make(maker, &recipe, &shape), *folded_bias = make(maker, &bias_recipe, &shape);
    for (int64_t g = 0; g < groups; g++)
        for (int64_t m = 0; m < outputs; m++) {
            const int64_t c = g * outputs + m;
            double before = (double)bias[c], after = (double)folded_bias[c];
            for (int64_t i = 0; i < inputs; i++)
                for (int64_t k = 0; k < taps; k++) {
                    const double x = sin((double)(1 + g * inputs + i + 100 * k));
                    const int64_t at =
                        transposed ? ((g * inputs + i) * outputs + m) * taps + k : (c * inputs + i) * taps + k;
                    before += (double)weight[at] * x;
                    after += (double)folded[at] * x;
                }
            before = (before - (double)mean[c]) / sqrt((double)var[c] + 1e-3) * (double)gamma[c] + (double)beta[c];
            if (!(fabs(before - after) <= 1e-5 * (1 + fabs(before))))
                fail_msg("fold: channel %lld of %lld groups: %g, expected %g", (long long)c, (long long)groups, after,
                         before);
        }
    maker_free(maker);
}

static void folds(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(200); i++) {
        const int64_t inputs = random_int(&random, 1, 6), outputs = random_int(&random, 1, 6);
        const int64_t groups = random_int(&random, 1, 4);
        check_fold(&random, inputs, outputs, groups, i % 2);
    }
}

/* sigma = u . (W v) with W's output channels as rows. */
static void check_spectral(struct random *random, bool transposed) {
    const int64_t a = random_int(random, 1, 6), b = random_int(random, 1, 6), k = random_int(random, 1, 4);
    const int64_t rows = transposed ? b : a, columns = a * b * k / rows;
    struct maker *maker = maker_new();
    const float *weight = ADD(maker, random, "l.weight_orig", a, b, k);
    const float *u = ADD(maker, random, "l.weight_u", rows), *v = ADD(maker, random, "l.weight_v", columns);
    maker_read(maker);
    struct recipe recipe = take(maker, "l.weight_orig");
    recipe.form = FORM_SPECTRAL;
    recipe.axis = transposed;
    double sigma = 0, expected[6 * 6 * 4];
    for (int64_t i = 0; i < a; i++)
        for (int64_t j = 0; j < b; j++)
            for (int64_t t = 0; t < k; t++) {
                const int64_t row = transposed ? j : i, column = (transposed ? i : j) * k + t;
                sigma += (double)u[row] * (double)weight[(i * b + j) * k + t] * (double)v[column];
            }
    if (fabs(sigma) > 1e-3) {
        struct shape shape;
        for (int64_t i = 0; i < a * b * k; i++)
            expected[i] = (double)weight[i] / sigma;
        const float *made = make(maker, &recipe, &shape);
        for (int64_t i = 0; i < a * b * k; i++)
            if (!(fabs((double)made[i] - expected[i]) <= 1e-4 * (1 + fabs(expected[i]))))
                fail_msg("spectral norm: element %lld is %g, expected %g", (long long)i, (double)made[i], expected[i]);
    }
    maker_free(maker);
}

static void spectral_norms(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(100); i++)
        check_spectral(&random, i % 2);
}

/* The vectors that are made up for a normalised weight give a spectral norm of 1. */
static void made_up_vectors(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int turn = 0; turn < 2; turn++) {
        struct maker *maker = maker_new();
        float *weight = ADD(maker, &random, "l.weight", 4, 3, 2);
        memset(weight, 0, 6 * sizeof *weight); /* a row of zeros tells nothing */
        maker_read(maker);
        struct recipe recipe = take(maker, "l.weight");
        struct shape u_shape, v_shape, w_shape;
        recipe.axis = turn;
        recipe.matrix = true;
        const float *matrix = make(maker, &recipe, &w_shape);
        recipe.matrix = false;
        recipe.form = FORM_UNIT_U;
        const float *u = make(maker, &recipe, &u_shape);
        recipe.form = FORM_UNIT_V;
        const float *v = make(maker, &recipe, &v_shape);
        assert_int_equal(w_shape.dims[0], turn ? 3 : 4);
        assert_int_equal(u_shape.dims[0], w_shape.dims[0]);
        assert_int_equal(v_shape.dims[0], w_shape.dims[1]);
        double sigma = 0;
        for (int64_t r = 0; r < w_shape.dims[0]; r++)
            for (int64_t c = 0; c < w_shape.dims[1]; c++)
                sigma += (double)u[r] * (double)matrix[r * w_shape.dims[1] + c] * (double)v[c];
        if (!(fabs(sigma - 1) < 1e-5))
            fail_msg("made-up vectors: sigma is %g", sigma);
        maker_free(maker);
    }
}

static void matrices_and_transposition(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    const float *weight = ADD(maker, &random, "c.weight", 2, 3, 2), *linear = ADD(maker, &random, "l.weight", 37, 35);
    maker_read(maker);
    struct recipe recipe = take(maker, "c.weight");
    struct shape shape;
    double expected[37 * 35];
    recipe.matrix = true;
    recipe.axis = 1;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 2; k++)
                expected[(j * 2 + i) * 2 + k] = (double)weight[(i * 3 + j) * 2 + k];
    close_to(make(maker, &recipe, &shape), expected, 12, "matrix");
    recipe = take(maker, "l.weight");
    recipe.transposed = true;
    for (int i = 0; i < 37; i++)
        for (int j = 0; j < 35; j++)
            expected[j * 37 + i] = (double)linear[i * 35 + j];
    close_to(make(maker, &recipe, &shape), expected, 37 * 35, "transposed");
    assert_int_equal(shape.dims[0], 35);
    maker_free(maker);
}

/* w = g * v / |v|, the norm over everything but the dimension where g is wide. */
static void weight_norms(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    const float *v = ADD(maker, &random, "l.weight_v", 3, 4, 2), *g = ADD(maker, &random, "l.weight_g", 1, 4, 1);
    double expected[24], squares[4] = {0};
    for (int i = 0; i < 24; i++)
        squares[i / 2 % 4] += (double)v[i] * (double)v[i];
    for (int i = 0; i < 24; i++)
        expected[i] = (double)g[i / 2 % 4] * (double)v[i] / sqrt(squares[i / 2 % 4]);
    maker_read(maker);
    const int module = modules_find(&maker->modules, "l", 1);
    struct recipe recipe = recipe_none;
    struct shape shape;
    recipe.kind = RECIPE_TAKE;
    recipe.module = module;
    recipe.parameter = maker->modules.items[module].leaves[LEAF_DIRECTION];
    recipe.form = FORM_WEIGHT;
    close_to(make(maker, &recipe, &shape), expected, 24, "weight norm");
    maker_free(maker);
}

static void wrong_parts(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct error err;
    struct shape shape;
    struct tensor tensor;
    ADD(maker, &random, "a.weight_orig", 3, 4);
    ADD(maker, &random, "a.weight_u", 5);
    ADD(maker, &random, "a.weight_v", 4);
    float *zeros = ADD(maker, &random, "z.weight_orig", 2, 2);
    ADD(maker, &random, "z.weight_u", 2);
    ADD(maker, &random, "z.weight_v", 2);
    memset(zeros, 0, 4 * sizeof *zeros);
    ADD(maker, &random, "n.running_mean", 3);
    float *variance = ADD(maker, &random, "n.running_var", 3);
    variance[1] = -1;
    ADD(maker, &random, "l.weight", 3, 2);
    ADD(maker, &random, "m.weight", 2, 2);
    maker_read(maker);
    struct recipe recipe = take(maker, "a.weight_orig");
    recipe.form = FORM_SPECTRAL;
    assert_int_equal(recipe_shape(&maker->modules, &recipe, &shape, &err), STATUS_SHAPE);
    recipe = take(maker, "z.weight_orig");
    recipe.form = FORM_SPECTRAL;
    assert_int_equal(recipe_shape(&maker->modules, &recipe, &shape, &err), STATUS_OK);
    assert_int_equal(tensor_describe(&tensor, DTYPE_FLOAT, &shape, &err), STATUS_OK);
    assert_int_equal(recipe_make(&maker->modules, &recipe, maker->pool, &tensor, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "spectral norm is 0"));
    recipe = take(maker, "l.weight");
    recipe.norm = modules_find(&maker->modules, "n", 1);
    assert_int_equal(recipe_shape(&maker->modules, &recipe, &shape, &err), STATUS_OK);
    assert_int_equal(tensor_describe(&tensor, DTYPE_FLOAT, &shape, &err), STATUS_OK);
    assert_int_equal(recipe_make(&maker->modules, &recipe, maker->pool, &tensor, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "running_var of n"));
    recipe = take(maker, "m.weight");
    recipe.norm = modules_find(&maker->modules, "n", 1);
    assert_int_equal(recipe_shape(&maker->modules, &recipe, &shape, &err), STATUS_SHAPE);
    maker_free(maker);
}

static bool fits(bool any_ones, struct shape gives, struct shape wants) {
    struct recipe recipe = recipe_none;
    recipe.any_ones = any_ones;
    return recipe_fits(&recipe, &gives, &wants);
}

#define S1(a) ((struct shape){1, {a}})
#define S3(a, b, c) ((struct shape){3, {a, b, c}})

static void fitting(void **state) {
    (void)state;
    assert_true(fits(false, S3(2, 3, 4), S3(2, 3, 4)));
    assert_true(fits(false, S3(2, 3, 4), S3(-1, 3, -1)));
    assert_false(fits(false, S3(2, 3, 4), S3(2, 4, 3)));
    assert_false(fits(false, S1(5), S3(5, 1, 1)));
    assert_true(fits(true, S1(5), S3(5, 1, 1)));
    assert_true(fits(true, S1(5), S3(1, 5, 1)));
    assert_true(fits(true, S3(1, 5, 1), S1(5)));
    assert_true(fits(true, S1(1), S3(1, 1, 1)));
    assert_true(fits(true, S3(1, 1, 1), S1(1)));
    assert_false(fits(true, S1(5), S3(5, 2, 1)));
    assert_false(fits(true, S1(5), S1(4)));
    assert_false(fits(true, S3(5, 2, 1), S1(5)));
}

/* ---- the whole conversion ---- */

static struct onnx_model *load_template(const char *path) {
    struct onnx_model *model;
    struct error err;
    if (onnx_load(path, NULL, &model, &err))
        fail_msg("%s", err.message);
    return model;
}

/* A template input that gets a value is an initializer afterwards, in a shape that the checkpoint settles. */
static void free_sizes(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct onnx_model *template = load_template("models/templates/generator.onnx"), model;
    struct checkpoint *checkpoint;
    struct conversion_plan plan;
    struct error err;
    const struct convert_options options = {0};
    if (checkpoint_load("tests/data/convert/plain/saved.pth", NULL, &checkpoint, &err) ||
        checkpoint_choose(checkpoint, NULL, &err) || convert_plan(template, checkpoint, &options, pool, &plan, &err))
        fail_msg("%s", err.message);
    if (plan.problem_count)
        fail_msg("%s", plan.problems->text);
    if (pour(&plan, &model, &err))
        fail_msg("%s", err.message);
    assert_int_equal(model.graph->input_count, 1);
    assert_int_equal(template->graph->input_count, 57);
    const int weight = graph_find_value(model.graph, "encoder.12.weight");
    assert_false(model.graph->values[weight].is_input);
    assert_int_equal(model.graph->values[weight].initializer->shape.dims[0], 17);
    assert_int_equal(model.graph->values[weight].initializer->shape.dims[1], 12);
    assert_null(template->graph->values[graph_find_value(template->graph, "encoder.12.weight")].initializer);
    convert_close(&plan);
    checkpoint_close(checkpoint);
    onnx_close(template);
    pool_destroy(pool);
}

/* Sizes that one name settles twice are two different ones here: the decoder is of another width than the encoder. */
static void disagreeing_sizes(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct onnx_model *template = load_template("models/templates/edge-connect-edge.onnx");
    struct conversion_plan plan;
    struct error err;
    const struct convert_options options = {0};
    ADD(maker, &random, "encoder.1.weight", 2, 3, 7, 7);
    ADD(maker, &random, "encoder.1.bias", 3);
    maker_load(maker);
    assert_int_equal(convert_plan(template, maker->checkpoint, &options, maker->pool, &plan, &err), STATUS_OK);
    bool said = false;
    for (const struct convert_problem *problem = plan.problems; problem; problem = problem->next)
        said |= strstr(problem->text, "width1") != NULL;
    assert_true(said);
    convert_close(&plan);
    onnx_close(template);
    maker_free(maker);
}

/* Keys of every spelling that could mislead a reader of names end in problems or errors, never in a crash. */
static void odd_keys(void **state) {
    (void)state;
    static const char *const keys[] = {"",
                                       ".",
                                       "..weight",
                                       "weight",
                                       ".weight",
                                       "encoder..weight",
                                       "encoder.0.weight.",
                                       "99999999999999999999.weight",
                                       "é",
                                       "a.b.c.d",
                                       "bias",
                                       "weight_g",
                                       "weight_v"};
    struct onnx_model *template = load_template("models/small/plain-torchscript17/model.onnx");
    struct random random = random_from(test_seed());
    struct maker *maker = maker_new();
    struct conversion_plan plan;
    struct error err;
    const struct convert_options options = {0};
    for (size_t i = 1; i < sizeof keys / sizeof keys[0]; i++)
        ADD(maker, &random, keys[i], 2, 2);
    maker_load(maker);
    const status code = convert_plan(template, maker->checkpoint, &options, maker->pool, &plan, &err);
    assert_true(code || plan.problem_count > 0);
    convert_close(&plan);
    onnx_close(template);
    maker_free(maker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves),
        cmocka_unit_test(natural_order),
        cmocka_unit_test(scopes),
        cmocka_unit_test(maps),
        cmocka_unit_test(wrong_maps),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(two_prefixes),
        cmocka_unit_test(wrappers_and_rules),
        cmocka_unit_test(wrong_rules),
        cmocka_unit_test(folds),
        cmocka_unit_test(spectral_norms),
        cmocka_unit_test(made_up_vectors),
        cmocka_unit_test(matrices_and_transposition),
        cmocka_unit_test(weight_norms),
        cmocka_unit_test(wrong_parts),
        cmocka_unit_test(fitting),
        cmocka_unit_test(free_sizes),
        cmocka_unit_test(disagreeing_sizes),
        cmocka_unit_test(odd_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Loading whole models: what a good file becomes, and what a bad one is told. */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "tests/support/proto.h"
#include "tests/support/small_model.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void loads_a_small_model(void **state) {
    (void)state;
    struct proto proto = small_model();
    const size_t size = proto.size;
    void *data;
    struct onnx_model *model = proto_load(&proto, &data);
    const struct graph *graph = model->graph;
    assert_int_equal(model->ir_version, 8);
    assert_int_equal(onnx_opset(model, ""), 17);
    assert_int_equal(onnx_opset(model, "ai.onnx"), 17);
    assert_int_equal(onnx_opset(model, "ai.onnx.ml"), 0);
    assert_int_equal(model->file_bytes, size);
    assert_string_equal(model->metadata[0].key, "made by");
    assert_string_equal(model->metadata[0].value, "hand");
    assert_string_equal(graph->name, "small");
    assert_int_equal(graph->node_count, 2);
    assert_int_equal(graph->value_count, 4);
    assert_int_equal(graph->input_count, 1);
    assert_int_equal(graph->output_count, 1);

    const struct value *x = &graph->values[graph->inputs[0]], *z = &graph->values[graph->outputs[0]];
    assert_string_equal(x->name, "x");
    assert_true(x->is_input);
    assert_int_equal(x->producer, -1);
    assert_int_equal(x->type.dtype, DTYPE_FLOAT);
    assert_int_equal(x->type.rank, 2);
    assert_int_equal(x->type.dims[0].size, -1);
    assert_int_equal(x->type.dims[1].size, 4);
    assert_true(z->is_output);
    assert_int_equal(z->producer, 1);
    const struct value *w = &graph->values[graph_find_value(graph, "w")];
    assert_non_null(w->initializer);
    assert_int_equal(w->initializer->bytes, 16);
    assert_true(w->initializer->constant);
    assert_true(((const float *)w->initializer->data)[3] == 1);
    assert_int_equal(graph->values[graph_find_value(graph, "y")].type.rank, 2);
    assert_int_equal(graph_find_value(graph, "nothing"), -1);
    onnx_close(model);
    free(data);
}

static void steps_over_unknown_fields(void **state) {
    (void)state;
    struct proto model = small_model();
    void *data;
    proto_int(&model, 900, 7);
    proto_text(&model, 901, "whatever");
    proto_float(&model, 902, 1);
    proto_text(&model, 20, "training is stepped over too");
    struct onnx_model *loaded = proto_load(&model, &data);
    assert_int_equal(loaded->graph->node_count, 2);
    onnx_close(loaded);
    free(data);
}

/* A scalar that stands there twice counts with its last value, as protobuf wants it. */
static void the_last_scalar_counts(void **state) {
    (void)state;
    struct proto model = small_model();
    void *data;
    proto_int(&model, MODEL_IR, 4);
    struct onnx_model *loaded = proto_load(&model, &data);
    assert_int_equal(loaded->ir_version, 4);
    onnx_close(loaded);
    free(data);
}

/* ---- versions ---- */

static struct proto model_with(int64_t ir, int opsets, const char *domain, int64_t version) {
    struct proto graph = {0}, model = {0};
    proto_node(&graph, GRAPH_NODE, "Relu", "", "x", "y", NULL);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    proto_int(&model, MODEL_IR, ir);
    for (int i = 0; i < opsets; i++)
        proto_opset(&model, MODEL_OPSET, domain, version + i);
    proto_add(&model, MODEL_GRAPH, &graph);
    return model;
}

static void knows_its_ir_versions(void **state) {
    (void)state;
    for (int64_t ir = 3; ir <= 14; ir++) {
        struct proto model = model_with(ir, 1, "", 7);
        void *data;
        struct onnx_model *loaded = proto_load(&model, &data);
        assert_int_equal(loaded->ir_version, ir);
        onnx_close(loaded);
        free(data);
    }
    const int64_t outside[] = {-1, 0, 2, 15, 1000};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        struct proto model = model_with(outside[i], 1, "", 7);
        proto_refused(&model, NULL, STATUS_UNSUPPORTED, "limner reads 3 to 14");
    }
}

static void wants_operator_sets(void **state) {
    (void)state;
    struct proto none = model_with(8, 0, "", 17), two = model_with(8, 2, "", 17), zero = model_with(8, 1, "", 0);
    proto_refused(&none, NULL, STATUS_INVALID_MODEL, "imports no operator set");
    proto_refused(&two, NULL, STATUS_INVALID_MODEL, "imported twice, with versions 17 and 18");
    proto_refused(&zero, NULL, STATUS_INVALID_MODEL, "version 0");

    struct proto named = model_with(8, 1, "ai.onnx", 17);
    void *data;
    proto_opset(&named, MODEL_OPSET, "", 17); /* the same once more, in its other spelling */
    proto_opset(&named, MODEL_OPSET, "mine", 1);
    struct onnx_model *loaded = proto_load(&named, &data);
    assert_int_equal(loaded->opset_count, 2);
    assert_int_equal(onnx_opset(loaded, ""), 17);
    assert_int_equal(onnx_opset(loaded, "mine"), 1);
    onnx_close(loaded);
    free(data);
}

/* A node "Any" of the domain in a model that imports version 17 of "" alone, or version 2 of `other`. */
static int64_t opset_of_node(const char *domain, const char *other) {
    struct proto graph = {0}, inner = {0}, model = {0};
    void *data;
    proto_text(&inner, NODE_DOMAIN, domain);
    proto_node(&graph, GRAPH_NODE, "Any", "", "x", "y", &inner);
    proto_value(&graph, GRAPH_INPUT, "x", 0);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    proto_int(&model, MODEL_IR, 8);
    proto_opset(&model, MODEL_OPSET, other, *other ? 2 : 17);
    proto_add(&model, MODEL_GRAPH, &graph);
    struct onnx_model *loaded = proto_load(&model, &data);
    const int64_t opset = onnx_opset(loaded, domain);
    onnx_close(loaded);
    free(data);
    return opset;
}

/* As onnxruntime has it, whose optimizer writes nodes of com.microsoft into models that do not import it. */
static void takes_the_newest_of_sets_not_imported(void **state) {
    (void)state;
    assert_int_equal(opset_of_node("com.microsoft", ""), 1);
    assert_int_equal(opset_of_node("ai.onnx.ml", ""), 5);
    assert_int_equal(opset_of_node("", "ai.onnx.ml"), 28);
    assert_int_equal(opset_of_node("", ""), 17);
    assert_int_equal(opset_of_node("ai.onnx.ml", "ai.onnx.ml"), 2);
    assert_int_equal(opset_of_node("mine", ""), 0);
}

/* ---- limits ---- */

static void keeps_to_its_limits(void **state) {
    (void)state;
    const struct {
        struct load_limits limits;
        const char *words;
    } cases[] = {
        {{.nodes = 1}, "limit nodes"},
        {{.values = 3}, "limit values"},
        {{.tensor_bytes = 15}, "limit tensor_bytes"},
        {{.skeleton_bytes = 100}, "limit skeleton_bytes"},
        {{.model_bytes = 100}, "more than the limit of 100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto model = small_model();
        proto_refused(&model, &cases[i].limits, STATUS_LIMIT, cases[i].words);
    }
    struct proto graph = {0};
    proto_initializer(&graph, "a", 1);
    proto_initializer(&graph, "b", 1);
    struct proto two = proto_model(&graph);
    proto_refused(&two, &(struct load_limits){.tensors = 1}, STATUS_LIMIT, "limit tensors");
}

/* Numbers of one byte become eight, messages of two bytes hundreds: what unpacking will take is counted beforehand. */
static void counts_memory_before_it_is_taken(void **state) {
    (void)state;
    struct proto graph = {0}, tensor = proto_tensor("w", DTYPE_INT64, 1, 100000);
    uint8_t *zeros = calloc(1, 1000000);
    assert_non_null(zeros);
    proto_bytes(&tensor, TENSOR_INT64S, zeros, 100000);
    proto_add(&graph, GRAPH_INITIALIZER, &tensor);
    struct proto expanded = proto_model(&graph);
    proto_refused(&expanded, &(struct load_limits){.expanded_bytes = 700000}, STATUS_LIMIT, "limit expanded_bytes");

    for (int i = 0; i < 100000; i++) /* metadata entries without anything in them */
        proto_raw(&graph, "\x82\x01\x00", 3);
    struct proto many = proto_model(&graph);
    proto_refused(&many, &(struct load_limits){.skeleton_bytes = 1000000}, STATUS_LIMIT, "limit skeleton_bytes");
    free(zeros);
}

/* ---- declared types ---- */

/* A model that passes its only value on, declared with this element type and `count` dimensions of this size. */
static struct proto declared_model(int element_type, int count, int64_t size) {
    struct proto graph = {0}, value = {0}, type = {0}, tensor = {0}, shape = {0};
    for (int i = 0; i < count; i++) {
        struct proto dim = {0};
        proto_int(&dim, 1, size);
        proto_add(&shape, 1, &dim);
    }
    proto_int(&tensor, 1, element_type);
    proto_add(&tensor, 2, &shape);
    proto_add(&type, 1, &tensor);
    proto_text(&value, 1, "x");
    proto_add(&value, 2, &type);
    proto_bytes(&graph, GRAPH_INPUT, value.bytes, value.size);
    proto_add(&graph, GRAPH_OUTPUT, &value);
    return proto_model(&graph);
}

static void reads_declared_types(void **state) {
    (void)state;
    struct proto free_sizes = declared_model(DTYPE_INT4, 8, -1); /* some exporters write -1 for any size */
    void *data;
    struct onnx_model *model = proto_load(&free_sizes, &data);
    const struct declared_type *type = &model->graph->values[0].type;
    assert_int_equal(type->dtype, DTYPE_INT4);
    assert_int_equal(type->rank, 8);
    assert_int_equal(type->dims[7].size, -1);
    assert_null(type->dims[7].name);
    onnx_close(model);
    free(data);
    struct proto deep = declared_model(DTYPE_FLOAT, 9, 1), odd = declared_model(77, 1, 1);
    proto_refused(&deep, NULL, STATUS_LIMIT, "value \"x\": is declared with 9 dimensions");
    proto_refused(&odd, NULL, STATUS_UNSUPPORTED, "value \"x\": is declared with element type 77");
}

/* ---- names ---- */

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void many_names_cost_linear_time(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    struct proto graph = {0};
    char input[32], output[32];
    for (int i = COUNT - 1; i >= 0; i--) { /* last node first */
        snprintf(input, sizeof input, "v%d", i);
        snprintf(output, sizeof output, "v%d", i + 1);
        proto_node(&graph, GRAPH_NODE, "Relu", "", input, output, NULL);
    }
    proto_value(&graph, GRAPH_INPUT, "v0", 0);
    proto_value(&graph, GRAPH_OUTPUT, "v200000", 0);
    struct proto model = proto_model(&graph);
    void *data;
    const double start = seconds_now();
    struct onnx_model *loaded = proto_load(&model, &data);
    assert_true(seconds_now() - start < 20); /* takes a fraction of a second; with quadratic cost, minutes */
    assert_int_equal(loaded->graph->node_count, COUNT);
    assert_int_equal(loaded->graph->values[loaded->graph->nodes[0].inputs[0]].is_input, true);
    onnx_close(loaded);
    free(data);
}

/* ---- files ---- */

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_file_loads_as_memory_does(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    struct proto proto = small_model();
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    write_file(path, proto.bytes, proto.size);
    struct onnx_model *from_file = NULL;
    struct error err = {0};
    if (onnx_load(path, NULL, &from_file, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    void *data, *bytes[2];
    size_t sizes[2];
    struct onnx_model *from_memory = proto_load(&proto, &data);
    assert_int_equal(onnx_save_memory(from_file, &bytes[0], &sizes[0], &err), STATUS_OK);
    assert_int_equal(onnx_save_memory(from_memory, &bytes[1], &sizes[1], &err), STATUS_OK);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    assert_int_equal(from_file->file_bytes, from_memory->file_bytes);
    free(bytes[0]);
    free(bytes[1]);
    onnx_close(from_file);
    onnx_close(from_memory);
    free(data);
    test_folder_remove(folder);
}

/* A weight of 3 GiB and one behind it, in a file that takes no room on the disk. */
static void loads_models_above_2_gib(void **state) {
    (void)state;
    const uint64_t bytes = (uint64_t)3 << 30;
    char *folder = test_folder(), path[256];
    struct proto head = {0}, inner = {0}, tail = {0}, graph = proto_tensor("huge", DTYPE_FLOAT, 2, 3 << 10, 1 << 18);
    proto_initializer(&tail, "last", 4);
    proto_value(&tail, GRAPH_OUTPUT, "last", 1, 4);
    proto_key(&graph, TENSOR_RAW, 2);
    proto_varint(&graph, bytes);
    proto_key(&inner, GRAPH_INITIALIZER, 2);
    proto_varint(&inner, graph.size + bytes);
    proto_raw(&inner, graph.bytes, graph.size);
    proto_int(&head, MODEL_IR, 8);
    proto_opset(&head, MODEL_OPSET, "", 17);
    proto_key(&head, MODEL_GRAPH, 2);
    proto_varint(&head, inner.size + bytes + tail.size);
    proto_raw(&head, inner.bytes, inner.size);

    snprintf(path, sizeof path, "%s/huge.onnx", folder);
    write_file(path, head.bytes, head.size);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)(head.size + bytes), SEEK_SET), 0);
    assert_int_equal(fwrite(tail.bytes, 1, tail.size, file), tail.size);
    assert_int_equal(fclose(file), 0);

    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_load(path, NULL, &model, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    const struct tensor *huge = model->graph->values[graph_find_value(model->graph, "huge")].initializer;
    const struct tensor *last = model->graph->values[graph_find_value(model->graph, "last")].initializer;
    const float one = 1;
    assert_int_equal(huge->bytes, bytes);
    assert_true(huge->mapped);
    assert_int_equal(((const uint8_t *)huge->data)[bytes - 1], 0);
    assert_memory_equal((const uint8_t *)last->data + 12, &one, 4);
    onnx_close(model);
    proto_free(&head);
    proto_free(&inner);
    proto_free(&tail);
    proto_free(&graph);
    test_folder_remove(folder);
}

static void refused_path(const char *path, status expected, const char *words) {
    struct onnx_model *model = NULL;
    struct error err = {0};
    assert_int_equal(onnx_load(path, NULL, &model, &err), expected);
    assert_null(model);
    if (!strstr(err.message, words) || !strstr(err.message, path))
        fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static void refuses_what_is_no_file(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    refused_path(folder, STATUS_IO, "not a regular file");
    snprintf(path, sizeof path, "%s/none.onnx", folder);
    refused_path(path, STATUS_IO, "No such file");
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused_path(path, STATUS_IO, "not a regular file"); /* and does not wait for a writer */
    snprintf(path, sizeof path, "%s/empty.onnx", folder);
    write_file(path, "", 0);
    refused_path(path, STATUS_INVALID_MODEL, "empty");
    test_folder_remove(folder);
}

static void close_takes_null(void **state) {
    (void)state;
    onnx_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_small_model),         cmocka_unit_test(steps_over_unknown_fields),
        cmocka_unit_test(the_last_scalar_counts),      cmocka_unit_test(knows_its_ir_versions),
        cmocka_unit_test(wants_operator_sets),         cmocka_unit_test(takes_the_newest_of_sets_not_imported),
        cmocka_unit_test(keeps_to_its_limits),         cmocka_unit_test(counts_memory_before_it_is_taken),
        cmocka_unit_test(reads_declared_types),        cmocka_unit_test(many_names_cost_linear_time),
        cmocka_unit_test(a_file_loads_as_memory_does), cmocka_unit_test(loads_models_above_2_gib),
        cmocka_unit_test(refuses_what_is_no_file),     cmocka_unit_test(close_takes_null)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
/* Saving: what is loaded and saved means the same, and a save that fails leaves nothing behind. */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "onnx/save/save.h"
#include "tests/support/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- comparing ---- */

static void same_text(const char *a, const char *b) {
    assert_string_equal(a ? a : "", b ? b : "");
}

static void same_bytes(const struct text *a, const struct text *b) {
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->bytes, b->bytes, a->length);
}

static void same_metadata(const struct metadata *a, int a_count, const struct metadata *b, int b_count) {
    assert_int_equal(a_count, b_count);
    for (int i = 0; i < a_count; i++) {
        same_text(a[i].key, b[i].key);
        same_text(a[i].value, b[i].value);
    }
}

static void same_tensor(const struct tensor *a, const struct tensor *b) {
    assert_int_equal(a->dtype, b->dtype);
    assert_true(shape_equal(&a->shape, &b->shape));
    assert_int_equal(a->bytes, b->bytes);
    if (a->dtype != DTYPE_STRING)
        assert_memory_equal(a->data, b->data, a->bytes);
    for (int64_t i = 0; a->dtype == DTYPE_STRING && i < tensor_elements(a); i++)
        same_bytes((const struct text *)a->data + i, (const struct text *)b->data + i);
}

static void same_type(const struct declared_type *a, const struct declared_type *b) {
    assert_int_equal(a->dtype, b->dtype);
    same_text(a->other, b->other);
    same_bytes(&a->encoded, &b->encoded);
    assert_int_equal(a->rank, b->rank);
    for (int i = 0; i < a->rank; i++) {
        assert_int_equal(a->dims[i].size, b->dims[i].size);
        same_text(a->dims[i].name, b->dims[i].name);
    }
}

static void same_graph(const struct graph *a, const struct graph *b);

static void same_attribute(const struct attribute *a, const struct attribute *b) {
    same_text(a->name, b->name);
    same_text(a->reference, b->reference);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->count, b->count);
    switch (a->type) {
    case ATTRIBUTE_FLOAT:
        assert_memory_equal(&a->f, &b->f, sizeof a->f);
        break;
    case ATTRIBUTE_INT:
        assert_int_equal(a->i, b->i);
        break;
    case ATTRIBUTE_STRING:
    case ATTRIBUTE_TYPE_PROTO:
        same_bytes(&a->s, &b->s);
        break;
    case ATTRIBUTE_TENSOR:
        same_tensor(a->tensor, b->tensor);
        break;
    case ATTRIBUTE_GRAPH:
        same_graph(a->graph, b->graph);
        break;
    case ATTRIBUTE_FLOATS:
        assert_memory_equal(a->floats, b->floats, a->count * sizeof *a->floats);
        break;
    case ATTRIBUTE_INTS:
        assert_memory_equal(a->ints, b->ints, a->count * sizeof *a->ints);
        break;
    case ATTRIBUTE_TENSORS:
        for (size_t i = 0; i < a->count; i++)
            same_tensor(&a->tensors[i], &b->tensors[i]);
        break;
    case ATTRIBUTE_GRAPHS:
        for (size_t i = 0; i < a->count; i++)
            same_graph(a->graphs[i], b->graphs[i]);
        break;
    case ATTRIBUTE_STRINGS:
    case ATTRIBUTE_TYPE_PROTOS:
        for (size_t i = 0; i < a->count; i++)
            same_bytes(&a->strings[i], &b->strings[i]);
        break;
    default:
        fail_msg("attribute type %d is not compared", (int)a->type);
    }
}

static void same_edges(const struct graph *a, const int *x, int x_count, const struct graph *b, const int *y,
                       int y_count) {
    assert_int_equal(x_count, y_count);
    for (int i = 0; i < x_count; i++)
        same_text(x[i] == NO_VALUE ? "" : a->values[x[i]].name, y[i] == NO_VALUE ? "" : b->values[y[i]].name);
}

static void same_node(const struct graph *a, const struct node *x, const struct graph *b, const struct node *y) {
    same_text(x->name, y->name);
    same_text(x->op_type, y->op_type);
    same_text(x->domain, y->domain);
    same_text(x->overload, y->overload);
    same_text(x->doc, y->doc);
    same_metadata(x->metadata, x->metadata_count, y->metadata, y->metadata_count);
    same_edges(a, x->inputs, x->input_count, b, y->inputs, y->input_count);
    same_edges(a, x->outputs, x->output_count, b, y->outputs, y->output_count);
    assert_int_equal(x->attribute_count, y->attribute_count);
    for (int i = 0; i < x->attribute_count; i++)
        same_attribute(&x->attributes[i], &y->attributes[i]);
}

static void same_graph(const struct graph *a, const struct graph *b) {
    same_text(a->name, b->name);
    same_text(a->doc, b->doc);
    same_metadata(a->metadata, a->metadata_count, b->metadata, b->metadata_count);
    same_edges(a, a->inputs, a->input_count, b, b->inputs, b->input_count);
    same_edges(a, a->outputs, a->output_count, b, b->outputs, b->output_count);
    assert_int_equal(a->node_count, b->node_count);
    for (int i = 0; i < a->node_count; i++)
        same_node(a, &a->nodes[i], b, &b->nodes[i]);
    assert_int_equal(a->value_count, b->value_count);
    for (int i = 0; i < a->value_count; i++) {
        const struct value *x = &a->values[i], *y = &b->values[graph_find_value(b, x->name)];
        same_type(&x->type, &y->type);
        same_text(x->doc, y->doc);
        assert_true(x->is_input == y->is_input && x->is_output == y->is_output && x->is_captured == y->is_captured);
        assert_int_equal(x->producer, y->producer);
        assert_int_equal(!x->initializer, !y->initializer);
        if (x->initializer)
            same_tensor(x->initializer, y->initializer);
    }
}

static void same_model(const struct onnx_model *a, const struct onnx_model *b) {
    assert_int_equal(a->ir_version, b->ir_version);
    assert_int_equal(a->model_version, b->model_version);
    same_text(a->producer_name, b->producer_name);
    same_text(a->producer_version, b->producer_version);
    same_text(a->domain, b->domain);
    same_text(a->doc, b->doc);
    same_metadata(a->metadata, a->metadata_count, b->metadata, b->metadata_count);
    assert_int_equal(a->opset_count, b->opset_count);
    for (int i = 0; i < a->opset_count; i++) {
        same_text(a->opsets[i].domain, b->opsets[i].domain);
        assert_int_equal(a->opsets[i].version, b->opsets[i].version);
    }
    same_graph(a->graph, b->graph);
}

static struct onnx_model *load(const char *path) {
    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_load(path, NULL, &model, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return model;
}

/* ---- there and back ---- */

/* A file that the onnx package wrote: every element type, typed and raw; texts, a sparse initializer, subgraphs, a
   function, every kind of attribute, sequence and optional types, metadata everywhere. */
#define RICH "tests/data/rich.onnx"

static void a_rich_model_stays_the_same(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    snprintf(path, sizeof path, "%s/again.onnx", folder);
    struct error err = {0};
    struct onnx_model *model = load(RICH);
    assert_int_equal(model->graph->node_count, 6);
    assert_int_equal(onnx_save(model, path, NULL, &err), STATUS_OK);
    struct onnx_model *again = load(path);
    same_model(model, again);
    onnx_close(again);

    void *data;
    size_t size;
    assert_int_equal(onnx_save_memory(model, &data, &size, &err), STATUS_OK);
    assert_int_equal(onnx_load_memory(data, size, NULL, NULL, &again, &err), STATUS_OK);
    same_model(model, again);
    onnx_close(again);
    free(data);
    onnx_close(model);
    assert_int_equal(files_in(folder), 1);
    test_folder_remove(folder);
}

/* What the rich file says, so that a loader and a writer that forget the same thing are found out. */
static void a_rich_model_is_all_there(void **state) {
    (void)state;
    struct onnx_model *model = load(RICH);
    const struct graph *graph = model->graph;
    assert_string_equal(model->metadata[0].value, "v");
    assert_string_equal(model->doc, "doc");
    assert_int_equal(model->model_version, 5);
    assert_string_equal(graph->doc, "a graph");
    assert_string_equal(graph->metadata[0].key, "g");
    assert_string_equal(graph->values[graph->inputs[0]].type.dims[0].name, "batch");
    assert_int_equal(graph->values[graph->inputs[0]].type.dims[1].size, 3);
    assert_null(graph->values[graph->inputs[0]].type.dims[2].name);
    assert_int_equal(graph->values[graph->inputs[0]].type.dims[2].size, -1);
    assert_string_equal(graph->values[graph->outputs[1]].type.other, "sequence");
    assert_string_equal(graph->values[graph->outputs[2]].type.other, "optional");
    const struct tensor *sparse = graph->values[graph_find_value(graph, "sparse")].initializer;
    const float expected[] = {0, 1, 2, 0};
    assert_memory_equal(sparse->data, expected, sizeof expected);
    const struct node *all = &graph->nodes[5];
    assert_string_equal(all->op_type, "Everything");
    assert_string_equal(all->doc, "documented");
    assert_string_equal(all->metadata[0].key, "trace");
    assert_int_equal(all->attribute_count, 10);
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++) { /* typed and raw storage hold the same */
        char typed[32], raw[32];
        if (dtype == DTYPE_STRING)
            continue;
        snprintf(typed, sizeof typed, "typed_%d", dtype);
        snprintf(raw, sizeof raw, "raw_%d", dtype);
        same_tensor(graph->values[graph_find_value(graph, typed)].initializer,
                    graph->values[graph_find_value(graph, raw)].initializer);
    }
    onnx_close(model);
}

/* ---- models made here ---- */

/* A model whose only node adds the two initializers a (4 floats) and b (any tensor). */
struct handmade {
    struct onnx_model model;
    struct graph graph;
    struct opset opset;
    struct tensor small, large;
    struct node node;
    int inputs[2], output;
    float numbers[4];
};

static void handmade_init(struct handmade *made, struct pool *pool, const struct shape *shape, void *data) {
    struct error err;
    *made = (struct handmade){.opset = {"", 17}, .numbers = {1, 2, 3, 4}, .inputs = {0, 1}, .output = 2};
    assert_int_equal(tensor_describe(&made->small, DTYPE_FLOAT, &(struct shape){1, {4}}, &err), STATUS_OK);
    assert_int_equal(tensor_describe(&made->large, DTYPE_FLOAT, shape, &err), STATUS_OK);
    made->small.data = made->numbers;
    made->large.data = data;
    graph_add_value(&made->graph, pool, "a");
    graph_add_value(&made->graph, pool, "b");
    graph_add_value(&made->graph, pool, "y");
    made->graph.values[0].initializer = &made->small;
    made->graph.values[1].initializer = &made->large;
    made->graph.values[2].is_output = true;
    made->node = (struct node){.name = "add",
                               .op_type = "Add",
                               .domain = "",
                               .inputs = made->inputs,
                               .input_count = 2,
                               .outputs = &made->output,
                               .output_count = 1};
    graph_add_node(&made->graph, pool, &made->node);
    made->graph.name = "made";
    made->graph.outputs = &made->output;
    made->graph.output_count = 1;
    made->model = (struct onnx_model){.ir_version = 8, .opsets = &made->opset, .opset_count = 1, .graph = &made->graph};
}

static void weights_go_to_an_external_file(void **state) {
    (void)state;
    enum { COUNT = 50000 };
    char *folder = test_folder(), path[256], weights[256];
    struct pool *pool = pool_create();
    float *numbers = pool_array(pool, COUNT, sizeof *numbers);
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (float)i;
    struct handmade made;
    struct error err = {0};
    struct stat info;
    handmade_init(&made, pool, &(struct shape){1, {COUNT}}, numbers);
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    snprintf(weights, sizeof weights, "%s/m.weights", folder);
    const struct save_options options = {.external = "m.weights"};
    if (onnx_save(&made.model, path, &options, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(files_in(folder), 2);
    assert_int_equal(stat(weights, &info), 0);
    assert_int_equal(info.st_size, 4 * COUNT);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 1000);

    struct onnx_model *again = load(path);
    const struct tensor *large = again->graph->values[graph_find_value(again->graph, "b")].initializer;
    assert_true(large->mapped);
    same_tensor(large, &made.large);
    same_tensor(again->graph->values[graph_find_value(again->graph, "a")].initializer, &made.small);

    /* Onto its own files while they are mapped, all weights moved out this time. */
    const struct save_options all = {.external = "m.weights", .external_from = 1};
    assert_int_equal(onnx_save(again, path, &all, &err), STATUS_OK);
    struct onnx_model *third = load(path);
    same_model(again, third);
    assert_int_equal(files_in(folder), 2);
    onnx_close(third);

    /* And back into one file. */
    assert_int_equal(onnx_save(again, path, NULL, &err), STATUS_OK);
    third = load(path);
    same_model(again, third);
    assert_int_equal(third->map_count, 1);
    onnx_close(third);
    onnx_close(again);
    pool_destroy(pool);
    test_folder_remove(folder);
}

static void a_failed_save_leaves_nothing(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    struct pool *pool = pool_create();
    struct handmade made;
    struct error err = {0};
    handmade_init(&made, pool, &(struct shape){1, {2}}, NULL); /* b has no data */
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    const struct save_options options = {.external = "w", .external_from = 1};
    assert_int_equal(onnx_save(&made.model, path, &options, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "initializer \"b\": a tensor has no data"));
    assert_int_equal(onnx_save(&made.model, path, NULL, &err), STATUS_INVALID_ARGUMENT);
    assert_int_equal(files_in(folder), 0);

    made.large.data = made.numbers;
    assert_int_equal(onnx_save(&made.model, folder, NULL, &err), STATUS_IO);
    snprintf(path, sizeof path, "%s/none/m.onnx", folder);
    assert_int_equal(onnx_save(&made.model, path, NULL, &err), STATUS_IO);
    assert_int_equal(onnx_save(&made.model, path, &options, &err), STATUS_IO);
    assert_int_equal(files_in(folder), 0);
    pool_destroy(pool);
    test_folder_remove(folder);
}

static void refuses_models_that_say_too_little(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct handmade made;
    struct error err = {0};
    void *data;
    size_t size;
    handmade_init(&made, pool, &(struct shape){1, {4}}, (float[4]){0});
    made.model.ir_version = 0;
    assert_int_equal(onnx_save_memory(&made.model, &data, &size, &err), STATUS_INVALID_ARGUMENT);
    made.model.ir_version = 15;
    assert_int_equal(onnx_save_memory(&made.model, &data, &size, &err), STATUS_INVALID_ARGUMENT);
    made.model.ir_version = 8;
    made.model.opset_count = 0;
    assert_int_equal(onnx_save_memory(&made.model, &data, &size, &err), STATUS_INVALID_ARGUMENT);
    made.model.opset_count = 1;
    static const char *const names[] = {"", ".", "..", "../w", "sub/w", "/w", "m.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct save_options options = {.external = names[i]};
        assert_int_equal(onnx_save(&made.model, "/nowhere/m.onnx", &options, &err), STATUS_INVALID_ARGUMENT);
    }
    pool_destroy(pool);
}

/* Address space without memory behind it is enough to be too large. */
static void a_model_above_2_gib_needs_external_data(void **state) {
    (void)state;
    const size_t bytes = (size_t)3 << 30;
    void *nothing = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(nothing != MAP_FAILED);
    char *folder = test_folder(), path[256];
    struct pool *pool = pool_create();
    struct handmade made;
    struct error err = {0};
    void *data;
    size_t size;
    handmade_init(&made, pool, &(struct shape){1, {(int64_t)bytes / 4}}, nothing);
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    assert_int_equal(onnx_save(&made.model, path, NULL, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.message, "external data"));
    assert_int_equal(onnx_save_memory(&made.model, &data, &size, &err), STATUS_LIMIT);
    assert_int_equal(files_in(folder), 0);
    munmap(nothing, bytes);
    pool_destroy(pool);
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rich_model_stays_the_same),        cmocka_unit_test(a_rich_model_is_all_there),
        cmocka_unit_test(weights_go_to_an_external_file),     cmocka_unit_test(a_failed_save_leaves_nothing),
        cmocka_unit_test(refuses_models_that_say_too_little), cmocka_unit_test(a_model_above_2_gib_needs_external_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

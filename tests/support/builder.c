#include "tests/support/builder.h"

#include "onnx/load/load.h"
#include "runtime/session/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ITEMS 64

static void *need(void *p) {
    assert_non_null(p);
    return p;
}

struct builder build_start(int opset) {
    struct pool *pool = need(pool_create());
    struct onnx_model *model = need(pool_alloc(pool, sizeof *model));
    model->pool = pool;
    model->ir_version = 8;
    model->producer_name = model->producer_version = model->domain = model->doc = "";
    model->opsets = need(pool_array(pool, 2, sizeof *model->opsets));
    model->opsets[0] = (struct opset){"", opset};
    model->opset_count = 1;
    model->graph = need(pool_alloc(pool, sizeof *model->graph));
    model->graph->name = "test";
    model->graph->doc = "";
    return (struct builder){model};
}

void build_drop(struct builder *builder) {
    onnx_close(builder->model);
    builder->model = NULL;
}

static int value_of(struct builder *builder, const char *name) {
    const int found = graph_find_value(builder->model->graph, name);
    if (found >= 0)
        return found;
    const int added = graph_add_value(builder->model->graph, builder->model->pool, name);
    assert_true(added >= 0);
    return added;
}

/* The blank-separated words of a list; returns how many. */
static int split(struct builder *builder, const char *list, char *words[MOST_ITEMS]) {
    int count = 0;
    char *rest = need(pool_string(builder->model->pool, list, strlen(list))), *state = NULL;
    for (char *word = strtok_r(rest, " ,", &state); word; word = strtok_r(NULL, " ,", &state)) {
        assert_true(count < MOST_ITEMS);
        words[count++] = word;
    }
    return count;
}

static int64_t *numbers_of(struct builder *builder, const char *list, int *count) {
    char *words[MOST_ITEMS];
    *count = split(builder, list, words);
    int64_t *numbers = need(pool_array(builder->model->pool, (size_t)*count + 1, sizeof *numbers));
    for (int i = 0; i < *count; i++)
        numbers[i] = strtoll(words[i], NULL, 10);
    return numbers;
}

static void append(struct builder *builder, int **list, int *count, int item) {
    int *grown = need(pool_array(builder->model->pool, (size_t)*count + 1, sizeof *grown));
    for (int i = 0; i < *count; i++)
        grown[i] = (*list)[i];
    grown[(*count)++] = item;
    *list = grown;
}

void build_input(struct builder *builder, const char *name, enum dtype dtype, const char *dims) {
    struct graph *graph = builder->model->graph;
    const int index = value_of(builder, name);
    struct value *value = &graph->values[index];
    value->is_input = true;
    value->type = (struct declared_type){.dtype = dtype, .rank = -1};
    if (dims) {
        char *words[MOST_ITEMS];
        value->type.rank = split(builder, dims, words);
        for (int i = 0; i < value->type.rank; i++) {
            const bool number = words[i][0] >= '0' && words[i][0] <= '9';
            value->type.dims[i].size = number ? strtoll(words[i], NULL, 10) : -1;
            value->type.dims[i].name = number || words[i][0] == '?' ? NULL : words[i];
        }
    }
    append(builder, &graph->inputs, &graph->input_count, index);
}

void build_output(struct builder *builder, const char *name) {
    struct graph *graph = builder->model->graph;
    const int index = value_of(builder, name);
    graph->values[index].is_output = true;
    append(builder, &graph->outputs, &graph->output_count, index);
}

static const struct tensor *keep(struct builder *builder, const struct tensor *tensor) {
    struct tensor *copy = need(pool_alloc(builder->model->pool, sizeof *copy));
    *copy = *tensor;
    copy->constant = true;
    copy->data = need(pool_alloc(builder->model->pool, tensor->bytes + 1));
    memcpy(copy->data, tensor->data, tensor->bytes);
    builder->model->file_bytes += tensor->bytes;
    return copy;
}

void build_constant(struct builder *builder, const char *name, const struct tensor *tensor) {
    const int index = value_of(builder, name);
    builder->model->graph->values[index].initializer = keep(builder, tensor);
}

void build_random(struct builder *builder, const char *name, const char *dims, struct random *random) {
    struct shape shape = {0};
    const int64_t *numbers = numbers_of(builder, dims, &shape.rank);
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = numbers[i];
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shape);
    test_fill(tensor, random);
    build_constant(builder, name, tensor);
    test_tensor_free(tensor);
}

void build_ints(struct builder *builder, const char *name, const char *numbers) {
    int count;
    const int64_t *values = numbers_of(builder, numbers, &count);
    struct tensor *tensor = test_ints(count, values);
    build_constant(builder, name, tensor);
    test_tensor_free(tensor);
}

void build_float(struct builder *builder, const char *name, float number) {
    const struct tensor tensor = {.dtype = DTYPE_FLOAT, .data = &number, .bytes = sizeof number};
    build_constant(builder, name, &tensor);
}

static int *values_of(struct builder *builder, const char *list, int *count) {
    char *words[MOST_ITEMS];
    *count = split(builder, list, words);
    int *values = need(pool_array(builder->model->pool, (size_t)*count + 1, sizeof *values));
    for (int i = 0; i < *count; i++)
        values[i] = strcmp(words[i], "-") == 0 ? NO_VALUE : value_of(builder, words[i]);
    return values;
}

void build_node(struct builder *builder, const char *op_type, const char *inputs, const char *outputs) {
    struct node node = {.name = "", .domain = "", .overload = ""};
    node.op_type = need(pool_string(builder->model->pool, op_type, strlen(op_type)));
    node.inputs = values_of(builder, inputs, &node.input_count);
    node.outputs = values_of(builder, outputs, &node.output_count);
    const int index = graph_add_node(builder->model->graph, builder->model->pool, &node);
    assert_true(index >= 0);
    for (int i = 0; i < node.output_count; i++)
        if (node.outputs[i] != NO_VALUE)
            builder->model->graph->values[node.outputs[i]].producer = index;
}

static struct node *last_node(struct builder *builder) {
    return &builder->model->graph->nodes[builder->model->graph->node_count - 1];
}

void build_name(struct builder *builder, const char *name, const char *domain) {
    struct node *node = last_node(builder);
    node->name = need(pool_string(builder->model->pool, name, strlen(name)));
    node->domain = need(pool_string(builder->model->pool, domain, strlen(domain)));
    if (domain[0] && builder->model->opset_count == 1)
        builder->model->opsets[builder->model->opset_count++] = (struct opset){node->domain, 1};
}

static void add_attribute(struct builder *builder, const struct attribute *attribute) {
    struct node *node = last_node(builder);
    struct attribute *grown = need(pool_array(builder->model->pool, (size_t)node->attribute_count + 1, sizeof *grown));
    for (int i = 0; i < node->attribute_count; i++)
        grown[i] = node->attributes[i];
    grown[node->attribute_count++] = *attribute;
    node->attributes = grown;
}

void build_attribute_int(struct builder *builder, const char *name, int64_t value) {
    add_attribute(builder, &(struct attribute){.name = name, .type = ATTRIBUTE_INT, .count = 1, .i = value});
}

void build_attribute_float(struct builder *builder, const char *name, float value) {
    add_attribute(builder, &(struct attribute){.name = name, .type = ATTRIBUTE_FLOAT, .count = 1, .f = value});
}

void build_attribute_text(struct builder *builder, const char *name, const char *value) {
    add_attribute(builder, &(struct attribute){.name = name,
                                               .type = ATTRIBUTE_STRING,
                                               .count = 1,
                                               .s = {.bytes = value, .length = strlen(value)}});
}

void build_attribute_texts(struct builder *builder, const char *name, const char *list) {
    char *words[MOST_ITEMS];
    const int count = split(builder, list, words);
    struct text *texts = need(pool_array(builder->model->pool, (size_t)count + 1, sizeof *texts));
    for (int i = 0; i < count; i++)
        texts[i] = (struct text){words[i], strlen(words[i])};
    add_attribute(builder, &(struct attribute){
                               .name = name, .type = ATTRIBUTE_STRINGS, .count = (size_t)count, .strings = texts});
}

void build_attribute_ints(struct builder *builder, const char *name, const char *numbers) {
    int count;
    const int64_t *values = numbers_of(builder, numbers, &count);
    add_attribute(builder,
                  &(struct attribute){.name = name, .type = ATTRIBUTE_INTS, .count = (size_t)count, .ints = values});
}

void build_attribute_tensor(struct builder *builder, const char *name, const struct tensor *value) {
    add_attribute(builder, &(struct attribute){
                               .name = name, .type = ATTRIBUTE_TENSOR, .count = 1, .tensor = keep(builder, value)});
}

void build_conv(struct builder *builder, const char *input, const char *weights, const char *pads, const char *output,
                struct random *random) {
    char name[64], inputs[128];
    snprintf(name, sizeof name, "%s_w", output);
    snprintf(inputs, sizeof inputs, "%s %s", input, name);
    build_random(builder, name, weights, random);
    build_node(builder, "Conv", inputs, output);
    if (pads)
        build_attribute_ints(builder, "pads", pads);
}

struct builder build_body(const struct builder *outer) {
    struct onnx_model *model = need(pool_alloc(outer->model->pool, sizeof *model));
    model->pool = outer->model->pool;
    model->graph = need(pool_alloc(model->pool, sizeof *model->graph));
    model->graph->name = "body";
    return (struct builder){model};
}

struct builder build_loop_body(const struct builder *outer) {
    struct builder body = build_body(outer);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    build_node(&body, "Identity", "c", "again");
    build_output(&body, "again");
    return body;
}

void build_captured(struct builder *body, const char *names) {
    int count;
    const int *values = values_of(body, names, &count);
    for (int i = 0; i < count; i++)
        body->model->graph->values[values[i]].is_captured = true;
}

void build_attribute_graph(struct builder *builder, const char *name, const struct builder *body) {
    add_attribute(builder,
                  &(struct attribute){.name = name, .type = ATTRIBUTE_GRAPH, .count = 1, .graph = body->model->graph});
}

limner_model *build_model(struct builder *builder, unsigned passes_off) {
    struct error err;
    limner_model *model = NULL;
    const struct program_options options = {.passes_off = passes_off};
    if (model_create(builder->model, &options, &model, &err) != STATUS_OK) {
        build_drop(builder);
        fail_msg("%s", err.message);
    }
    builder->model = NULL;
    return model;
}

limner_status build_failing(struct builder *builder, limner_error *error) {
    struct error err = {.code = STATUS_OK};
    limner_model *model = NULL;
    const struct program_options options = {0};
    const status code = model_create(builder->model, &options, &model, &err);
    if (code != STATUS_OK)
        build_drop(builder);
    limner_model_close(model);
    error->status = (limner_status)code;
    memcpy(error->message, err.message, sizeof error->message);
    return error->status;
}

limner_tensor as_input(const char *name, const struct tensor *tensor) {
    limner_tensor input = {.name = name,
                           .type = (limner_type)tensor->dtype,
                           .rank = tensor->shape.rank,
                           .data = tensor->data,
                           .bytes = tensor->bytes};
    memcpy(input.dims, tensor->shape.dims, sizeof input.dims);
    return input;
}

void run_model(limner_session *session, const limner_tensor *inputs, size_t input_count, limner_tensor *outputs,
               size_t output_count) {
    limner_error error;
    if (limner_session_run(session, inputs, input_count, outputs, output_count, &error) != LIMNER_OK)
        fail_msg("%s", error.message);
}

limner_session *open_session(limner_model *model, const limner_options *options) {
    static const limner_cpu cpus[] = {LIMNER_CPU_PORTABLE, LIMNER_CPU_AVX2, LIMNER_CPU_AVX512};
    limner_options own = options ? *options : (limner_options){0};
    limner_error error;
    limner_session *session = NULL;
    own.size = sizeof own;
    if (own.cpu == LIMNER_CPU_AUTO)
        own.cpu = cpus[test_kernels()->level];
    if (limner_session_create(model, &own, &session, &error) != LIMNER_OK)
        fail_msg("%s", error.message);
    return session;
}

limner_session *build_session(struct builder *builder, unsigned passes_off, const limner_limits *limits) {
    limner_model *model = build_model(builder, passes_off);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .limits = limits});
    limner_model_close(model);
    return session;
}

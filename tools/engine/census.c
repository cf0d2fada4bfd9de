#include "tools/engine/census.h"

#include "onnx/load/load.h"
#include "onnx/model.h"
#include "ops/core/op.h"
#include "ops/registry.h"

#include <stdlib.h>
#include <string.h>

struct taker {
    const struct onnx_model *model;
    struct pool *pool;
    struct census *census;
    struct error *err;
};

static struct census_row *find_row(const struct census *census, const struct node *node) {
    for (size_t i = 0; i < census->row_count; i++)
        if (strcmp(census->rows[i].name, node->op_type) == 0 && strcmp(census->rows[i].domain, node->domain) == 0)
            return &census->rows[i];
    return NULL;
}

static struct census_row *add_row(struct taker *taker, const struct node *node) {
    struct census *census = taker->census;
    if (census->row_count == census->row_capacity) {
        const size_t capacity = census->row_capacity ? 2 * census->row_capacity : 32;
        struct census_row *rows = pool_array(taker->pool, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        if (census->row_count)
            memcpy(rows, census->rows, census->row_count * sizeof *rows);
        census->rows = rows;
        census->row_capacity = capacity;
    }
    struct census_row *row = &census->rows[census->row_count++];
    const int64_t opset = onnx_opset(taker->model, node->domain);
    const bool supported = op_find(node->domain, node->op_type, opset) != NULL;
    *row = (struct census_row){node->domain, node->op_type, opset, 0, supported};
    return row;
}

static status take_graph(struct taker *taker, const struct graph *graph);

static status take_subgraphs(struct taker *taker, const struct node *node) {
    status code = STATUS_OK;
    for (int i = 0; !code && i < node->attribute_count; i++) {
        const struct attribute *attribute = &node->attributes[i];
        if (attribute->type == ATTRIBUTE_GRAPH && attribute->graph)
            code = take_graph(taker, attribute->graph);
        for (size_t k = 0; !code && attribute->type == ATTRIBUTE_GRAPHS && k < attribute->count; k++)
            code = take_graph(taker, attribute->graphs[k]);
    }
    return code;
}

static void count_tensor(struct census *census, const struct tensor *tensor) {
    census->parameters += (uint64_t)tensor_elements(tensor);
    census->parameter_bytes += tensor->bytes;
}

/* A node without inputs that holds a tensor: a constant, where others have initializers. */
static void count_constant(struct census *census, const struct node *node) {
    for (int i = 0; node->input_count == 0 && i < node->attribute_count; i++)
        if (node->attributes[i].type == ATTRIBUTE_TENSOR && node->attributes[i].tensor)
            count_tensor(census, node->attributes[i].tensor);
}

static status take_graph(struct taker *taker, const struct graph *graph) {
    struct census *census = taker->census;
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer && !graph->values[i].is_captured)
            count_tensor(census, graph->values[i].initializer);
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        struct census_row *row = find_row(census, node);
        if (!row)
            row = add_row(taker, node);
        if (!row)
            return fail_memory(taker->err, "the list of operators");
        count_constant(census, node);
        row->count++;
        census->nodes++;
        census->unsupported += !row->supported;
        const status code = take_subgraphs(taker, node);
        if (code)
            return code;
    }
    return STATUS_OK;
}

static int by_name(const void *left, const void *right) {
    const struct census_row *a = left, *b = right;
    const int domains = strcmp(a->domain, b->domain);
    return domains ? domains : strcmp(a->name, b->name);
}

status census_take(const struct onnx_model *model, struct pool *pool, struct census *census, struct error *err) {
    *census = (struct census){0};
    struct taker taker = {model, pool, census, err};
    const status code = take_graph(&taker, model->graph);
    if (!code && census->row_count)
        qsort(census->rows, census->row_count, sizeof *census->rows, by_name);
    return code;
}

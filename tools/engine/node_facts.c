#include "tools/engine/node_facts.h"

#include "ops/registry.h"

const struct op *node_operator(const struct node_asker *asker, const struct node *node) {
    return op_find(node->domain, node->op_type, onnx_opset(asker->model, node->domain));
}

/* The initializer, or the tensor of the node that makes the value. */
static const struct tensor *constant_of(const void *context, int value);

static enum dtype type_of(const void *context, int value) {
    return ((const struct node_asker *)context)->model->graph->values[value].type.dtype;
}

static bool is_read(const void *context, int value) {
    (void)context, (void)value;
    return true;
}

struct op_call *node_ask(const struct node_asker *asker, const struct op *op, const struct node *node) {
    const struct op_asker questions = {asker->pool, asker, constant_of, type_of, is_read};
    const int64_t opset = onnx_opset(asker->model, node->domain);
    struct op_call *call;
    struct error ignored;
    const status code = op_ask(&questions, op, node, (int)opset, &call, &ignored);
    *asker->starved |= code == STATUS_NO_MEMORY;
    return code == STATUS_OK ? call : NULL;
}

static const struct tensor *constant_of(const void *context, int value) {
    const struct node_asker *asker = context;
    const struct value *v = &asker->model->graph->values[value];
    if (v->initializer || v->producer < 0)
        return v->initializer;
    const struct node *producer = &asker->model->graph->nodes[v->producer];
    const struct op *op = node_operator(asker, producer);
    const struct op_call *call = op_facts(op)->constant ? node_ask(asker, op, producer) : NULL;
    return call ? op_facts(op)->constant(call) : NULL;
}

/* ---- how a model ends ---- */

/* A bound for numbers of -1 to 1 that leaves them as they are. */
static bool keeps_signed_unit(const struct activation *activation) {
    return activation->kind == ACTIVATION_CLIP && activation->alpha <= -1 && activation->beta >= 1;
}

/* Numbers of input 0 pass the node as they are, and nothing else comes out. */
static bool passes(const struct node_asker *asker, const struct op *op, const struct node *node, bool *is_tanh) {
    struct activation activation;
    const struct op_facts *facts = op_facts(op);
    *is_tanh = false;
    if (facts->carries || facts->moves)
        return true;
    const struct op_call *call = facts->activation ? node_ask(asker, op, node) : NULL;
    if (!call || !facts->activation(call, &activation))
        return false;
    *is_tanh = activation.kind == ACTIVATION_TANH;
    return keeps_signed_unit(&activation);
}

static bool comes_from_tanh(const struct node_asker *asker, int value) {
    const struct graph *graph = asker->model->graph;
    bool is_tanh = false;
    while (!is_tanh && value != NO_VALUE && graph->values[value].producer >= 0) {
        const struct node *node = &graph->nodes[graph->values[value].producer];
        if (!passes(asker, node_operator(asker, node), node, &is_tanh))
            break;
        value = node->input_count ? node->inputs[0] : NO_VALUE;
    }
    return is_tanh;
}

status output_is_tanh(const struct onnx_model *model, size_t i, bool *is_tanh, struct error *err) {
    struct pool *pool = pool_create();
    bool starved = !pool;
    const struct node_asker asker = {model, pool, &starved};
    const struct graph *graph = model->graph;
    *is_tanh = pool && i < (size_t)graph->output_count && comes_from_tanh(&asker, graph->outputs[i]);
    pool_destroy(pool);
    return starved ? fail_memory(err, "the look at a model") : STATUS_OK;
}

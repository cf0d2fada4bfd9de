/*
 * Gradient (ai.onnx.preview.training 1): derivatives of a tensor of the graph, by going back along the nodes that make
 * it. The node is written as those that compute them. Where an input is another value than the tensor that it stands
 * for, what is made of it is computed anew.
 */
#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/gradient/derivatives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gradient_params {
    size_t xs, zs;
};

/* What is known of a value of the graph. */
struct gradient_value {
    int now;      /* the value that stands for it */
    int gradient; /* so far; NO_VALUE: none */
    bool needed;  /* y depends on it */
    bool fixed;   /* one of xs and zs */
    bool active;  /* it depends on xs */
};

struct gradient {
    struct op_writer *w;
    const struct op_call *call;   /* of the Gradient */
    const struct op_call **nodes; /* before it, from the first on */
    int node_count, named;        /* xs and zs */
    struct gradient_value *values;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct gradient_params *params = result;
    attribute_texts(attributes, "xs", &params->xs);
    attribute_texts(attributes, "zs", &params->zs);
    if (!attribute_text(attributes, "y", NULL) || params->xs == 0)
        return fail(err, STATUS_INVALID_MODEL, "attributes \"xs\" and \"y\" are missing");
    const int inputs = node_arguments(call->node), outputs = call->node->output_count;
    if ((size_t)inputs != params->xs + params->zs || (size_t)outputs > params->xs)
        return fail(err, STATUS_INVALID_MODEL,
                    "has %d inputs and %d outputs for %zu tensors in \"xs\" and %zu in \"zs\"", inputs, outputs,
                    params->xs, params->zs);
    return STATUS_OK;
}

static struct gradient_value *value_of(const struct gradient *g, int value) {
    return &g->values[value];
}

static bool know(struct op_writer *w, const char *name, int value) {
    w->names[w->name_count++] = (struct written_name){name, value};
    return value != NO_VALUE;
}

/* The latest value of that name, and forgotten; NO_VALUE without. */
static int found(const struct op_writer *w, const char *name) {
    for (int i = w->name_count; i-- > 0;)
        if (strcmp(w->names[i].name, name) == 0)
            return w->names[i].value;
    return NO_VALUE;
}

/* Names after the text's are not wanted: the next text begins with these two. */
static void begin(struct gradient *g, int first, int second) {
    g->w->name_count = 0;
    know(g->w, "y", first);
    know(g->w, "g", second);
}

static void mark_needed(const struct gradient *g, int y) {
    value_of(g, y)->needed = true;
    for (int i = g->node_count; i-- > 0;) {
        const struct node *node = g->nodes[i]->node;
        bool needed = false;
        for (int k = 0; k < node->output_count; k++)
            needed |= node->outputs[k] != NO_VALUE && value_of(g, node->outputs[k])->needed &&
                      !value_of(g, node->outputs[k])->fixed;
        for (int k = 0; needed && k < node->input_count; k++)
            if (node->inputs[k] != NO_VALUE)
                value_of(g, node->inputs[k])->needed = true;
    }
}

/* A copy whose values are those that stand for the node's. NULL without memory. */
static struct node *node_now(const struct gradient *g, const struct node *node) {
    struct pool *pool = g->w->pool;
    struct node *copy = pool_alloc(pool, sizeof *copy);
    int *lists = pool_array(pool, (size_t)node->input_count + (size_t)node->output_count + 1, sizeof *lists);
    if (!copy || !lists)
        return NULL;
    *copy = *node;
    copy->inputs = lists;
    copy->outputs = lists + node->input_count;
    for (int i = 0; i < node->input_count + node->output_count; i++) {
        const int value = i < node->input_count ? node->inputs[i] : node->outputs[i - node->input_count];
        lists[i] = value == NO_VALUE ? NO_VALUE : value_of(g, value)->now;
    }
    return copy;
}

/* Computes the node again where one of its inputs is another value now. */
static status compute_again(struct gradient *g, const struct op_call *call, struct error *err) {
    for (int k = 0; k < call->node->output_count; k++) {
        const int value = call->node->outputs[k];
        if (value != NO_VALUE && !value_of(g, value)->fixed)
            value_of(g, value)->now = g->w->add_value(g->w->context, "Gradient");
    }
    const struct node *copy = node_now(g, call->node);
    return copy && g->w->add_node(g->w->context, copy) ? STATUS_OK : fail_memory(err, "a gradient");
}

static status go_forward(struct gradient *g, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < g->node_count; i++) {
        const struct node *node = g->nodes[i]->node;
        bool active = false, changed = false, needed = false;
        for (int k = 0; k < node->input_count; k++) {
            const int value = node->inputs[k];
            active |= value != NO_VALUE && value_of(g, value)->active;
            changed |= value != NO_VALUE && value_of(g, value)->now != value;
        }
        for (int k = 0; k < node->output_count; k++) {
            struct gradient_value *output = node->outputs[k] == NO_VALUE ? NULL : value_of(g, node->outputs[k]);
            needed |= output && output->needed && !output->fixed;
            if (output && !output->fixed)
                output->active = active;
        }
        if (changed && needed)
            code = compute_again(g, g->nodes[i], err);
    }
    return code;
}

/* The sum over what the value was repeated along. */
#define SUMMED                                                                                                 \
    "s = Shape(y); r = Shape(g); a = Size(s); b = Size(r); a = Sub(b a); a = Reshape(a [1]); a = Expand(1 a);" \
    "a = Concat{axis=0}(a s); a = Equal(a r); a = Not(a); a = NonZero(a); a = Reshape(a [-1]);"                \
    "g = ReduceSum{noop_with_empty_axes=1}(g a); g = Reshape{allowzero=1}(g s)"

static status add_gradient(struct gradient *g, int value, int more, bool broadcasts, struct error *err) {
    struct gradient_value *of = value_of(g, value);
    begin(g, of->now, more);
    status code = broadcasts ? op_write(g->w, err, SUMMED) : STATUS_OK;
    if (code == STATUS_OK && of->gradient != NO_VALUE) {
        know(g->w, "y", of->gradient);
        code = op_write(g->w, err, "g = Add(y g)");
    }
    of->gradient = found(g->w, "g");
    return code;
}

static bool is_real(enum dtype dtype) {
    return dtype == DTYPE_UNDEFINED || dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE || dtype_is_half(dtype);
}

/* From the node's outputs to its inputs. */
static status go_back(struct gradient *g, const struct op_call *call, struct error *err) {
    const struct node *node = call->node;
    struct op_call now = *call;
    bool broadcasts = false;
    for (int k = 1; k < node->output_count; k++)
        if (node->outputs[k] != NO_VALUE && value_of(g, node->outputs[k])->gradient != NO_VALUE)
            return fail(err, STATUS_UNSUPPORTED, "the derivative of output %d of %s is not known", k, call->op->name);
    if (node->outputs[0] == NO_VALUE || value_of(g, node->outputs[0])->gradient == NO_VALUE)
        return STATUS_OK;
    now.node = node_now(g, node);
    if (!now.node)
        return fail_memory(err, "a gradient");
    int *given = pool_array(g->w->pool, (size_t)node->input_count + 1, sizeof *given);
    if (!given)
        return fail_memory(err, "a gradient");
    g->w->call = &now;
    begin(g, value_of(g, node->outputs[0])->now, value_of(g, node->outputs[0])->gradient);
    status code = derivative_write(g->w, &broadcasts, err);
    g->w->own = NULL;
    for (int i = 0; i < node_arguments(node); i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        given[i] = found(g->w, name);
    }
    for (int i = 0; code == STATUS_OK && i < node_arguments(node); i++)
        if (given[i] != NO_VALUE && node->inputs[i] != NO_VALUE && value_of(g, node->inputs[i])->active &&
            is_real(call->inputs[i] ? call->inputs[i]->dtype : DTYPE_UNDEFINED))
            code = add_gradient(g, node->inputs[i], given[i], broadcasts, err);
    g->w->call = g->call;
    return code;
}

static status write_outputs(struct gradient *g, struct error *err) {
    const struct node *node = g->call->node;
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < node->output_count; i++) {
        if (node->outputs[i] == NO_VALUE)
            continue;
        const int x = node->inputs[node_arguments(node) + i], gradient = value_of(g, x)->gradient;
        begin(g, node->inputs[i], gradient);
        code = gradient != NO_VALUE ? op_write(g->w, err, ">%d = Identity(g)", i)
                                    : op_write(g->w, err, "s = Shape(y); z = Expand(0f s); >%d = CastLike(z y)", i);
    }
    return code;
}

/* y is one of xs and zs, or a node before this one makes it. */
static bool is_made(const struct gradient *g, int y) {
    bool made = value_of(g, y)->fixed;
    for (int i = 0; i < g->node_count; i++)
        for (int k = 0; k < g->nodes[i]->node->output_count; k++)
            made |= g->nodes[i]->node->outputs[k] == y;
    return made;
}

static status write_gradient(struct gradient *g, int y, struct error *err) {
    if (!is_made(g, y))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"y\" names no tensor that nodes before this one make");
    mark_needed(g, y);
    if (go_forward(g, err) != STATUS_OK)
        return err->code;
    begin(g, value_of(g, y)->now, NO_VALUE);
    status code = op_write(g->w, err, "s = Shape(y); o = Expand(1f s); g = CastLike(o y)");
    value_of(g, y)->gradient = found(g->w, "g");
    for (int i = g->node_count; code == STATUS_OK && i-- > 0;) {
        const struct node *node = g->nodes[i]->node;
        bool active = false;
        for (int k = 0; k < node->output_count; k++)
            active |= node->outputs[k] != NO_VALUE && value_of(g, node->outputs[k])->active &&
                      !value_of(g, node->outputs[k])->fixed;
        if (active)
            code = go_back(g, g->nodes[i], err);
    }
    return code == STATUS_OK ? write_outputs(g, err) : code;
}

/* The nodes before this one. */
static status list_nodes(struct gradient *g, struct error *err) {
    const struct op_call *call;
    for (int capacity = 0; (call = g->w->made(g->w->context, g->node_count)); g->nodes[g->node_count++] = call) {
        if (g->node_count < capacity)
            continue;
        capacity = capacity * 2 + 64;
        const struct op_call **more = realloc(g->nodes, (size_t)capacity * sizeof *more);
        if (!more)
            return fail_memory(err, "a gradient");
        g->nodes = more;
    }
    return STATUS_OK;
}

static status expand(struct op_writer *w, struct error *err) {
    const struct gradient_params *params = w->call->params;
    const struct node *node = w->call->node;
    struct gradient g = {.w = w, .call = w->call, .named = (int)(params->xs + params->zs)};
    const int *named = node->inputs + node_arguments(node), count = w->add_value(w->context, "Gradient");
    for (int i = 0; i <= g.named; i++)
        if (node->captured_count != g.named + 1 || named[i] == NO_VALUE)
            return fail(err, STATUS_INVALID_MODEL, "attributes \"xs\", \"zs\" and \"y\" name no tensors of its graph");
    g.values = count < 0 ? NULL : malloc(((size_t)count + 1) * sizeof *g.values);
    status code = g.values ? list_nodes(&g, err) : fail_memory(err, "a gradient");
    for (int i = 0; code == STATUS_OK && i < count; i++)
        g.values[i] = (struct gradient_value){.now = i, .gradient = NO_VALUE};
    for (int i = 0; code == STATUS_OK && i < g.named; i++)
        g.values[named[i]] = (struct gradient_value){
            .now = node->inputs[i], .gradient = NO_VALUE, .fixed = true, .active = i < (int)params->xs};
    if (code == STATUS_OK)
        code = write_gradient(&g, named[g.named], err);
    free(g.nodes);
    free(g.values);
    return code;
}

/* Each has its own, which the nodes give that the node is written as. */
static enum dtype output_type(const struct op_call *call, int output) {
    (void)call, (void)output;
    return DTYPE_UNDEFINED;
}

static const char *const names[] = {"xs", "zs", "y", NULL};
static const struct op_facts facts = {
    .expand = expand,
    .reads = names,
    .expands_to = "Add And Atan Cast CastLike Concat Cos Div Equal Exp Expand Gather Gemm Greater Identity LeakyRelu "
                  "Less Log MatMul Mul "
                  "Neg NonZero Not Pow Range ReduceSum Reshape ScatterElements Shape Sigmoid Sign Sin Size Slice Sqrt "
                  "Sub Transpose Where com.microsoft:FusedMatMul"};

#define TYPES_REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))
const struct op ops_gradient[] = {{.name = "Gradient",
                                   .domain = "ai.onnx.preview.training",
                                   .since = 1,
                                   .inputs = ARGS({"Inputs", TYPES_WHOLE, ARG_VARIADIC}),
                                   .outputs = ARGS({"Outputs", TYPES_REAL, ARG_VARIADIC | ARG_OPTIONAL}),
                                   .params_size = sizeof(struct gradient_params),
                                   .parse = parse,
                                   .output_type = output_type,
                                   .infer = op_expanded,
                                   .run = op_expanded,
                                   .facts = &facts},
                                  {0}};

#include "runtime/passes/pass_layout.h"

#include "ops/kernels/kernels.h"
#include "runtime/passes/pass.h"
#include "runtime/passes/pass_activation.h"
#include "runtime/passes/pass_pad.h"

#include <stdlib.h>
#include <string.h>

/* A value of the graph as the pass sees it. */
struct known {
    int blocked;      /* the same in channel blocks, or NO_VALUE */
    int64_t channels; /* when blocked */
};

struct layout {
    struct pass_context *context;
    struct graph *graph;
    const struct node *old; /* the nodes before the pass; values' producers still count in them */
    struct node *nodes;     /* the new ones */
    int count, capacity;
    struct known *known; /* by value */
    int known_count;
};

static const struct known nothing = {NO_VALUE, 0};

static struct known known_of(const struct layout *layout, int value) {
    return value != NO_VALUE && value < layout->known_count ? layout->known[value] : nothing;
}

static bool is_blocked(const struct layout *layout, int value) {
    return known_of(layout, value).blocked != NO_VALUE;
}

/* ---- making nodes ---- */

static struct node *add_node(struct layout *layout, const struct node *node) {
    if (layout->count == layout->capacity) {
        const int capacity = layout->capacity * 2 + 16;
        struct node *grown = pool_array(layout->context->program->pool, (size_t)capacity, sizeof *grown);
        if (!grown)
            return NULL;
        if (layout->count)
            memcpy(grown, layout->nodes, (size_t)layout->count * sizeof *grown);
        layout->nodes = grown;
        layout->capacity = capacity;
    }
    layout->nodes[layout->count] = *node;
    return &layout->nodes[layout->count++];
}

/* A copy of the node whose lists may be changed, with room for `inputs` inputs. */
static struct node *copy_node(struct layout *layout, const struct node *node, int inputs) {
    struct pool *pool = layout->context->program->pool;
    struct node copy = *node;
    const int count = inputs > node->input_count ? inputs : node->input_count;
    copy.inputs = pool_array(pool, (size_t)count + 1, sizeof *copy.inputs);
    copy.outputs = pool_array(pool, (size_t)node->output_count + 1, sizeof *copy.outputs);
    if (!copy.inputs || !copy.outputs)
        return NULL;
    for (int i = 0; i < count; i++)
        copy.inputs[i] = pass_input(node, i);
    copy.input_count = count;
    memcpy(copy.outputs, node->outputs, (size_t)node->output_count * sizeof *copy.outputs);
    return add_node(layout, &copy);
}

static int new_value(struct layout *layout, int like) {
    struct pool *pool = layout->context->program->pool;
    const char *name = pool_format(pool, "%s in channel blocks", layout->graph->values[like].name);
    return name ? graph_add_value(layout->graph, pool, name) : NO_VALUE;
}

static bool set_int(struct layout *layout, struct node *node, const char *name, int64_t i) {
    const struct attribute attribute = {.name = name, .type = ATTRIBUTE_INT, .count = 1, .i = i};
    return pass_set_attribute(layout->context, node, &attribute);
}

static bool set_text(struct layout *layout, struct node *node, const char *name, const char *text) {
    const struct attribute attribute = {
        .name = name, .type = ATTRIBUTE_STRING, .count = 1, .s = {.bytes = text, .length = strlen(text)}};
    return pass_set_attribute(layout->context, node, &attribute);
}

static struct node *turn_node(struct layout *layout, const char *op_type, const char *name, int from, int to,
                              int64_t channels) {
    struct pool *pool = layout->context->program->pool;
    int *ends = pool_array(pool, 2, sizeof *ends);
    if (!ends || from == NO_VALUE || to == NO_VALUE)
        return NULL;
    ends[0] = from;
    ends[1] = to;
    const struct node node = {.name = name,
                              .op_type = op_type,
                              .domain = INTERNAL_DOMAIN,
                              .overload = "",
                              .inputs = &ends[0],
                              .input_count = 1,
                              .outputs = &ends[1],
                              .output_count = 1};
    struct node *added = add_node(layout, &node);
    return added && set_int(layout, added, "channels", channels) ? added : NULL;
}

/* The value in blocks; a node that turns it is added where it is not there yet. NO_VALUE without memory. */
static int blocks_of(struct layout *layout, int value, int64_t channels, const char *reader) {
    if (is_blocked(layout, value))
        return layout->known[value].blocked;
    const int blocked = new_value(layout, value);
    if (!turn_node(layout, "Block", reader, value, blocked, channels))
        return NO_VALUE;
    layout->known[value] = (struct known){blocked, channels};
    return blocked;
}

/* The node makes its output 0 in blocks from now on; whoever wants it plain reads what an Unblock makes of them. */
static bool make_blocked(struct layout *layout, struct node *node, int64_t channels) {
    const int plain = node->outputs[0], blocked = new_value(layout, plain);
    node->outputs[0] = blocked;
    if (!turn_node(layout, "Unblock", "", blocked, plain, channels)) /* dropped when nobody reads it */
        return false;
    layout->known[plain] = (struct known){blocked, channels};
    return true;
}

/* ---- convolutions ---- */

/* What a convolution's weights say. */
struct form {
    bool transposed, from_blocks, to_blocks;
    int64_t group, in, out; /* channels, all groups */
    const struct shape *weight;
};

/* Whole blocks are worth their padding. */
static bool fills_blocks(int64_t channels) {
    const int64_t padded = (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK * CHANNEL_BLOCK;
    return padded * 5 <= channels * 8;
}

/* Few output channels, and taps of a row that are not far apart. */
static bool is_narrow(const struct node *node, const struct form *form) {
    const struct attribute *strides = node_attribute(node, "strides"), *dilations = node_attribute(node, "dilations");
    const int64_t stride = strides && strides->count == 2 ? strides->ints[1] : 1;
    const int64_t dilation = dilations && dilations->count == 2 ? dilations->ints[1] : 1;
    return form->from_blocks && form->group == 1 && (form->transposed || stride == 1) && dilation > 0 &&
           dilation <= 8 && form->weight->dims[3] <= 8 && form->out <= CHANNEL_BLOCK;
}

static bool read_form(const struct layout *layout, const struct node *node, struct form *form) {
    const struct tensor *weight = pass_is_convolution(node) ? pass_weight(layout->context, node, 1, DTYPE_FLOAT) : NULL;
    if (!weight || weight->shape.rank != 4 || weight->bytes == 0)
        return false;
    *form = (struct form){.transposed = strcmp(node->op_type, "ConvTranspose") == 0,
                          .group = node_int(node, "group", 1),
                          .weight = &weight->shape};
    const int64_t *dims = weight->shape.dims;
    if (form->group < 1 || dims[0] % form->group != 0)
        return false;
    form->in = form->transposed ? dims[0] : dims[1] * form->group;
    form->out = form->transposed ? dims[1] * form->group : dims[0];
    if (form->group > 1) {
        form->from_blocks = form->to_blocks =
            form->in / form->group % CHANNEL_BLOCK == 0 && form->out / form->group % CHANNEL_BLOCK == 0;
        return form->from_blocks;
    }
    const struct known x = known_of(layout, pass_input(node, 0));
    if (x.blocked != NO_VALUE && x.channels != form->in)
        return false; /* that is an error, and the plain operator explains it better */
    form->from_blocks = x.blocked != NO_VALUE || fills_blocks(form->in);
    form->to_blocks = fills_blocks(form->out);
    if (!form->from_blocks && form->in >= CHANNEL_BLOCK)
        return false;
    return form->to_blocks || is_narrow(node, form);
}

/* The Pad before a convolution that can be its border. */
static const struct node *border_before(const struct layout *layout, const struct node *conv,
                                        struct pass_padding *padding) {
    const int value = pass_input(conv, 0);
    const int producer = value == NO_VALUE ? -1 : layout->graph->values[value].producer;
    const struct node *pad = producer < 0 ? NULL : &layout->old[producer];
    int64_t pads[4];
    if (!pad || strcmp(conv->op_type, "Conv") != 0 || !pass_read_padding(layout->context, pad, padding) ||
        padding->rank != 4 || pass_input(pad, 0) == NO_VALUE || !pass_read_pads(conv, 2, pads) ||
        (strcmp(padding->mode, "reflect") != 0 && strcmp(padding->mode, "edge") != 0))
        return NULL;
    return pads[0] + pads[1] + pads[2] + pads[3] == 0 ? pad : NULL;
}

static bool merge_border(struct layout *layout, struct node *conv, const struct node *pad,
                         const struct pass_padding *padding) {
    const int64_t pads[4] = {padding->begin[2], padding->begin[3], padding->end[2], padding->end[3]};
    conv->inputs[0] = pass_input(pad, 0);
    return pass_set_pads(layout->context, conv, pads, 4) && set_text(layout, conv, "border", padding->mode);
}

static bool lay_out_conv(struct layout *layout, const struct node *node, bool *done) {
    struct form form;
    struct pass_padding padding;
    const struct node *pad = pass_is_convolution(node) ? border_before(layout, node, &padding) : NULL;
    struct node seen = *node; /* as it stands behind the Pad */
    if (pad && node->input_count > 0) {
        int *inputs = pool_array(layout->context->scratch, (size_t)node->input_count, sizeof *inputs);
        if (!inputs)
            return false;
        memcpy(inputs, node->inputs, (size_t)node->input_count * sizeof *inputs);
        inputs[0] = pass_input(pad, 0);
        seen.inputs = inputs;
    }
    *done = read_form(layout, &seen, &form) && node->output_count == 1 && node->outputs[0] != NO_VALUE;
    if (!*done)
        return true;
    const int x = pass_input(&seen, 0), from = form.from_blocks ? blocks_of(layout, x, form.in, seen.name) : x;
    struct node *conv = from == NO_VALUE ? NULL : copy_node(layout, &seen, 0);
    if (!conv || (pad && !merge_border(layout, conv, pad, &padding)))
        return false;
    conv->domain = INTERNAL_DOMAIN;
    conv->op_type = form.transposed ? "BlockedConvTranspose" : "BlockedConv";
    conv->inputs[0] = from;
    if (!set_int(layout, conv, "blocked_input", form.from_blocks) ||
        !set_int(layout, conv, "blocked_output", form.to_blocks))
        return false;
    return !form.to_blocks || make_blocked(layout, conv, form.out);
}

/* ---- what stands between convolutions ---- */

/* Unary operators that make finite numbers of zeros, and one of each. */
static bool is_unary(const struct node *node) {
    static const char *const names[] = {"Relu", "LeakyRelu", "Sigmoid",     "Tanh", "Clip",
                                        "Elu",  "Selu",      "HardSigmoid", "Gelu", "HardSwish",
                                        "Abs",  "Softplus",  "Neg",         "Erf",  "Identity"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (pass_is(node, names[i]))
            return node->output_count == 1;
    return false;
}

static bool is_single(const struct layout *layout, int value) {
    const struct tensor *tensor = program_constant(layout->context->program, value);
    return tensor && tensor->dtype == DTYPE_FLOAT && tensor->shape.rank <= 4 && tensor_elements(tensor) == 1;
}

/* Addition and the like of two tensors with the same channels, or of one and a number. */
static bool is_pair(const struct layout *layout, const struct node *node, int64_t *channels) {
    if ((!pass_is(node, "Add") && !pass_is(node, "Sub") && !pass_is(node, "Mul")) || node->input_count != 2)
        return false;
    const struct known a = known_of(layout, node->inputs[0]), b = known_of(layout, node->inputs[1]);
    *channels = a.blocked != NO_VALUE ? a.channels : b.channels;
    if (a.blocked != NO_VALUE && b.blocked != NO_VALUE)
        return a.channels == b.channels;
    return (a.blocked != NO_VALUE && is_single(layout, node->inputs[1])) ||
           (b.blocked != NO_VALUE && is_single(layout, node->inputs[0]));
}

/* Concatenation of whole blocks along the channels. */
static bool is_stack(const struct layout *layout, const struct node *node, int64_t *channels) {
    const int64_t axis = node_int(node, "axis", 1);
    if (!pass_is(node, "Concat") || (axis != 1 && axis != -3))
        return false;
    *channels = 0;
    for (int i = 0; i < node->input_count; i++) {
        const struct known part = known_of(layout, node->inputs[i]);
        if (part.blocked == NO_VALUE || part.channels % CHANNEL_BLOCK != 0)
            return false;
        *channels += part.channels;
    }
    return node->input_count > 0;
}

static bool repoint(struct layout *layout, const struct node *node, int64_t channels) {
    struct node *copy = copy_node(layout, node, 0);
    if (!copy)
        return false;
    for (int i = 0; i < copy->input_count; i++)
        if (is_blocked(layout, copy->inputs[i]))
            copy->inputs[i] = layout->known[copy->inputs[i]].blocked;
    if (strcmp(copy->op_type, "Concat") == 0 && !set_int(layout, copy, "axis", 1))
        return false;
    return make_blocked(layout, copy, channels);
}

static bool lay_out_norm(struct layout *layout, const struct node *node, int64_t channels) {
    struct node *norm = copy_node(layout, node, 3);
    if (!norm)
        return false;
    norm->domain = INTERNAL_DOMAIN;
    norm->op_type = "BlockedInstanceNormalization";
    norm->inputs[0] = layout->known[node->inputs[0]].blocked;
    return make_blocked(layout, norm, channels);
}

/* The normalization that makes this value for one single reader, and does nothing else yet; or NULL. */
static struct node *open_norm(const struct layout *layout, int value) {
    if (!is_blocked(layout, value) || value >= layout->context->value_count || layout->context->readers[value] != 1)
        return NULL;
    for (int i = layout->count - 1; i >= 0; i--) {
        struct node *node = &layout->nodes[i];
        if (node->output_count == 1 && node->outputs[0] == layout->known[value].blocked)
            return strcmp(node->op_type, "BlockedInstanceNormalization") == 0 && !node_attribute(node, "activation") &&
                           pass_input(node, 3) == NO_VALUE
                       ? node
                       : NULL;
    }
    return NULL;
}

/* The reader's work is done by a copy of the normalization, which stands where the reader stood. */
static struct node *take_over(struct layout *layout, const struct node *norm, const struct node *reader, int inputs) {
    struct node *copy = copy_node(layout, norm, inputs);
    if (copy)
        copy->outputs[0] = reader->outputs[0];
    return copy;
}

static bool fuse_activation(struct layout *layout, const struct node *node, bool *done) {
    struct pass_fusion fusion;
    struct node *norm =
        pass_read_activation(layout->context, node, &fusion) ? open_norm(layout, node->inputs[0]) : NULL;
    *done = norm != NULL;
    if (!norm)
        return true;
    const int64_t channels = layout->known[node->inputs[0]].channels;
    norm = take_over(layout, norm, node, 0);
    return norm && pass_set_activation(layout->context, norm, &fusion) && make_blocked(layout, norm, channels);
}

static bool fuse_addition(struct layout *layout, const struct node *node, bool *done) {
    *done = false;
    if (!pass_is(node, "Add") || node->input_count != 2 || !is_blocked(layout, node->inputs[0]) ||
        !is_blocked(layout, node->inputs[1]) || node->inputs[0] == node->inputs[1])
        return true;
    const int side = open_norm(layout, node->inputs[1]) ? 1 : 0, value = node->inputs[side];
    struct node *norm = open_norm(layout, value);
    const struct known other = layout->known[node->inputs[1 - side]];
    if (!norm || other.channels != layout->known[value].channels)
        return true;
    *done = true;
    norm = take_over(layout, norm, node, 4);
    if (!norm)
        return false;
    norm->inputs[3] = other.blocked;
    return make_blocked(layout, norm, other.channels);
}

static bool lay_out_between(struct layout *layout, const struct node *node, bool *done) {
    int64_t channels = 0;
    bool ok = fuse_activation(layout, node, done);
    if (ok && !*done)
        ok = fuse_addition(layout, node, done);
    if (!ok || *done)
        return ok;
    *done = true;
    const struct known first = known_of(layout, pass_input(node, 0));
    if (is_unary(node) && first.blocked != NO_VALUE)
        return repoint(layout, node, first.channels);
    if (is_pair(layout, node, &channels) || is_stack(layout, node, &channels))
        return repoint(layout, node, channels);
    if (pass_is(node, "InstanceNormalization") && first.blocked != NO_VALUE)
        return lay_out_norm(layout, node, first.channels);
    *done = false;
    return true;
}

static bool lay_out_node(struct layout *layout, const struct node *node) {
    bool done = false;
    if (!lay_out_conv(layout, node, &done))
        return false;
    if (!done && node->output_count > 0 && node->outputs[0] != NO_VALUE && !lay_out_between(layout, node, &done))
        return false;
    return done || add_node(layout, node);
}

status pass_layout(struct pass_context *context, struct error *err) {
    struct graph *graph = context->graph;
    const int count = graph->node_count, values = graph->value_count;
    struct layout layout = {.context = context, .graph = graph, .old = graph->nodes, .known_count = values};
    layout.known = pool_array(context->scratch, (size_t)values + 1, sizeof *layout.known);
    for (int i = 0; layout.known && i < values; i++)
        layout.known[i] = nothing;
    bool ok = layout.known != NULL;
    for (int i = 0; ok && i < count; i++)
        ok = lay_out_node(&layout, &layout.old[i]);
    if (!ok)
        return fail_memory(err, "a pass");
    graph->nodes = layout.nodes;
    graph->node_count = layout.count;
    graph->node_capacity = layout.capacity;
    return STATUS_OK;
}

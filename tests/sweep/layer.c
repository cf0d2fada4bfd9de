/* Sizes of layers, and their description. */
#include "tests/sweep/layer.h"

#include <stdio.h>
#include <string.h>

#define MOST_INDEX ((int64_t)1 << 30)

static const char *const kind_names[KINDS] = {
    "convolution", "strided", "dilated",    "transposed", "grouped", "depthwise", "first",  "line",
    "between",     "padded",  "normalized", "residual",   "concat",  "pair",      "triple", "product"};

const char *kind_name(enum kind kind) {
    return kind_names[kind];
}

/* ---- sizes ---- */

bool stage_size(const struct stage *stage, const int in[2], int out[2]) {
    for (int d = 0; d < 2; d++) {
        if (is_resize(stage)) {
            out[d] = in[d] * stage->stride[d];
            continue;
        }
        const int64_t reach = (int64_t)stage->dilation[d] * (stage->kernel[d] - 1) + 1;
        const int64_t pads = stage->pads[d] + stage->pads[2 + d];
        if (stage->pad == PAD_REFLECT && (stage->pads[d] >= in[d] || stage->pads[2 + d] >= in[d]))
            return false;
        const int64_t last = stage->op == STAGE_TRANSPOSED
                                 ? (int64_t)(in[d] - 1) * stage->stride[d] + reach + stage->output[d] - pads - 1
                                 : (in[d] + pads - reach) / stage->stride[d];
        if (last < 0 || last >= MOST_INDEX || (stage->op != STAGE_TRANSPOSED && in[d] + pads < reach))
            return false;
        out[d] = (int)last + 1;
    }
    return true;
}

double stage_weights(const struct stage *stage) {
    return is_between(stage) ? 0 : (double)stage->in * stage->out / stage->group * stage->kernel[0] * stage->kernel[1];
}

/* What all tests of a layer's size look at. */
struct measure {
    bool valid;
    double macs, floats, weights;
};

static void measure_stage(const struct layer *layer, int i, int size[2], struct measure *measure) {
    const struct stage *stage = &layer->stages[i];
    int out[2] = {size[0], size[1]};
    measure->valid = measure->valid && (is_product(stage) || stage_size(stage, size, out));
    if (!measure->valid)
        return;
    const double before = (double)layer->batch * size[0] * size[1], after = (double)layer->batch * out[0] * out[1];
    const double floats = after * stage->out;
    measure->macs += stage_weights(stage) * (stage->op == STAGE_TRANSPOSED ? before : after);
    measure->floats = floats > measure->floats ? floats : measure->floats;
    measure->weights = stage_weights(stage) > measure->weights ? stage_weights(stage) : measure->weights;
    /* Over few numbers the variance may be next to nothing, and dividing by it makes errors large. */
    measure->valid = stage->norm <= NORM_BATCH || (int64_t)out[0] * out[1] >= 16;
    size[0] = out[0];
    size[1] = out[1];
}

static bool channels_fit(const struct layer *layer) {
    for (int i = 0; i < layer->count; i++) {
        const struct stage *stage = &layer->stages[i];
        const int before = i == 0 ? stage->in : layer->stages[i - 1].out;
        const int more = i == 2 && layer->join == JOIN_CONCAT ? layer->stages[0].out : 0;
        if (stage->in < 1 || stage->out < 1 || stage->in != before + more || stage->in % stage->group != 0 ||
            stage->out % stage->group != 0 || (is_between(stage) && stage->in != stage->out))
            return false;
    }
    return layer->join != JOIN_ADD || layer->stages[0].out == layer->stages[1].out;
}

static struct measure measure_layer(const struct layer *layer) {
    int size[2] = {layer->size[0], layer->size[1]}, joined[2] = {0, 0};
    struct measure measure = {.valid = channels_fit(layer) && layer->batch >= 1 && size[0] >= 1 && size[1] >= 1,
                              .floats = (double)layer->batch * size[0] * size[1] * layer->stages[0].in};
    for (int i = 0; i < layer->count; i++) {
        measure_stage(layer, i, size, &measure);
        if (i == 0)
            memcpy(joined, size, sizeof joined);
        if (i == 1 && layer->join != JOIN_NONE && (joined[0] != size[0] || joined[1] != size[1]))
            measure.valid = false;
    }
    return measure;
}

bool layer_valid(const struct layer *layer) {
    return measure_layer(layer).valid;
}

double layer_macs(const struct layer *layer) {
    return measure_layer(layer).macs;
}

bool layer_within(const struct layer *layer, const struct limits *limits) {
    const struct measure measure = measure_layer(layer);
    return measure.valid && measure.macs <= limits->macs && measure.floats <= limits->floats &&
           measure.weights <= limits->weights;
}

struct limits limits_of(double macs) {
    return (struct limits){.macs = macs, .floats = macs > 4e9 ? 32e6 : 8e6, .weights = macs > 4e9 ? 20e6 : 8e6};
}

/* ---- words ---- */

struct text_writer {
    char *text;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void write_text(struct text_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int added = vsnprintf(writer->text + writer->length, MOST_TEXT - writer->length, format, arguments);
    va_end(arguments);
    writer->length += added > 0 ? (size_t)added : 0;
    if (writer->length >= MOST_TEXT)
        writer->length = MOST_TEXT - 1;
}

static void say_geometry(struct text_writer *writer, const struct stage *stage) {
    write_text(writer, " kernel %dx%d stride %d,%d dilation %d,%d pads %d,%d,%d,%d", stage->kernel[0], stage->kernel[1],
               stage->stride[0], stage->stride[1], stage->dilation[0], stage->dilation[1], stage->pads[0],
               stage->pads[1], stage->pads[2], stage->pads[3]);
    if (stage->op == STAGE_TRANSPOSED)
        write_text(writer, " output_padding %d,%d", stage->output[0], stage->output[1]);
    if (stage->group > 1)
        write_text(writer, " group %d", stage->group);
}

static void say_stage(struct text_writer *writer, const struct stage *stage) {
    static const char *const ops[] = {"Conv",    "ConvTranspose", "MatMul",          "Gemm",
                                      "MaxPool", "AveragePool",   "Resize(nearest)", "Resize(linear)"};
    static const char *const pads[] = {"", "Pad(reflect)+", "Pad(edge)+"};
    static const char *const norms[] = {"", "+BatchNormalization", "+InstanceNormalization", "+GroupNormalization",
                                        "+LayerNormalization"};
    static const char *const activations[] = {"", "+Relu", "+LeakyRelu", "+Clip", "+Tanh", "+Sigmoid"};
    write_text(writer, "%s%s %d->%d", pads[stage->pad], ops[stage->op], stage->in, stage->out);
    if (!is_product(stage))
        say_geometry(writer, stage);
    write_text(writer, "%s%s%s%s", stage->transposed_b ? " transB" : "", stage->bias ? " bias" : "", norms[stage->norm],
               activations[stage->activation]);
}

const char *layer_text(const struct layer *layer, char text[MOST_TEXT]) {
    static const char *const joins[] = {"", " (+ first stage's output)", " (concat with first stage's output)"};
    struct text_writer writer = {text, 0};
    write_text(&writer, "%s: ", kind_name(layer->kind));
    if (is_product(&layer->stages[0]))
        write_text(&writer, "%d x %d rows", layer->batch, layer->size[0]);
    else
        write_text(&writer, "batch %d, input %s%dx%d", layer->batch, layer->line ? "line " : "", layer->size[0],
                   layer->size[1]);
    for (int i = 0; i < layer->count; i++) {
        write_text(&writer, "; ");
        say_stage(&writer, &layer->stages[i]);
        write_text(&writer, "%s", i == 1 ? joins[layer->join] : "");
    }
    return text;
}

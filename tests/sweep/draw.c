/*
 * Draws layers as networks have them: real widths first, then the size that the allowed work leaves room for. Small
 * sizes beside few channels are what other tests draw.
 */
#include "tests/sweep/layer.h"

#include <math.h>

#define LEAST_SIZE 7
#define MOST_SIZE 300
#define MOST_LINE 4000 /* positions of one dimension, and rows of a product */

/* ---- numbers ---- */

static bool chance(struct random *random, int percent) {
    return random_int(random, 1, 100) <= percent;
}

static int pick(struct random *random, const int *list, int count) {
    return list[random_int(random, 0, count - 1)];
}
#define PICK(random, ...) pick(random, (const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)))

/* Every octave is as likely as every other. */
static int octaves(struct random *random, int low, int high) {
    const double part = (double)random_int(random, 0, 1 << 20) / (1 << 20);
    const int drawn = (int)(low * pow((double)(high + 1) / low, part));
    return drawn > high ? high : drawn;
}

/* ---- channels and kernels ---- */

static int wide(struct random *random) {
    if (chance(random, 70))
        return PICK(random, 16, 32, 48, 64, 64, 96, 128, 128, 160, 192, 256, 256, 320, 384, 512, 512, 640, 768, 1024);
    return octaves(random, 3, 1000);
}

static void draw_channels(struct random *random, struct stage *stage, bool first) {
    stage->in = first && chance(random, 8) ? PICK(random, 1, 3, 3, 3, 4) : wide(random);
    stage->out = chance(random, 30)   ? stage->in
                 : chance(random, 30) ? stage->in * 2
                 : chance(random, 20) ? (stage->in + 1) / 2
                                      : wide(random);
    if (stage->out > 1024)
        stage->out = 1024;
}

static void draw_kernel(struct random *random, struct stage *stage) {
    stage->kernel[0] = stage->kernel[1] =
        PICK(random, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 7, 7, 9);
    if (chance(random, 15)) {
        stage->kernel[0] = PICK(random, 1, 1, 2, 3, 3, 4, 5, 7);
        stage->kernel[1] = PICK(random, 1, 1, 2, 3, 3, 4, 5, 7);
    }
}

/* Half of them keep the size, as most networks do. */
static void draw_pads(struct random *random, struct stage *stage) {
    const bool same = chance(random, 60), none = chance(random, 30);
    for (int i = 0; i < 4; i++) {
        const int most = stage->dilation[i % 2] * (stage->kernel[i % 2] - 1);
        stage->pads[i] = same ? (most + (i > 1)) / 2 : none ? 0 : (int)random_int(random, 0, most);
    }
}

static void draw_behind(struct random *random, struct stage *stage) {
    stage->bias = chance(random, 60);
    stage->activation = chance(random, 40) ? ACT_NONE : (enum stage_activation)random_int(random, 1, ACTIVATIONS - 1);
}

static struct stage plain_stage(struct random *random, bool first) {
    struct stage stage = {.group = 1, .stride = {1, 1}, .dilation = {1, 1}};
    draw_channels(random, &stage, first);
    draw_kernel(random, &stage);
    draw_pads(random, &stage);
    draw_behind(random, &stage);
    return stage;
}

/* ---- one stage of a kind ---- */

/* Half the size and as many channels or twice as many, as encoders do it. */
static struct stage encoder_stage(struct random *random) {
    struct stage stage = plain_stage(random, false);
    stage.stride[0] = stage.stride[1] = 2;
    stage.in = PICK(random, 32, 48, 64, 96, 128, 128, 192, 256, 256, 384, 512);
    stage.out = stage.in * PICK(random, 1, 2, 2);
    stage.kernel[0] = stage.kernel[1] = PICK(random, 3, 3, 3, 4, 5);
    draw_pads(random, &stage);
    return stage;
}

static struct stage strided_stage(struct random *random, bool first) {
    if (chance(random, 60))
        return encoder_stage(random);
    struct stage stage = plain_stage(random, first);
    stage.stride[0] = stage.stride[1] = PICK(random, 2, 2, 2, 2, 3);
    if (chance(random, 10))
        stage.stride[random_int(random, 0, 1)] = PICK(random, 1, 3);
    return stage;
}

static struct stage dilated_stage(struct random *random) {
    struct stage stage = plain_stage(random, false);
    stage.dilation[0] = stage.dilation[1] = PICK(random, 2, 2, 3, 4);
    if (chance(random, 20))
        stage.dilation[random_int(random, 0, 1)] = (int)random_int(random, 1, 4);
    if (chance(random, 15))
        stage.stride[0] = stage.stride[1] = 2;
    draw_pads(random, &stage);
    return stage;
}

static struct stage transposed_stage(struct random *random) {
    struct stage stage = plain_stage(random, false);
    stage.op = STAGE_TRANSPOSED;
    stage.stride[0] = stage.stride[1] = PICK(random, 1, 2, 2, 2, 2, 2, 3);
    if (chance(random, 10))
        stage.stride[random_int(random, 0, 1)] = (int)random_int(random, 1, 3);
    if (chance(random, 10)) {
        stage.dilation[0] = stage.dilation[1] = 2;
        draw_pads(random, &stage);
    }
    for (int d = 0; d < 2; d++)
        stage.output[d] = chance(random, 50) ? 0 : (int)random_int(random, 0, stage.stride[d] - 1);
    return stage;
}

static struct stage grouped_stage(struct random *random) {
    struct stage stage = chance(random, 30)   ? strided_stage(random, false)
                         : chance(random, 15) ? transposed_stage(random)
                                              : plain_stage(random, false);
    stage.group = PICK(random, 2, 2, 3, 4, 4, 8, 16, 32);
    stage.in = stage.group * PICK(random, 3, 8, 16, 16, 20, 32, 32, 48, 64, 64, 96, 128);
    stage.out = stage.group * PICK(random, 3, 8, 16, 16, 20, 32, 32, 48, 64, 64, 96, 128);
    if (chance(random, 40)) { /* a depthwise one */
        stage.group = stage.in = wide(random);
        stage.out = stage.in * PICK(random, 1, 1, 1, 2);
    }
    return stage;
}

/* Of every channel by itself, as networks for telephones have them. */
static struct stage depthwise_stage(struct random *random) {
    struct stage stage = plain_stage(random, false);
    stage.in = stage.out = stage.group = wide(random);
    stage.kernel[0] = stage.kernel[1] = PICK(random, 3, 3, 3, 5, 5, 7, 7, 9, 4);
    if (chance(random, 15))
        stage.kernel[random_int(random, 0, 1)] = PICK(random, 1, 2, 3, 11);
    stage.stride[0] = stage.stride[1] = PICK(random, 1, 1, 2);
    stage.dilation[0] = stage.dilation[1] = PICK(random, 1, 1, 1, 2, 3);
    draw_pads(random, &stage);
    return stage;
}

/* A picture comes in. */
static struct stage first_stage(struct random *random) {
    struct stage stage = plain_stage(random, false);
    stage.in = PICK(random, 1, 1, 2, 3, 3, 3, 4, 6);
    stage.out = PICK(random, 3, 8, 16, 16, 24, 32, 32, 40, 48, 64, 64, 96, 128);
    stage.kernel[0] = stage.kernel[1] = PICK(random, 3, 3, 3, 4, 5, 7, 7, 9, 11, 16);
    stage.stride[0] = stage.stride[1] = PICK(random, 1, 2, 2, 4);
    draw_pads(random, &stage);
    return stage;
}

/* One spatial dimension. */
static struct stage line_stage(struct random *random) {
    struct stage stage = chance(random, 20)   ? transposed_stage(random)
                         : chance(random, 30) ? depthwise_stage(random)
                         : chance(random, 15) ? grouped_stage(random)
                         : chance(random, 40) ? strided_stage(random, true)
                                              : plain_stage(random, true);
    stage.kernel[0] = stage.stride[0] = stage.dilation[0] = 1;
    stage.pads[0] = stage.pads[2] = stage.output[0] = 0;
    return stage;
}

/* A pooling or a resizing of so many channels. */
static struct stage between_stage(struct random *random, int channels) {
    struct stage stage = {.op = (enum stage_op)random_int(random, STAGE_MAX_POOL, STAGE_RESIZE_LINEAR),
                          .in = channels,
                          .out = channels,
                          .group = 1,
                          .kernel = {1, 1},
                          .stride = {2, 2},
                          .dilation = {1, 1}};
    if (is_resize(&stage))
        return stage;
    stage.kernel[0] = stage.kernel[1] = PICK(random, 2, 2, 3, 3, 5);
    stage.stride[0] = stage.stride[1] = PICK(random, 1, 2, 2, 2, 3);
    for (int i = 0; i < 4; i++)
        stage.pads[i] = chance(random, 50) ? 0 : (int)random_int(random, 0, stage.kernel[i % 2] / 2);
    return stage;
}

static struct stage padded_stage(struct random *random) {
    struct stage stage = chance(random, 25) ? strided_stage(random, true) : plain_stage(random, true);
    stage.pad = chance(random, 70) ? PAD_REFLECT : PAD_EDGE;
    stage.norm = chance(random, 40) ? NORM_INSTANCE : NORM_NONE;
    return stage;
}

static struct stage norm_stage(struct random *random) {
    struct stage stage = chance(random, 40)   ? strided_stage(random, true)
                         : chance(random, 30) ? transposed_stage(random)
                                              : plain_stage(random, true);
    stage.norm = (enum stage_norm)random_int(random, NORM_BATCH, NORM_LAYER);
    return stage;
}

static struct stage product_stage(struct random *random) {
    struct stage stage = {.group = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    stage.op = chance(random, 50) ? STAGE_MATMUL : STAGE_GEMM;
    stage.transposed_b = stage.op == STAGE_GEMM && chance(random, 60);
    int *const sides[2] = {&stage.in, &stage.out};
    for (int i = 0; i < 2; i++)
        *sides[i] = chance(random, 20)   ? octaves(random, 1, 80)
                    : chance(random, 70) ? PICK(random, 64, 128, 256, 384, 512, 768, 1024, 1280, 1536, 2048, 3072, 4096)
                                         : octaves(random, 64, 3000);
    draw_behind(random, &stage);
    return stage;
}

/* A stage that keeps the size, so that what it reads can be added to what it makes, or stand beside it. */
static struct stage same_stage(struct random *random, int in) {
    struct stage stage = plain_stage(random, false);
    const int kernel = PICK(random, 1, 3, 3, 3, 3, 3, 5, 7), dilation = PICK(random, 1, 1, 1, 2);
    for (int i = 0; i < 4; i++)
        stage.pads[i] = kernel / 2 * dilation;
    for (int d = 0; d < 2; d++) {
        stage.kernel[d] = kernel;
        stage.dilation[d] = dilation;
    }
    stage.in = in;
    stage.pad = chance(random, 25) ? PAD_REFLECT : PAD_NONE;
    stage.norm = chance(random, 50) ? (enum stage_norm)random_int(random, 0, 2) : NORM_NONE;
    return stage;
}

static struct stage few_outputs_stage(struct random *random, int in) {
    struct stage stage = same_stage(random, in);
    stage.kernel[0] = stage.kernel[1] = PICK(random, 1, 3, 3, 3, 4, 5, 7, 7);
    stage.dilation[0] = stage.dilation[1] = PICK(random, 1, 1, 1, 1, 2);
    draw_pads(random, &stage);
    stage.out = PICK(random, 1, 1, 2, 3, 3, 3, 4, 8);
    stage.norm = NORM_NONE;
    return stage;
}

/* ---- layers ---- */

static struct stage any_stage(struct random *random) {
    switch (random_int(random, 0, 3)) {
    case 0:
        return strided_stage(random, true);
    case 1:
        return transposed_stage(random);
    default:
        return plain_stage(random, true);
    }
}

static void draw_joined(struct random *random, struct layer *layer) {
    struct stage *stages = layer->stages;
    stages[0] = any_stage(random);
    stages[1] = same_stage(random, stages[0].out);
    layer->join = layer->kind == KIND_RESIDUAL ? JOIN_ADD : JOIN_CONCAT;
    layer->count = layer->kind == KIND_RESIDUAL ? 2 : 3;
    stages[1].out = layer->join == JOIN_ADD || chance(random, 40) ? stages[0].out : wide(random);
    stages[2] = plain_stage(random, false);
    stages[2].in = stages[0].out + stages[1].out;
}

/* A depthwise convolution, and one of all channels behind it. */
static void draw_separable(struct random *random, struct layer *layer) {
    struct stage *stages = layer->stages;
    layer->count = chance(random, 50) ? 1 : 2;
    stages[0] = depthwise_stage(random);
    stages[1] = plain_stage(random, false);
    stages[1].in = stages[0].out;
    stages[1].kernel[0] = stages[1].kernel[1] = 1;
    draw_pads(random, &stages[1]);
}

/* Convolutions before and behind it, or before it alone. */
static void draw_between(struct random *random, struct layer *layer) {
    struct stage *stages = layer->stages;
    layer->count = chance(random, 70) ? 3 : 2;
    stages[0] = chance(random, 20) ? depthwise_stage(random) : any_stage(random);
    stages[1] = between_stage(random, stages[0].out);
    stages[2] = plain_stage(random, false);
    stages[2].in = stages[1].out;
}

/* The last layers of a generator: a large output, and a few channels made of it. */
static void draw_fused(struct random *random, struct layer *layer) {
    struct stage *stages = layer->stages;
    layer->count = layer->kind == KIND_PAIR ? 2 : 3;
    stages[0] = chance(random, 40) ? transposed_stage(random) : plain_stage(random, true);
    if (layer->count == 3) {
        stages[0].out = PICK(random, 16, 32, 48, 64, 64, 128, 256);
        stages[1] = chance(random, 40) ? transposed_stage(random) : plain_stage(random, false);
        stages[1].in = stages[0].out;
    }
    stages[layer->count - 2].out = PICK(random, 16, 20, 32, 48, 64, 64, 64, 70, 96, 128);
    stages[layer->count - 1] = few_outputs_stage(random, stages[layer->count - 2].out);
}

static void draw_stages(struct random *random, struct layer *layer) {
    struct stage *stage = &layer->stages[0];
    layer->count = 1;
    switch (layer->kind) {
    case KIND_STRIDED:
        *stage = strided_stage(random, true);
        return;
    case KIND_DILATED:
        *stage = dilated_stage(random);
        return;
    case KIND_TRANSPOSED:
        *stage = transposed_stage(random);
        return;
    case KIND_GROUPED:
        *stage = grouped_stage(random);
        return;
    case KIND_DEPTHWISE:
        draw_separable(random, layer);
        return;
    case KIND_FIRST:
        *stage = first_stage(random);
        return;
    case KIND_LINE:
        *stage = line_stage(random);
        layer->line = true;
        return;
    case KIND_BETWEEN:
        draw_between(random, layer);
        return;
    case KIND_PADDED:
        *stage = padded_stage(random);
        return;
    case KIND_NORM:
        *stage = norm_stage(random);
        return;
    case KIND_RESIDUAL:
    case KIND_CONCAT:
        draw_joined(random, layer);
        return;
    case KIND_PAIR:
    case KIND_TRIPLE:
        draw_fused(random, layer);
        return;
    case KIND_PRODUCT:
        *stage = product_stage(random);
        return;
    default:
        *stage = plain_stage(random, true);
    }
}

/* ---- sizes ---- */

static void set_size(struct layer *layer, int size, double aspect, int most) {
    const double sides[2] = {size * aspect, size / aspect};
    for (int d = 0; d < 2; d++)
        layer->size[d] = (int)fmin(fmax(sides[d], LEAST_SIZE), most);
    if (is_product(&layer->stages[0]))
        layer->size[1] = 1;
    if (layer->line)
        layer->size[0] = 1;
}

/* The largest size that is within the limits; false where none is. */
static bool largest_size(struct layer *layer, double aspect, int most, const struct limits *limits) {
    for (int size = most; size >= LEAST_SIZE; size--) {
        set_size(layer, size, aspect, most);
        if (layer_within(layer, limits))
            return true;
    }
    return false;
}

/* Sizes that networks have, at most this one. */
static int common_size(int size) {
    static const int sizes[] = {256, 224, 192, 160, 150, 128, 120, 112, 100, 96, 80,
                                75,  64,  56,  50,  48,  32,  28,  16,  14,  8};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] <= size)
            return sizes[i];
    return size;
}

/*
 * The work is drawn first: two of five layers do as much as they may, and are as large as that allows. False where no
 * size is within the limits.
 */
static bool draw_size(struct random *random, struct layer *layer, const struct limits *limits) {
    const bool product = is_product(&layer->stages[0]);
    const bool flat = product || layer->line;
    const double aspect = flat || chance(random, 60) ? 1 : pow(2, (double)random_int(random, -100, 100) / 100);
    struct limits allowed = *limits;
    if (chance(random, 60))
        allowed.macs *= pow(0.5, (double)random_int(random, 0, 500) / 100);
    layer->batch = chance(random, 70) ? 1 : (int)random_int(random, 2, 8);
    if (!largest_size(layer, aspect, flat ? MOST_LINE : MOST_SIZE, &allowed))
        return false;
    if (product && chance(random, 40))
        layer->size[0] = (int)random_int(random, 1, layer->size[0] < 40 ? layer->size[0] : 40);
    struct layer rounded = *layer;
    for (int d = 0; d < 2 && !flat; d++)
        rounded.size[d] = common_size(layer->size[d]);
    if (chance(random, 40) && layer_within(&rounded, limits))
        *layer = rounded;
    return true;
}

struct layer layer_draw(uint64_t seed, uint64_t number, const struct limits *limits) {
    struct random random = random_from(seed + number * 0x9e3779b97f4a7c15u);
    random = random_from(random_next(&random));
    struct layer layer;
    bool done = false;
    do {
        layer = (struct layer){.kind = (enum kind)(number % KINDS), .seed = random_next(&random)};
        draw_stages(&random, &layer);
        for (int tries = 0; tries < 4 && !done; tries++)
            done = draw_size(&random, &layer, limits);
    } while (!done);
    return layer;
}

/*
 * A few layers of a network as `sweep` draws them: up to three stages in a row, the first of which reads the input. A
 * layer is numbers only, so that it can be told in words, repeated from its seed, and made smaller.
 */
#ifndef LIMNER_TESTS_SWEEP_LAYER_H
#define LIMNER_TESTS_SWEEP_LAYER_H

#include "tests/support/support.h"

#define MOST_STAGES 3
#define MOST_TEXT 1024

enum kind {
    KIND_CONV,
    KIND_STRIDED,
    KIND_DILATED,
    KIND_TRANSPOSED,
    KIND_GROUPED,
    KIND_DEPTHWISE,
    KIND_FIRST,
    KIND_LINE,
    KIND_BETWEEN,
    KIND_PADDED,
    KIND_NORM,
    KIND_RESIDUAL,
    KIND_CONCAT,
    KIND_PAIR,
    KIND_TRIPLE,
    KIND_PRODUCT,
    KINDS
};

enum stage_op {
    STAGE_CONV,
    STAGE_TRANSPOSED,
    STAGE_MATMUL,
    STAGE_GEMM,
    STAGE_MAX_POOL,
    STAGE_AVERAGE_POOL,
    STAGE_RESIZE_NEAREST, /* to `stride` times the size */
    STAGE_RESIZE_LINEAR
};
enum stage_pad { PAD_NONE, PAD_REFLECT, PAD_EDGE }; /* a Pad in front of a convolution takes its pads */
enum stage_norm { NORM_NONE, NORM_BATCH, NORM_INSTANCE, NORM_GROUP, NORM_LAYER };
enum stage_activation { ACT_NONE, ACT_RELU, ACT_LEAKY, ACT_CLIP, ACT_TANH, ACT_SIGMOID, ACTIVATIONS };

struct stage {
    enum stage_op op;
    int in, out, group; /* channels, of all groups; of a product: its depth and columns */
    int kernel[2], stride[2], dilation[2];
    int pads[4];   /* as ONNX lists them */
    int output[2]; /* output_padding */
    enum stage_pad pad;
    bool bias, transposed_b; /* transposed_b: of Gemm */
    enum stage_norm norm;
    enum stage_activation activation;
};

/* What the second stage's output becomes, before the third one reads it. */
enum join { JOIN_NONE, JOIN_ADD, JOIN_CONCAT };

struct layer {
    enum kind kind;
    uint64_t seed;      /* of the numbers in weights and input */
    int batch, size[2]; /* of a product: size[0] rows */
    bool line;          /* one spatial dimension: the second one */
    int count;
    struct stage stages[MOST_STAGES];
    enum join join;
};

/* What a case may take. */
struct limits {
    double macs;
    double floats;  /* of one activation */
    double weights; /* floats of a stage's weights */
};

/* A pooling or a resizing: as many channels behind it, and no weights. */
static inline bool is_between(const struct stage *stage) {
    return stage->op >= STAGE_MAX_POOL;
}

static inline bool is_resize(const struct stage *stage) {
    return stage->op == STAGE_RESIZE_NEAREST || stage->op == STAGE_RESIZE_LINEAR;
}

static inline bool is_product(const struct stage *stage) {
    return stage->op == STAGE_MATMUL || stage->op == STAGE_GEMM;
}

const char *kind_name(enum kind kind);
struct limits limits_of(double macs);
/* The layer of this case; the same one for the same numbers. Case numbers go through the kinds in turn. */
struct layer layer_draw(uint64_t seed, uint64_t number, const struct limits *limits);

/* Channels, rows and columns of the stage's output from those of its input; false when they do not fit. */
bool stage_size(const struct stage *stage, const int in[2], int out[2]);
double stage_weights(const struct stage *stage);
/* Whether all stages fit each other. */
bool layer_valid(const struct layer *layer);
bool layer_within(const struct layer *layer, const struct limits *limits);
double layer_macs(const struct layer *layer);
/* Everything but the seed in words, into text. */
const char *layer_text(const struct layer *layer, char text[MOST_TEXT]);

#endif

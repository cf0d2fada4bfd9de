#include "tests/support/small_generator.h"

#include <omp.h>
#include <xmmintrin.h>

void make_small_generator(struct builder *b, uint64_t seed) {
    struct random random = random_from(seed);
    *b = build_start(13);
    build_input(b, "picture", DTYPE_FLOAT, "N 3 H W");
    build_random(b, "w0", "8 3 3 3", &random);
    build_random(b, "b0", "8", &random);
    build_node(b, "Conv", "picture w0 b0", "c0");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_attribute_ints(b, "strides", "2 2");
    build_name(b, "encoder", "");
    build_node(b, "LeakyRelu", "c0", "r0");
    build_attribute_float(b, "alpha", 0.2f);
    build_random(b, "w1", "8 3 4 4", &random);
    build_node(b, "ConvTranspose", "r0 w1", "c1");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_attribute_ints(b, "strides", "2 2");
    build_node(b, "Tanh", "c1", "t");
    build_node(b, "Shape", "picture", "size");
    build_node(b, "Mul", "t t", "repaired");
    build_output(b, "repaired");
    build_output(b, "size");
}

limner_model *small_generator(uint64_t seed) {
    struct builder builder;
    make_small_generator(&builder, seed);
    return build_model(&builder, 0);
}

struct tensor *small_picture(int batch, int height, int width) {
    struct random random = random_from(test_seed());
    struct tensor *tensor = test_tensor(DTYPE_FLOAT, 4, batch, 3, height, width);
    test_fill(tensor, &random);
    return tensor;
}

void run_picture(limner_session *session, const struct tensor *x, limner_tensor *output) {
    const limner_tensor input = as_input("picture", x);
    *output = (limner_tensor){.name = "repaired"};
    run_model(session, &input, 1, output, 1);
}

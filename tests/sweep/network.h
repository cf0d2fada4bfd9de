/* A layer as an ONNX file, and the input that goes with it. */
#ifndef LIMNER_TESTS_SWEEP_NETWORK_H
#define LIMNER_TESTS_SWEEP_NETWORK_H

#include "tests/support/proto.h"
#include "tests/sweep/layer.h"

/* The file; proto_free() it. Input "x", output "y". Weights keep the size of numbers: what is 1 stays about 1. */
struct proto network_file(const struct layer *layer);
/* Input "x"; test_tensor_free() it. */
struct tensor *network_input(const struct layer *layer);

#endif

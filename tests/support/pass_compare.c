#include "tests/support/pass_compare.h"

#include "runtime/passes/pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 40

static struct tensor *random_input(const limner_model *model, struct random *random) {
    limner_value value;
    assert_int_equal(limner_model_input(model, 0, &value), LIMNER_OK);
    struct shape shape = {.rank = value.rank};
    for (int i = 0; i < value.rank; i++)
        shape.dims[i] = value.dims[i] >= 0 ? value.dims[i] : random_int(random, 5, 9);
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shape);
    test_fill(tensor, random);
    return tensor;
}

struct pass_outcome run_with_passes(graph_maker make, unsigned passes_off, uint64_t seed, int opset) {
    struct random random = random_from(seed);
    struct builder builder = build_start(opset);
    make(&builder, &random);
    limner_model *model = build_model(&builder, passes_off);
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *x = random_input(model, &random);
    limner_tensor input = as_input("x", x), output = {.name = "y"};
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    limner_model_get_info(model, &info);
    limner_error error;
    if (limner_session_run(session, &input, 1, &output, 1, &error) != LIMNER_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
    struct pass_outcome outcome = {
        .data = malloc(output.bytes + 1), .count = output.bytes / 4, .nodes = info.optimized_count};
    memcpy(outcome.data, output.data, output.bytes);
    limner_node_profile node = LIMNER_NODE_PROFILE_INIT;
    for (size_t i = 0; limner_session_profile(session, i, &node) == LIMNER_OK; i++)
        snprintf(outcome.types + strlen(outcome.types), sizeof outcome.types - strlen(outcome.types), "%s%s",
                 i ? " " : "", node.op_type);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
    return outcome;
}

void compare_passes(graph_maker make, unsigned bits, double tolerance, int opset, size_t nodes, const char *types) {
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t seed = test_seed() + (uint64_t)round;
        struct pass_outcome off = run_with_passes(make, PASS_ALL, seed, opset),
                            on = run_with_passes(make, PASS_ALL & ~bits, seed, opset);
        double largest = 0, difference = 0;
        if (on.count != off.count || on.nodes != nodes || (types && strcmp(on.types, types) != 0))
            fail_msg("seed %llu: %zu nodes run: %s", (unsigned long long)seed, on.nodes, on.types);
        for (size_t i = 0; i < off.count; i++) {
            largest = fmax(largest, fabs(off.data[i]));
            difference = fmax(difference, fabs((double)on.data[i] - off.data[i]));
        }
        if (tolerance == 0 ? memcmp(on.data, off.data, on.count * 4) != 0 : !(difference <= tolerance * largest))
            fail_msg("seed %llu: differs by %g of %g", (unsigned long long)seed, difference, largest);
        free(on.data);
        free(off.data);
    }
}

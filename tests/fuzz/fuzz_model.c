/*
 * Models: whatever the bytes are, loading, planning and running end with a status, within the limits. Free sizes are
 * small and come from the file's length, so that they vary too.
 */
#include "runtime/limner.h"

#include <stdlib.h>
#include <string.h>

#define MOST_INPUTS 16
#define MOST_BYTES ((size_t)16 << 20)
#define MOST_ITERATIONS 200
#define MOST_MACS 1e8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static size_t type_bytes(limner_type type) {
    static const size_t bytes[] = {
        [LIMNER_FLOAT] = 4,  [LIMNER_UINT8] = 1,  [LIMNER_INT8] = 1,    [LIMNER_UINT16] = 2,  [LIMNER_INT16] = 2,
        [LIMNER_INT32] = 4,  [LIMNER_INT64] = 8,  [LIMNER_BOOL] = 1,    [LIMNER_FLOAT16] = 2, [LIMNER_DOUBLE] = 8,
        [LIMNER_UINT32] = 4, [LIMNER_UINT64] = 8, [LIMNER_BFLOAT16] = 2};
    return (size_t)type < sizeof bytes / sizeof bytes[0] ? bytes[type] : 0;
}

/* A tensor that fits the declaration; 0 when it cannot be given. */
static int make_input(const limner_value *value, unsigned choice, limner_tensor *tensor) {
    *tensor = (limner_tensor){.name = value->name,
                              .type = value->type ? value->type : LIMNER_FLOAT,
                              .rank = value->rank < 0 ? (int)(choice % 5) : value->rank};
    tensor->bytes = type_bytes(tensor->type);
    for (int i = 0; i < tensor->rank; i++) {
        const int64_t size = i < value->rank ? value->dims[i] : -1;
        tensor->dims[i] = size >= 0 ? size : 1 + (int64_t)(choice % 9);
        if (__builtin_mul_overflow(tensor->bytes, (size_t)tensor->dims[i], &tensor->bytes))
            return 0;
    }
    if (type_bytes(tensor->type) == 0 || tensor->bytes > MOST_BYTES)
        return 0;
    tensor->data = malloc(tensor->bytes + 1);
    require(tensor->data != NULL);
    memset(tensor->data, value->type == LIMNER_BOOL ? 1 : (int)(choice & 3), tensor->bytes);
    return 1;
}

static void run(limner_session *session, const limner_tensor *inputs, size_t count, size_t output_count) {
    limner_tensor outputs[MOST_INPUTS];
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    memset(outputs, 0, sizeof outputs);
    if (output_count > MOST_INPUTS)
        output_count = MOST_INPUTS;
    if (limner_session_plan(session, inputs, count, &info, &error) != LIMNER_OK) {
        require(error.message[0] != 0);
        return;
    }
    require(info.arena_bytes <= 4 * MOST_BYTES);
    if (info.macs > MOST_MACS)
        return;
    for (int again = 0; again < 2; again++)
        if (limner_session_run(session, inputs, count, outputs, output_count, &error) != LIMNER_OK) {
            require(error.message[0] != 0);
            return;
        }
    volatile unsigned char byte; /* every byte of the results is there to be read */
    for (size_t i = 0; i < output_count; i++)
        for (size_t k = 0; k < outputs[i].bytes; k++)
            byte = ((const unsigned char *)outputs[i].data)[k];
    (void)byte;
}

static void try_session(limner_model *model, unsigned choice) {
    const limner_options options = {.size = sizeof(limner_options),
                                    .threads = 1,
                                    .profile = 1,
                                    .limits = &(limner_limits){.size = sizeof(limner_limits),
                                                               .tensor_bytes = MOST_BYTES,
                                                               .arena_bytes = 4 * MOST_BYTES,
                                                               .loop_iterations = MOST_ITERATIONS}};
    limner_session *session = NULL;
    limner_tensor inputs[MOST_INPUTS];
    size_t count = 0;
    require(limner_session_create(model, &options, &session, NULL) == LIMNER_OK);
    for (size_t i = 0; i < limner_model_input_count(model) && count < MOST_INPUTS; i++) {
        limner_value value;
        require(limner_model_input(model, i, &value) == LIMNER_OK);
        if (!value.optional || choice >> 8 & 1)
            count += (size_t)make_input(&value, choice, &inputs[count]);
    }
    run(session, inputs, count, limner_model_output_count(model));
    for (size_t i = 0; i < count; i++)
        free(inputs[i].data);
    limner_session_close(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const limner_limits limits = {.size = sizeof(limner_limits),
                                  .model_bytes = 1 << 20,
                                  .tensor_bytes = MOST_BYTES,
                                  .arena_bytes = 4 * MOST_BYTES,
                                  .nodes = 10000};
    limner_model *model = NULL;
    limner_error error;
    const unsigned choice = (unsigned)size * 2654435761u >> 16;
    if (limner_model_load_memory(data, size, NULL, &limits, &model, &error) != LIMNER_OK) {
        require(model == NULL && error.message[0] != 0);
        return 0;
    }
    try_session(model, choice);
    try_session(model, choice >> 4 | 0x100);
    limner_model_close(model);
    return 0;
}

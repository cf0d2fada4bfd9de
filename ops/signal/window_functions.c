/* HannWindow, HammingWindow, BlackmanWindow: sums of cosines, periodic or symmetric. A window is a row. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"

#include <math.h>

#define TWO_PI 6.283185307179586476925286766559
#define CHUNK 256

struct window_params {
    enum dtype dtype;
    bool periodic;
};

/* a0 - a1 cos(x) + a2 cos(2 x). */
static const double hann[3] = {0.5, 0.5, 0};
static const double hamming[3] = {25.0 / 46, 21.0 / 46, 0};
static const double blackman[3] = {0.42, 0.5, 0.08};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct window_params *params = out;
    status code;
    (void)call;
    params->periodic = attribute_int(attributes, "periodic", 1) != 0;
    params->dtype = attribute_dtype(attributes, "output_datatype", DTYPE_FLOAT, TYPES_NUMBER | TYPES_HALF, &code, err);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct window_params *params = call->params;
    int64_t size;
    const status code = op_scalar_int(call, 0, &size, err);
    if (code != STATUS_OK)
        return code;
    if (size < 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "input 0 (size) is %lld, expected 0 or more", (long long)size);
    const struct shape shape = {.rank = 1, .dims = {size}};
    return tensor_describe(call->outputs[0], params->dtype, &shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct window_params *)call->params)->dtype;
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const struct window_params *params = call->params;
    const struct tensor *y = call->outputs[0];
    const double *a = call->op->row, steps = (double)(y->shape.dims[0] - !params->periodic);
    double chunk[CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CHUNK ? end - i : CHUNK;
        for (size_t k = 0; k < n; k++) {
            const double x = TWO_PI * (double)(i + k) / (steps > 0 ? steps : 1);
            /* A symmetric window of one element is at its peak. */
            chunk[k] = steps > 0 ? a[0] - a[1] * cos(x) + a[2] * cos(2 * x) : 1;
        }
        reals_store(y->dtype, chunk, (char *)y->data + i * dtype_size(y->dtype), n);
    }
}

static status run(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->outputs[0]), 4096, call->threads, run_block, call);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_nothing};
static const struct op_arg inputs[] = {{"size", TYPES_INDEX, 0}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_NUMBER | TYPES_HALF, 0}, {0}};

#define WINDOW(NAME, ROW)                                                                                        \
    {                                                                                                            \
        .name = NAME, .domain = "", .since = 17, .inputs = inputs, .outputs = outputs,                           \
        .params_size = sizeof(struct window_params), .parse = parse, .infer = infer, .output_type = output_type, \
        .run = run, .facts = &facts, .row = ROW                                                                  \
    }

const struct op ops_window_functions[] = {
    WINDOW("HannWindow", hann), WINDOW("HammingWindow", hamming), WINDOW("BlackmanWindow", blackman), {.name = NULL}};

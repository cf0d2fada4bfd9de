#include "ops/elementwise/binary.h"

#include "base/checked.h"
#include "base/convert.h"
#include "base/sizes.h"
#include "ops/core/broadcast.h"
#include "ops/core/parallel.h"

#include <string.h>

status binary_infer(struct op_call *call, struct error *err) {
    const struct binary_row *row = call->op->row;
    struct tensor *y = op_output(call, 0);
    struct shape shape;
    const status code = broadcast_inputs(call, 0, 1, &shape, err);
    if (code != STATUS_OK || !y)
        return code;
    return tensor_describe(y, row && row->output ? row->output : call->inputs[0]->dtype, &shape, err);
}

/*
 * An input that takes as many bytes as the output may lie where the output goes. When their elements are of different
 * sizes (one int64 beside eight bools), writing would run ahead of reading, so that such an input is copied first.
 */
static bool must_copy(const struct op_call *call, int i) {
    const struct tensor *in = call->inputs[i], *out = op_output(call, 0);
    return out && out->bytes && in->bytes == out->bytes && dtype_size(in->dtype) != dtype_size(out->dtype);
}

status binary_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    size_t bytes = 0;
    for (int i = 0; i < 2; i++)
        if (must_copy(call, i) && !size_add(bytes, whole_line_bytes(call->inputs[i]->bytes), &bytes))
            return fail(err, STATUS_LIMIT, "the inputs are too large");
    *workspace_bytes = bytes;
    return STATUS_OK;
}

struct binary_work {
    const struct binary_operation *operation;
    const char *a, *b;
    char *out;
    struct broadcast plan;
};

static void run_row(void *context, size_t out, const size_t *at, size_t count) {
    const struct binary_work *work = context;
    const struct binary_operation *operation = work->operation;
    const int last = work->plan.rank - 1;
    operation->loop(work->out + out * operation->out_size, work->a + at[0] * operation->a_size,
                    work->plan.strides[0][last], work->b + at[1] * operation->b_size, work->plan.strides[1][last],
                    count, operation->context);
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct binary_work *work = context;
    broadcast_walk(&work->plan, begin, end, run_row, context);
}

void binary_apply(const struct op_call *call, const struct binary_operation *operation) {
    const struct tensor *out = op_output(call, 0);
    if (!out)
        return;
    const void *data[2];
    char *copies = call->workspace;
    for (int i = 0; i < 2; i++) {
        data[i] = call->inputs[i]->data;
        if (must_copy(call, i)) {
            if (data[i] == out->data)
                data[i] = memcpy(copies, data[i], out->bytes);
            copies += whole_line_bytes(out->bytes);
        }
    }
    const int a = operation->swapped, b = !a;
    struct binary_work work = {.operation = operation, .a = data[a], .b = data[b], .out = out->data};
    const struct shape *const shapes[] = {&call->inputs[a]->shape, &call->inputs[b]->shape};
    broadcast_plan(&work.plan, &out->shape, shapes, 2);
    parallel_blocks(work.plan.elements, PARALLEL_ELEMENTS, call->threads, run_block, &work);
}

void binary_half_loop(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                      const void *context) {
    const struct binary_half *half = context;
    const uint16_t *pa = a, *pb = b;
    float x[CONVERT_CHUNK], y[CONVERT_CHUNK];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        half_to_float(half->dtype, pa + i * a_step, x, a_step ? n : 1);
        half_to_float(half->dtype, pb + i * b_step, y, b_step ? n : 1);
        if (half->half_out) {
            float z[CONVERT_CHUNK];
            half->loop(z, x, a_step, y, b_step, n, NULL);
            half_from_float(half->dtype, z, (uint16_t *)out + i, n);
        } else {
            half->loop((uint8_t *)out + i, x, a_step, y, b_step, n, NULL);
        }
    }
}

struct binary_operation binary_operation(const struct binary_row *row, enum dtype dtype, struct binary_half *half) {
    const size_t size = dtype_size(dtype), out_size = row->output ? dtype_size(row->output) : size;
    struct binary_operation operation = {
        .loop = row->loops[dtype], .a_size = size, .b_size = size, .out_size = out_size, .swapped = row->swapped};
    if (!operation.loop) {
        *half = (struct binary_half){.loop = row->loops[DTYPE_FLOAT], .dtype = dtype, .half_out = !row->output};
        operation.loop = binary_half_loop;
        operation.context = half;
    }
    return operation;
}

status binary_run(struct op_call *call, struct error *err) {
    struct binary_half half;
    const struct binary_row *row = call->op->row;
    const enum dtype dtype = call->inputs[0]->dtype;
    struct binary_operation operation = binary_operation(row, dtype, &half);
    binary_loop *own = row->own ? row->own(call->kernels, dtype) : NULL;
    (void)err;
    if (own)
        operation.loop = own;
    binary_apply(call, &operation);
    return STATUS_OK;
}

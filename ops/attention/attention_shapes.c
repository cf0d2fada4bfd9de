#include "ops/attention/attention_shapes.h"

#include "base/thread_team.h"

#include <math.h>
#include <string.h>

struct attention_array attention_array_4d(const struct tensor *tensor) {
    const int64_t *dims = tensor->shape.dims;
    return (struct attention_array){tensor->data, dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3]};
}

struct attention_array attention_array_3d(const struct tensor *tensor, int64_t heads) {
    const int64_t *dims = tensor->shape.dims;
    return (struct attention_array){tensor->data, dims[1] * dims[2], dims[2] / heads, dims[2]};
}

status attention_heads_of(const struct op_call *call, int input, int64_t heads, const char *name,
                          struct attention_heads *out, struct error *err) {
    const struct tensor *tensor = call->inputs[input];
    const int64_t *dims = tensor->shape.dims;
    char text[SHAPE_TEXT_BYTES], argument[ARG_TEXT_BYTES];
    if (tensor->shape.rank == 4) {
        *out = (struct attention_heads){dims[0], dims[1], dims[2], dims[3], attention_array_4d(tensor)};
        return STATUS_OK;
    }
    if (tensor->shape.rank != 3)
        return fail(err, STATUS_SHAPE, "%s is %s, expected rank 3 or 4", op_input_text(call, input, argument),
                    shape_text(&tensor->shape, text));
    if (heads < 1 || dims[2] % heads != 0)
        return fail(err, STATUS_SHAPE, "%s is %s, whose last dimension is no multiple of attribute \"%s\", %lld",
                    op_input_text(call, input, argument), shape_text(&tensor->shape, text), name, (long long)heads);
    *out = (struct attention_heads){dims[0], heads, dims[1], dims[2] / heads, attention_array_3d(tensor, heads)};
    return STATUS_OK;
}

status attention_check_sizes(const struct attention *a, struct error *err) {
    const int64_t sizes[] = {a->batch, a->heads, a->kv_heads, a->rows, a->keys, a->past, a->size, a->value_size};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > INT32_MAX)
            return fail(err, STATUS_LIMIT, "a dimension of the attention is %lld, %d is the most", (long long)sizes[i],
                        INT32_MAX);
    return STATUS_OK;
}

status attention_check_shape(const struct op_call *call, int input, int rank, const int64_t *dims, struct error *err) {
    struct shape expected = {.rank = rank};
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], argument[ARG_TEXT_BYTES];
    memcpy(expected.dims, dims, (size_t)rank * sizeof *dims);
    if (shape_equal(&call->inputs[input]->shape, &expected))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s", op_input_text(call, input, argument),
                shape_text(&call->inputs[input]->shape, a), shape_text(&expected, b));
}

status attention_mask_of(const struct op_call *call, int input, const struct attention *a, struct attention_mask *mask,
                         struct error *err) {
    const struct tensor *tensor = op_input(call, input);
    const int64_t wanted[3] = {a->batch, a->heads, a->rows};
    int64_t strides[3] = {0}, stride;
    char x[SHAPE_TEXT_BYTES], argument[ARG_TEXT_BYTES];
    if (!tensor)
        return STATUS_OK;
    const int rank = tensor->shape.rank;
    bool fits = rank >= 1 && rank <= 4 && tensor->shape.dims[rank - 1] <= a->keys;
    stride = fits ? tensor->shape.dims[rank - 1] : 0;
    for (int d = rank - 2, to = 2; fits && d >= 0; d--, to--) {
        const int64_t size = tensor->shape.dims[d];
        fits = size == 1 || size == wanted[to];
        strides[to] = size == 1 ? 0 : stride;
        stride *= size;
    }
    if (!fits)
        return fail(err, STATUS_SHAPE, "%s is %s, which does not broadcast to [%lld,%lld,%lld,%lld]",
                    op_input_text(call, input, argument), shape_text(&tensor->shape, x), (long long)a->batch,
                    (long long)a->heads, (long long)a->rows, (long long)a->keys);
    *mask = (struct attention_mask){.tensor = tensor,
                                    .batch = strides[0],
                                    .head = strides[1],
                                    .row = strides[2],
                                    .keys = tensor->shape.dims[rank - 1],
                                    .blocked = -INFINITY};
    return STATUS_OK;
}

struct present {
    const struct attention *a;
    const struct attention_array *past, *now;
    char *to;
    size_t item; /* bytes of a vector */
};

/* Vectors of a head, to where they stand side by side. */
static void copy_vectors(const struct present *p, const struct attention_array *from, int64_t item, int64_t count,
                         char *to) {
    const int64_t element = (int64_t)dtype_size(p->a->dtype), step = from->row * element;
    const char *vectors = from->data;
    if (count <= 0)
        return;
    vectors += (item / p->a->kv_heads * from->batch + item % p->a->kv_heads * from->head) * element;
    const bool close = step == (int64_t)p->item;
    for (int64_t i = 0; i < (close ? 1 : count); i++)
        memcpy(to + (size_t)i * p->item, vectors + i * step, p->item * (size_t)(close ? count : 1));
}

static void copy_heads(void *context, int64_t first, int64_t end) {
    const struct present *p = context;
    const struct attention *a = p->a;
    for (int64_t i = first; i < end; i++) {
        char *to = p->to + (size_t)(i * a->keys) * p->item;
        copy_vectors(p, p->past, i, a->past, to);
        copy_vectors(p, p->now, i, a->keys - a->past, to + (size_t)a->past * p->item);
    }
}

void attention_present(const struct op_call *call, const struct attention *a, int output,
                       const struct attention_array *past, const struct attention_array *now, int64_t size) {
    const struct tensor *tensor = op_output(call, output);
    if (tensor && tensor->bytes > 0)
        team_for(call->threads, a->batch * a->kv_heads, copy_heads,
                 &(struct present){a, past, now, tensor->data, (size_t)size * dtype_size(a->dtype)});
}

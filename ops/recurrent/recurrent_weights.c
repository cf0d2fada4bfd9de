#include "ops/recurrent/recurrent_weights.h"

#include "base/sizes.h"
#include "ops/matmul/tile_product.h"
#include "ops/weights/weight_cache.h"

int64_t recurrent_matrix_floats(const struct gemm_kernel *kernel, int64_t columns, int64_t depth) {
    return columns > 0 ? tile_columns(kernel, columns) * depth : 0;
}

int64_t recurrent_direction_floats(const struct recurrent_packing *packing) {
    return recurrent_matrix_floats(packing->kernels->gemm, packing->first, packing->depth) +
           recurrent_matrix_floats(packing->kernels->gemm, packing->others, packing->depth);
}

struct recurrent_packing recurrent_packing_of(const struct op_call *call, const struct recurrent_sizes *s, int input) {
    const bool w = input == IN_W;
    return (struct recurrent_packing){call->kernels, s->directions, (w ? s->gates : s->first_gates) * s->hidden,
                                      w ? 0 : (s->gates - s->first_gates) * s->hidden, w ? s->inputs : s->hidden};
}

void recurrent_pack(void *destination, const struct tensor *source, const void *context) {
    const struct recurrent_packing *p = context;
    for (int64_t d = 0; d < p->directions; d++) {
        const char *b = (const char *)source->data + d * (p->first + p->others) * p->depth * (int64_t)sizeof(float);
        float *to = (float *)destination + d * recurrent_direction_floats(p);
        if (p->depth == 0)
            continue;
        tile_pack(p->kernels, &(struct tile_source){b, 1, p->depth, p->depth, p->first}, 0, p->depth, to);
        if (p->others > 0)
            tile_pack(p->kernels,
                      &(struct tile_source){b + p->first * p->depth * (int64_t)sizeof(float), 1, p->depth, p->depth,
                                            p->others},
                      0, p->depth, to + recurrent_matrix_floats(p->kernels->gemm, p->first, p->depth));
    }
}

size_t recurrent_packed_bytes(const struct recurrent_packing *p) {
    return whole_line_bytes((size_t)(p->directions * recurrent_direction_floats(p)) * sizeof(float));
}

status recurrent_take_weights(struct op_call *call, const struct recurrent_sizes *s, int input, const float **packed,
                              struct error *err) {
    const struct tensor *source = call->inputs[input];
    const struct recurrent_packing job = recurrent_packing_of(call, s, input);
    if (!call->weights || !source->constant || !source->data || source->bytes == 0)
        return STATUS_OK;
    const struct packing packing = {
        .name = "recurrent",
        .numbers = {call->kernels->gemm->columns, job.directions, job.first, job.others, job.depth},
        .bytes = recurrent_packed_bytes(&job),
        .pack = recurrent_pack,
        .context = &job};
    *packed = weight_cache_get(call->weights, source, &packing);
    return *packed ? STATUS_OK : fail_memory(err, "packed weights");
}

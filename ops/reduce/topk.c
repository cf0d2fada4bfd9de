/*
 * TopK: the k greatest or smallest elements along an axis and where they stand, sorted, of equal ones the one further
 * in front first. NaN counts as greater than every number. Elements are compared by keys: a heap holds the best so far,
 * or, where many are wanted, the whole line is sorted.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"
#include "ops/movement/block_copy.h"
#include "ops/reduce/lines.h"
#include "ops/reduce/order_keys.h"

#define CHUNK 256
#define TOGETHER 16  /* lines beside each other that are turned at once, */
#define LONGEST 4096 /* where they are no longer than this */

struct topk_params {
    int64_t k, axis;
    bool largest;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct topk_params *params = out;
    params->axis = attribute_int(attributes, "axis", -1);
    params->k = attribute_int(attributes, "k", -1);
    params->largest = true;
    if (call->op->since >= 11) {
        params->largest = attribute_int(attributes, "largest", 1) != 0;
        attribute_ignore(attributes, "sorted"); /* sorted is one of the orders that 0 allows */
    }
    if (call->op->since == 1 && params->k < 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"k\" is missing, or below 0");
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct topk_params *params = call->params;
    struct shape shape = call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t k = params->k;
    int axis, count = 1;
    status code = op_axis(params->axis, shape.rank, &axis, "axis", err);
    if (code == STATUS_OK && call->op->since > 1)
        code = op_input_ints(call, 1, &k, 1, &count, err);
    if (code != STATUS_OK)
        return code;
    if (count != 1 || k < 0 || k > shape.dims[axis])
        return fail(err, STATUS_INVALID_ARGUMENT, "k is %lld, expected 0..%lld, axis %d of %s",
                    count == 1 ? (long long)k : -1LL, (long long)shape.dims[axis], axis, shape_text(&shape, text));
    shape.dims[axis] = k;
    if (op_output(call, 0))
        code = tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
    if (code == STATUS_OK && op_output(call, 1))
        code = tensor_describe(call->outputs[1], DTYPE_INT64, &shape, err);
    return code;
}

/* An element of a line; a is better than b where its key is greater, or the same and its index smaller. */
struct candidate {
    uint64_t key;
    int64_t index;
};

static bool is_worse(const struct candidate *a, const struct candidate *b) {
    return a->key < b->key || (a->key == b->key && a->index > b->index);
}

static const struct shape *result_shape(const struct op_call *call) {
    return &(op_output(call, 0) ? call->outputs[0] : call->outputs[1])->shape;
}

/* Whether sorting the line is less work than a heap of k. */
static bool sorts(int64_t k, int64_t size) {
    return k > 64 && k > size / 8;
}

/* Each thread has lines that were turned, and a heap, or keys and two lists of indices of a line. */
static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct topk_params *params = call->params;
    int axis;
    const status code = op_axis(params->axis, call->inputs[0]->shape.rank, &axis, "axis", err);
    *workspace_bytes = 0;
    if (code != STATUS_OK)
        return code;
    const int64_t k = result_shape(call)->dims[axis], size = call->inputs[0]->shape.dims[axis];
    if (!size_mul((size_t)(sorts(k, size) ? size : k), sizeof(struct candidate) + sizeof(int64_t), &call->own_bytes))
        return fail(err, STATUS_LIMIT, "k is too large");
    call->own_bytes += TOGETHER * LONGEST * sizeof(float);
    return STATUS_OK;
}

/* Puts the candidate where heap[0], the worst of `count`, was, or further down. */
static void sift_down(struct candidate *heap, int64_t count, struct candidate candidate) {
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
            child++;
        if (!is_worse(&heap[child], &candidate))
            break;
        heap[at] = heap[child];
    }
    heap[at] = candidate;
}

static void sift_up(struct candidate *heap, int64_t at, struct candidate candidate) {
    for (; at > 0 && is_worse(&candidate, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = candidate;
}

struct topk_work {
    const struct op_call *call;
    struct lines lines;
    int64_t k;
    bool largest;
};

/* A line, whose elements are `stride` apart. */
struct topk_line {
    const char *x;
    int64_t stride;
};

static void take(const struct topk_work *work, struct candidate *heap, int64_t held, struct candidate candidate) {
    if (held < work->k)
        sift_up(heap, held, candidate);
    else if (candidate.key > heap[0].key)
        sift_down(heap, held, candidate);
}

static void take_range(const struct topk_work *work, struct topk_line line, int64_t first, int64_t end,
                       struct candidate *heap) {
    const enum dtype dtype = work->call->inputs[0]->dtype;
    const uint64_t flip = work->largest ? 0 : UINT64_MAX;
    uint64_t keys[CHUNK];
    for (int64_t i = first, n; i < end; i += n) {
        n = at_most(end - i, CHUNK);
        order_keys(dtype, line.x + (size_t)(i * line.stride) * dtype_size(dtype), line.stride, n, keys);
        for (int64_t j = 0; j < n; j++)
            take(work, heap, at_most(i + j, work->k), (struct candidate){keys[j] ^ flip, i + j});
    }
}

/* Once the heap is full few neighbours are better than its worst: the others are passed by. */
static void take_rest(const struct topk_work *work, const float *x, struct candidate *heap) {
    const struct row_kernel *rows = row_kernel_of(work->call->kernels);
    const uint64_t flip = work->largest ? 0 : UINT64_MAX;
    const size_t size = (size_t)work->lines.size;
    for (size_t i = (size_t)work->k; i < size; i++) {
        i += rows->beyond(x + i, size - i, x[heap[0].index], work->largest ? 1 : -1);
        if (i < size)
            take(work, heap, work->k, (struct candidate){order_key_float(x[i]) ^ flip, (int64_t)i});
    }
}

/* The k best of a line, best first. */
static void select_line(const struct topk_work *work, struct topk_line line, struct candidate *heap) {
    const bool skips = line.stride == 1 && work->call->inputs[0]->dtype == DTYPE_FLOAT;
    take_range(work, line, 0, skips ? work->k : work->lines.size, heap);
    if (skips)
        take_rest(work, (const float *)(const void *)line.x, heap);
    for (int64_t left = work->k - 1; left > 0; left--) {
        const struct candidate worst = heap[0];
        sift_down(heap, left, heap[left]);
        heap[left] = worst;
    }
}

static void sort_line(const struct topk_work *work, struct topk_line line, struct candidate *found) {
    const int64_t size = work->lines.size;
    uint64_t *keys = (uint64_t *)found;
    int64_t *a = (int64_t *)found + size, *const kept = a + size;
    order_keys(work->call->inputs[0]->dtype, line.x, line.stride, size, keys);
    for (int64_t i = 0; work->largest && i < size; i++)
        keys[i] = ~keys[i];
    const int64_t *order = order_sort(keys, size, a, kept);
    /* Behind all candidates. */
    memmove(kept, order, (size_t)work->k * sizeof *order);
    for (int64_t i = 0; i < work->k; i++)
        found[i].index = kept[i];
}

static void store_line(const struct topk_work *work, int64_t outer, int64_t inner, struct topk_line line,
                       const struct candidate *heap) {
    const struct tensor *values = op_output(work->call, 0), *indices = op_output(work->call, 1);
    const size_t element = dtype_size(work->call->inputs[0]->dtype);
    for (int64_t i = 0; i < work->k; i++) {
        const size_t place = (size_t)((outer * work->k + i) * work->lines.inner + inner);
        if (values)
            block_copy((char *)values->data + place * element, line.x + (size_t)(heap[i].index * line.stride) * element,
                       element);
        if (indices)
            ((int64_t *)indices->data)[place] = heap[i].index;
    }
}

/* Lines beside each other, turned so that each one's elements are neighbours where that pays. */
static void do_lines(const struct topk_work *work, int64_t outer, int64_t inner, int64_t count, char *own) {
    const struct lines *lines = &work->lines;
    const struct tensor *x = work->call->inputs[0];
    const size_t element = dtype_size(x->dtype);
    const char *from = (const char *)x->data + (size_t)(outer * lines->size * lines->inner + inner) * element;
    struct candidate *heap = (struct candidate *)(void *)(own + TOGETHER * LONGEST * sizeof(float));
    struct topk_line line = {from, lines->inner};
    if (count > 1) {
        row_kernel_of(work->call->kernels)
            ->turn(from, (size_t)lines->inner, (size_t)lines->size, (size_t)count, (float *)(void *)own,
                   (size_t)lines->size);
        line = (struct topk_line){own, 1};
    }
    for (int64_t i = 0; i < count; i++) {
        (sorts(work->k, lines->size) ? sort_line : select_line)(work, line, heap);
        store_line(work, outer, inner + i, line, heap);
        line.x += (size_t)lines->size * element;
    }
}

static void run_thread(struct team_thread self, void *context) {
    const struct topk_work *work = context;
    const struct op_call *call = work->call;
    const struct lines *lines = &work->lines;
    const bool turns = lines->inner > 1 && lines->size <= LONGEST && call->inputs[0]->dtype == DTYPE_FLOAT;
    const int64_t step = turns ? TOGETHER : 1, parts = divide_up(lines->inner, step);
    const struct team_range range = team_range_of(self, lines->outer * parts);
    for (int64_t i = range.first; i < range.end; i++) {
        const int64_t inner = i % parts * step;
        do_lines(work, i / parts, inner, at_most(lines->inner - inner, step),
                 call->own + (size_t)self.index * call->own_stride);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct topk_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    struct topk_work work = {.call = call, .largest = params->largest};
    int axis;
    const status code = op_axis(params->axis, x->shape.rank, &axis, "axis", err);
    if (code != STATUS_OK || shape_elements(result_shape(call)) == 0)
        return code;
    work.lines = lines_along(&x->shape, axis);
    work.k = result_shape(call)->dims[axis];
    team_run(tensor_elements(x) >= PARALLEL_ELEMENTS ? call->threads : 1, run_thread, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
#define TYPES_OLD (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs_old[] = {{"X", TYPES_OLD, ARG_T}, {"K", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg outputs_old[] = {{"Values", TYPES_OLD, ARG_T}, {"Indices", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg inputs[] = {{"X", TYPES_NUMBER, ARG_T}, {"K", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg outputs[] = {{"Values", TYPES_NUMBER, ARG_T}, {"Indices", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg input_alone[] = {{"X", TYPES_OLD, ARG_T}, {0}};

#define TOPK(SINCE, UNTIL, INPUTS, OUTPUTS)                                                                        \
    {                                                                                                              \
        .name = "TopK", .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS, .outputs = OUTPUTS,        \
        .params_size = sizeof(struct topk_params), .parse = parse, .infer = infer, .prepare = prepare, .run = run, \
        .facts = &facts                                                                                            \
    }

const struct op ops_topk[] = {TOPK(1, 9, input_alone, outputs_old),
                              TOPK(10, 10, inputs_old, outputs_old),
                              TOPK(11, 0, inputs, outputs),
                              {.name = NULL}};

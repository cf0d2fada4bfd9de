#include "ops/reduce/reduce.h"

#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"

#include <stdio.h>

#define COLUMNS REDUCE_COLUMNS /* accumulators that work side by side */
#define SHORT_ROW 16           /* shorter rows are taken in as columns */

status reduce_attribute_parse(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err) {
    struct reduce_params *p = params;
    (void)call, (void)err;
    attribute_ints(attributes, "axes", p->axes, MAX_RANK, &p->axis_count);
    p->keep = attribute_int(attributes, "keepdims", 1) != 0;
    return STATUS_OK;
}

status reduce_input_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct reduce_params *p = params;
    (void)call, (void)err;
    p->keep = attribute_int(attributes, "keepdims", 1) != 0;
    p->noop = attribute_int(attributes, "noop_with_empty_axes", 0) != 0;
    return STATUS_OK;
}

/* Which dimensions of input 0 go. */
static status reduced_dims(const struct op_call *call, bool reduced[MAX_RANK], struct error *err) {
    const struct reduce_params *p = call->params;
    const int rank = call->inputs[0]->shape.rank;
    int64_t axes[MAX_RANK];
    int count = p->axis_count;
    for (int i = 0; i < count; i++)
        axes[i] = p->axes[i];
    if (op_input(call, 1)) {
        const status code = op_input_ints(call, 1, axes, MAX_RANK, &count, err);
        if (code != STATUS_OK)
            return code;
    }
    for (int d = 0; d < rank; d++)
        reduced[d] = count == 0 && !p->noop;
    for (int i = 0; i < count; i++) {
        char what[32];
        int axis;
        snprintf(what, sizeof what, "axes[%d]", i);
        if (op_axis(axes[i], rank, &axis, what, err) != STATUS_OK)
            return err->code;
        if (reduced[axis])
            return fail(err, STATUS_INVALID_MODEL, "axes[%d] names dimension %d a second time", i, axis);
        reduced[axis] = true;
    }
    return STATUS_OK;
}

status reduce_infer(struct op_call *call, struct error *err) {
    const struct reduce_params *p = call->params;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = op_output(call, 0);
    struct shape shape = {.rank = 0};
    bool reduced[MAX_RANK];
    const status code = reduced_dims(call, reduced, err);
    if (code != STATUS_OK)
        return code;
    for (int d = 0; d < x->shape.rank; d++)
        if (!reduced[d] || p->keep)
            shape.dims[shape.rank++] = reduced[d] ? 1 : x->shape.dims[d];
    return y ? tensor_describe(y, x->dtype, &shape, err) : STATUS_OK;
}

/* Dimensions to step along, outermost first. */
struct reduce_dims {
    int count;
    size_t dims[MAX_RANK], strides[MAX_RANK];
    size_t steps; /* product of dims */
};

/*
 * The input as alternating groups of kept and reduced dimensions. The innermost group is dense; for every step along
 * `kept` it makes one output (inner_reduced) or as many as it has elements, taking in every step along `reduced`.
 */
struct reduce_plan {
    struct reduce_dims kept, reduced;
    bool inner_reduced;
    size_t inner;
};

static void add_dim(struct reduce_dims *dims, size_t size, size_t stride) {
    for (int i = dims->count++; i > 0; i--) {
        dims->dims[i] = dims->dims[i - 1];
        dims->strides[i] = dims->strides[i - 1];
    }
    dims->dims[0] = size;
    dims->strides[0] = stride;
    dims->steps *= size;
}

/* From the innermost dimension outwards; neighbours of one kind become one group. */
static void make_plan(struct reduce_plan *plan, const struct shape *shape, const bool reduced[MAX_RANK]) {
    *plan = (struct reduce_plan){.kept.steps = 1, .reduced.steps = 1, .inner_reduced = true, .inner = 1};
    size_t size = 1, group = 1, stride = 1; /* of the whole so far, of the open group, and where that group began */
    bool kind = true, open = false, inner = true;
    for (int d = shape->rank - 1; d >= -1; d--) {
        const size_t dim = d < 0 ? 1 : (size_t)shape->dims[d];
        if (d >= 0 && dim == 1)
            continue;
        if (open && (d < 0 || reduced[d] != kind)) {
            if (inner) {
                plan->inner = group;
                plan->inner_reduced = kind;
            } else {
                add_dim(kind ? &plan->reduced : &plan->kept, group, stride);
            }
            inner = false;
            stride = size;
            group = 1;
        }
        if (d >= 0) {
            kind = reduced[d];
            open = true;
            group *= dim;
            size *= dim;
        }
    }
}

static size_t offset_at(const struct reduce_dims *dims, size_t step) {
    size_t offset = 0;
    for (int d = dims->count - 1; d >= 0; d--) {
        offset += step % dims->dims[d] * dims->strides[d];
        step /= dims->dims[d];
    }
    return offset;
}

struct reduce_work {
    struct reduce_plan plan;
    const struct reduce_kernel *kernel; /* for floats; NULL: by the loops */
    enum reduce_kind kind;
    reduce_run_float *run_float;
    const struct row_kernel *row_kernel;
    reduce_columns_float *columns_float;
    const struct kernels *kernels;
    const struct reduce_loops *loops;
    extremes_loop *extremes; /* takes in rows of integers that follow each other; NULL: the loops do */
    uint32_t flip;
    enum dtype dtype;
    bool dense; /* rows that follow each other, each an output */
    bool
        side_by_side; /* the kernel takes in many steps by itself: rows that follow each other, columns of one stride */
    size_t size;      /* bytes of an element */
    size_t chunks;    /* parts of the inner group that work by themselves, when it is kept */
    size_t taken;     /* elements that make one output */
    const char *in;
    char *out;
};

/* Takes elements that lie side by side into one accumulator, or into one for each. */
static void take_elements(const struct reduce_work *work, void *accumulators, const void *in, size_t count) {
    const bool one = work->plan.inner_reduced;
    if (work->run_float && one)
        work->run_float(work->row_kernel, accumulators, in, count);
    else if (!work->kernel && !one)
        work->loops->columns(accumulators, in, count);
    else if (!work->kernel)
        work->loops->rows(accumulators, in, 1, count);
    else if (one)
        work->kernel->rows(work->kind, in, 1, count, accumulators);
    else
        work->kernel->columns(work->kind, in, 0, 1, count, accumulators);
}

static void take(const struct reduce_work *work, void *accumulators, size_t offset, size_t count) {
    const char *in = work->in + offset * work->size;
    float chunk[CONVERT_CHUNK];
    if (!dtype_is_half(work->dtype)) {
        take_elements(work, accumulators, in, count);
        return;
    }
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        half_to_float(work->dtype, (const uint16_t *)(const void *)in + i, chunk, n);
        take_elements(work, accumulators, chunk, n);
    }
}
_Static_assert(COLUMNS <= CONVERT_CHUNK, "columns of the 16-bit types are converted in one piece");

static void finish(const struct reduce_work *work, size_t out, const void *accumulators, size_t count) {
    float chunk[COLUMNS];
    char *target = work->out + out * work->size;
    if (!dtype_is_half(work->dtype)) {
        work->loops->finish(target, accumulators, count, work->taken);
        return;
    }
    work->loops->finish(chunk, accumulators, count, work->taken);
    half_from_float(work->dtype, chunk, (uint16_t *)(void *)target, count);
}

static void take_columns(const struct reduce_work *work, const float *x, size_t stride, size_t steps, size_t count,
                         void *accumulators) {
    if (work->columns_float)
        work->columns_float(work->kernels, accumulators, x, stride, steps, count);
    else
        work->kernel->columns(work->kind, x, stride, steps, count, accumulators);
}

/* Rows behind one another; of short ones many are taken in side by side. */
static void take_floats(const struct reduce_work *work, const float *x, size_t rows, void *accumulators) {
    const size_t count = work->plan.inner;
    float columns[SHORT_ROW * COLUMNS];
    if (count >= SHORT_ROW) {
        work->kernel->rows(work->kind, x, rows, count, accumulators);
        return;
    }
    work->row_kernel->turn(x, count, rows, count, columns, COLUMNS);
    take_columns(work, columns, COLUMNS, count, rows, accumulators);
}

/* Outputs first..first + count - 1, at most COLUMNS. */
static void take_rows(const struct reduce_work *work, size_t first, size_t count, char *accumulators) {
    const struct reduce_plan *plan = &work->plan;
    if (work->side_by_side) {
        take_floats(work, (const float *)(const void *)work->in + first * plan->inner, count, accumulators);
        return;
    }
    if (work->extremes) {
        work->extremes(work->in + first * plan->inner * work->size, count, plan->inner, work->flip, accumulators);
        return;
    }
    if (work->dense && !work->run_float && !dtype_is_half(work->dtype)) {
        work->loops->rows(accumulators, work->in + first * plan->inner * work->size, count, plan->inner);
        return;
    }
    for (size_t out = first; out < first + count; out++, accumulators += work->loops->size) {
        const size_t start = offset_at(&plan->kept, out);
        for (size_t step = 0; step < plan->reduced.steps; step++)
            take(work, accumulators, start + offset_at(&plan->reduced, step), plan->inner);
    }
}

/* Outputs begin..end-1, each from runs of the inner group. */
static void run_rows(void *context, size_t begin, size_t end) {
    const struct reduce_work *work = context;
    _Alignas(REDUCE_ACCUMULATOR) char accumulators[COLUMNS * REDUCE_ACCUMULATOR];
    for (size_t out = begin, count; out < end; out += count) {
        count = end - out < COLUMNS ? end - out : COLUMNS;
        work->loops->start(accumulators, count);
        take_rows(work, out, count, accumulators);
        finish(work, out, accumulators, count);
    }
}

/* Parts begin..end-1 of the outputs, each COLUMNS side by side. */
static void run_columns(void *context, size_t begin, size_t end) {
    const struct reduce_work *work = context;
    _Alignas(REDUCE_ACCUMULATOR) char accumulators[COLUMNS * REDUCE_ACCUMULATOR];
    for (size_t part = begin; part < end; part++) {
        const size_t row = part / work->chunks, column = part % work->chunks * COLUMNS;
        const size_t left = work->plan.inner - column, count = left < COLUMNS ? left : COLUMNS;
        const size_t start = offset_at(&work->plan.kept, row) + column;
        work->loops->start(accumulators, count);
        if (work->side_by_side)
            take_columns(work, (const float *)(const void *)work->in + start, work->plan.reduced.strides[0],
                         work->plan.reduced.steps, count, accumulators);
        for (size_t step = 0; !work->side_by_side && step < work->plan.reduced.steps; step++)
            take(work, accumulators, start + offset_at(&work->plan.reduced, step), count);
        finish(work, row * work->plan.inner + column, accumulators, count);
    }
}

/* Items per block so that a block is worth a thread's while. */
static size_t block_items(size_t cost) {
    return cost >= PARALLEL_ELEMENTS ? 1 : PARALLEL_ELEMENTS / (cost ? cost : 1);
}

/* The kernel's own loop for rows of integers, where there is one and they are long enough for it. */
static void choose_extremes(struct reduce_work *work, const struct reduce_kernel *kernel) {
    const uint32_t without_sign = TYPE(DTYPE_UINT8) | TYPES_BOOL | TYPE(DTYPE_UINT32);
    const uint32_t types = without_sign | TYPE(DTYPE_INT8) | TYPE(DTYPE_INT32);
    if ((work->kind != REDUCE_LARGEST && work->kind != REDUCE_SMALLEST) || !(types & TYPE(work->dtype)) ||
        work->plan.inner * work->size < REDUCE_VECTOR)
        return;
    work->extremes = work->size == 1 ? kernel->bytes : kernel->ints;
    work->flip = work->kind == REDUCE_SMALLEST ? UINT32_MAX : 0;
    if (without_sign & TYPE(work->dtype))
        work->flip ^= work->size == 1 ? 0x80 : 0x80000000;
}

status reduce_run(struct op_call *call, struct error *err) {
    const struct reduce_row *row = call->op->row;
    const struct tensor *x = call->inputs[0], *y = op_output(call, 0);
    bool reduced[MAX_RANK];
    const status code = reduced_dims(call, reduced, err);
    if (code != STATUS_OK || !y || y->bytes == 0)
        return code;
    struct reduce_work work = {.loops = row->loops[dtype_is_half(x->dtype) ? DTYPE_FLOAT : x->dtype],
                               .kind = row->kind,
                               .dtype = x->dtype,
                               .size = dtype_size(x->dtype),
                               .in = x->data,
                               .out = y->data};
    make_plan(&work.plan, &x->shape, reduced);
    const struct reduce_plan *plan = &work.plan;
    const bool dense = plan->kept.count == 0 || (plan->kept.count == 1 && plan->kept.strides[0] == plan->inner);
    if (x->dtype == DTYPE_FLOAT || dtype_is_half(x->dtype)) {
        work.kernel = row->kind ? reduce_kernel_of(call->kernels) : NULL;
        work.run_float = row->run_float;
        work.columns_float = row->columns_float;
        work.kernels = call->kernels;
        work.row_kernel = row_kernel_of(call->kernels);
    }
    work.dense = dense && plan->inner_reduced && plan->reduced.count == 0;
    if (work.dense)
        choose_extremes(&work, reduce_kernel_of(call->kernels));
    const bool rows = work.dense && (work.kernel || plan->inner < SHORT_ROW);
    work.side_by_side = x->dtype == DTYPE_FLOAT && (work.kernel || work.columns_float) &&
                        (plan->inner_reduced ? rows : plan->reduced.count == 1);
    work.taken = plan->reduced.steps * (plan->inner_reduced ? plan->inner : 1);
    work.chunks = plan->inner_reduced ? 1 : (plan->inner + COLUMNS - 1) / COLUMNS;
    if (plan->inner_reduced)
        parallel_blocks(plan->kept.steps, block_items(work.taken), call->threads, run_rows, &work);
    else
        parallel_blocks(plan->kept.steps * work.chunks, block_items(work.taken * COLUMNS), call->threads, run_columns,
                        &work);
    return STATUS_OK;
}

/* Over channels alone every place is seen by itself. */
static void reduce_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const struct reduce_params *p = call->params;
    int64_t count = p->axis_count;
    const int64_t *axes = op_input(call, 1) ? op_constant_ints(call, 1, &count) : p->axes;
    const bool channels = axes && count == 1 && axes[0] == 1;
    (void)sees;
    *reach = (struct op_reach){.view = channels ? VIEW_WINDOW : VIEW_WHOLE, .step = 1};
}

const struct op_facts reduce_facts = {.reach = reduce_reach};

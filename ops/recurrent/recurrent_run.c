#include "ops/recurrent/recurrent_run.h"

#include "base/checked.h"
#include "base/simd.h"
#include "base/thread_team.h"
#include "base/unaligned.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/tile_product.h"
#include "ops/recurrent/recurrent_cells.h"
#include "ops/recurrent/recurrent_round.h"
#include "ops/recurrent/recurrent_weights.h"

#include <string.h>

#define ROWS 16 /* sequences that one thread takes through all steps together */

/* ---- memory ---- */

/* Numbers of all gates of a sequence's step. */
static int64_t gates_stride(const struct op_call *call, const struct recurrent_sizes *s) {
    return tile_columns(call->kernels->gemm, s->gates * s->hidden);
}

/* What a thread has for ROWS sequences. */
struct recurrent_own {
    char *state, *cell, *reset, *recurrent, *rest;
};

static int64_t state_stride(const struct op_call *call, const struct recurrent_sizes *s) {
    return tile_columns(call->kernels->gemm, s->hidden);
}

static size_t own_bytes(const struct op_call *call, const struct recurrent_sizes *s) {
    const size_t size = dtype_size(call->inputs[IN_X]->dtype);
    return ROWS * size * (size_t)(4 * state_stride(call, s) + gates_stride(call, s));
}

static struct recurrent_own own_of(const struct op_call *call, const struct recurrent_sizes *s, int thread) {
    const size_t state = ROWS * dtype_size(call->inputs[IN_X]->dtype) * (size_t)state_stride(call, s);
    struct recurrent_own own = {.state = call->own + (size_t)thread * call->own_stride};
    own.cell = own.state + state;
    own.reset = own.cell + state;
    own.rest = own.reset + state;
    own.recurrent = own.rest + state;
    return own;
}

static bool sums_bytes(const struct op_call *call, const struct recurrent_sizes *s, size_t *bytes) {
    size_t rows;
    return size_mul((size_t)s->steps, (size_t)(s->batch * s->directions), &rows) &&
           size_mul(rows, (size_t)gates_stride(call, s) * dtype_size(call->inputs[IN_X]->dtype), bytes) &&
           *bytes < SIZE_MAX / 4;
}

status recurrent_run_prepare(struct op_call *call, const struct recurrent_sizes *s, size_t *workspace_bytes,
                             struct error *err) {
    struct recurrent_state *state = call->state;
    size_t bytes;
    if (!sums_bytes(call, s, &bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    call->own_bytes = own_bytes(call, s);
    *workspace_bytes = whole_line_bytes(bytes);
    if (call->inputs[IN_X]->dtype == DTYPE_DOUBLE)
        return STATUS_OK;
    status code = recurrent_take_weights(call, s, IN_W, &state->w, err);
    if (code == STATUS_OK)
        code = recurrent_take_weights(call, s, IN_R, &state->r, err);
    const struct recurrent_packing w = recurrent_packing_of(call, s, IN_W), r = recurrent_packing_of(call, s, IN_R);
    *workspace_bytes += (state->w ? 0 : recurrent_packed_bytes(&w)) + (state->r ? 0 : recurrent_packed_bytes(&r));
    return code;
}

/* ---- products ---- */

struct recurrent_work {
    const struct op_call *call;
    const struct recurrent_sizes *s;
    const float *w, *r; /* packed */
    char *sums;         /* [direction][step][batch][gates_stride] */
    struct recurrent_cells cells;
};

/* c[row][columns] = rows of a by rows `column`.. of weights. */
struct recurrent_product {
    const void *a;
    int64_t a_stride, rows, depth, columns, c_stride;
    void *c;
};

static void multiply_float(const struct recurrent_work *work, const struct recurrent_product *p, const float *packed) {
    tile_product(work->call->kernels->gemm,
                 &(struct tile_rows){.a = p->a,
                                     .a_stride = p->a_stride,
                                     .a_depth = 1,
                                     .rows = p->rows,
                                     .depth = p->depth,
                                     .columns = p->columns,
                                     .c = p->c,
                                     .c_stride = p->c_stride,
                                     .first = true},
                 &(struct tile_matrix){packed, p->depth, p->columns});
}

static void multiply_double(const struct recurrent_product *p, const char *weights) {
    for (int64_t row = 0; row < p->rows; row++)
        for (int64_t column = 0; column < p->columns; column++) {
            const double *a = (const double *)p->a + row * p->a_stride;
            double sum = 0;
            SIMD for (int64_t k = 0; k < p->depth; k++) sum += a[k] * unaligned_double(weights, column * p->depth + k);
            ((double *)p->c)[row * p->c_stride + column] = sum;
        }
}

/* By the weights of input IN_W or IN_R in a direction, from gate `gate` on, which begins one of the packed matrices. */
static void multiply(const struct recurrent_work *work, const struct recurrent_product *p, int input, int64_t direction,
                     int64_t gate) {
    const struct recurrent_sizes *s = work->s;
    if (work->call->inputs[IN_X]->dtype == DTYPE_DOUBLE) {
        multiply_double(p, (const char *)work->call->inputs[input]->data +
                               (direction * s->gates + gate) * s->hidden * p->depth * (int64_t)sizeof(double));
        return;
    }
    const struct recurrent_packing packing = recurrent_packing_of(work->call, s, input);
    const float *packed = (input == IN_W ? work->w : work->r) + direction * recurrent_direction_floats(&packing);
    multiply_float(work, p,
                   gate ? packed + recurrent_matrix_floats(work->call->kernels->gemm, packing.first, packing.depth)
                        : packed);
}

static char *sums_at(const struct recurrent_work *work, int64_t direction, int64_t step, int64_t batch) {
    const struct recurrent_sizes *s = work->s;
    return work->sums + ((direction * s->steps + step) * s->batch + batch) * gates_stride(work->call, s) *
                            (int64_t)dtype_size(work->call->inputs[IN_X]->dtype);
}

/* Biases of inputs and of the recurrence, but not the latter where the cell adds it; and rows of sums with them. */
#define ADD_BIASES(T)                                                                        \
    static void join_biases_##T(const struct recurrent_work *work, const T *b, T *both) {    \
        const struct recurrent_params *params = work->call->params;                          \
        const int64_t n = work->s->gates * work->s->hidden;                                  \
        const int64_t joined = n - (params->linear_before_reset ? work->s->hidden : 0);      \
        for (int64_t i = 0; i < n; i++)                                                      \
            both[i] = b[i] + (i < joined ? b[n + i] : 0);                                    \
    }                                                                                        \
    static void add_biases_##T(const struct recurrent_work *work, int64_t direction, T *own, \
                               const struct recurrent_product *p) {                          \
        const struct tensor *bias = op_input(work->call, IN_B);                              \
        const int64_t n = work->s->gates * work->s->hidden;                                  \
        if (!bias)                                                                           \
            return;                                                                          \
        join_biases_##T(work, (const T *)bias->data + direction * 2 * n, own);               \
        for (int64_t row = 0; row < p->rows; row++)                                          \
            add_row_##T(work->call->kernels, (T *)p->c + row * p->c_stride, own, n);         \
    }
static void add_row_float(const struct kernels *kernels, float *sums, const float *biases, int64_t count) {
    row_kernel_of(kernels)->scale_add(sums, sums, (size_t)count, 1, 1, biases, 1);
}
static void add_row_double(const struct kernels *kernels, double *sums, const double *biases, int64_t count) {
    (void)kernels;
    SIMD for (int64_t i = 0; i < count; i++) sums[i] += biases[i];
}
ADD_BIASES(float)
ADD_BIASES(double)

/* Of an LSTM, which has no reset state. */
static bool rounds(const struct recurrent_work *work) {
    return ((const struct recurrent_params *)work->call->params)->rounded;
}

/* The sums of the inputs, some rows (steps of sequences) at a time: those of a sequence, or of all. */
static void input_sums(struct team_thread self, void *context) {
    const struct recurrent_work *work = context;
    const struct recurrent_sizes *s = work->s;
    const struct tensor *x = work->call->inputs[IN_X];
    const bool batch_first = ((const struct recurrent_params *)work->call->params)->batch_first;
    const int64_t size = (int64_t)dtype_size(x->dtype), outer = batch_first ? s->batch : 1;
    const int64_t inner = batch_first ? s->steps : s->steps * s->batch, blocks = divide_up(inner, TILE_ROWS);
    const struct team_range range = team_range_of(self, s->directions * outer * blocks);
    const struct recurrent_own own = own_of(work->call, s, self.index);
    for (int64_t item = range.first; item < range.end; item++) {
        const int64_t d = item / blocks / outer, o = item / blocks % outer, i = item % blocks * TILE_ROWS;
        struct recurrent_product product = {.a = (const char *)x->data + (o * inner + i) * s->inputs * size,
                                            .a_stride = s->inputs,
                                            .rows = at_most(inner - i, TILE_ROWS),
                                            .depth = s->inputs,
                                            .columns = s->gates * s->hidden,
                                            .c_stride = gates_stride(work->call, s) * (batch_first ? s->batch : 1),
                                            .c = batch_first ? sums_at(work, d, i, o)
                                                             : sums_at(work, d, i / s->batch, i % s->batch)};
        multiply(work, &product, IN_W, d, 0);
        for (int64_t row = 0; rounds(work) && row < product.rows; row++)
            recurrent_scale((float *)(void *)((char *)product.c + row * product.c_stride * size), product.columns,
                            *(const float *)work->call->inputs[IN_X_SCALE]->data, work->call->inputs[IN_W_SCALE], d,
                            s->directions);
        if (x->dtype == DTYPE_DOUBLE)
            add_biases_double(work, d, (double *)(void *)own.recurrent, &product);
        else
            add_biases_float(work, d, (float *)(void *)own.recurrent, &product);
    }
}

/* ---- steps ---- */

/* Some sequences in one direction. */
struct recurrent_group {
    int64_t direction, first, count;
};

static int64_t length_of(const struct recurrent_work *work, int64_t batch) {
    const struct tensor *lengths = op_input(work->call, IN_LENGTHS);
    return lengths ? ((const int32_t *)lengths->data)[batch] : work->s->steps;
}

/* Where a direction's state of a sequence lies in [D,B,H] or [B,D,H]; NULL without the tensor. */
static char *state_place(const struct recurrent_work *work, const struct tensor *tensor, int64_t direction,
                         int64_t batch) {
    const struct recurrent_sizes *s = work->s;
    const bool batch_first = ((const struct recurrent_params *)work->call->params)->batch_first;
    const int64_t at = batch_first ? batch * s->directions + direction : direction * s->batch + batch;
    return tensor ? (char *)tensor->data + at * s->hidden * (int64_t)dtype_size(tensor->dtype) : NULL;
}

static char *sequence_place(const struct recurrent_work *work, int64_t direction, int64_t step, int64_t batch) {
    const struct recurrent_sizes *s = work->s;
    const struct tensor *y = op_output(work->call, OUT_SEQUENCE);
    const bool batch_first = ((const struct recurrent_params *)work->call->params)->batch_first;
    const int64_t at = batch_first ? (batch * s->steps + step) * s->directions + direction
                                   : (step * s->directions + direction) * s->batch + batch;
    return y ? (char *)y->data + at * s->hidden * (int64_t)dtype_size(y->dtype) : NULL;
}

static void load_state(const struct recurrent_work *work, int input, int64_t direction, int64_t batch, char *to) {
    const size_t bytes = (size_t)work->s->hidden * dtype_size(work->call->inputs[IN_X]->dtype);
    const char *from = state_place(work, op_input(work->call, input), direction, batch);
    if (from)
        memcpy(to, from, bytes);
    else
        memset(to, 0, bytes);
}

static void store_state(const struct recurrent_work *work, int output, int64_t direction, int64_t batch,
                        const char *from) {
    char *to = state_place(work, op_output(work->call, output), direction, batch);
    if (to)
        memcpy(to, from, (size_t)work->s->hidden * dtype_size(work->call->inputs[IN_X]->dtype));
}

/* One sequence of a group. */
static struct recurrent_step step_of(const struct recurrent_work *work, const struct recurrent_group *group,
                                     const struct recurrent_own *own, int64_t row, int64_t time) {
    const struct recurrent_params *params = work->call->params;
    const struct recurrent_sizes *s = work->s;
    const int64_t size = (int64_t)dtype_size(work->call->inputs[IN_X]->dtype), gates = s->gates * s->hidden;
    const int64_t state = row * state_stride(work->call, s) * size;
    const struct tensor *bias = op_input(work->call, IN_B), *peepholes = op_input(work->call, IN_PEEPHOLES);
    return (struct recurrent_step){
        .kernels = work->call->kernels,
        .params = params,
        .activations = params->activations[group->direction],
        .hidden = s->hidden,
        .sums = sums_at(work, group->direction, time, group->first + row),
        .recurrent = own->recurrent + row * gates_stride(work->call, s) * size,
        .rest = own->rest + state,
        .rest_bias = bias ? (const char *)bias->data + ((2 * group->direction + 2) * gates - s->hidden) * size : NULL,
        .peepholes = peepholes ? (const char *)peepholes->data + group->direction * 3 * s->hidden * size : NULL,
        .state = own->state + state,
        .cell = own->cell + state,
        .reset = own->reset + state};
}

static bool goes_back(const struct recurrent_work *work, int64_t direction) {
    return direction == 1 || ((const struct recurrent_params *)work->call->params)->backward;
}

/* The next step of all sequences of a group that are not at their end. */
static void take_step(const struct recurrent_work *work, const struct recurrent_group *group,
                      const struct recurrent_own *own, int64_t n) {
    const struct recurrent_sizes *s = work->s;
    const size_t bytes = (size_t)s->hidden * dtype_size(work->call->inputs[IN_X]->dtype);
    struct recurrent_product product = {own->state,    state_stride(work->call, s), group->count,
                                        s->hidden,     s->first_gates * s->hidden,  gates_stride(work->call, s),
                                        own->recurrent};
    float scale = 1;
    if (rounds(work)) {
        scale = recurrent_round((const float *)(void *)own->state, product.a_stride, group->count, s->hidden,
                                (float *)(void *)own->reset);
        product.a = own->reset;
    }
    multiply(work, &product, IN_R, group->direction, 0);
    for (int64_t row = 0; rounds(work) && row < group->count; row++)
        recurrent_scale((float *)(void *)own->recurrent + row * product.c_stride, product.columns, scale,
                        work->call->inputs[IN_R_SCALE], group->direction, s->directions);
    for (int pass = 0; pass < (s->first_gates < s->gates ? 2 : 1); pass++) {
        if (pass == 1) {
            product = (struct recurrent_product){own->reset, state_stride(work->call, s), group->count, s->hidden,
                                                 s->hidden,  state_stride(work->call, s), own->rest};
            multiply(work, &product, IN_R, group->direction, s->first_gates);
        }
        for (int64_t row = 0; row < group->count; row++) {
            const int64_t length = length_of(work, group->first + row);
            if (n >= length)
                continue;
            const int64_t time = goes_back(work, group->direction) ? length - 1 - n : n;
            const struct recurrent_step step = step_of(work, group, own, row, time);
            (pass ? work->cells.finish : work->cells.begin)(&step);
            char *y = sequence_place(work, group->direction, time, group->first + row);
            if (y)
                memcpy(y, step.state, bytes);
        }
    }
}

/* What lies behind a sequence's end is zero. */
static void clear_rest(const struct recurrent_work *work, const struct recurrent_group *group, int64_t row) {
    const size_t bytes = (size_t)work->s->hidden * dtype_size(work->call->inputs[IN_X]->dtype);
    for (int64_t t = length_of(work, group->first + row); t < work->s->steps; t++) {
        char *y = sequence_place(work, group->direction, t, group->first + row);
        if (y)
            memset(y, 0, bytes);
    }
}

static void run_group(const struct recurrent_work *work, const struct recurrent_group *group,
                      const struct recurrent_own *own) {
    const int64_t stride = state_stride(work->call, work->s) * (int64_t)dtype_size(work->call->inputs[IN_X]->dtype);
    const bool cell = ((const struct recurrent_params *)work->call->params)->kind == RECURRENT_LSTM;
    memset(own->reset, 0, (size_t)(ROWS * stride));
    for (int64_t row = 0; row < group->count; row++) {
        load_state(work, IN_STATE, group->direction, group->first + row, own->state + row * stride);
        if (cell)
            load_state(work, IN_CELL, group->direction, group->first + row, own->cell + row * stride);
        clear_rest(work, group, row);
    }
    for (int64_t n = 0; n < work->s->steps; n++)
        take_step(work, group, own, n);
    for (int64_t row = 0; row < group->count; row++) {
        store_state(work, OUT_STATE, group->direction, group->first + row, own->state + row * stride);
        if (cell)
            store_state(work, OUT_CELL, group->direction, group->first + row, own->cell + row * stride);
    }
}

static void run_groups(struct team_thread self, void *context) {
    const struct recurrent_work *work = context;
    const int64_t groups = divide_up(work->s->batch, ROWS);
    const struct team_range range = team_range_of(self, work->s->directions * groups);
    const struct recurrent_own own = own_of(work->call, work->s, self.index);
    for (int64_t item = range.first; item < range.end; item++) {
        struct recurrent_group group = {item / groups, item % groups * ROWS, 0};
        group.count = at_most(work->s->batch - group.first, ROWS);
        run_group(work, &group, &own);
    }
}

status recurrent_run(struct op_call *call, const struct recurrent_sizes *s, struct error *err) {
    const struct recurrent_params *params = call->params;
    const struct recurrent_state *state = call->state;
    struct recurrent_work work = {
        call, s, state->w, state->r, call->workspace, recurrent_cells(params->kind, call->inputs[IN_X]->dtype)};
    size_t bytes = 0;
    sums_bytes(call, s, &bytes);
    for (int64_t b = 0; b < s->batch; b++)
        if (length_of(&work, b) < 0 || length_of(&work, b) > s->steps)
            return fail(err, STATUS_INVALID_MODEL, "input 4 (sequence_lens) has %lld, expected 0 to %lld",
                        (long long)length_of(&work, b), (long long)s->steps);
    float *free_place = (float *)(void *)((char *)call->workspace + whole_line_bytes(bytes));
    if (call->inputs[IN_X]->dtype == DTYPE_FLOAT && !state->w) {
        const struct recurrent_packing packing = recurrent_packing_of(call, s, IN_W);
        recurrent_pack(free_place, call->inputs[IN_W], &packing);
        work.w = free_place;
        free_place += recurrent_packed_bytes(&packing) / sizeof(float);
    }
    if (call->inputs[IN_X]->dtype == DTYPE_FLOAT && !state->r) {
        const struct recurrent_packing packing = recurrent_packing_of(call, s, IN_R);
        recurrent_pack(free_place, call->inputs[IN_R], &packing);
        work.r = free_place;
    }
    if (s->batch == 0 || s->hidden == 0)
        return STATUS_OK;
    if (s->steps > 0)
        team_run(call->threads, input_sums, &work);
    team_run(call->threads, run_groups, &work);
    return STATUS_OK;
}

/*
 * GlobalMaxPool, GlobalAveragePool (ONNX 1, 22) and GlobalLpPool (1, 2, 22). A picture is cut into pieces of a size
 * that depends on the picture alone, whose totals are put together in order.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/pool/pool_facts.h"
#include "ops/pool/pool_loops.h"
#include "ops/pool/pool_window.h"

#include <string.h>

#define PIECE 32768 /* elements of a piece */

struct global_params {
    double power;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    const struct pool_row *row = call->op->row;
    struct global_params *params = result;
    return row->norm == POOL_LP ? pool_power_parse(call, attributes, &params->power, err) : STATUS_OK;
}

/* Pictures, pixels of each, elements of a pixel, and the pieces of a picture. */
struct extent {
    int64_t outer, pixels, inner, piece, pieces;
};

static struct extent extent_of(const struct op_call *call) {
    const struct pool_row *row = call->op->row;
    const struct shape *x = &call->inputs[0]->shape;
    struct extent e = {
        .outer = x->dims[0] * x->dims[1], .pixels = 1, .inner = row->layout == POOL_BLOCKED ? CHANNEL_BLOCK : 1};
    for (int d = 2; d < x->rank - (row->layout == POOL_BLOCKED); d++)
        e.pixels *= x->dims[d];
    e.piece = PIECE / e.inner;
    e.pieces = divide_up(e.pixels, e.piece);
    return e;
}

static status infer(struct op_call *call, struct error *err) {
    const struct pool_row *row = call->op->row;
    struct shape shape = call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (shape.rank < 2 || (row->layout == POOL_BLOCKED && (shape.rank != 5 || shape.dims[4] != CHANNEL_BLOCK)))
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [N,C,...]", shape_text(&shape, text));
    const int64_t pictures = shape.dims[0] * shape.dims[1];
    for (int d = 2; d < shape.rank - (row->layout == POOL_BLOCKED); d++) {
        if (shape.dims[d] == 0 && pictures > 0)
            return fail(err, STATUS_SHAPE, "input 0 (X) is %s: there is nothing to put together",
                        shape_text(&shape, text));
        shape.dims[d] = 1;
    }
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct extent e = extent_of(call);
    (void)err; /* a total is 8 bytes for so many elements, which lie in memory */
    if (call->outputs[0]->bytes > 0)
        *workspace_bytes = (size_t)(e.outer * e.pieces * e.inner) * sizeof(double);
    return STATUS_OK;
}

struct global_work {
    const struct op_call *call;
    struct extent extent;
    enum pool_kind kind;
    size_t size; /* bytes of an element */
    double power;
};

/* The total of each piece: [picture][piece][inner] in the workspace. */
static void add_pieces(void *context, int64_t first, int64_t end) {
    const struct global_work *work = context;
    const struct extent *e = &work->extent;
    const enum dtype dtype = work->call->inputs[0]->dtype;
    const struct pool_kernel *kernel = pool_kernel_for(dtype, work->call->kernels);
    const struct pool_loops *loops = pool_loops_of(dtype);
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t from = unit % e->pieces * e->piece, count = at_most(e->pixels - from, e->piece);
        const int64_t at = unit / e->pieces * e->pixels + from;
        const char *x = (const char *)work->call->inputs[0]->data + (size_t)(at * e->inner) * work->size;
        double *total = (double *)work->call->workspace + unit * e->inner;
        loops->whole(kernel, work->kind, work->power, x, count, e->inner, total);
    }
}

static void finish_pictures(void *context, int64_t first, int64_t end) {
    const struct global_work *work = context;
    const struct extent *e = &work->extent;
    const struct pool_loops *loops = pool_loops_of(work->call->inputs[0]->dtype);
    const struct pool_row *row = work->call->op->row;
    for (int64_t picture = first; picture < end; picture++) {
        double *totals = (double *)work->call->workspace + picture * e->pieces * e->inner;
        for (int64_t piece = 1; piece < e->pieces; piece++)
            loops->join(work->kind, e->inner, totals + piece * e->inner, totals);
        loops->finish_whole(work->kind, row->norm == POOL_AVERAGE ? (double)e->pixels : 1, work->power, e->inner,
                            totals, (char *)work->call->outputs[0]->data + (size_t)(picture * e->inner) * work->size);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct pool_row *row = call->op->row;
    const struct global_params *params = call->params;
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    struct global_work work = {.call = call,
                               .extent = extent_of(call),
                               .size = dtype_size(call->inputs[0]->dtype),
                               .power = row->norm == POOL_LP ? params->power : 1};
    work.kind = row->norm == POOL_LARGEST ? POOL_MAX
                : row->norm != POOL_LP    ? POOL_SUM
                : params->power == 1      ? POOL_ABSOLUTES
                : params->power == 2      ? POOL_SQUARES
                                          : POOL_POWERS;
    const int64_t units = work.extent.outer * work.extent.pieces;
    const int64_t worth = tensor_elements(call->inputs[0]) / PIECE + 1;
    const int threads = (int)at_most(call->threads, worth);
    team_for(threads, units, add_pieces, &work);
    team_for(threads, work.extent.outer, finish_pictures, &work);
    return STATUS_OK;
}

static const struct pool_row max_row = {POOL_LARGEST, POOL_PLAIN, false, "BlockedGlobalMaxPool"};
static const struct pool_row max_blocked_row = {POOL_LARGEST, POOL_BLOCKED, false, NULL};
static const struct pool_row average_row = {POOL_AVERAGE, POOL_PLAIN, false, "BlockedGlobalAveragePool"};
static const struct pool_row average_blocked_row = {POOL_AVERAGE, POOL_BLOCKED, false, NULL};
static const struct pool_row lp_float_row = {POOL_LP, POOL_PLAIN, true, NULL};
static const struct pool_row lp_row = {POOL_LP, POOL_PLAIN, false, NULL};

static const struct op_facts max_shown = {.shown = "GlobalMaxPool"}, average_shown = {.shown = "GlobalAveragePool"};
static const struct op_facts lp_facts = {.reach = op_reach_whole};

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"X", REAL, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", REAL, ARG_T}, {0}};
static const struct op_arg floats[] = {{"X", TYPES_FLOAT, ARG_T}, {0}};
static const struct op_arg float_outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {0}};

#define GLOBAL_OP(op_name, op_domain, first, last, in, out, op_row, op_facts)                                        \
    {                                                                                                                \
        .name = op_name, .domain = op_domain, .since = first, .until = last, .inputs = in, .outputs = out,           \
        .params_size = sizeof(struct global_params), .parse = parse, .infer = infer, .prepare = prepare, .run = run, \
        .facts = op_facts, .row = op_row                                                                             \
    }

const struct op ops_global_pool[] = {
    GLOBAL_OP("GlobalMaxPool", "", 1, 0, inputs, outputs, &max_row, &global_pool_facts),
    GLOBAL_OP("GlobalAveragePool", "", 1, 0, inputs, outputs, &average_row, &global_pool_facts),
    GLOBAL_OP("GlobalLpPool", "", 1, 1, inputs, outputs, &lp_float_row, &lp_facts),
    GLOBAL_OP("GlobalLpPool", "", 2, 0, inputs, outputs, &lp_row, &lp_facts),
    GLOBAL_OP("BlockedGlobalMaxPool", INTERNAL_DOMAIN, 1, 0, floats, float_outputs, &max_blocked_row, &max_shown),
    GLOBAL_OP("BlockedGlobalAveragePool", INTERNAL_DOMAIN, 1, 0, floats, float_outputs, &average_blocked_row,
              &average_shown),
    {0}};

/* Trilu: the upper or lower triangle of each matrix, from diagonal k on; zero elsewhere. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"
#include "ops/movement/movement.h"

struct trilu_params {
    bool upper;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    (void)call;
    (void)err;
    ((struct trilu_params *)out)->upper = attribute_int(attributes, "upper", 1) != 0;
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    if (x->shape.rank < 2)
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s, expected matrices", shape_text(&x->shape, text));
    return tensor_describe(call->outputs[0], x->dtype, &x->shape, err);
}

struct trilu_work {
    const char *from;
    char *to;
    size_t element;
    int64_t rows, columns, k;
    bool upper;
};

/* Strings are left empty: a text without bytes. */
static void run_rows(void *context, size_t begin, size_t end) {
    const struct trilu_work *work = context;
    const size_t row_bytes = (size_t)work->columns * work->element;
    for (size_t row = begin; row < end; row++) {
        /* The first column that belongs to the upper part; of the lower one it is the first that does not. */
        int64_t first = (int64_t)row % work->rows;
        first = work->k > work->columns - first ? work->columns : first + work->k < 0 ? 0 : first + work->k;
        if (!work->upper && first < work->columns && (int64_t)row % work->rows + work->k >= 0)
            first++;
        const size_t cut = (size_t)first * work->element;
        const char *from = work->from + row * row_bytes;
        char *to = work->to + row * row_bytes;
        memset(work->upper ? to : to + cut, 0, work->upper ? cut : row_bytes - cut);
        if (from != to)
            memcpy(work->upper ? to + cut : to, work->upper ? from + cut : from, work->upper ? row_bytes - cut : cut);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct trilu_params *params = call->params;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    struct trilu_work work = {.from = x->data, .to = y->data, .element = dtype_size(x->dtype), .upper = params->upper};
    const status code = op_input(call, 1) ? op_scalar_int(call, 1, &work.k, err) : STATUS_OK;
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    work.rows = x->shape.dims[x->shape.rank - 2];
    work.columns = x->shape.dims[x->shape.rank - 1];
    work.k = work.k < -work.rows ? -work.rows : work.k > work.columns ? work.columns : work.k;
    const size_t rows = (size_t)(tensor_elements(x) / work.columns);
    parallel_blocks(rows, strided_block(rows, y->bytes), call->threads, run_rows, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
static const struct op_arg inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {"k", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_trilu[] = {{.name = "Trilu",
                                .domain = "",
                                .since = 14,
                                .inputs = inputs,
                                .outputs = outputs,
                                .storage = STORAGE_IN_FIRST,
                                .params_size = sizeof(struct trilu_params),
                                .parse = parse,
                                .infer = infer,
                                .run = run,
                                .facts = &facts},
                               {.name = NULL}};

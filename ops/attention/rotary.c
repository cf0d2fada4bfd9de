/* RotaryEmbedding (ONNX 23, and onnxruntime's): pairs of numbers of every vector are turned by angles of its place. */
#include "base/thread_team.h"
#include "ops/attention/attention_shapes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <string.h>

#define TEAM_ELEMENTS 16384

/* Where the inputs are. */
struct rotary_row {
    int places, cos, sin;
    bool offset; /* a single place is that of the first row of every batch */
};

struct rotary_params {
    int64_t heads, size; /* 0: not given; the part that is turned */
    bool interleaved;
};

static status rotary_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    const struct rotary_row *row = call->op->row;
    struct rotary_params *params = result;
    params->heads = attribute_int(attributes, "num_heads", 0);
    params->size = attribute_int(attributes, "rotary_embedding_dim", 0);
    params->interleaved = attribute_int(attributes, "interleaved", 0) != 0;
    if (row->offset &&
        (attribute_int(attributes, "is_packed_batching", 0) != 0 || attribute_float(attributes, "scale", 1) != 1))
        return fail(err, STATUS_UNSUPPORTED,
                    "attributes \"is_packed_batching\" and \"scale\" are only known as 0 and 1");
    if (params->size < 0 || params->size % 2 != 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"rotary_embedding_dim\" is %lld, expected an even number",
                    (long long)params->size);
    return STATUS_OK;
}

struct rotary {
    struct attention_heads x;
    int64_t half, table_rows; /* numbers of an angle's table row; rows, or rows of a batch where there are no places */
};

static status check_table(const struct op_call *call, int input, const struct rotary *r, bool places,
                          struct error *err) {
    const struct shape *shape = &call->inputs[input]->shape;
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    const bool fits =
        places ? shape->rank == 2 : shape->rank == 3 && shape->dims[0] == r->x.batch && shape->dims[1] == r->x.rows;
    if (fits && shape->dims[shape->rank - 1] == r->half)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected [%s,%lld]", op_input_text(call, input, name),
                shape_text(shape, text), places ? "places" : "batch,rows", (long long)r->half);
}

static status check_places(const struct op_call *call, const struct rotary *r, struct error *err) {
    const struct rotary_row *row = call->op->row;
    const struct shape *shape = &call->inputs[row->places]->shape;
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    if ((shape->rank == 2 && shape->dims[0] == r->x.batch && shape->dims[1] == r->x.rows) ||
        (row->offset && shape->rank <= 1 && shape_elements(shape) == 1))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected [%lld,%lld]", op_input_text(call, row->places, name),
                shape_text(shape, text), (long long)r->x.batch, (long long)r->x.rows);
}

static status describe(const struct op_call *call, struct rotary *r, struct error *err) {
    const struct rotary_row *row = call->op->row;
    const struct rotary_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *table = &call->inputs[row->cos]->shape;
    int64_t heads = params->heads;
    /* onnxruntime's form may leave the heads to the tables. */
    if (row->offset && x->rank == 3 && params->size == 0 && heads == 0 && table->rank == 2 && table->dims[1] > 0)
        heads = x->dims[2] / (2 * table->dims[1]);
    status code = attention_heads_of(call, 0, heads, "num_heads", &r->x, err);
    if (code != STATUS_OK)
        return code;
    r->half = (params->size ? params->size : r->x.size) / 2;
    if (2 * r->half > r->x.size || (params->size == 0 && r->x.size % 2 != 0))
        return fail(err, STATUS_SHAPE, "vectors of %lld numbers have no %lld pairs", (long long)r->x.size,
                    (long long)(params->size ? r->half : r->half + 1));
    const bool places = op_input(call, row->places) != NULL;
    code = check_table(call, row->cos, r, places, err);
    if (code == STATUS_OK)
        code = check_table(call, row->sin, r, places, err);
    if (code == STATUS_OK && places)
        code = check_places(call, r, err);
    if (code == STATUS_OK && call->inputs[row->sin]->shape.dims[0] != table->dims[0])
        code = fail(err, STATUS_SHAPE, "the tables of cosines and sines have different sizes");
    r->table_rows = table->dims[0];
    return code;
}

static status rotary_infer(struct op_call *call, struct error *err) {
    struct rotary r;
    const status code = describe(call, &r, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err)
                             : code;
}

struct rotary_work {
    const struct op_call *call;
    struct rotary r;
};

/* The table's row for a vector. */
static int64_t place_of(const struct rotary_work *work, int64_t batch, int64_t row) {
    const struct rotary_row *inputs = work->call->op->row;
    const struct tensor *places = op_input(work->call, inputs->places);
    if (!places)
        return batch * work->r.x.rows + row;
    if (tensor_elements(places) > 1)
        return int_of(places, batch * work->r.x.rows + row);
    const int64_t first = int_of(places, 0);
    return first < 0 || first > work->r.table_rows ? -1 : first + row;
}

#define TURN(T)                                                                                                        \
    static void turn_##T(void *context, int64_t first, int64_t end) {                                                  \
        const struct rotary_work *work = context;                                                                      \
        const struct rotary_row *inputs = work->call->op->row;                                                         \
        const struct attention_heads *h = &work->r.x;                                                                  \
        const int64_t half = work->r.half;                                                                             \
        const bool pairs = ((const struct rotary_params *)work->call->params)->interleaved;                            \
        for (int64_t i = first; i < end; i++) {                                                                        \
            const int64_t batch = i / h->rows / h->heads, head = i / h->rows % h->heads, row = i % h->rows;            \
            const int64_t at = batch * h->array.batch + head * h->array.head + row * h->array.row;                     \
            const int64_t angle = place_of(work, batch, row) * half;                                                   \
            const T *x = (const T *)h->array.data + at, *c = (const T *)work->call->inputs[inputs->cos]->data + angle; \
            const T *s = (const T *)work->call->inputs[inputs->sin]->data + angle;                                     \
            T *y = (T *)work->call->outputs[0]->data + at;                                                             \
            for (int64_t j = 0; j < half; j++) {                                                                       \
                const int64_t a = pairs ? 2 * j : j, b = pairs ? 2 * j + 1 : j + half;                                 \
                const T real = c[j] * x[a] - s[j] * x[b], imaginary = s[j] * x[a] + c[j] * x[b];                       \
                y[a] = real;                                                                                           \
                y[b] = imaginary;                                                                                      \
            }                                                                                                          \
            memcpy(y + 2 * half, x + 2 * half, (size_t)(h->size - 2 * half) * sizeof *y);                              \
        }                                                                                                              \
    }
TURN(float)
TURN(double)

static status rotary_run(struct op_call *call, struct error *err) {
    const struct rotary_row *row = call->op->row;
    struct rotary_work work = {.call = call};
    const status code = describe(call, &work.r, err);
    if (code != STATUS_OK || call->inputs[0]->bytes == 0)
        return code;
    for (int64_t i = 0; op_input(call, row->places) && i < work.r.x.batch * work.r.x.rows; i++) {
        const int64_t place = place_of(&work, i / work.r.x.rows, i % work.r.x.rows);
        if (place < 0 || place >= work.r.table_rows)
            return fail(err, STATUS_INVALID_MODEL, "place %lld is not in the tables of %lld rows", (long long)place,
                        (long long)work.r.table_rows);
    }
    const int64_t vectors = work.r.x.batch * work.r.x.heads * work.r.x.rows;
    team_for(tensor_elements(call->inputs[0]) > TEAM_ELEMENTS ? call->threads : 1, vectors,
             call->inputs[0]->dtype == DTYPE_DOUBLE ? turn_double : turn_float, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

#define TYPES_ROTARY (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"X", TYPES_ROTARY, ARG_T},
                                       {"cos_cache", TYPES_ROTARY, ARG_T},
                                       {"sin_cache", TYPES_ROTARY, ARG_T},
                                       {"position_ids", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                       {0}};
static const struct op_arg microsoft_inputs[] = {{"input", TYPES_ROTARY, ARG_T},
                                                 {"position_ids", TYPE(DTYPE_INT64), 0},
                                                 {"cos_cache", TYPES_ROTARY, ARG_T},
                                                 {"sin_cache", TYPES_ROTARY, ARG_T},
                                                 {0}};

#define ROTARY(DOMAIN, SINCE, INPUTS, ROW)                                                                            \
    {                                                                                                                 \
        .name = "RotaryEmbedding", .domain = DOMAIN, .since = SINCE, .inputs = INPUTS,                                \
        .outputs = (const struct op_arg[]){{"Y", TYPES_ROTARY, ARG_T}, {0}},                                          \
        .params_size = sizeof(struct rotary_params), .parse = rotary_parse, .infer = rotary_infer, .run = rotary_run, \
        .facts = &facts, .row = &(const struct rotary_row)ROW                                                         \
    }
#define ROW(...) \
    { __VA_ARGS__ }

const struct op ops_rotary[] = {
    ROTARY("", 23, inputs, ROW(3, 1, 2, false)), ROTARY("com.microsoft", 1, microsoft_inputs, ROW(1, 2, 3, true)), {0}};

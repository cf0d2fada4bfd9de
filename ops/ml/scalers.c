/* Numbers of rows changed by themselves: Binarizer, Imputer, Normalizer, Scaler, FeatureVectorizer,
 * ArrayFeatureExtractor (ai.onnx.ml 1). */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/ml/rows.h"

#include <math.h>
#include <string.h>

static const struct op_facts facts = {0};
static const struct op_facts facts_rows = {.reach = op_reach_unknown};

static void write_number(struct tensor *tensor, int64_t i, double value) {
    switch (tensor->dtype) {
    case DTYPE_FLOAT:
        ((float *)tensor->data)[i] = (float)value;
        break;
    case DTYPE_DOUBLE:
        ((double *)tensor->data)[i] = value;
        break;
    case DTYPE_INT32:
        ((int32_t *)tensor->data)[i] = (int32_t)value;
        break;
    default:
        ((int64_t *)tensor->data)[i] = (int64_t)value;
    }
}

static status infer_same(struct op_call *call, struct error *err) {
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err);
}

static status infer_float(struct op_call *call, struct error *err) {
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &call->inputs[0]->shape, err);
}

/* ---- Binarizer ---- */

struct binarizer {
    float threshold;
};

static status parse_binarizer(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err) {
    (void)call, (void)err;
    ((struct binarizer *)params)->threshold = attribute_float(attributes, "threshold", 0);
    return STATUS_OK;
}

static status run_binarizer(struct op_call *call, struct error *err) {
    const struct binarizer *b = call->params;
    (void)err;
    for (int64_t i = 0, count = tensor_elements(call->inputs[0]); i < count; i++)
        write_number(call->outputs[0], i, number_at(call->inputs[0], i) > b->threshold);
    return STATUS_OK;
}

/* ---- Imputer ---- */

struct imputer {
    const float *floats; /* one for all, or one a feature */
    const int64_t *numbers;
    size_t float_count, number_count;
    float replaced_float;
    int64_t replaced_number;
};

static status parse_imputer(const struct op_call *call, struct attributes *attributes, void *params,
                            struct error *err) {
    struct imputer *p = params;
    (void)call;
    p->floats = attribute_floats(attributes, "imputed_value_floats", &p->float_count);
    p->numbers = attribute_int_list(attributes, "imputed_value_int64s", &p->number_count);
    p->replaced_float = attribute_float(attributes, "replaced_value_float", 0);
    p->replaced_number = attribute_int(attributes, "replaced_value_int64", 0);
    if (attributes->code == STATUS_OK && (p->float_count > 0) == (p->number_count > 0))
        return fail(err, STATUS_INVALID_MODEL,
                    "expected either attribute \"imputed_value_floats\" or \"imputed_value_int64s\"");
    return attributes->code;
}

static status infer_imputer(struct op_call *call, struct error *err) {
    const struct imputer *p = call->params;
    const struct tensor *x = call->inputs[0];
    const bool real = x->dtype == DTYPE_FLOAT || x->dtype == DTYPE_DOUBLE;
    const size_t count = real ? p->float_count : p->number_count;
    const int64_t features = x->shape.rank > 0 ? x->shape.dims[x->shape.rank - 1] : 1;
    if (count != 1 && (count == 0 || (int64_t)count != features))
        return fail(err, STATUS_INVALID_MODEL, "%zu imputed values of the type of input 0 (X) for %lld features", count,
                    (long long)features);
    return infer_same(call, err);
}

static status run_imputer(struct op_call *call, struct error *err) {
    const struct imputer *p = call->params;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    const bool real = x->dtype == DTYPE_FLOAT || x->dtype == DTYPE_DOUBLE;
    const size_t count = real ? p->float_count : p->number_count, size = dtype_size(x->dtype);
    (void)err;
    if (x->bytes > 0 && y->data != x->data)
        memcpy(y->data, x->data, x->bytes);
    for (size_t i = 0; i < x->bytes / size; i++) {
        const double value = number_at(x, (int64_t)i);
        const bool replaced = !real                      ? value == (double)p->replaced_number
                              : isnan(p->replaced_float) ? isnan(value)
                                                         : value == p->replaced_float;
        if (replaced)
            write_number(y, (int64_t)i, real ? p->floats[i % count] : (double)p->numbers[i % count]);
    }
    return STATUS_OK;
}

/* ---- Normalizer ---- */

enum norm { NORM_MAX, NORM_L1, NORM_L2 };

struct normalizer {
    enum norm norm;
};

static status parse_normalizer(const struct op_call *call, struct attributes *attributes, void *params,
                               struct error *err) {
    static const char *const names[] = {"MAX", "L1", "L2", NULL};
    (void)call, (void)err;
    ((struct normalizer *)params)->norm = (enum norm)attribute_choice(attributes, "norm", names, NORM_MAX);
    return STATUS_OK;
}

static status infer_normalizer(struct op_call *call, struct error *err) {
    struct rows rows;
    const status code = rows_of(call, &rows, err);
    return code == STATUS_OK ? infer_float(call, err) : code;
}

static double norm_of(enum norm norm, const struct rows *rows, int64_t row) {
    double sum = norm == NORM_MAX ? -INFINITY : 0;
    for (int64_t i = 0; i < rows->features; i++) {
        const double x = number_at(rows->tensor, row * rows->features + i);
        sum = norm == NORM_MAX ? fmax(sum, x) : sum + (norm == NORM_L1 ? fabs(x) : x * x);
    }
    return norm == NORM_L2 ? sqrt(sum) : sum;
}

/* Where the norm is 0 the numbers stay. Squares keep their number's sign, as elsewhere. */
static status run_normalizer(struct op_call *call, struct error *err) {
    const struct normalizer *n = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    for (int64_t row = 0; row < rows.count; row++) {
        const double norm = norm_of(n->norm, &rows, row);
        for (int64_t i = 0; i < rows.features; i++) {
            const double x = number_at(rows.tensor, row * rows.features + i);
            write_number(call->outputs[0], row * rows.features + i, norm != 0 ? x / norm : x);
        }
    }
    return STATUS_OK;
}

/* ---- Scaler ---- */

struct scaler {
    const float *scale, *offset; /* one for all, or one a feature */
    size_t scale_count, offset_count;
};

static status parse_scaler(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct scaler *s = params;
    (void)call;
    s->scale = attribute_floats(attributes, "scale", &s->scale_count);
    s->offset = attribute_floats(attributes, "offset", &s->offset_count);
    if (attributes->code == STATUS_OK && (s->scale_count == 0 || s->offset_count != s->scale_count))
        return fail(err, STATUS_INVALID_MODEL, "%zu numbers in attribute \"scale\", %zu in \"offset\"", s->scale_count,
                    s->offset_count);
    return attributes->code;
}

static status infer_scaler(struct op_call *call, struct error *err) {
    const struct scaler *s = call->params;
    const struct shape *shape = &call->inputs[0]->shape;
    const int64_t features = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
    if (s->scale_count != 1 && (int64_t)s->scale_count != features)
        return fail(err, STATUS_INVALID_MODEL, "%zu numbers in attribute \"scale\" for %lld features", s->scale_count,
                    (long long)features);
    return infer_float(call, err);
}

static status run_scaler(struct op_call *call, struct error *err) {
    const struct scaler *s = call->params;
    (void)err;
    for (int64_t i = 0, count = tensor_elements(call->inputs[0]); i < count; i++) {
        const size_t k = (size_t)i % s->scale_count;
        write_number(call->outputs[0], i, (number_at(call->inputs[0], i) - s->offset[k]) * s->scale[k]);
    }
    return STATUS_OK;
}

/* ---- FeatureVectorizer ---- */

struct vectorizer {
    const int64_t *sizes; /* of each input's features */
    size_t count;
};

static status parse_vectorizer(const struct op_call *call, struct attributes *attributes, void *params,
                               struct error *err) {
    struct vectorizer *v = params;
    v->sizes = attribute_int_list(attributes, "inputdimensions", &v->count);
    for (size_t i = 0; i < v->count; i++)
        if (v->sizes[i] < 0)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"inputdimensions\" has %lld at %zu",
                        (long long)v->sizes[i], i);
    if (attributes->code == STATUS_OK && v->count != (size_t)node_arguments(call->node))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"inputdimensions\" has %zu numbers for %d inputs", v->count,
                    node_arguments(call->node));
    return attributes->code;
}

/* [F] is one row; of [N,...], as OneHotEncoder makes it, what is behind N is a row. */
static int64_t rows_in(const struct shape *shape) {
    return shape->rank == 1 ? 1 : shape->dims[0];
}

static status infer_vectorizer(struct op_call *call, struct error *err) {
    const struct vectorizer *v = call->params;
    const int64_t rows = call->inputs[0]->shape.rank > 0 ? rows_in(&call->inputs[0]->shape) : 0;
    int64_t width = 0;
    for (int i = 0; i < call->input_count; i++) {
        const struct shape *shape = &call->inputs[i]->shape;
        char text[ARG_TEXT_BYTES], had[SHAPE_TEXT_BYTES];
        if (shape->rank < 1 || rows_in(shape) != rows)
            return fail(err, STATUS_SHAPE, "%s has shape %s, expected %lld rows", op_input_text(call, i, text),
                        shape_text(shape, had), (long long)rows);
        if (!int64_add(width, v->sizes[i], &width))
            return fail(err, STATUS_LIMIT, "the features have no valid size");
    }
    return rows_describe(call, 0, DTYPE_FLOAT, rows, width, err);
}

/* What an input has too many features of is left out, what it lacks is 0. */
static status run_vectorizer(struct op_call *call, struct error *err) {
    const struct vectorizer *v = call->params;
    struct tensor *y = call->outputs[0];
    const int64_t rows = y->shape.dims[0], width = y->shape.dims[1];
    int64_t at = 0;
    (void)err;
    if (y->bytes > 0)
        memset(y->data, 0, y->bytes);
    for (int k = 0; k < call->input_count; at += v->sizes[k++]) {
        const struct tensor *x = call->inputs[k];
        const int64_t features = rows > 0 ? tensor_elements(x) / rows : 0;
        const int64_t taken = features < v->sizes[k] ? features : v->sizes[k];
        for (int64_t row = 0; row < rows; row++)
            for (int64_t i = 0; i < taken; i++)
                write_number(y, row * width + at + i, number_at(x, row * features + i));
    }
    return STATUS_OK;
}

/* ---- ArrayFeatureExtractor ---- */

static status infer_extractor(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *y = call->inputs[1];
    struct shape shape = x->shape;
    const int64_t count = tensor_elements(y);
    char text[SHAPE_TEXT_BYTES];
    if (shape.rank < 1 || count < 1)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s and input 1 (Y) has %lld elements", shape_text(&shape, text),
                    (long long)count);
    shape.dims[shape.rank - 1] = count;
    if (shape.rank == 1)
        shape = (struct shape){.rank = 2, .dims = {1, count}};
    return tensor_describe(call->outputs[0], x->dtype, &shape, err);
}

static status run_extractor(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *y = call->inputs[1];
    const int64_t *indices = y->data, count = tensor_elements(y), features = x->shape.dims[x->shape.rank - 1];
    const size_t size = dtype_size(x->dtype), rows = (size_t)(features > 0 ? tensor_elements(x) / features : 0);
    char *to = call->outputs[0]->data;
    for (int64_t i = 0; i < count; i++)
        if (indices[i] < 0 || indices[i] >= features)
            return fail(err, STATUS_SHAPE, "input 1 (Y) has %lld at %lld, there are %lld features",
                        (long long)indices[i], (long long)i, (long long)features);
    for (size_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < count; i++, to += size)
            memcpy(to, (const char *)x->data + (row * (size_t)features + (size_t)indices[i]) * size, size);
    return STATUS_OK;
}

#define SCALER(NAME, INPUTS, OUT, FLAGS, FACTS, PARAMS, PARSE, INFER, RUN)                                   \
    {                                                                                                        \
        .name = NAME, .domain = ML_DOMAIN, .since = 1, .inputs = INPUTS, .outputs = ARGS({"Y", OUT, FLAGS}), \
        .facts = &(FACTS), .params_size = PARAMS, .parse = PARSE, .infer = INFER, .run = RUN                 \
    }
#define X_OF(TYPES, FLAGS) ARGS({"X", TYPES, FLAGS})

const struct op ops_scalers[] = {
    SCALER("Binarizer", X_OF(TYPES_FEATURE, ARG_T), TYPES_FEATURE, ARG_T, facts, sizeof(struct binarizer),
           parse_binarizer, infer_same, run_binarizer),
    SCALER("Imputer", X_OF(TYPES_FEATURE, ARG_T), TYPES_FEATURE, ARG_T, facts, sizeof(struct imputer), parse_imputer,
           infer_imputer, run_imputer),
    SCALER("Normalizer", X_OF(TYPES_FEATURE, 0), TYPES_FLOAT, 0, facts_rows, sizeof(struct normalizer),
           parse_normalizer, infer_normalizer, run_normalizer),
    SCALER("Scaler", X_OF(TYPES_FEATURE, 0), TYPES_FLOAT, 0, facts, sizeof(struct scaler), parse_scaler, infer_scaler,
           run_scaler),
    SCALER("FeatureVectorizer", X_OF(TYPES_FEATURE, ARG_VARIADIC | ARG_T), TYPES_FLOAT, 0, facts_rows,
           sizeof(struct vectorizer), parse_vectorizer, infer_vectorizer, run_vectorizer),
    SCALER("ArrayFeatureExtractor", ARGS({"X", TYPES_FEATURE | TYPE(DTYPE_STRING), ARG_T}, {"Y", TYPE(DTYPE_INT64), 0}),
           TYPES_FEATURE | TYPE(DTYPE_STRING), ARG_T, facts_rows, 0, NULL, infer_extractor, run_extractor),
    {0},
};

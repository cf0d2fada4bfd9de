/* Maps of ai.onnx.ml 1: CastMap and DictVectorizer take one, ZipMap makes a sequence of them. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/ml/labels.h"
#include "ops/ml/lookup.h"
#include "ops/ml/map_order.h"
#include "ops/ml/rows.h"
#include "ops/text/cast_text.h"
#include "ops/text/strings.h"

#include <stdio.h>
#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

static const struct tensor *map_keys(const struct tensor *map) {
    return &tensor_box(map)->items[0]->tensor;
}
static const struct tensor *map_values(const struct tensor *map) {
    return &tensor_box(map)->items[1]->tensor;
}

static status order_bytes(int64_t keys, size_t *bytes, struct error *err) {
    return size_mul((size_t)keys, sizeof(struct map_place), bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the map has too many keys");
}

/* ---- CastMap ---- */

struct cast_map {
    enum dtype to;
    bool sparse; /* values stand where their keys say */
    int64_t width;
};

static status parse_cast(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const types[] = {"TO_FLOAT", "TO_STRING", "TO_INT64", NULL};
    static const char *const forms[] = {"DENSE", "SPARSE", NULL};
    static const enum dtype dtypes[] = {DTYPE_FLOAT, DTYPE_STRING, DTYPE_INT64};
    struct cast_map *cast = params;
    (void)call;
    cast->to = dtypes[attribute_choice(attributes, "cast_to", types, 0)];
    cast->sparse = attribute_choice(attributes, "map_form", forms, 0) == 1;
    cast->width = attribute_int(attributes, "max_map", 1);
    if (cast->sparse && cast->width < 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"max_map\" is %lld", (long long)cast->width);
    return STATUS_OK;
}

static enum dtype cast_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct cast_map *)call->params)->to;
}

static status infer_cast(struct op_call *call, struct error *err) {
    const struct cast_map *cast = call->params;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    if (map_keys(call->inputs[0])->dtype != DTYPE_INT64)
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has keys of type %s, expected int64",
                    dtype_name(map_keys(call->inputs[0])->dtype));
    const enum dtype values = map_values(call->inputs[0])->dtype;
    if (values != DTYPE_FLOAT && values != DTYPE_STRING)
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has values of type %s, expected float or string",
                    dtype_name(values));
    return rows_describe(call, 0, cast->to, 1, cast->sparse ? cast->width : tensor_elements(map_keys(call->inputs[0])),
                         err);
}

/* With six digits behind the point, as onnxruntime writes it: the specification does not say. */
static status print_value(const struct op_call *call, float value, struct text *out, struct error *err) {
    const double size = value < 0 ? -(double)value : value;
    char text[64];
    if (!(size < 1e18))
        return cast_text(call, err);
    const uint64_t millionths = (uint64_t)((size - (double)(uint64_t)size) * 1e6 + 0.5);
    const uint64_t whole = (uint64_t)size + millionths / 1000000;
    const int length = snprintf(text, sizeof text, "%s%llu.%06llu", value < 0 ? "-" : "", (unsigned long long)whole,
                                (unsigned long long)(millionths % 1000000));
    return text_copy(call, text, (size_t)length, out, err);
}

/* One value into one element, through the casts of texts where one of both is a text. */
static status cast_value(const struct op_call *call, int64_t from, int64_t to, struct error *err) {
    const struct tensor *values = map_values(call->inputs[0]);
    struct tensor one = *values, out = *call->outputs[0];
    one.shape = out.shape = (struct shape){.rank = 0};
    one.data = (char *)values->data + (size_t)from * dtype_size(values->dtype);
    out.data = (char *)out.data + (size_t)to * dtype_size(out.dtype);
    if (one.dtype == DTYPE_STRING && out.dtype == DTYPE_STRING) {
        const struct text text = *(const struct text *)one.data;
        return text_copy(call, text.bytes, text.length, out.data, err);
    }
    if (one.dtype != DTYPE_STRING && out.dtype != DTYPE_STRING) {
        const float value = *(const float *)one.data;
        const bool fits = value > -9e18f && value < 9e18f;
        if (out.dtype == DTYPE_FLOAT)
            *(float *)out.data = value;
        else
            *(int64_t *)out.data = fits ? (int64_t)value : INT64_MIN;
        return STATUS_OK;
    }
    struct op_call inner = *call;
    inner.inputs = (const struct tensor *const[]){&one};
    inner.outputs = (struct tensor *const[]){&out};
    return out.dtype == DTYPE_STRING ? print_value(&inner, *(const float *)one.data, out.data, err)
                                     : cast_text(&inner, err);
}

static status prepare_cast(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    return order_bytes(tensor_elements(map_keys(call->inputs[0])), workspace_bytes, err);
}

/* Elements that no key names are 0, and so are texts, as onnxruntime writes them there; of several values of one key
 * the last one stands. */
static status run_cast(struct op_call *call, struct error *err) {
    const struct cast_map *cast = call->params;
    const struct tensor *keys = map_keys(call->inputs[0]);
    struct tensor *y = call->outputs[0];
    struct map_place *places = call->workspace;
    const int64_t count = map_order(keys, places), width = tensor_elements(y);
    if (y->bytes > 0)
        memset(y->data, 0, y->bytes);
    for (int64_t i = 0; y->dtype == DTYPE_STRING && i < width; i++)
        ((struct text *)y->data)[i] = (struct text){"0.f", 3};
    for (int64_t i = 0; i < count; i++) {
        const int64_t key = places[i].key.number, place = cast->sparse ? key : i;
        if (cast->sparse && key < 0)
            return fail(err, STATUS_INVALID_ARGUMENT, "input 0 (X) has the key %lld", (long long)key);
        if (place < width && cast_value(call, places[i].at, place, err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

/* ---- DictVectorizer ---- */

struct vectorizer {
    struct labels vocabulary;
};

static status parse_vectorizer(const struct op_call *call, struct attributes *attributes, void *params,
                               struct error *err) {
    (void)call;
    return labels_read(attributes, "int64_vocabulary", "string_vocabulary", &((struct vectorizer *)params)->vocabulary,
                       err);
}

static status infer_vectorizer(struct op_call *call, struct error *err) {
    const struct vectorizer *v = call->params;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    const enum dtype keys = map_keys(call->inputs[0])->dtype, values = map_values(call->inputs[0])->dtype;
    if (keys != labels_type(&v->vocabulary))
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has keys of type %s, the vocabulary is of type %s",
                    dtype_name(keys), dtype_name(labels_type(&v->vocabulary)));
    if (!(TYPES_LISTED >> values & 1))
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has values of type %s", dtype_name(values));
    return rows_describe(call, 0, values, 1, v->vocabulary.count, err);
}

static bool is_key(const struct vectorizer *v, int64_t word, const struct tensor *keys, int64_t i) {
    return v->vocabulary.texts ? text_equal(v->vocabulary.texts[word], ((const struct text *)keys->data)[i])
                               : v->vocabulary.numbers[word] == ((const int64_t *)keys->data)[i];
}

static status run_vectorizer(struct op_call *call, struct error *err) {
    const struct vectorizer *v = call->params;
    const struct tensor *keys = map_keys(call->inputs[0]), *values = map_values(call->inputs[0]);
    const struct list_key nothing = {.text = {"", 0}};
    for (int64_t word = 0; word < v->vocabulary.count; word++) {
        struct list_key value = nothing;
        for (int64_t i = 0, count = tensor_elements(keys); i < count; i++)
            if (is_key(v, word, keys, i))
                value = tensor_key(values, i);
        if (values->dtype == DTYPE_STRING && value.text.length > 0 &&
            text_copy(call, value.text.bytes, value.text.length, &value.text, err) != STATUS_OK)
            return err->code;
        list_key_write(&value, call->outputs[0], word);
    }
    return STATUS_OK;
}

/* ---- ZipMap ---- */

struct zip_map {
    struct labels labels;
};

static status parse_zip(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call;
    return labels_read(attributes, "classlabels_int64s", "classlabels_strings", &((struct zip_map *)params)->labels,
                       err);
}

static status infer_zip(struct op_call *call, struct error *err) {
    static const struct shape scalar = {.rank = 0};
    const struct zip_map *zip = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    if (rows.features != zip->labels.count)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %lld columns for %lld labels", (long long)rows.features,
                    (long long)zip->labels.count);
    return tensor_describe(call->outputs[0], DTYPE_SEQUENCE, &scalar, err);
}

static status prepare_zip(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    return order_bytes(((const struct zip_map *)call->params)->labels.count, workspace_bytes, err);
}

/* The labels as a tensor; the data is the model's. */
static struct tensor labels_tensor(const struct labels *labels) {
    return (struct tensor){.dtype = labels_type(labels),
                           .shape = {.rank = 1, .dims = {labels->count}},
                           .data =
                               labels->texts ? (void *)(uintptr_t)labels->texts : (void *)(uintptr_t)labels->numbers};
}

/* In order; call->workspace says in which columns their values are. */
static status make_keys(const struct op_call *call, struct box **keys, struct error *err) {
    const struct labels *labels = &((const struct zip_map *)call->params)->labels;
    const struct tensor given = labels_tensor(labels);
    const struct map_place *places = call->workspace;
    const struct shape shape = {.rank = 1, .dims = {map_order(&given, call->workspace)}};
    if (box_new(call->heap, labels_type(labels), &shape, keys, err) != STATUS_OK)
        return err->code;
    for (int64_t i = 0; i < shape.dims[0]; i++)
        labels_write(labels, places[i].at, &(*keys)->tensor, i);
    return labels->texts && box_own_texts(*keys, err) != STATUS_OK ? err->code : STATUS_OK;
}

/* The map of one row, which shares its keys with those of the others. */
static status put_row(const struct op_call *call, const struct rows *rows, int64_t row, struct box *keys,
                      struct box *sequence, struct error *err) {
    const struct map_place *places = call->workspace;
    const float *numbers = (const float *)rows->tensor->data + row * rows->features;
    struct box *map, *values;
    if (box_container(call->heap, DTYPE_MAP, DTYPE_FLOAT, 2, &map, err) != STATUS_OK)
        return err->code;
    box_put(sequence, map);
    if (box_new(call->heap, DTYPE_FLOAT, &keys->tensor.shape, &values, err) != STATUS_OK)
        return err->code;
    for (int64_t i = 0; i < keys->tensor.shape.dims[0]; i++)
        ((float *)values->tensor.data)[i] = numbers[places[i].at];
    box_put(map, box_hold(keys));
    box_put(map, values);
    return STATUS_OK;
}

static status run_zip(struct op_call *call, struct error *err) {
    struct rows rows;
    struct box *keys = NULL, *sequence = NULL;
    status code = rows_of(call, &rows, err);
    if (code == STATUS_OK)
        code = make_keys(call, &keys, err);
    if (code == STATUS_OK)
        code = box_container(call->heap, DTYPE_SEQUENCE, DTYPE_MAP, (size_t)rows.count, &sequence, err);
    for (int64_t row = 0; code == STATUS_OK && row < rows.count; row++)
        code = put_row(call, &rows, row, keys, sequence, err);
    box_drop(keys);
    if (code == STATUS_OK)
        *(struct box **)call->outputs[0]->data = sequence;
    else
        box_drop(sequence);
    return code;
}

const struct op ops_maps[] = {
    {.name = "CastMap",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = ARGS({"X", TYPE(DTYPE_MAP), 0}),
     .outputs = ARGS({"Y", TYPES_FLOAT | TYPE(DTYPE_STRING) | TYPE(DTYPE_INT64), 0}),
     .params_size = sizeof(struct cast_map),
     .facts = &facts,
     .parse = parse_cast,
     .infer = infer_cast,
     .output_type = cast_type,
     .prepare = prepare_cast,
     .run = run_cast},
    {.name = "DictVectorizer",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = ARGS({"X", TYPE(DTYPE_MAP), 0}),
     .outputs = ARGS({"Y", TYPES_LISTED, 0}),
     .params_size = sizeof(struct vectorizer),
     .facts = &facts,
     .parse = parse_vectorizer,
     .infer = infer_vectorizer,
     .run = run_vectorizer},
    {.name = "ZipMap",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = ARGS({"X", TYPES_FLOAT, 0}),
     .outputs = ARGS({"Z", TYPE(DTYPE_SEQUENCE), 0}),
     .params_size = sizeof(struct zip_map),
     .facts = &facts,
     .parse = parse_zip,
     .infer = infer_zip,
     .prepare = prepare_zip,
     .run = run_zip},
    {0},
};

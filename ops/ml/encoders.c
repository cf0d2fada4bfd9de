/* LabelEncoder (ai.onnx.ml 1, 2, 4), CategoryMapper, OneHotEncoder (ai.onnx.ml 1): elements by their place in lists. */
#include "base/checked.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/ml/lookup.h"
#include "ops/ml/rows.h"

#include <math.h>
#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

struct encoder {
    struct value_list keys, values;   /* of one length */
    struct value_list texts, numbers; /* where the input's type says which are the keys */
    struct list_key missing[2];       /* what stands for unknown keys: a text, and a number */
    bool zeros;                       /* OneHotEncoder: unknown keys are all 0 */
};

struct encoder_state {
    struct pool *pool;
    struct lookup lookup;
    const struct value_list *values;
    bool finds_nan; /* since version 4 */
};

/* ---- attributes ---- */

static struct list_key missing_text(struct attributes *attributes) {
    static const char unused[] = "_Unused";
    const char *text = attribute_text(attributes, "default_string", unused);
    const struct text value = text == unused ? (struct text){unused, sizeof unused - 1}
                                             : node_attribute(attributes->node, "default_string")->s;
    return (struct list_key){.is_text = true, .text = value};
}

static status check_lengths(const struct value_list *keys, const struct value_list *values, struct error *err) {
    return keys->count == values->count
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "%zu keys and %zu values", keys->count, values->count);
}

/* Places are numbers from 0 on: a list without elements of its own. */
static status parse_label_1(const struct op_call *call, struct attributes *attributes, void *params,
                            struct error *err) {
    struct encoder *e = params;
    (void)call;
    e->missing[0] = missing_text(attributes);
    e->missing[1] = (struct list_key){.number = attribute_int(attributes, "default_int64", -1)};
    e->texts.texts = attribute_texts(attributes, "classes_strings", &e->texts.count);
    e->texts.dtype = DTYPE_STRING;
    if (attributes->code == STATUS_OK && e->texts.count == 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"classes_strings\" is missing");
    return attributes->code;
}

static status parse_mapper(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct encoder *e = params;
    (void)call;
    e->missing[0] = missing_text(attributes);
    e->missing[1] = (struct list_key){.number = attribute_int(attributes, "default_int64", -1)};
    e->texts.texts = attribute_texts(attributes, "cats_strings", &e->texts.count);
    e->texts.dtype = DTYPE_STRING;
    e->numbers.numbers = attribute_int_list(attributes, "cats_int64s", &e->numbers.count);
    e->numbers.dtype = DTYPE_INT64;
    return attributes->code == STATUS_OK ? check_lengths(&e->texts, &e->numbers, err) : attributes->code;
}

static status read_default(struct attributes *attributes, struct encoder *e, struct error *err) {
    const enum dtype dtype = e->values.dtype;
    const struct tensor *given = attribute_tensor(attributes, "default_tensor");
    const float real = attribute_float(attributes, "default_float", -0.0f);
    const int64_t number = attribute_int(attributes, "default_int64", -1);
    e->missing[0] = dtype == DTYPE_STRING                           ? missing_text(attributes)
                    : dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE ? (struct list_key){.is_real = true, .real = real}
                                                                    : (struct list_key){.number = number};
    if (dtype != DTYPE_STRING)
        attribute_ignore(attributes, "default_string");
    if (attributes->code != STATUS_OK || !given)
        return attributes->code;
    if (given->dtype != dtype || tensor_elements(given) != 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"default_tensor\" is no single %s", dtype_name(dtype));
    e->missing[0] = tensor_key(given, 0);
    return STATUS_OK;
}

static status parse_label(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct encoder *e = params;
    const bool tensors = call->opset >= 4;
    status code = value_list_read(attributes, "keys", tensors, &e->keys, err);
    if (code == STATUS_OK)
        code = value_list_read(attributes, "values", tensors, &e->values, err);
    if (code == STATUS_OK)
        code = check_lengths(&e->keys, &e->values, err);
    return code == STATUS_OK ? read_default(attributes, e, err) : code;
}

static status parse_one_hot(const struct op_call *call, struct attributes *attributes, void *params,
                            struct error *err) {
    struct encoder *e = params;
    (void)call;
    e->zeros = attribute_int(attributes, "zeros", 1) != 0;
    return value_list_read(attributes, "cats", false, &e->keys, err);
}

/* ---- which list is looked up ---- */

/* Where the input's type decides: texts are looked up among texts, numbers among numbers, or are places. */
static bool has_sides(const struct encoder *e) {
    return e->texts.dtype == DTYPE_STRING;
}

static status check_keys(const struct op_call *call, struct error *err) {
    const struct encoder *e = call->params;
    const enum dtype dtype = call->inputs[0]->dtype;
    if (has_sides(e) || dtype == e->keys.dtype)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has element type %s, the keys are of type %s",
                dtype_name(dtype), dtype_name(e->keys.dtype));
}

static enum dtype encoded_type(const struct op_call *call, int output) {
    const struct encoder *e = call->params;
    (void)output;
    return has_sides(e) ? DTYPE_UNDEFINED : e->values.dtype; /* which the input's type says */
}

static status infer_encoder(struct op_call *call, struct error *err) {
    const struct encoder *e = call->params;
    const bool texts = call->inputs[0]->dtype == DTYPE_STRING;
    const enum dtype sided = texts ? DTYPE_INT64 : DTYPE_STRING;
    if (check_keys(call, err) != STATUS_OK)
        return err->code;
    return tensor_describe(call->outputs[0], has_sides(e) ? sided : e->values.dtype, &call->inputs[0]->shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct encoder_state *state = call->state;
    const struct encoder *e = call->params;
    const bool texts = call->inputs[0]->dtype == DTYPE_STRING;
    const struct value_list *keys = !has_sides(e) ? &e->keys : texts ? &e->texts : &e->numbers;
    (void)workspace_bytes;
    state->finds_nan = call->opset >= 4;
    state->values = !has_sides(e) ? &e->values : texts ? &e->numbers : &e->texts;
    state->pool = pool_create();
    return state->pool ? lookup_make(keys, state->pool, &state->lookup, err) : fail_memory(err, "a list of keys");
}

static void release(struct op_call *call) {
    struct encoder_state *state = call->state;
    pool_destroy(state->pool);
    state->pool = NULL;
}

/* ---- run ---- */

static bool are_places(const struct value_list *list) {
    return list->count == 0;
}

/* The place of input element i, and with it that of its value; -1 where it has none. */
static int64_t find(const struct encoder_state *state, const struct tensor *x, int64_t i) {
    const struct list_key key = tensor_key(x, i);
    if (key.is_real && isnan(key.real) && !state->finds_nan)
        return -1;
    if (!are_places(state->lookup.list))
        return lookup_find(&state->lookup, &key);
    return key.number >= 0 && key.number < (int64_t)state->values->count ? key.number : -1;
}

static struct list_key value_of(const struct op_call *call, int64_t place) {
    const struct encoder *e = call->params;
    const struct encoder_state *state = call->state;
    if (place < 0)
        return e->missing[has_sides(e) && call->outputs[0]->dtype != DTYPE_STRING];
    if (are_places(state->values))
        return (struct list_key){.number = place};
    return value_list_key(state->values, (size_t)place);
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    for (size_t i = begin; i < end; i++) {
        const struct list_key value = value_of(call, find(call->state, call->inputs[0], (int64_t)i));
        list_key_write(&value, call->outputs[0], (int64_t)i);
    }
}

#define KEYS_AT_ONCE 1024

static status run_encoder(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->inputs[0]), KEYS_AT_ONCE, call->threads, run_block, call);
    return STATUS_OK;
}

/* ---- OneHotEncoder ---- */

static status infer_one_hot(struct op_call *call, struct error *err) {
    const struct encoder *e = call->params;
    const enum dtype dtype = call->inputs[0]->dtype;
    struct shape shape = call->inputs[0]->shape;
    if ((dtype == DTYPE_STRING) != (e->keys.dtype == DTYPE_STRING))
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has element type %s, the categories are of type %s",
                    dtype_name(dtype), dtype_name(e->keys.dtype));
    if (shape.rank == MAX_RANK)
        return fail(err, STATUS_LIMIT, "rank %d, at most %d are possible", shape.rank + 1, MAX_RANK);
    shape.dims[shape.rank++] = (int64_t)e->keys.count;
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &shape, err);
}

/* Categories are integers: other numbers are cut to those. */
static struct list_key category_of(const struct tensor *x, int64_t i) {
    struct list_key key = tensor_key(x, i);
    if (!key.is_real)
        return key;
    const bool fits = fabs(key.real) < 9e18;
    return (struct list_key){.number = fits ? (int64_t)key.real : INT64_MIN};
}

static status run_one_hot(struct op_call *call, struct error *err) {
    const struct encoder *e = call->params;
    const struct encoder_state *state = call->state;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    if (y->bytes > 0)
        memset(y->data, 0, y->bytes);
    for (int64_t i = 0, count = tensor_elements(x); i < count; i++) {
        const struct list_key key = category_of(x, i);
        const int64_t place = lookup_find(&state->lookup, &key);
        if (place < 0 && !e->zeros)
            return fail(err, STATUS_INVALID_ARGUMENT, "element %lld of input 0 (X) is none of the categories",
                        (long long)i);
        if (place >= 0)
            ((float *)y->data)[(size_t)i * e->keys.count + (size_t)place] = 1.0f;
    }
    return STATUS_OK;
}

#define ENCODER(NAME, SINCE, UNTIL, IN, OUT, PARSE, INFER, RUN)                                                        \
    .name = NAME, .domain = ML_DOMAIN, .since = SINCE, .until = UNTIL, .inputs = ARGS({"X", IN, 0}),                   \
    .outputs = ARGS({"Y", OUT, 0}), .params_size = sizeof(struct encoder), .state_size = sizeof(struct encoder_state), \
    .facts = &facts, .parse = PARSE, .infer = INFER, .prepare = prepare, .run = RUN, .release = release
#define TYPES_OLD (TYPE(DTYPE_STRING) | TYPE(DTYPE_INT64))
#define TYPES_2 (TYPES_OLD | TYPES_FLOAT)

const struct op ops_encoders[] = {
    {ENCODER("LabelEncoder", 1, 1, TYPES_OLD, TYPES_OLD, parse_label_1, infer_encoder, run_encoder),
     .output_type = encoded_type},
    {ENCODER("LabelEncoder", 2, 3, TYPES_2, TYPES_2, parse_label, infer_encoder, run_encoder),
     .output_type = encoded_type},
    {ENCODER("LabelEncoder", 4, 0, TYPES_LISTED, TYPES_LISTED, parse_label, infer_encoder, run_encoder),
     .output_type = encoded_type},
    {ENCODER("CategoryMapper", 1, 0, TYPES_OLD, TYPES_OLD, parse_mapper, infer_encoder, run_encoder),
     .output_type = encoded_type},
    {ENCODER("OneHotEncoder", 1, 0, TYPE(DTYPE_STRING) | TYPES_FEATURE, TYPES_FLOAT, parse_one_hot, infer_one_hot,
             run_one_hot)},
    {0},
};

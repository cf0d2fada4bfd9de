#include "runtime/session/value_given.h"

#include "base/checked.h"
#include "runtime/session/api.h"
#include "runtime/session/given_tensor.h"

#define MOST_DEEP 4 /* kinds of values within each other: a sequence of maps has two */

struct giving {
    struct value_heap *heap;
    size_t tensor_bytes;
    int depth;
};

static status make(struct giving *giving, const limner_tensor *given, const struct declared_type *type,
                   struct box **box, struct error *err);

static status check_kind(const limner_tensor *given, const struct declared_type *type, struct error *err) {
    const enum dtype dtype = api_dtype(given->type);
    if (!type || type->dtype == DTYPE_UNDEFINED || type->dtype == dtype)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_ARGUMENT, "is of type %s, expected %s", dtype_name(dtype), dtype_name(type->dtype));
}

/* The list of items behind a sequence, an optional or a map. */
static status check_list(const limner_tensor *given, size_t *count, struct error *err) {
    const int64_t most = given->type == LIMNER_OPTIONAL ? 1 : given->type == LIMNER_MAP ? 2 : INT64_MAX;
    const int64_t least = given->type == LIMNER_MAP ? 2 : 0;
    size_t bytes;
    if (given->rank != 1 || given->dims[0] < least || given->dims[0] > most)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "of type %s must have rank 1, and as its only dimension how many items there are",
                    limner_type_name(given->type));
    *count = (size_t)given->dims[0];
    if (!size_mul(*count, sizeof(limner_tensor), &bytes) || given->bytes < bytes || (*count > 0 && !given->data))
        return fail(err, STATUS_INVALID_ARGUMENT, "has no data for %zu items", *count);
    return STATUS_OK;
}

static status give_item(struct giving *giving, const limner_tensor *item, const struct declared_type *type,
                        struct box *into, struct error *err) {
    struct box *box = NULL;
    if (make(giving, item, type, &box, err) != STATUS_OK)
        return fail_prefix(err, "item %zu", into->count);
    box_put(into, box);
    /* NOLINTBEGIN(clang-analyzer-core.NullDereference): make() has made one */
    if (into->tensor.dtype != DTYPE_MAP && into->element == DTYPE_UNDEFINED)
        into->element = box->tensor.dtype;
    if (into->tensor.dtype == DTYPE_MAP || box->tensor.dtype == into->element)
        return STATUS_OK;
    /* NOLINTEND(clang-analyzer-core.NullDereference) */
    return fail(err, STATUS_INVALID_ARGUMENT, "item %zu is of type %s, those before it are of type %s", into->count - 1,
                dtype_name(box->tensor.dtype), dtype_name(into->element));
}

/* Keys and values: two lists of one length. */
static status check_map(struct box *map, const struct declared_type *type, struct error *err) {
    const struct tensor *keys = &map->items[0]->tensor, *values = &map->items[1]->tensor;
    map->element = values->dtype;
    if (dtype_is_boxed(values->dtype))
        return fail(err, STATUS_UNSUPPORTED, "is a map of values of type %s, expected tensors",
                    dtype_name(values->dtype));
    if (keys->shape.rank != 1 || values->shape.rank != 1 || keys->shape.dims[0] != values->shape.dims[0])
        return fail(err, STATUS_INVALID_ARGUMENT, "is a map whose keys and values are no lists of one length");
    if (type && type->key != DTYPE_UNDEFINED && keys->dtype != type->key)
        return fail(err, STATUS_INVALID_ARGUMENT, "is a map with keys of type %s, expected %s", dtype_name(keys->dtype),
                    dtype_name(type->key));
    return STATUS_OK;
}

/* A map's values are a tensor of the type that one of them has. */
static const struct declared_type *item_type(const struct box *into, const struct declared_type *type) {
    const bool keys = into->tensor.dtype == DTYPE_MAP && into->count == 0;
    return type && !keys ? type->item : NULL;
}

/* Nothing is left of a box that could not be filled. */
static status give_up(struct box **box, status code) {
    box_drop(*box);
    *box = NULL;
    return code;
}

static status make_list(struct giving *giving, const limner_tensor *given, const struct declared_type *type,
                        struct box **box, struct error *err) {
    const enum dtype element = type && type->item ? type->item->dtype : DTYPE_UNDEFINED;
    const limner_tensor *items = given->data;
    size_t count = 0;
    status code = check_list(given, &count, err);
    if (code == STATUS_OK)
        code = box_container(giving->heap, api_dtype(given->type), element, count, box, err);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; code == STATUS_OK && i < count; i++)
        code = give_item(giving, &items[i], item_type(*box, type), *box, err);
    if (code == STATUS_OK && given->type == LIMNER_MAP)
        code = check_map(*box, type, err);
    return code == STATUS_OK ? code : give_up(box, code);
}

static status make_plain(const struct giving *giving, const limner_tensor *given, const struct declared_type *type,
                         struct box **box, struct error *err) {
    struct tensor tensor;
    const enum dtype expected = type ? type->dtype : DTYPE_UNDEFINED;
    if (given_tensor(given, expected, giving->tensor_bytes, true, &tensor, err) != STATUS_OK)
        return err->code;
    tensor.data = given->data;
    return box_copy(giving->heap, &tensor, box, err);
}

/* The one item of an optional that the caller did not wrap. */
static status make_wrapped(struct giving *giving, const limner_tensor *given, const struct declared_type *type,
                           struct box **box, struct error *err) {
    if (box_container(giving->heap, DTYPE_OPTIONAL, DTYPE_UNDEFINED, 1, box, err) != STATUS_OK)
        return err->code;
    const status code = give_item(giving, given, type->item, *box, err);
    return code == STATUS_OK ? code : give_up(box, code);
}

static status make(struct giving *giving, const limner_tensor *given, const struct declared_type *type,
                   struct box **box, struct error *err) {
    const bool wraps = type && type->dtype == DTYPE_OPTIONAL && given->type != LIMNER_OPTIONAL;
    if (giving->depth >= MOST_DEEP)
        return fail(err, STATUS_UNSUPPORTED, "has more than %d kinds of values within each other", MOST_DEEP);
    if (!wraps && check_kind(given, type, err) != STATUS_OK)
        return err->code;
    if (!wraps && !dtype_is_boxed(api_dtype(given->type)))
        return make_plain(giving, given, type, box, err);
    giving->depth++;
    const status code = (wraps ? make_wrapped : make_list)(giving, given, type, box, err);
    giving->depth--;
    return code;
}

status given_box(struct value_heap *heap, const limner_tensor *given, const struct declared_type *type,
                 size_t tensor_bytes, struct box **box, struct error *err) {
    struct giving giving = {heap, tensor_bytes, 0};
    return make(&giving, given, type, box, err);
}

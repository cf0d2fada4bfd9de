#include "tools/checkpoint/numpy_pickle.h"

static struct pickle_value *new_array(struct pickle *p, const struct numpy_array *parts) {
    struct pickle_value *value = pickle_new_value(p, VALUE_ARRAY);
    struct numpy_array *array = value ? pool_alloc(p->pool, sizeof *array) : NULL;
    if (value && !array)
        fail_memory(p->err, "the checkpoint's values");
    if (!array)
        return NULL;
    *array = *parts;
    value->array = array;
    return value;
}

struct pickle_value *numpy_new_array(struct pickle *p) {
    return new_array(p, &(struct numpy_array){.shape = NULL});
}

static const struct pickle_value *item(const struct pickle_value *tuple, uint32_t i, enum value_kind kind) {
    return i < tuple->items.count && tuple->items.at[i]->kind == kind ? tuple->items.at[i] : NULL;
}

static const struct pickle_value *bytes_item(const struct pickle_value *tuple, uint32_t i) {
    const struct pickle_value *bytes = item(tuple, i, VALUE_BYTES);
    return bytes ? bytes : item(tuple, i, VALUE_LATIN);
}

/* (bytes, type, shape, "C" or "F") */
struct pickle_value *numpy_from_buffer(struct pickle *p, const struct pickle_value *arguments) {
    const struct pickle_value *order = item(arguments, 3, VALUE_TEXT);
    const struct numpy_array parts = {.data = bytes_item(arguments, 0),
                                      .type = item(arguments, 1, VALUE_ARRAY_TYPE),
                                      .shape = item(arguments, 2, VALUE_TUPLE),
                                      .columns_first = order && value_is(order, "F")};
    return new_array(p, &parts);
}

/* ("f4", False, True); the order of bytes comes later. */
struct pickle_value *numpy_new_type(struct pickle *p, const struct pickle_value *arguments) {
    const struct pickle_value *code = item(arguments, 0, VALUE_TEXT);
    struct pickle_value *value = pickle_new_value(p, VALUE_ARRAY_TYPE);
    if (value && code)
        value->array_type.code = code->text;
    if (value)
        value->array_type.order = '=';
    return value;
}

struct pickle_value *numpy_encoded(struct pickle *p, const struct pickle_value *arguments) {
    const struct pickle_value *text = item(arguments, 0, VALUE_TEXT), *name = item(arguments, 1, VALUE_TEXT);
    const bool latin = text && name && (value_is(name, "latin1") || value_is(name, "latin-1"));
    struct pickle_value *value = pickle_new_value(p, latin ? VALUE_LATIN : VALUE_OPAQUE);
    if (value && latin)
        value->text = text->text;
    else if (value)
        value->opaque.what = "encoded text";
    return value;
}

/* Of a type (version, order, ...); of an array (version, shape, type, is in Fortran's order, bytes or a list). */
void numpy_build(struct pickle_value *target, const struct pickle_value *state) {
    if (state->kind != VALUE_TUPLE)
        return;
    if (target->kind == VALUE_ARRAY_TYPE) {
        const struct pickle_value *order = item(state, 1, VALUE_TEXT);
        if (order && order->text.length == 1)
            target->array_type.order = order->text.bytes[0];
        return;
    }
    const struct pickle_value *first = item(state, 3, VALUE_BOOL);
    *target->array = (struct numpy_array){.shape = item(state, 1, VALUE_TUPLE),
                                          .type = item(state, 2, VALUE_ARRAY_TYPE),
                                          .data = bytes_item(state, 4),
                                          .columns_first = first && first->truth};
}

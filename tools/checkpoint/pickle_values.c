#include "tools/checkpoint/pickle_values.h"

#include <string.h>

/* ---- plain values ---- */

status pickle_op_none(struct pickle *p, unsigned unused) {
    (void)unused;
    return pickle_push(p, pickle_new_value(p, VALUE_NONE));
}

status pickle_op_bool(struct pickle *p, unsigned truth) {
    struct pickle_value *value = pickle_new_value(p, VALUE_BOOL);
    if (value)
        value->truth = truth;
    return pickle_push(p, value);
}

status pickle_op_int(struct pickle *p, unsigned width) {
    uint64_t number;
    const status code = pickle_take_number(p, width, &number);
    if (code)
        return code;
    struct pickle_value *value = pickle_new_value(p, VALUE_INT);
    if (value)
        value->integer = width == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
    return pickle_push(p, value);
}

/* Little-endian two's complement, as few bytes as it takes. */
status pickle_op_long(struct pickle *p, unsigned width) {
    uint64_t length;
    const status code = pickle_take_number(p, width, &length);
    if (code)
        return code;
    const uint8_t *bytes = pickle_take(p, length);
    struct pickle_value *value = bytes ? pickle_new_value(p, length <= 8 ? VALUE_INT : VALUE_BIG) : NULL;
    if (!value)
        return p->err->code;
    if (length > 8) {
        value->text = (struct text){(const char *)bytes, (size_t)length};
        return pickle_push(p, value);
    }
    uint64_t number = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)length; i-- > 0;)
        number = number << 8 | bytes[i];
    value->integer = (int64_t)number;
    return pickle_push(p, value);
}

status pickle_op_float(struct pickle *p, unsigned width) {
    const uint8_t *bytes = pickle_take(p, width);
    struct pickle_value *value = bytes ? pickle_new_value(p, VALUE_FLOAT) : NULL;
    if (!value)
        return p->err->code;
    uint64_t bits = 0;
    for (unsigned i = 0; i < width; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&value->number, &bits, sizeof bits);
    return pickle_push(p, value);
}

static status push_bytes(struct pickle *p, enum value_kind kind, unsigned width) {
    uint64_t length;
    const status code = pickle_take_number(p, width, &length);
    if (code)
        return code;
    const uint8_t *bytes = pickle_take(p, length);
    struct pickle_value *value = bytes ? pickle_new_value(p, kind) : NULL;
    if (value)
        value->text = (struct text){(const char *)bytes, (size_t)length};
    return pickle_push(p, value);
}

status pickle_op_text(struct pickle *p, unsigned width) {
    return push_bytes(p, VALUE_TEXT, width);
}

status pickle_op_bytes(struct pickle *p, unsigned width) {
    return push_bytes(p, VALUE_BYTES, width);
}

/* ---- containers ---- */

static status append(struct pickle *p, struct value_items *items, struct pickle_value *item) {
    const status code = pickle_pay(p, 1);
    if (code)
        return code;
    return value_append(p->pool, items, item) ? STATUS_OK : fail_memory(p->err, "the checkpoint's values");
}

/* Takes the topmost `count` values off as the items of a new container. */
static status collect(struct pickle *p, enum value_kind kind, size_t count) {
    struct pickle_value *value = pickle_new_value(p, kind);
    if (!value)
        return p->err->code;
    for (size_t i = p->depth - count; i < p->depth; i++) {
        const status code = append(p, &value->items, p->stack[i]);
        if (code)
            return code;
    }
    p->depth -= count;
    return pickle_push(p, value);
}

status pickle_op_empty(struct pickle *p, unsigned kind) {
    return pickle_push(p, pickle_new_value(p, (enum value_kind)kind));
}

status pickle_op_tuple_of(struct pickle *p, unsigned count) {
    const status code = pickle_need(p, count);
    return code ? code : collect(p, VALUE_TUPLE, count);
}

status pickle_op_collect(struct pickle *p, unsigned kind) {
    size_t count;
    const status code = pickle_end_mark(p, &count);
    if (code)
        return code;
    if (kind == VALUE_DICT && count % 2)
        return pickle_broken(p, "a dictionary has a key without a value");
    return collect(p, (enum value_kind)kind, count);
}

/* Appends the topmost `count` values to the container below them. Foreign objects swallow theirs. */
static status extend(struct pickle *p, enum value_kind kind, size_t count) {
    const status code = pickle_need(p, count + 1);
    if (code)
        return code;
    struct pickle_value *target = p->stack[p->depth - count - 1];
    if (target->kind != kind && target->kind != VALUE_OPAQUE)
        return pickle_fail(p, STATUS_INVALID_MODEL, "the pickle is damaged: items of %s are given to %s",
                           value_kind_name(kind), value_kind_name(target->kind));
    if (kind == VALUE_DICT && count % 2)
        return pickle_broken(p, "a dictionary has a key without a value");
    for (size_t i = p->depth - count; i < p->depth && target->kind == kind; i++) {
        const status appended = append(p, &target->items, p->stack[i]);
        if (appended)
            return appended;
    }
    p->depth -= count;
    return STATUS_OK;
}

status pickle_op_append(struct pickle *p, unsigned unused) {
    (void)unused;
    return extend(p, VALUE_LIST, 1);
}

status pickle_op_set_item(struct pickle *p, unsigned unused) {
    (void)unused;
    return extend(p, VALUE_DICT, 2);
}

status pickle_op_extend(struct pickle *p, unsigned kind) {
    size_t count;
    const status code = pickle_end_mark(p, &count);
    return code ? code : extend(p, (enum value_kind)kind, count);
}

/* Sets hold numbers and texts, nothing that limner looks for. */
status pickle_op_empty_set(struct pickle *p, unsigned unused) {
    (void)unused;
    struct pickle_value *value = pickle_new_value(p, VALUE_OPAQUE);
    if (value)
        value->opaque.what = "set";
    return pickle_push(p, value);
}

status pickle_op_frozen_set(struct pickle *p, unsigned unused) {
    const status code = pickle_drop_to_mark(p);
    return code ? code : pickle_op_empty_set(p, unused);
}

status pickle_op_add_items(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_drop_to_mark(p);
    if (code)
        return code;
    return pickle_need(p, 1)                     ? p->err->code
           : pickle_top(p)->kind == VALUE_OPAQUE ? STATUS_OK
                                                 : pickle_broken(p, "items of a set are given to something else");
}

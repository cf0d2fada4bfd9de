#include "tools/checkpoint/value.h"

#include <string.h>

#define KEYS_LOOKED_AT 64

const char *value_kind_name(enum value_kind kind) {
    static const char *const names[] = {
        "None",     "a bool",       "an integer",    "a large integer", "a float",         "a text",
        "bytes",    "a tuple",      "a list",        "a dictionary",    "a class",         "a storage",
        "a tensor", "a NumPy type", "a NumPy array", "encoded bytes",   "a foreign object"};
    return names[kind];
}

bool value_is(const struct pickle_value *value, const char *text) {
    const size_t length = strlen(text);
    return (value->kind == VALUE_TEXT || value->kind == VALUE_BYTES) && value->text.length == length &&
           memcmp(value->text.bytes, text, length) == 0;
}

const struct pickle_value *value_get(const struct pickle_value *dict, const char *key) {
    if (!dict || dict->kind != VALUE_DICT)
        return NULL;
    for (uint32_t i = 0; i + 1 < dict->items.count && i < 2 * KEYS_LOOKED_AT; i += 2)
        if (value_is(dict->items.at[i], key))
            return dict->items.at[i + 1];
    return NULL;
}

bool value_append(struct pool *pool, struct value_items *items, struct pickle_value *item) {
    if (items->count == items->capacity) {
        const uint32_t capacity = items->capacity ? items->capacity * 2 : 4;
        struct pickle_value **bigger =
            capacity > items->capacity ? pool_array(pool, capacity, sizeof(struct pickle_value *)) : NULL;
        if (!bigger)
            return false;
        if (items->count)
            memcpy(bigger, items->at, items->count * sizeof *bigger);
        items->at = bigger;
        items->capacity = capacity;
    }
    items->at[items->count++] = item;
    return true;
}

#include "ops/ml/lookup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

#define NAME_BYTES 48

static status take_tensor(struct attributes *attributes, const char *name, struct value_list *list, struct error *err) {
    const struct tensor *tensor = attribute_tensor(attributes, name);
    if (!tensor)
        return attributes->code;
    if (!(TYPES_LISTED >> tensor->dtype & 1))
        return fail(err, STATUS_UNSUPPORTED, "attribute \"%s\" has element type %s", name, dtype_name(tensor->dtype));
    list->tensor = tensor;
    list->dtype = tensor->dtype;
    list->count = (size_t)tensor_elements(tensor);
    return STATUS_OK;
}

status value_list_read(struct attributes *attributes, const char *prefix, bool tensors, struct value_list *list,
                       struct error *err) {
    char name[NAME_BYTES];
    size_t numbers, floats, texts;
    *list = (struct value_list){.dtype = DTYPE_UNDEFINED};
    snprintf(name, sizeof name, "%s_int64s", prefix);
    list->numbers = attribute_int_list(attributes, name, &numbers);
    snprintf(name, sizeof name, "%s_floats", prefix);
    list->floats = attribute_floats(attributes, name, &floats);
    snprintf(name, sizeof name, "%s_strings", prefix);
    list->texts = attribute_texts(attributes, name, &texts);
    snprintf(name, sizeof name, "%s_tensor", prefix);
    if (tensors && take_tensor(attributes, name, list, err) != STATUS_OK)
        return err->code;
    if (attributes->code != STATUS_OK)
        return attributes->code;
    if ((numbers > 0) + (floats > 0) + (texts > 0) + (list->tensor != NULL) != 1)
        return fail(err, STATUS_INVALID_MODEL, "expected exactly one of the attributes \"%s_...\"", prefix);
    if (list->tensor)
        return STATUS_OK;
    list->count = numbers + floats + texts;
    list->dtype = numbers ? DTYPE_INT64 : floats ? DTYPE_FLOAT : DTYPE_STRING;
    return STATUS_OK;
}

/* ---- elements ---- */

/* Tensors of attributes may be misaligned. */
#define READ(T, value) \
    T value;           \
    memcpy(&value, (const char *)tensor->data + (size_t)i * sizeof value, sizeof value)

struct list_key tensor_key(const struct tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case DTYPE_STRING:
        return (struct list_key){.is_text = true, .text = ((const struct text *)tensor->data)[i]};
    case DTYPE_FLOAT: {
        READ(float, value);
        return (struct list_key){.is_real = true, .real = value};
    }
    case DTYPE_DOUBLE: {
        READ(double, value);
        return (struct list_key){.is_real = true, .real = value};
    }
    case DTYPE_INT32: {
        READ(int32_t, value);
        return (struct list_key){.number = value};
    }
    case DTYPE_INT16: {
        READ(int16_t, value);
        return (struct list_key){.number = value};
    }
    default: {
        READ(int64_t, value);
        return (struct list_key){.number = value};
    }
    }
}

struct list_key value_list_key(const struct value_list *list, size_t i) {
    if (list->tensor)
        return tensor_key(list->tensor, (int64_t)i);
    if (list->dtype == DTYPE_STRING)
        return (struct list_key){.is_text = true, .text = list->texts[i]};
    if (list->dtype == DTYPE_FLOAT)
        return (struct list_key){.is_real = true, .real = list->floats[i]};
    return (struct list_key){.number = list->numbers[i]};
}

void list_key_write(const struct list_key *key, struct tensor *tensor, int64_t at) {
    switch (tensor->dtype) {
    case DTYPE_STRING:
        ((struct text *)tensor->data)[at] = key->text;
        break;
    case DTYPE_FLOAT:
        ((float *)tensor->data)[at] = (float)key->real;
        break;
    case DTYPE_DOUBLE:
        ((double *)tensor->data)[at] = key->real;
        break;
    case DTYPE_INT32:
        ((int32_t *)tensor->data)[at] = (int32_t)key->number;
        break;
    case DTYPE_INT16:
        ((int16_t *)tensor->data)[at] = (int16_t)key->number;
        break;
    default:
        ((int64_t *)tensor->data)[at] = key->number;
    }
}

/* ---- in order ---- */

static int compare_texts(struct text a, struct text b) {
    const size_t both = a.length < b.length ? a.length : b.length;
    const int order = both > 0 ? memcmp(a.bytes, b.bytes, both) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* NaN stands behind all numbers, and equals NaN. */
static int compare(const struct list_key *a, const struct list_key *b) {
    if (a->is_text)
        return compare_texts(a->text, b->text);
    if (!a->is_real)
        return (a->number > b->number) - (a->number < b->number);
    if (isnan(a->real) || isnan(b->real))
        return isnan(a->real) - isnan(b->real);
    return (a->real > b->real) - (a->real < b->real);
}

static int compare_places(const struct value_list *list, size_t a, size_t b) {
    const struct list_key first = value_list_key(list, a), second = value_list_key(list, b);
    const int order = compare(&first, &second);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Merges order[from..middle] and order[middle..to]. */
static void merge(const struct lookup *lookup, size_t *scratch, size_t from, size_t middle, size_t to) {
    size_t a = from, b = middle;
    for (size_t i = from; i < to; i++) {
        const bool first =
            b == to || (a < middle && compare_places(lookup->list, lookup->order[a], lookup->order[b]) < 0);
        scratch[i] = lookup->order[first ? a++ : b++];
    }
    memcpy(lookup->order + from, scratch + from, (to - from) * sizeof *scratch);
}

status lookup_make(const struct value_list *list, struct pool *pool, struct lookup *lookup, struct error *err) {
    const size_t count = list->count;
    size_t *scratch = pool_array(pool, count + 1, sizeof *scratch);
    *lookup = (struct lookup){list, pool_array(pool, count + 1, sizeof *lookup->order)};
    if (!scratch || !lookup->order)
        return fail_memory(err, "a list of keys");
    for (size_t i = 0; i < count; i++)
        lookup->order[i] = i;
    for (size_t width = 1; width < count; width *= 2)
        for (size_t from = 0; from + width < count; from += 2 * width)
            merge(lookup, scratch, from, from + width, from + 2 * width < count ? from + 2 * width : count);
    return STATUS_OK;
}

int64_t lookup_find(const struct lookup *lookup, const struct list_key *key) {
    size_t low = 0, high = lookup->list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct list_key at = value_list_key(lookup->list, lookup->order[middle]);
        if (compare(&at, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == lookup->list->count)
        return -1;
    const struct list_key found = value_list_key(lookup->list, lookup->order[low]);
    return compare(&found, key) == 0 ? (int64_t)lookup->order[low] : -1;
}

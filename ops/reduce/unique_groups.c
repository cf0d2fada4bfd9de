#include "ops/reduce/unique_groups.h"

#include "base/checked.h"
#include "ops/reduce/order_keys.h"

#include <string.h>

#define LISTS 5

/* Numbers in an element. */
static int64_t parts_of(enum dtype dtype) {
    return dtype == DTYPE_COMPLEX64 || dtype == DTYPE_COMPLEX128 ? 2 : 1;
}

static int64_t keys_of(const struct tensor *tensor) {
    return tensor->dtype == DTYPE_STRING ? 0 : tensor_elements(tensor) * parts_of(tensor->dtype);
}

bool unique_bytes(const struct tensor *tensor, const struct lines *lines, size_t *bytes) {
    size_t lists, keys;
    return size_mul((size_t)lines->size, LISTS * sizeof(int64_t), &lists) &&
           size_mul((size_t)keys_of(tensor), sizeof(uint64_t), &keys) && size_add(lists, keys, bytes);
}

static void make_keys(struct unique_groups *groups) {
    const struct tensor *tensor = groups->tensor;
    const enum dtype part = tensor->dtype == DTYPE_COMPLEX64    ? DTYPE_FLOAT
                            : tensor->dtype == DTYPE_COMPLEX128 ? DTYPE_DOUBLE
                                                                : tensor->dtype;
    if (tensor->dtype != DTYPE_STRING)
        order_keys(part, tensor->data, 1, keys_of(tensor), groups->keys);
}

static int compare_text(const struct text *a, const struct text *b) {
    const size_t common = a->length < b->length ? a->length : b->length;
    const int order = common ? memcmp(a->bytes, b->bytes, common) : 0;
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_element(const struct unique_groups *groups, int64_t a, int64_t b) {
    if (groups->tensor->dtype == DTYPE_STRING)
        return compare_text((const struct text *)groups->tensor->data + a,
                            (const struct text *)groups->tensor->data + b);
    const int64_t parts = parts_of(groups->tensor->dtype);
    for (int64_t i = 0; i < parts; i++) {
        const uint64_t x = groups->keys[a * parts + i], y = groups->keys[b * parts + i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int compare_items(const struct unique_groups *groups, int64_t a, int64_t b) {
    const struct lines *lines = &groups->lines;
    for (int64_t outer = 0; outer < lines->outer; outer++)
        for (int64_t inner = 0; inner < lines->inner; inner++) {
            const int64_t base = outer * lines->size * lines->inner + inner;
            const int order = compare_element(groups, base + a * lines->inner, base + b * lines->inner);
            if (order)
                return order;
        }
    return 0;
}

/* from[first..end-1], two sorted halves, into to. Of equal items the one in front stays in front. */
static void merge(const struct unique_groups *groups, const int64_t *from, int64_t *to, int64_t first, int64_t middle,
                  int64_t end) {
    int64_t a = first, b = middle;
    for (int64_t i = first; i < end; i++)
        to[i] = b == end || (a < middle && compare_items(groups, from[a], from[b]) <= 0) ? from[a++] : from[b++];
}

static void sort_items(struct unique_groups *groups) {
    const int64_t count = groups->lines.size;
    int64_t *from = groups->order, *to = groups->scratch;
    if (groups->lines.outer * groups->lines.inner == 1 && keys_of(groups->tensor) == count) {
        groups->order = order_sort(groups->keys, count, from, to);
        groups->scratch = groups->order == from ? to : from;
        return;
    }
    for (int64_t i = 0; i < count; i++)
        from[i] = i;
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t i = 0; i < count; i += 2 * width)
            merge(groups, from, to, i, i + width < count ? i + width : count,
                  i + 2 * width < count ? i + 2 * width : count);
        int64_t *const other = from;
        from = to;
        to = other;
    }
    groups->order = from;
    groups->scratch = to;
}

static void form_groups(struct unique_groups *groups) {
    groups->count = 0;
    for (int64_t i = 0; i < groups->lines.size; i++) {
        const int64_t item = groups->order[i];
        if (i == 0 || compare_items(groups, groups->order[i - 1], item) != 0) {
            groups->first[groups->count] = item;
            groups->size[groups->count++] = 0;
        }
        groups->size[groups->count - 1]++;
        groups->group_of[item] = groups->count - 1;
    }
}

/* Numbers groups anew as they turn up. */
static void number_by_appearance(struct unique_groups *groups) {
    int64_t *number = groups->scratch, *size = groups->order, met = 0; /* the order is of no use any more */
    for (int64_t i = 0; i < groups->lines.size; i++) {
        const int64_t group = groups->group_of[i];
        if (groups->first[group] == i) {
            size[met] = groups->size[group];
            number[group] = met++;
        }
        groups->group_of[i] = number[group];
    }
    for (int64_t i = groups->lines.size - 1; i >= 0; i--)
        groups->first[groups->group_of[i]] = i;
    groups->order = groups->size;
    groups->size = size;
}

void unique_find(struct unique_groups *groups, void *memory, bool sorted) {
    const int64_t items = groups->lines.size;
    int64_t **const lists[LISTS] = {&groups->order, &groups->group_of, &groups->first, &groups->size, &groups->scratch};
    groups->keys = memory;
    int64_t *next = (int64_t *)memory + keys_of(groups->tensor);
    for (int i = 0; i < LISTS; i++, next += items)
        *lists[i] = next;
    make_keys(groups);
    sort_items(groups);
    form_groups(groups);
    if (!sorted)
        number_by_appearance(groups);
}

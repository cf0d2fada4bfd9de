/* Equal items of a tensor, found by sorting: elements of the flattened tensor, or slices along an axis. */
#ifndef LIMNER_OPS_REDUCE_UNIQUE_GROUPS_H
#define LIMNER_OPS_REDUCE_UNIQUE_GROUPS_H

#include "base/tensor.h"
#include "ops/reduce/lines.h"

struct unique_groups {
    const struct tensor *tensor;
    struct lines lines; /* items are along lines.size; the flattened tensor has 1 outside and 1 inside */
    int64_t count;      /* of groups */
    /* In memory of the caller's: */
    uint64_t *keys;    /* of every element, of two for a complex one; not of strings */
    int64_t *order;    /* items sorted */
    int64_t *group_of; /* of each item */
    int64_t *first;    /* of each group: its first item */
    int64_t *size;     /* of each group: its items */
    int64_t *scratch;
};

/* Bytes that the groups of such a tensor take; false where that is too much. */
bool unique_bytes(const struct tensor *tensor, const struct lines *lines, size_t *bytes);

/*
 * Finds the groups in memory of unique_bytes, 8-byte aligned, and numbers them: sorted by the items, ascending, slices
 * by their first different element, or in the order in which they turn up. NaNs are equal to each other and above all
 * numbers, strings are compared byte by byte.
 */
void unique_find(struct unique_groups *groups, void *memory, bool sorted);

#endif

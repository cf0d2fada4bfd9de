#include "runtime/plan/arena.h"

#include "base/checked.h"

#include <stdint.h>
#include <stdlib.h>

/* Above this the quadratic search for gaps gives way to size classes. */
#define SEARCHED_ITEMS 8192

static bool aligned_size(size_t bytes, size_t *out) {
    if (!size_add(bytes, ARENA_ALIGNMENT - 1, out))
        return false;
    *out = *out / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    return true;
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

/* Largest first; then in order of birth, then by place in memory (that is, by index). */
static int by_size(const void *a, const void *b) {
    const struct arena_item *x = *(struct arena_item *const *)a, *y = *(struct arena_item *const *)b;
    if (x->bytes != y->bytes)
        return compare_sizes(y->bytes, x->bytes);
    return x->first != y->first ? x->first - y->first : (x > y) - (x < y);
}

static int by_first(const void *a, const void *b) {
    const struct arena_item *x = *(struct arena_item *const *)a, *y = *(struct arena_item *const *)b;
    return x->first != y->first ? (x->first > y->first) - (x->first < y->first) : (x > y) - (x < y);
}

static int by_last(const void *a, const void *b) {
    const struct arena_item *x = *(struct arena_item *const *)a, *y = *(struct arena_item *const *)b;
    return x->last != y->last ? (x->last > y->last) - (x->last < y->last) : (x > y) - (x < y);
}

static bool overlap_in_time(const struct arena_item *a, const struct arena_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The smallest gap of `size` bytes between the placed items (in order of offset) that live with the item. */
static bool best_gap(struct arena_item *const *placed, int count, const struct arena_item *item, size_t size,
                     size_t *offset) {
    size_t end = 0, best = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        if (!overlap_in_time(placed[i], item))
            continue;
        if (placed[i]->offset > end && placed[i]->offset - end >= size && placed[i]->offset - end < best) {
            best = placed[i]->offset - end;
            *offset = end;
        }
        size_t placed_size;
        if (!aligned_size(placed[i]->bytes, &placed_size))
            return false;
        if (placed[i]->offset + placed_size > end)
            end = placed[i]->offset + placed_size;
    }
    if (best == SIZE_MAX)
        *offset = end;
    return true;
}

static void insert_by_offset(struct arena_item **placed, int count, struct arena_item *item) {
    int i = count;
    for (; i > 0 && placed[i - 1]->offset > item->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = item;
}

/* Largest first, each into the best-fitting gap. */
static void layout_searched(struct arena_item **order, struct arena_item **placed, int count, size_t *total) {
    qsort(order, (size_t)count, sizeof(struct arena_item *), by_size);
    for (int i = 0; i < count; i++) {
        size_t size, end;
        if (!aligned_size(order[i]->bytes, &size) || !best_gap(placed, i, order[i], size, &order[i]->offset) ||
            !size_add(order[i]->offset, size, &end)) {
            *total = SIZE_MAX;
            return;
        }
        insert_by_offset(placed, i, order[i]);
        if (end > *total)
            *total = end;
    }
}

/* Free pieces of one size, chained by item: an item that has died stands for its place. */
struct size_class {
    struct arena_item **places;
    int count, capacity;
};

static int class_of(size_t size) {
    int bits = 0;
    for (size_t n = (size - 1) / ARENA_ALIGNMENT; n; n >>= 1)
        bits++;
    return bits;
}

static bool class_give(struct size_class *class, struct arena_item *item) {
    if (class->count == class->capacity) {
        const int capacity = class->capacity ? class->capacity * 2 : 64;
        void *grown = realloc(class->places, (size_t)capacity * sizeof *class->places);
        if (!grown)
            return false;
        class->places = grown;
        class->capacity = capacity;
    }
    class->places[class->count++] = item;
    return true;
}

/* In order of time with a free list per power of two: linear, at most twice as large. False without memory. */
static bool layout_classes(struct arena_item **order, struct arena_item **dying, int count, size_t *total) {
    struct size_class classes[64] = {{0}};
    bool ok = true, fits = true;
    qsort(order, (size_t)count, sizeof(struct arena_item *), by_first);
    qsort(dying, (size_t)count, sizeof(struct arena_item *), by_last);
    for (int i = 0, dead = 0; ok && fits && i < count; i++) {
        for (; ok && dying[dead]->last < order[i]->first; dead++)
            ok = class_give(&classes[class_of(dying[dead]->bytes)], dying[dead]);
        const int class = class_of(order[i]->bytes);
        size_t end;
        if (classes[class].count > 0) {
            order[i]->offset = classes[class].places[--classes[class].count]->offset;
        } else if (class < 56 && size_add(*total, (size_t)ARENA_ALIGNMENT << class, &end)) {
            order[i]->offset = *total;
            *total = end;
        } else {
            fits = false;
        }
    }
    for (int i = 0; i < 64; i++)
        free(classes[i].places);
    *total = fits ? *total : SIZE_MAX;
    return ok;
}

bool arena_layout(struct arena_item *items, int count, size_t *total) {
    *total = 0;
    if (count <= 0)
        return true;
    struct arena_item **lists = calloc((size_t)count, 2 * sizeof *lists);
    if (!lists)
        return false;
    int used = 0;
    for (int i = 0; i < count; i++) {
        items[i].offset = 0;
        if (items[i].bytes > 0)
            lists[used++] = &items[i];
    }
    for (int i = 0; i < used; i++)
        lists[count + i] = lists[i];
    bool ok = true;
    if (used <= SEARCHED_ITEMS)
        layout_searched(lists, lists + count, used, total);
    else
        ok = layout_classes(lists, lists + count, used, total);
    free(lists);
    return ok;
}

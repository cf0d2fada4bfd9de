/* Holes are gathered in cells first: a mask of single specks is then no more work than one of a few holes. */
#include "tools/inpaint/regions.h"

#include "base/sizes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CELL 16 /* pixels */

struct box {
    size_t left, top, right, bottom; /* right and bottom are outside */
};

/* The hole's pixels in one cell; empty when right is 0. */
struct cells {
    struct box *boxes;
    size_t across, down;
};

static void box_join(struct box *box, const struct box *other) {
    box->left = other->left < box->left ? other->left : box->left;
    box->top = other->top < box->top ? other->top : box->top;
    box->right = other->right > box->right ? other->right : box->right;
    box->bottom = other->bottom > box->bottom ? other->bottom : box->bottom;
}

static void fill_cells(const uint8_t *hole, size_t width, size_t height, struct cells *cells) {
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            if (!hole[y * width + x])
                continue;
            struct box *box = &cells->boxes[y / CELL * cells->across + x / CELL];
            const struct box pixel = {x, y, x + 1, y + 1};
            if (box->right)
                box_join(box, &pixel);
            else
                *box = pixel;
        }
}

/* Takes the cell's whole neighbourhood of filled cells away, and returns the box round it. stack: room for all cells.
 */
static struct box take_group(struct cells *cells, size_t first, size_t *stack) {
    struct box group = cells->boxes[first];
    size_t count = 0;
    cells->boxes[first].right = 0;
    stack[count++] = first;
    while (count) {
        const size_t at = stack[--count], column = at % cells->across, row = at / cells->across;
        for (size_t y = row ? row - 1 : 0; y <= row + 1 && y < cells->down; y++)
            for (size_t x = column ? column - 1 : 0; x <= column + 1 && x < cells->across; x++) {
                struct box *box = &cells->boxes[y * cells->across + x];
                if (!box->right)
                    continue;
                box_join(&group, box);
                box->right = 0;
                stack[count++] = y * cells->across + x;
            }
    }
    return group;
}

/* Widens low..high to whole units of the grid, as far as `limit`. What ends there has at least one unit, if that is
   there. */
static void round_side(size_t *low, size_t *high, size_t limit, size_t multiple) {
    *low -= *low % multiple;
    *high = *high < limit - limit % multiple ? round_up(*high, multiple) : *high;
    *high = *high > limit - limit % multiple ? limit : *high;
    if (*high - *low < multiple && *low >= multiple)
        *low -= multiple;
}

static void widen(struct box *box, size_t width, size_t height, size_t margin, size_t multiple) {
    box->left -= margin < box->left ? margin : box->left;
    box->top -= margin < box->top ? margin : box->top;
    box->right += margin < width - box->right ? margin : width - box->right;
    box->bottom += margin < height - box->bottom ? margin : height - box->bottom;
    round_side(&box->left, &box->right, width, multiple);
    round_side(&box->top, &box->bottom, height, multiple);
}

static bool overlap(const struct box *a, const struct box *b) {
    return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* Merges boxes until none overlap. A box that has grown is looked at again, against all others. */
static size_t merge_overlapping(struct box *boxes, size_t count, size_t width, size_t height, size_t multiple) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            if (k == i || !overlap(&boxes[i], &boxes[k]))
                continue;
            box_join(&boxes[i], &boxes[k]);
            widen(&boxes[i], width, height, 0, multiple);
            boxes[k] = boxes[--count];
            i = i == count ? k : i;
            k = (size_t)-1;
        }
    return count;
}

static status gather(struct cells *cells, size_t width, size_t height, size_t margin, size_t multiple,
                     struct rect_list *list, struct error *err) {
    const size_t total = cells->across * cells->down;
    struct box *boxes = calloc(total, sizeof *boxes);
    size_t *stack = calloc(total, sizeof *stack);
    size_t count = 0;
    for (size_t i = 0; boxes && stack && i < total; i++)
        if (cells->boxes[i].right) {
            boxes[count] = take_group(cells, i, stack);
            widen(&boxes[count++], width, height, margin, multiple);
        }
    if (count)
        count = merge_overlapping(boxes, count, width, height, multiple);
    if (boxes && stack)
        list->items = calloc(count + 1, sizeof *list->items);
    for (size_t i = 0; list->items && i < count; i++)
        list->items[list->count++] =
            (struct rect){boxes[i].left, boxes[i].top, boxes[i].right - boxes[i].left, boxes[i].bottom - boxes[i].top};
    free(boxes);
    free(stack);
    return list->items ? STATUS_OK : fail_memory(err, "the list of holes");
}

status regions_find(const uint8_t *hole, size_t width, size_t height, size_t margin, size_t multiple,
                    struct rect_list *list, struct error *err) {
    *list = (struct rect_list){NULL, 0};
    struct cells cells = {NULL, (width - 1) / CELL + 1, (height - 1) / CELL + 1};
    cells.boxes = calloc(cells.across, cells.down * sizeof *cells.boxes);
    if (!cells.boxes)
        return fail_memory(err, "the list of holes");
    fill_cells(hole, width, height, &cells);
    const status code = gather(&cells, width, height, margin, multiple, list, err);
    free(cells.boxes);
    return code;
}

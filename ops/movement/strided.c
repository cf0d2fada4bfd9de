/*
 * How a box is copied: it is simplified (sizes of 1 dropped, adjacent dimensions merged, short contiguous runs made one
 * larger element), the last two dimensions become a plane with a kernel of its own, the rest is walked. Threads take
 * slices of one dimension.
 */
#include "ops/movement/strided.h"

#include "ops/core/parallel.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/strided_planes.h"

/* A simplified box with its kernel; dimensions before the plane are in `box`. */
struct copy_job {
    struct strided box;
    struct strided_plane plane;
    plane_copy *copy;
};

#define PART_BYTES ((size_t)128 << 10) /* what is worth a thread's while */

/* ---- making a job of a box ---- */

void strided_add(struct strided *box, int64_t size, int64_t to, int64_t from) {
    box->size[box->rank] = size;
    box->to[box->rank] = to;
    box->from[box->rank] = from;
    box->rank++;
}

static bool box_empty(const struct strided *box) {
    for (int i = 0; i < box->rank; i++)
        if (box->size[i] <= 0)
            return true;
    return false;
}

/* Drops sizes of 1 and merges a dimension into the one inside it where both sides allow. */
static void merge(const struct strided *box, struct strided *merged) {
    *merged = (struct strided){.element = box->element};
    for (int i = 0; i < box->rank; i++) {
        const int last = merged->rank - 1;
        if (box->size[i] == 1)
            continue;
        if (last >= 0 && merged->to[last] == box->to[i] * box->size[i] &&
            merged->from[last] == box->from[i] * box->size[i]) {
            merged->size[last] *= box->size[i];
            merged->to[last] = box->to[i];
            merged->from[last] = box->from[i];
        } else {
            strided_add(merged, box->size[i], box->to[i], box->from[i]);
        }
    }
}

/* A short run that is contiguous on both sides becomes one larger element. */
static void widen(struct strided *box) {
    const int last = box->rank - 1;
    const int64_t element = (int64_t)box->element;
    if (last < 0 || box->to[last] != element || box->from[last] != element || box->size[last] > 16)
        return;
    const int64_t bytes = box->size[last] * element;
    if (bytes <= 16 && (bytes & (bytes - 1)) == 0) {
        box->element = (size_t)bytes;
        box->rank--;
    }
}

/* Where the source is contiguous along another dimension than the last, that one goes next to the last. */
static void bring_source_in(struct strided *box) {
    const int64_t element = (int64_t)box->element;
    int i = box->rank - 1;
    if (i < 0 || box->from[i] == element)
        return;
    while (i >= 0 && box->from[i] != element)
        i--;
    for (; i >= 0 && i < box->rank - 2; i++) {
        const int64_t size = box->size[i], to = box->to[i], from = box->from[i];
        box->size[i] = box->size[i + 1], box->to[i] = box->to[i + 1], box->from[i] = box->from[i + 1];
        box->size[i + 1] = size, box->to[i + 1] = to, box->from[i + 1] = from;
    }
}

static struct strided_plane plane_of(const struct strided *box) {
    const int row = box->rank - 2, column = box->rank - 1;
    struct strided_plane plane = {.rows = 1, .columns = 1};
    if (row >= 0) {
        plane.rows = box->size[row];
        plane.to_row = box->to[row];
        plane.from_row = box->from[row];
    }
    if (column >= 0) {
        plane.columns = box->size[column];
        plane.to_column = box->to[column];
        plane.from_column = box->from[column];
    }
    return plane;
}

static struct strided_plane plane_swapped(const struct strided_plane *p) {
    return (struct strided_plane){p->columns, p->rows, p->to_column, p->to_row, p->from_column, p->from_row};
}

/* Pictures of three colours, in planes or pixel by pixel. */
static plane_copy *colour_kernel(const struct strided_plane *p, int64_t element) {
    if (element != 4 || p->to_column != 4 || p->from_row != 4)
        return NULL;
    if (p->rows == 3 && p->from_column == 12)
        return plane_part;
    return p->columns == 3 && p->to_row == 12 ? plane_join : NULL;
}

static void choose_kernel(struct copy_job *job) {
    const int64_t element = (int64_t)job->box.element;
    struct strided_plane *p = &job->plane;
    const int index = __builtin_ctz((unsigned)element);
    const int64_t enough = LINE_BYTES / element / 2;
    const bool dense = p->to_column == element;
    if (dense && p->from_column == element && p->columns * element >= LINE_BYTES) {
        job->copy = plane_rows;
    } else if (dense && p->from_column == 0 && p->columns >= 16) {
        job->copy = plane_kernels[index].fill;
    } else if (dense && p->from_row == element && p->columns >= enough && p->rows >= enough) {
        job->copy = plane_kernels[index].transpose;
    } else if (colour_kernel(p, element)) {
        job->copy = colour_kernel(p, element);
    } else {
        job->copy = plane_kernels[index].scatter;
        if (p->columns < 8 && p->columns < p->rows)
            *p = plane_swapped(p);
    }
}

/* Whether what is inside the dimension lies in the destination without gaps, as many bytes as its step. */
static bool fills_step(const struct strided *box, int dimension) {
    int64_t bytes = (int64_t)box->element, span = bytes;
    for (int i = dimension + 1; i < box->rank; i++) {
        if (box->to[i] <= 0)
            return false;
        bytes *= box->size[i];
        span += (box->size[i] - 1) * box->to[i];
    }
    return bytes == span && bytes == box->to[dimension];
}

static void walk(const struct copy_job *job, int dimension, char *to, const char *from) {
    if (dimension >= job->box.rank - 2) {
        job->copy(to, from, &job->plane);
        return;
    }
    const int64_t size = job->box.size[dimension], step = job->box.to[dimension];
    const bool repeats = job->box.from[dimension] == 0 && fills_step(&job->box, dimension);
    if (repeats) {
        walk(job, dimension + 1, to, from);
        block_fill(to + step, to, (size_t)step, size - 1);
        return;
    }
    for (int64_t i = 0; i < size; i++)
        walk(job, dimension + 1, to + i * job->box.to[dimension], from + i * job->box.from[dimension]);
}

static void copy_box(const struct strided *box, char *to, const char *from) {
    struct copy_job job = {.box = *box, .plane = plane_of(box)};
    choose_kernel(&job);
    walk(&job, 0, to, from);
}

/* ---- threads ---- */

size_t strided_block(size_t count, size_t bytes) {
    const size_t each = count ? bytes / count : 0;
    const size_t block = PART_BYTES / (each ? each : 1);
    return block ? block : 1;
}

/* The dimension that threads share: the outermost one with enough to share, else the largest. */
static int shared_dimension(const struct strided *box, int threads) {
    int largest = 0;
    for (int i = 0; i < box->rank; i++) {
        if (box->size[i] >= (int64_t)16 * threads)
            return i;
        if (box->size[i] > box->size[largest])
            largest = i;
    }
    return largest;
}

struct shared_copy {
    const struct strided *box;
    int dimension;
    char *to;
    const char *from;
};

static void copy_slice(void *context, size_t begin, size_t end) {
    const struct shared_copy *copy = context;
    struct strided slice = *copy->box;
    const int i = copy->dimension;
    slice.size[i] = (int64_t)(end - begin);
    copy_box(&slice, copy->to + (int64_t)begin * slice.to[i], copy->from + (int64_t)begin * slice.from[i]);
}

void strided_copy(const struct strided *box, void *to, const void *from, int threads) {
    if (box_empty(box))
        return;
    struct strided simple;
    merge(box, &simple);
    widen(&simple);
    bring_source_in(&simple);
    size_t bytes = simple.element;
    for (int i = 0; i < simple.rank; i++)
        bytes *= (size_t)simple.size[i];
    if (threads == 1 || bytes < 2 * PART_BYTES || simple.rank == 0) {
        copy_box(&simple, to, from);
        return;
    }
    struct shared_copy copy = {&simple, shared_dimension(&simple, threads), to, from};
    const size_t size = (size_t)simple.size[copy.dimension];
    parallel_blocks(size, strided_block(size, bytes), threads, copy_slice, &copy);
}

void strided_move(void *to, const void *from, size_t bytes, int threads) {
    const struct strided box = {.element = 1, .rank = 1, .size = {(int64_t)bytes}, .to = {1}, .from = {1}};
    strided_copy(&box, to, from, threads);
}

void strided_dense(const struct shape *shape, size_t element, int64_t strides[MAX_RANK]) {
    uint64_t stride = element; /* unsigned: an empty tensor's other dimensions may be of any size */
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = (int64_t)stride;
        stride *= (uint64_t)shape->dims[i];
    }
}

/*
 * NonMaxSuppression (ONNX 10, 11): of boxes that overlap, those with the best score. How many there are depends on the
 * data, so that they are found twice: to know the shape of the output, and to write it.
 */
#include "base/memory.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"
#include "ops/reduce/order_keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES 64 /* of a group, which threads share */

struct nms_params {
    bool centered; /* boxes are x, y of the middle, width, height; else two opposite corners, y and x */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct nms_params *params = result;
    (void)call, (void)err;
    params->centered = attribute_int(attributes, "center_point_box", 0) != 0;
    return STATUS_OK;
}

static status check_shapes(const struct op_call *call, struct error *err) {
    const struct shape *boxes = &call->inputs[0]->shape, *scores = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    if (boxes->rank != 3 || boxes->dims[2] != 4 || scores->rank != 3 || scores->dims[0] != boxes->dims[0] ||
        scores->dims[2] != boxes->dims[1])
        return fail(err, STATUS_SHAPE, "inputs 0 (boxes) and 1 (scores) are %s and %s, expected [N,B,4] and [N,C,B]",
                    shape_text(boxes, a), shape_text(scores, b));
    if (boxes->dims[1] > UINT32_MAX)
        return fail(err, STATUS_LIMIT, "input 0 (boxes) is %s, more than %u boxes", shape_text(boxes, a), UINT32_MAX);
    for (int i = 2; i < 5; i++)
        if (op_input(call, i) && tensor_elements(op_input(call, i)) > 1)
            return fail(err, STATUS_SHAPE, "%s is %s, expected one number", op_input_text(call, i, name),
                        shape_text(&op_input(call, i)->shape, a));
    return STATUS_OK;
}

/* Sides of a box: y, x of the corner of low numbers, then of the other one. */
static void box_at(const struct op_call *call, int64_t batch, int64_t i, float sides[BOX_NUMBERS]) {
    const float *b = (const float *)call->inputs[0]->data + (batch * call->inputs[0]->shape.dims[1] + i) * 4;
    const bool centered = ((const struct nms_params *)call->params)->centered;
    for (int axis = 0; axis < 2; axis++) {
        const float middle = b[1 - axis], size = b[3 - axis];
        sides[axis] = centered ? middle - size / 2 : fminf(b[axis], b[axis + 2]);
        sides[2 + axis] = centered ? middle + size / 2 : fmaxf(b[axis], b[axis + 2]);
    }
    sides[BOX_AREA] = (sides[2] - sides[0]) * (sides[3] - sides[1]);
}

struct nms {
    const struct op_call *call;
    int64_t boxes, most; /* of a class that are chosen */
    float overlap, score;
    bool scored;
    int64_t classes, first; /* of all pictures; the first one of a group */
    int64_t total;          /* chosen so far */
    char *own;              /* of each thread, own_bytes() */
    uint32_t *found;        /* [CLASSES][boxes], of a group; NULL: boxes are counted alone */
    int64_t counts[CLASSES];
};

/* What a thread has for itself: the candidates as a heap, and the chosen boxes side by side by their sides. */
struct nms_own {
    uint64_t *heap;
    float *chosen;
};

/* Places for chosen boxes, in whole blocks. */
static int64_t places_of(int64_t boxes) {
    return whole_units(boxes, BOX_BLOCK);
}

static size_t own_bytes(int64_t boxes) {
    return whole_line_bytes((size_t)boxes * sizeof(uint64_t)) +
           BOX_NUMBERS * (size_t)places_of(boxes) * sizeof(float); /* boxes are in memory: 16 bytes each */
}

/* The greatest key is the best score, of the same ones that of the lowest number; what is not a number is the worst. */
static uint64_t key_of(float score, int64_t i) {
    return (score != score ? 0 : order_key_float(score)) << 32 | (UINT32_MAX - (uint32_t)i);
}

static void sink(uint64_t *heap, int64_t at, int64_t count, uint64_t key) {
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] > heap[child];
        if (heap[child] < key)
            break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

/* Boxes of a class with enough score, as a heap; how many. */
static int64_t make_heap(const struct nms *nms, const float *scores, uint64_t *heap) {
    const size_t boxes = (size_t)nms->boxes;
    int64_t count = 0;
    for (size_t i = 0; i < boxes; i++) {
        if (nms->scored && !(scores[i] > nms->score))
            i += 1 + row_kernel_of(nms->call->kernels)->beyond(scores + i + 1, boxes - i - 1, nms->score, 1);
        if (i < boxes && (!nms->scored || scores[i] > nms->score))
            heap[count++] = key_of(scores[i], (int64_t)i);
    }
    for (int64_t i = count / 2 - 1; i >= 0; i--)
        sink(heap, i, count, heap[i]);
    return count;
}

/* Behind the chosen boxes of a block stand ones of no area, which overlap nothing. */
static void add_box(const struct nms_own *own, int64_t places, int64_t at, const float sides[BOX_NUMBERS]) {
    for (int s = 0; s < BOX_NUMBERS; s++) {
        if (at % BOX_BLOCK == 0)
            memset(own->chosen + s * places + at, 0, BOX_BLOCK * sizeof(float));
        own->chosen[s * places + at] = sides[s];
    }
}

/* Chooses boxes of one class; writes their numbers to `found`, which may be NULL. How many. */
static int64_t choose(const struct nms *nms, int64_t class, const struct nms_own *own, uint32_t *found) {
    const int64_t batch = class / nms->call->inputs[1]->shape.dims[1], places = places_of(nms->boxes);
    const struct row_kernel *rows = row_kernel_of(nms->call->kernels);
    int64_t chosen = 0;
    int64_t left = make_heap(nms, (const float *)nms->call->inputs[1]->data + class * nms->boxes, own->heap);
    while (left > 0 && chosen < nms->most) {
        const uint32_t best = UINT32_MAX - (uint32_t)own->heap[0];
        float sides[BOX_NUMBERS];
        left--;
        sink(own->heap, 0, left, own->heap[left]);
        box_at(nms->call, batch, best, sides);
        if (rows->overlaps(own->chosen, (size_t)places, (size_t)chosen, sides, nms->overlap))
            continue;
        if (found)
            found[chosen] = best;
        add_box(own, places, chosen++, sides);
    }
    return chosen;
}

static void choose_group(struct team_thread self, void *context) {
    struct nms *nms = context;
    const struct team_range range = team_range_of(self, at_most(nms->classes - nms->first, CLASSES));
    char *memory = nms->own + (size_t)self.index * nms->call->own_stride;
    const struct nms_own own = {(void *)memory,
                                (void *)(memory + whole_line_bytes((size_t)nms->boxes * sizeof(uint64_t)))};
    for (int64_t i = range.first; i < range.end; i++)
        nms->counts[i] = choose(nms, nms->first + i, &own, nms->found ? nms->found + i * nms->boxes : NULL);
}

/* [picture, class, box] of the chosen boxes of a group. */
static void write_group(const struct nms *nms, int64_t *to) {
    const int64_t per_picture = nms->call->inputs[1]->shape.dims[1];
    for (int64_t i = 0; i < at_most(nms->classes - nms->first, CLASSES); i++)
        for (int64_t k = 0; k < nms->counts[i]; k++, to += 3) {
            to[0] = (nms->first + i) / per_picture;
            to[1] = (nms->first + i) % per_picture;
            to[2] = nms->found[i * nms->boxes + k];
        }
}

static void choose_all(struct nms *nms, int threads, int64_t *to) {
    for (nms->first = 0; nms->first < nms->classes; nms->first += CLASSES) {
        team_run(threads, choose_group, nms);
        if (to)
            write_group(nms, to + 3 * nms->total);
        for (int64_t i = 0; i < at_most(nms->classes - nms->first, CLASSES); i++)
            nms->total += nms->counts[i];
    }
}

static int threads_of(const struct nms *nms) {
    return nms->classes * nms->boxes >= PARALLEL_ELEMENTS ? (int)at_most(nms->call->threads, nms->classes) : 1;
}

static float float_of(const struct op_call *call, int i) {
    const struct tensor *tensor = op_input(call, i);
    return tensor && tensor->bytes > 0 ? *(const float *)tensor->data : 0;
}

static void read_limits(const struct op_call *call, struct nms *nms) {
    const struct tensor *most = op_input(call, 2), *score = op_input(call, 4);
    *nms = (struct nms){
        .call = call,
        .boxes = call->inputs[0]->shape.dims[1],
        .classes = call->inputs[1]->bytes ? call->inputs[1]->shape.dims[0] * call->inputs[1]->shape.dims[1] : 0,
        .overlap = float_of(call, 3)};
    nms->score = float_of(call, 4);
    nms->scored = score && score->bytes > 0;
    nms->most = most && most->bytes > 0 ? between(0, *(const int64_t *)most->data, nms->boxes) : 0;
}

static status check_values(const struct op_call *call, const struct nms *nms, struct error *err) {
    if (!(nms->overlap >= 0 && nms->overlap <= 1))
        return fail(err, STATUS_INVALID_MODEL, "iou_threshold is %g, expected 0..1", (double)nms->overlap);
    (void)call;
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    struct shape shape = {2, {0, 3}};
    struct nms nms;
    status code = check_shapes(call, err);
    for (int i = 0; code == STATUS_OK && i < call->input_count; i++)
        if (op_unknown(call, i))
            return op_needs(call, i, err);
    if (code != STATUS_OK)
        return code;
    read_limits(call, &nms);
    code = check_values(call, &nms, err);
    if (code != STATUS_OK)
        return code;
    struct op_call here = *call;
    const int threads = threads_of(&nms);
    here.own_stride = whole_line_bytes(own_bytes(nms.boxes));
    nms.call = &here;
    nms.own = memory_alloc(here.own_stride * (size_t)threads);
    if (!nms.own)
        return fail_memory(err, "the boxes of a NonMaxSuppression");
    choose_all(&nms, threads, NULL);
    free(nms.own);
    shape.dims[0] = nms.total;
    return tensor_describe(call->outputs[0], DTYPE_INT64, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const int64_t boxes = call->inputs[0]->shape.dims[1];
    (void)err;
    *workspace_bytes = CLASSES * (size_t)boxes * sizeof(uint32_t);
    call->own_bytes = own_bytes(boxes);
    return STATUS_OK;
}

static status run(struct op_call *call, struct error *err) {
    struct nms nms;
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    read_limits(call, &nms);
    nms.own = call->own;
    nms.found = call->workspace;
    choose_all(&nms, threads_of(&nms), call->outputs[0]->data);
    return STATUS_OK;
}

static const struct op_arg inputs[] = {{"boxes", TYPES_FLOAT, 0},
                                       {"scores", TYPES_FLOAT, 0},
                                       {"max_output_boxes_per_class", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                       {"iou_threshold", TYPES_FLOAT, ARG_OPTIONAL},
                                       {"score_threshold", TYPES_FLOAT, ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"selected_indices", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_non_max_suppression[] = {{.name = "NonMaxSuppression",
                                              .domain = "",
                                              .since = 10,
                                              .inputs = inputs,
                                              .outputs = outputs,
                                              .params_size = sizeof(struct nms_params),
                                              .parse = parse,
                                              .infer = infer,
                                              .prepare = prepare,
                                              .run = run,
                                              .facts = &facts},
                                             {0}};

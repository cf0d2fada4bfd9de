/*
 * NonMaxSuppression (ONNX 10, 11): of boxes that overlap, those with the best score. How many there are depends on the
 * data, so that they are found twice: to know the shape of the output, and to write it.
 */
#include "base/checked.h"
#include "base/memory.h"
#include "base/sizes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <math.h>
#include <stdlib.h>

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
    for (int i = 2; i < 5; i++)
        if (op_input(call, i) && tensor_elements(op_input(call, i)) > 1)
            return fail(err, STATUS_SHAPE, "%s is %s, expected one number", op_input_text(call, i, name),
                        shape_text(&op_input(call, i)->shape, a));
    return STATUS_OK;
}

/* A box by its sides, y before x. */
struct corner_box {
    float low[2], high[2];
};

static struct corner_box box_at(const struct op_call *call, int64_t batch, int64_t i) {
    const float *b = (const float *)call->inputs[0]->data + (batch * call->inputs[0]->shape.dims[1] + i) * 4;
    if (((const struct nms_params *)call->params)->centered)
        return (struct corner_box){{b[1] - b[3] / 2, b[0] - b[2] / 2}, {b[1] + b[3] / 2, b[0] + b[2] / 2}};
    return (struct corner_box){{fminf(b[0], b[2]), fminf(b[1], b[3])}, {fmaxf(b[0], b[2]), fmaxf(b[1], b[3])}};
}

static float smaller(float a, float b) {
    return a < b ? a : b;
}

static float larger(float a, float b) {
    return a > b ? a : b;
}

static float area_of(const struct corner_box *box) {
    return (box->high[0] - box->low[0]) * (box->high[1] - box->low[1]);
}

static bool overlap(const struct corner_box *a, const struct corner_box *b, float threshold) {
    struct corner_box both;
    for (int i = 0; i < 2; i++) {
        both.low[i] = larger(a->low[i], b->low[i]);
        both.high[i] = smaller(a->high[i], b->high[i]);
        if (!(both.high[i] > both.low[i]))
            return false;
    }
    const float common = area_of(&both), area_a = area_of(a), area_b = area_of(b), all = area_a + area_b - common;
    return common > 0 && area_a > 0 && area_b > 0 && all > 0 && common / all > threshold;
}

struct nms {
    const struct op_call *call;
    int64_t boxes, most; /* of a class that are chosen */
    float overlap, score;
    bool scored;
    int64_t *heap;             /* [boxes]: the best box first */
    struct corner_box *chosen; /* [most] */
};

/* The box of a lower number where scores are the same; what is not a number is the worst. */
static bool is_better(const float *scores, int64_t a, int64_t b) {
    if (scores[a] > scores[b] || (scores[b] != scores[b] && scores[a] == scores[a]))
        return true;
    return (scores[a] == scores[b] || (scores[a] != scores[a] && scores[b] != scores[b])) && a < b;
}

static void sink(const struct nms *nms, const float *scores, int64_t at, int64_t count) {
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_better(scores, nms->heap[child + 1], nms->heap[child]))
            child++;
        if (!is_better(scores, nms->heap[child], nms->heap[at]))
            return;
        const int64_t box = nms->heap[at];
        nms->heap[at] = nms->heap[child];
        nms->heap[child] = box;
        at = child;
    }
}

/* Boxes of a class with enough score, as a heap; how many. */
static int64_t make_heap(const struct nms *nms, const float *scores) {
    int64_t count = 0;
    for (int64_t i = 0; i < nms->boxes; i++)
        if (!nms->scored || scores[i] > nms->score)
            nms->heap[count++] = i;
    for (int64_t i = count / 2 - 1; i >= 0; i--)
        sink(nms, scores, i, count);
    return count;
}

/* Chooses boxes of one class; writes [batch, class, box] to `to`, which may be NULL. How many. */
static int64_t choose(const struct nms *nms, int64_t batch, int64_t class, const float *scores, int64_t *to) {
    int64_t chosen = 0, left = make_heap(nms, scores);
    while (left > 0 && chosen < nms->most) {
        const int64_t best = nms->heap[0];
        const struct corner_box box = box_at(nms->call, batch, best);
        bool keep = true;
        nms->heap[0] = nms->heap[--left];
        sink(nms, scores, 0, left);
        for (int64_t i = 0; keep && i < chosen; i++)
            keep = !overlap(&box, &nms->chosen[i], nms->overlap);
        if (!keep)
            continue;
        if (to) {
            to[3 * chosen] = batch;
            to[3 * chosen + 1] = class;
            to[3 * chosen + 2] = best;
        }
        nms->chosen[chosen++] = box;
    }
    return chosen;
}

static int64_t choose_all(const struct nms *nms, int64_t *to) {
    const struct shape *scores = &nms->call->inputs[1]->shape;
    int64_t chosen = 0;
    for (int64_t batch = 0; batch < scores->dims[0]; batch++)
        for (int64_t class = 0; class < scores->dims[1]; class ++)
            chosen += choose(nms, batch, class,
                             (const float *)nms->call->inputs[1]->data + (batch * scores->dims[1] + class) * nms->boxes,
                             to ? to + 3 * chosen : NULL);
    return chosen;
}

static float float_of(const struct op_call *call, int i) {
    const struct tensor *tensor = op_input(call, i);
    return tensor && tensor->bytes > 0 ? *(const float *)tensor->data : 0;
}

static void read_limits(const struct op_call *call, struct nms *nms) {
    const struct tensor *most = op_input(call, 2), *score = op_input(call, 4);
    *nms = (struct nms){.call = call, .boxes = call->inputs[0]->shape.dims[1], .overlap = float_of(call, 3)};
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

static size_t heap_bytes(const struct nms *nms) {
    return whole_line_bytes((size_t)nms->boxes * sizeof *nms->heap); /* boxes are in memory: 16 bytes each */
}

/* memory: of heap_bytes(), and as many boxes as are chosen. */
static void use_memory(struct nms *nms, char *memory) {
    nms->heap = (void *)memory;
    nms->chosen = (void *)(memory + heap_bytes(nms));
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
    char *memory = memory_alloc(heap_bytes(&nms) + (size_t)nms.most * sizeof(struct corner_box) + 1);
    if (!memory)
        return fail_memory(err, "the boxes of a NonMaxSuppression");
    use_memory(&nms, memory);
    shape.dims[0] = choose_all(&nms, NULL);
    free(memory);
    return tensor_describe(call->outputs[0], DTYPE_INT64, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const int64_t boxes = call->inputs[0]->shape.dims[1];
    (void)err;
    *workspace_bytes = whole_line_bytes((size_t)boxes * sizeof(int64_t)) + (size_t)boxes * sizeof(struct corner_box);
    return STATUS_OK;
}

static status run(struct op_call *call, struct error *err) {
    struct nms nms;
    (void)err;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    read_limits(call, &nms);
    use_memory(&nms, call->workspace);
    choose_all(&nms, call->outputs[0]->data);
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

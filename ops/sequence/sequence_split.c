/* Tensors taken apart into sequences and put together again. ONNX: SplitToSequence, ConcatFromSequence. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"
#include "ops/sequence/boxed.h"

#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

/* Elements in front of the axis and behind it, in bytes. */
struct extent {
    size_t rows, run;
};

static struct extent extent_of(const struct shape *shape, int axis, size_t element) {
    struct extent extent = {1, element};
    for (int i = 0; i < shape->rank; i++)
        if (i != axis)
            *(i < axis ? &extent.rows : &extent.run) *= (size_t)shape->dims[i];
    return extent;
}

/* ---- SplitToSequence ---- */

struct split {
    int64_t axis;
    bool keeps; /* dimension 1 of pieces of one, where their sizes are not given */
};

static status parse_split(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct split *split = params;
    (void)call, (void)err;
    split->axis = attribute_int(attributes, "axis", 0);
    split->keeps = attribute_int(attributes, "keepdims", 1) != 0;
    return STATUS_OK;
}

/* Where the pieces come from. */
struct pieces {
    const struct tensor *whole;
    int axis;
    int64_t size; /* of the axis */
    int64_t each; /* size of all pieces but the last one; 0: as listed in sizes */
    const struct tensor *sizes;
    size_t count;
    bool squeezed;
};

static int64_t listed_size(const struct pieces *pieces, size_t i) {
    const struct tensor *sizes = pieces->sizes;
    return sizes->dtype == DTYPE_INT32 ? ((const int32_t *)sizes->data)[i] : ((const int64_t *)sizes->data)[i];
}

static status check_listed(const struct pieces *pieces, struct error *err) {
    int64_t sum = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const int64_t size = listed_size(pieces, i);
        if (size < 0 || size > pieces->size - sum)
            return fail(err, STATUS_SHAPE, "input 1 (split) has %lld at %zu, %lld are left of dimension %d",
                        (long long)size, i, (long long)(pieces->size - sum), pieces->axis);
        sum += size;
    }
    return sum == pieces->size ? STATUS_OK
                               : fail(err, STATUS_SHAPE, "input 1 (split) adds up to %lld, dimension %d is %lld",
                                      (long long)sum, pieces->axis, (long long)pieces->size);
}

static status find_pieces(const struct op_call *call, struct pieces *pieces, struct error *err) {
    const struct split *split = call->params;
    const struct tensor *whole = call->inputs[0], *sizes = op_input(call, 1);
    *pieces = (struct pieces){.whole = whole, .sizes = sizes, .each = 1, .squeezed = !sizes && !split->keeps};
    if (op_axis(split->axis, whole->shape.rank, &pieces->axis, "axis", err) != STATUS_OK)
        return err->code;
    pieces->size = whole->shape.dims[pieces->axis];
    if (sizes && sizes->shape.rank > 1)
        return fail(err, STATUS_SHAPE, "input 1 (split) has rank %d, expected 0 or 1", sizes->shape.rank);
    if (sizes && sizes->shape.rank == 1) {
        pieces->each = 0;
        pieces->count = (size_t)sizes->shape.dims[0];
        return check_listed(pieces, err);
    }
    if (sizes)
        pieces->each = listed_size(pieces, 0);
    if (pieces->each < 1)
        return fail(err, STATUS_SHAPE, "input 1 (split) is %lld, expected a positive number", (long long)pieces->each);
    pieces->count = (size_t)(pieces->size / pieces->each + (pieces->size % pieces->each != 0));
    return STATUS_OK;
}

static struct shape piece_shape(const struct pieces *pieces, int64_t size) {
    struct shape shape = pieces->whole->shape;
    shape.dims[pieces->axis] = size;
    if (!pieces->squeezed)
        return shape;
    for (int i = pieces->axis; i + 1 < shape.rank; i++)
        shape.dims[i] = shape.dims[i + 1];
    shape.rank--;
    return shape;
}

static void cut(const struct pieces *pieces, int64_t from, int64_t size, char *to) {
    const struct tensor *whole = pieces->whole;
    const struct extent extent = extent_of(&whole->shape, pieces->axis, dtype_size(whole->dtype));
    const size_t bytes = (size_t)size * extent.run, step = (size_t)pieces->size * extent.run;
    const char *source = (const char *)whole->data + (size_t)from * extent.run;
    for (size_t row = 0; row < extent.rows && bytes > 0; row++)
        memcpy(to + row * bytes, source + row * step, bytes);
}

static status put_piece(const struct op_call *call, const struct pieces *pieces, struct box *sequence, int64_t from,
                        int64_t size, struct error *err) {
    const struct shape shape = piece_shape(pieces, size);
    struct box *piece;
    if (box_new(call->heap, pieces->whole->dtype, &shape, &piece, err) != STATUS_OK)
        return err->code;
    cut(pieces, from, size, piece->tensor.data);
    box_put(sequence, piece);
    return piece->tensor.dtype == DTYPE_STRING ? box_own_texts(piece, err) : STATUS_OK;
}

static status run_split(struct op_call *call, struct error *err) {
    struct pieces pieces;
    struct box *sequence;
    if (find_pieces(call, &pieces, err) != STATUS_OK ||
        box_container(call->heap, DTYPE_SEQUENCE, pieces.whole->dtype, pieces.count, &sequence, err) != STATUS_OK)
        return err->code;
    int64_t from = 0;
    for (size_t i = 0; i < pieces.count; i++) {
        const int64_t left = pieces.size - from;
        const int64_t size = pieces.each == 0 ? listed_size(&pieces, i) : left < pieces.each ? left : pieces.each;
        if (put_piece(call, &pieces, sequence, from, size, err) != STATUS_OK) {
            box_drop(sequence);
            return err->code;
        }
        from += size;
    }
    boxed_give(call->outputs[0], sequence);
    return STATUS_OK;
}

/* ---- ConcatFromSequence ---- */

struct concat {
    int64_t axis;
    bool stacks; /* along an axis of its own */
};

static status parse_concat(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct concat *concat = params;
    (void)call;
    concat->stacks = attribute_int(attributes, "new_axis", 0) != 0;
    concat->axis = attribute_int(attributes, "axis", 0);
    return movement_require(attributes, "axis", err);
}

/* An item's shape, with the axis that it is put together along. */
static struct shape seen_shape(const struct box *item, int axis, bool stacks) {
    struct shape shape = item->tensor.shape;
    if (!stacks)
        return shape;
    for (int i = shape.rank; i > axis; i--)
        shape.dims[i] = shape.dims[i - 1];
    shape.dims[axis] = 1;
    shape.rank++;
    return shape;
}

static status find_axis(const struct op_call *call, const struct box *sequence, int *axis, struct error *err) {
    const struct concat *concat = call->params;
    if (sequence->count == 0)
        return fail(err, STATUS_SHAPE, "the sequence is empty: nothing can be put together");
    const int rank = sequence->items[0]->tensor.shape.rank + concat->stacks;
    if (rank > MAX_RANK)
        return fail(err, STATUS_LIMIT, "rank %d, at most %d are possible", rank, MAX_RANK);
    return op_axis(concat->axis, rank, axis, "axis", err);
}

static status add_item(const struct box *item, int axis, bool stacks, struct shape *whole, size_t number,
                       struct error *err) {
    const struct shape shape = seen_shape(item, axis, stacks);
    char first[SHAPE_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    bool fits = shape.rank == whole->rank;
    for (int i = 0; fits && i < shape.rank; i++)
        fits = i == axis || shape.dims[i] == whole->dims[i];
    if (!fits)
        return fail(err, STATUS_SHAPE, "item %zu is %s, which does not fit %s of those before it", number,
                    shape_text(&item->tensor.shape, text), shape_text(whole, first));
    return int64_add(whole->dims[axis], shape.dims[axis], &whole->dims[axis])
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the items have no valid size together");
}

static status infer_concat(struct op_call *call, struct error *err) {
    const struct concat *concat = call->params;
    int axis;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    const struct box *sequence = tensor_box(call->inputs[0]);
    if (find_axis(call, sequence, &axis, err) != STATUS_OK)
        return err->code;
    struct shape whole = seen_shape(sequence->items[0], axis, concat->stacks);
    for (size_t i = 1; i < sequence->count; i++)
        if (add_item(sequence->items[i], axis, concat->stacks, &whole, i, err) != STATUS_OK)
            return err->code;
    if (dtype_size(sequence->element) == 0)
        return fail(err, STATUS_UNSUPPORTED, "elements of type %s are not put together", dtype_name(sequence->element));
    return tensor_describe(call->outputs[0], sequence->element, &whole, err);
}

static status run_concat(struct op_call *call, struct error *err) {
    const struct concat *concat = call->params;
    const struct box *sequence = tensor_box(call->inputs[0]);
    struct tensor *whole = call->outputs[0];
    int axis;
    if (find_axis(call, sequence, &axis, err) != STATUS_OK)
        return err->code;
    const struct extent extent = extent_of(&whole->shape, axis, dtype_size(whole->dtype));
    const size_t step = (size_t)whole->shape.dims[axis] * extent.run;
    char *to = whole->data;
    for (size_t i = 0; i < sequence->count; i++) {
        const struct shape shape = seen_shape(sequence->items[i], axis, concat->stacks);
        const size_t bytes = (size_t)shape.dims[axis] * extent.run;
        const char *from = sequence->items[i]->tensor.data;
        for (size_t row = 0; row < extent.rows && bytes > 0; row++)
            memcpy(to + row * step, from + row * bytes, bytes);
        to += bytes;
    }
    return whole->dtype == DTYPE_STRING ? boxed_keep_texts(call, whole->data, (size_t)tensor_elements(whole), err)
                                        : STATUS_OK;
}

const struct op ops_sequence_split[] = {
    {.name = "SplitToSequence",
     .domain = "",
     .since = 11,
     .inputs = ARGS({"input", TYPES_WHOLE, 0}, {"split", TYPES_INDEX, ARG_OPTIONAL}),
     .outputs = ARGS({"output_sequence", TYPE(DTYPE_SEQUENCE), 0}),
     .params_size = sizeof(struct split),
     .facts = &facts,
     .parse = parse_split,
     .infer = boxed_infer_sequence,
     .run = run_split},
    {.name = "ConcatFromSequence",
     .domain = "",
     .since = 11,
     .inputs = ARGS({"input_sequence", TYPE(DTYPE_SEQUENCE), 0}),
     .outputs = ARGS({"concat_result", TYPES_WHOLE, 0}),
     .params_size = sizeof(struct concat),
     .facts = &facts,
     .parse = parse_concat,
     .infer = infer_concat,
     .run = run_concat},
    {0},
};

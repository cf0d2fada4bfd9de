#include "runtime/plan/plan_stack.h"

#include "base/checked.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void held_free(struct held *held, struct plan *plan) {
    if (held->owned) {
        if (held->boxed && held->data)
            box_drop(*(struct box **)held->data);
        free(held->data);
        plan_take_bytes(plan, held->bytes);
    }
    *held = (struct held){0};
}

status held_take(struct held *held, struct plan *plan, void *data, size_t bytes, struct error *err) {
    held_free(held, plan);
    *held = (struct held){.data = data, .owned = true};
    const status code = plan_add_bytes(plan, bytes, err);
    held->bytes = code == STATUS_OK ? bytes : 0;
    return code;
}

status held_grow(struct held *held, struct plan *plan, size_t bytes, size_t kept, struct error *err) {
    if (held->data && held->bytes >= bytes)
        return STATUS_OK;
    void *data = memory_alloc(bytes);
    if (!data)
        return fail_memory(err, "a value");
    if (kept > 0)
        memcpy(data, held->data, kept);
    return held_take(held, plan, data, bytes, err);
}

void held_give(struct held *held, struct plan *plan, struct tensor *value, size_t bytes) {
    plan_take_bytes(plan, held->bytes - bytes);
    value->data = held->data;
    *held = (struct held){0};
}

/* ---- pieces of a whole ---- */

/* The whole's bytes in front of the axis, from one piece to the next, and of a piece's run behind it. */
struct cut {
    size_t rows, run;
};

static struct cut cut_at(const struct shape *piece, int axis, size_t element) {
    struct cut cut = {1, element};
    for (int i = 0; i < piece->rank; i++)
        *(i < axis ? &cut.rows : &cut.run) *= (size_t)piece->dims[i];
    return cut;
}

void stack_cut(const struct tensor *whole, int axis, int64_t i, void *piece) {
    struct shape shape = whole->shape;
    const size_t count = (size_t)shape.dims[axis];
    shape.dims[axis] = 1;
    const struct cut cut = cut_at(&shape, axis, dtype_size(whole->dtype));
    for (size_t row = 0; row < cut.rows; row++)
        memcpy((char *)piece + row * cut.run, (const char *)whole->data + (row * count + (size_t)i) * cut.run, cut.run);
}

status stack_describe(const struct stack *stack, int64_t count, struct tensor *whole, struct error *err) {
    const struct shape *piece = &stack->piece.shape;
    struct shape shape = {.rank = piece->rank + 1};
    int axis;
    if (shape.rank > MAX_RANK)
        return fail(err, STATUS_LIMIT, "rank %d, at most %d are possible", shape.rank, MAX_RANK);
    if (dtype_size(stack->piece.dtype) == 0 || dtype_is_boxed(stack->piece.dtype))
        return fail(err, STATUS_UNSUPPORTED, "elements of type %s are not put together",
                    dtype_name(stack->piece.dtype));
    if (op_axis(stack->slicing.axis, shape.rank, &axis, "scan_output_axes", err) != STATUS_OK)
        return err->code;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i < axis ? piece->dims[i] : i == axis ? count : piece->dims[i - 1];
    return tensor_describe(whole, stack->piece.dtype, &shape, err);
}

/* Room for one more piece: all of it where their number is known, else twice as much each time. */
static status make_room(struct stack *stack, struct plan *plan, struct error *err) {
    const size_t used = (size_t)stack->count * stack->piece.bytes;
    struct tensor whole;
    if (stack_describe(stack, stack->exact ? stack->total : stack->count + 1, &whole, err) != STATUS_OK)
        return err->code;
    if (whole.bytes > plan->settings.tensor_bytes)
        return fail(err, STATUS_LIMIT, "%lld pieces take %zu bytes, the limit for one tensor is %zu",
                    (long long)(stack->count + 1), whole.bytes, plan->settings.tensor_bytes);
    size_t bytes = whole.bytes;
    if (!stack->exact && stack->memory.bytes < bytes && stack->memory.bytes < plan->settings.tensor_bytes / 2 &&
        stack->memory.bytes * 2 > bytes)
        bytes = stack->memory.bytes * 2;
    return held_grow(&stack->memory, plan, bytes, stack->memory.data ? used : 0, err);
}

static status check_piece(const struct stack *stack, const struct tensor *piece, struct error *err) {
    char first[SHAPE_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    if (piece->dtype == stack->piece.dtype && shape_equal(&piece->shape, &stack->piece.shape))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "is %s %s, in iterations before %s %s", dtype_name(piece->dtype),
                shape_text(&piece->shape, text), dtype_name(stack->piece.dtype),
                shape_text(&stack->piece.shape, first));
}

status stack_push(struct stack *stack, struct plan *plan, const struct tensor *piece, struct error *err) {
    if (stack->count == 0) {
        stack->piece = *piece;
        stack->piece.data = NULL;
    }
    if (check_piece(stack, piece, err) != STATUS_OK || make_room(stack, plan, err) != STATUS_OK)
        return err->code;
    const int rank = piece->shape.rank + 1, axis = stack->slicing.axis + (stack->slicing.axis < 0 ? rank : 0);
    const struct cut cut = cut_at(&piece->shape, axis, dtype_size(piece->dtype));
    const size_t step = stack->exact ? (size_t)stack->total : 1;
    const size_t place = (size_t)(stack->slicing.backwards ? stack->total - 1 - stack->count : stack->count);
    for (size_t row = 0; row < cut.rows && cut.run > 0; row++)
        memcpy((char *)stack->memory.data + (row * step + place) * cut.run, (const char *)piece->data + row * cut.run,
               cut.run);
    stack->count++;
    return STATUS_OK;
}

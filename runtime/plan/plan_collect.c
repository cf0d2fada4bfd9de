#include "runtime/plan/plan_collect.h"

#include "base/memory.h"

status collect_open(struct plan *plan, enum dtype element, int64_t capacity, struct box **sequence, struct error *err) {
    return box_container(plan->settings.heap, DTYPE_SEQUENCE, element, (size_t)capacity, sequence, err);
}

status collect_add(struct plan *plan, struct box *sequence, const struct tensor *item, struct error *err) {
    struct box *copy;
    if (dtype_is_boxed(item->dtype))
        return fail(err, STATUS_UNSUPPORTED, "is a %s, expected a tensor", dtype_name(item->dtype));
    if (sequence->element != DTYPE_UNDEFINED && item->dtype != sequence->element)
        return fail(err, STATUS_INVALID_MODEL, "has element type %s, items before it have %s", dtype_name(item->dtype),
                    dtype_name(sequence->element));
    plan->settings.heap->most = plan_bytes_left(plan);
    if (box_copy(plan->settings.heap, item, &copy, err) != STATUS_OK)
        return err->code;
    sequence->element = item->dtype;
    box_put(sequence, copy);
    return STATUS_OK;
}

status collect_give(struct plan *plan, struct box **sequence, struct tensor *output, struct error *err) {
    static const struct shape scalar = {.rank = 0};
    if (tensor_describe(output, DTYPE_SEQUENCE, &scalar, err) != STATUS_OK ||
        plan_add_bytes(plan, output->bytes, err) != STATUS_OK)
        return err->code;
    output->data = memory_alloc(output->bytes);
    if (!output->data) {
        plan_take_bytes(plan, output->bytes);
        return fail_memory(err, "a value");
    }
    *(struct box **)output->data = *sequence;
    *sequence = NULL;
    return STATUS_OK;
}

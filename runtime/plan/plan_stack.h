/* Outputs of steps that are put together of many pieces, one an iteration, and values that change with each. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_STACK_H
#define LIMNER_RUNTIME_PLAN_PLAN_STACK_H

#include "runtime/plan/plan.h"

/* Memory of the heap that counts as activations, or of somebody else. */
struct held {
    void *data;
    size_t bytes;
    bool owned;
    bool boxed; /* it points to a box, of which this is a holder */
};

/* At least so many bytes; the first `kept` ones stay as they are. */
status held_grow(struct held *held, struct plan *plan, size_t bytes, size_t kept, struct error *err);
/* Takes over memory of the heap. */
status held_take(struct held *held, struct plan *plan, void *data, size_t bytes, struct error *err);
void held_free(struct held *held, struct plan *plan);
/* Hands the memory, of which so many bytes count, to a value of the plan. */
void held_give(struct held *held, struct plan *plan, struct tensor *value, size_t bytes);

/* A tensor that grows along an axis. */
struct stack {
    struct op_slicing slicing;
    int64_t total;       /* pieces at most; -1: not known */
    bool exact;          /* there will be `total` */
    struct tensor piece; /* the first one, without data */
    int64_t count;
    struct held memory;
};

/* Adds a piece; all have one type and shape. */
status stack_push(struct stack *stack, struct plan *plan, const struct tensor *piece, struct error *err);
/* Describes the whole, of the pieces so far; of none when `piece` is described. No data. */
status stack_describe(const struct stack *stack, int64_t count, struct tensor *whole, struct error *err);

/* Cuts piece i out of the whole. */
void stack_cut(const struct tensor *whole, int axis, int64_t i, void *piece);

#endif

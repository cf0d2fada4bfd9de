/*
 * The opcodes that make plain values and containers. `width` is that of a length or number in bytes, `kind` an enum
 * value_kind, `count` says how many values are taken.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_PICKLE_VALUES_H
#define LIMNER_TOOLS_CHECKPOINT_PICKLE_VALUES_H

#include "tools/checkpoint/pickle_machine.h"

/* ---- plain values ---- */

status pickle_op_none(struct pickle *pickle, unsigned unused);
status pickle_op_bool(struct pickle *pickle, unsigned truth);
status pickle_op_int(struct pickle *pickle, unsigned width);
status pickle_op_long(struct pickle *pickle, unsigned width);
status pickle_op_float(struct pickle *pickle, unsigned width);
status pickle_op_text(struct pickle *pickle, unsigned width);
status pickle_op_bytes(struct pickle *pickle, unsigned width);

/* ---- containers ---- */

status pickle_op_empty(struct pickle *pickle, unsigned kind);
status pickle_op_tuple_of(struct pickle *pickle, unsigned count);
status pickle_op_collect(struct pickle *pickle, unsigned kind);
status pickle_op_append(struct pickle *pickle, unsigned unused);
status pickle_op_set_item(struct pickle *pickle, unsigned unused);
status pickle_op_extend(struct pickle *pickle, unsigned kind);
status pickle_op_empty_set(struct pickle *pickle, unsigned unused);
status pickle_op_frozen_set(struct pickle *pickle, unsigned unused);
status pickle_op_add_items(struct pickle *pickle, unsigned unused);

#endif

#include "ops/core/op_types.h"

#include "base/convert.h"
#include "base/small_types.h"

/* The number of the argument's type variable, or -1. */
static int variable_of(const struct op_arg *argument) {
    return (int)(argument->flags / ARG_T) - 1;
}

enum dtype op_types_widen(const struct op_arg *argument, enum dtype dtype) {
    const bool moves = (argument->types & TYPE(DTYPE_STRING)) && (argument->types & TYPE(DTYPE_UINT8));
    if (variable_of(argument) < 0 || (argument->types >> dtype & 1))
        return DTYPE_UNDEFINED;
    if (dtype_is_half(dtype) && (argument->types & TYPES_FLOAT))
        return DTYPE_FLOAT;
    return dtype_is_packed(dtype) && moves ? DTYPE_UINT8 : DTYPE_UNDEFINED;
}

static void append_types(struct error *err, uint32_t types) {
    const char *separator = "";
    for (int dtype = 0; dtype < DTYPE_END; dtype++)
        if (types >> dtype & 1) {
            error_append(err, "%s%s", separator, dtype_name(dtype));
            separator = ", ";
        }
}

static uint32_t listed(const struct op_arg *argument, bool widens) {
    uint32_t types = argument->types;
    for (int dtype = 0; widens && dtype < DTYPE_COUNT; dtype++)
        if (op_types_widen(argument, (enum dtype)dtype))
            types |= TYPE(dtype);
    return types;
}

static status refuse(const struct op_arg *argument, int i, enum dtype dtype, bool widens, struct error *err) {
    fail(err, STATUS_UNSUPPORTED, "input %d (%.32s) has element type %s, supported: ", i, argument->name,
         dtype_name(dtype));
    append_types(err, listed(argument, widens));
    return err->code;
}

status op_types_add(struct op_types *types, const struct op *op, int i, enum dtype dtype, struct error *err) {
    const struct op_arg *argument = op_argument(op->inputs, i);
    const int variable = variable_of(argument);
    if (!(listed(argument, types->widens) >> dtype & 1))
        return refuse(argument, i, dtype, types->widens, err);
    if (variable < 0)
        return STATUS_OK;
    if (types->variables[variable] == DTYPE_UNDEFINED) {
        types->variables[variable] = dtype;
        types->inputs[variable] = i;
    }
    if (types->variables[variable] == dtype)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "input %d (%.32s) has element type %s, expected %s as input %d", i,
                argument->name, dtype_name(dtype), dtype_name(types->variables[variable]), types->inputs[variable]);
}

/* The one type of a set, or DTYPE_UNDEFINED. */
static enum dtype only_type(uint32_t set) {
    return set == 0 || (set & (set - 1)) != 0 ? DTYPE_UNDEFINED : (enum dtype)__builtin_ctz(set);
}

enum dtype op_types_output(const struct op_types *types, const struct op_call *call, int i) {
    const struct op_arg *argument = op_argument(call->op->outputs, i);
    if (!argument)
        return DTYPE_UNDEFINED;
    const int variable = variable_of(argument);
    const bool asks = call->op->output_type && call->params;
    const enum dtype stated = asks && (argument->flags & ARG_STATED) ? call->op->output_type(call, i) : DTYPE_UNDEFINED;
    if (stated != DTYPE_UNDEFINED)
        return stated;
    if (variable >= 0 && types->variables[variable] != DTYPE_UNDEFINED)
        return types->variables[variable];
    return asks ? call->op->output_type(call, i) : only_type(argument->types);
}

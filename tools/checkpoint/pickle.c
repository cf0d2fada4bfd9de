#include "tools/checkpoint/pickle.h"

#include "tools/checkpoint/numpy_pickle.h"
#include "tools/checkpoint/pickle_global.h"
#include "tools/checkpoint/pickle_values.h"
#include "tools/checkpoint/storages.h"

#include <string.h>

/* ---- the stack and the memo ---- */

static status op_mark(struct pickle *p, unsigned unused) {
    (void)unused;
    return pickle_mark(p);
}

static status op_pop(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 1);
    if (!code)
        p->depth--;
    return code;
}

static status op_pop_mark(struct pickle *p, unsigned unused) {
    (void)unused;
    return pickle_drop_to_mark(p);
}

static status op_dup(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 1);
    return code ? code : pickle_push(p, pickle_top(p));
}

static status op_put(struct pickle *p, unsigned width) {
    uint64_t index;
    const status code = pickle_take_number(p, width, &index);
    return code ? code : pickle_memo_put(p, (size_t)index);
}

static status op_memoize(struct pickle *p, unsigned unused) {
    (void)unused;
    return pickle_memo_put(p, p->memo_count);
}

static status op_get(struct pickle *p, unsigned width) {
    uint64_t index;
    const status code = pickle_take_number(p, width, &index);
    return code ? code : pickle_memo_get(p, index);
}

/* ---- classes and calls ---- */

/* Up to the next newline, which is skipped. */
static status take_line(struct pickle *p, struct text *line) {
    const uint8_t *start = p->data + p->at;
    const uint8_t *end = p->at < p->bytes ? memchr(start, '\n', p->bytes - p->at) : NULL;
    if (!end)
        return pickle_broken(p, "the name of a class does not end");
    *line = (struct text){(const char *)start, (size_t)(end - start)};
    p->at += line->length + 1;
    return STATUS_OK;
}

static status op_global(struct pickle *p, unsigned unused) {
    (void)unused;
    struct text module = {NULL, 0}, name = {NULL, 0};
    status code = take_line(p, &module);
    if (!code)
        code = take_line(p, &name);
    return code ? code : pickle_push(p, pickle_global(p, module, name));
}

static status op_stack_global(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 2);
    if (code)
        return code;
    const struct pickle_value *name = pickle_pop(p), *module = pickle_pop(p);
    if (name->kind != VALUE_TEXT || module->kind != VALUE_TEXT)
        return pickle_broken(p, "the name of a class is no text");
    return pickle_push(p, pickle_global(p, module->text, name->text));
}

static status op_persistent(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 1);
    return code ? code : pickle_push(p, storages_load(p, pickle_pop(p)));
}

static status check_arguments(struct pickle *p, const struct pickle_value *arguments) {
    return arguments->kind == VALUE_TUPLE ? STATUS_OK : pickle_broken(p, "the arguments of a call are no tuple");
}

static status op_reduce(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 2);
    if (code)
        return code;
    struct pickle_value *arguments = pickle_pop(p);
    const struct pickle_value *callable = pickle_pop(p);
    return check_arguments(p, arguments) ? p->err->code : pickle_push(p, pickle_call(p, callable, arguments));
}

/* keywords: 1 when a dictionary of keyword arguments is on top. */
static status op_new(struct pickle *p, unsigned keywords) {
    const status code = pickle_need(p, 2 + keywords);
    if (code)
        return code;
    p->depth -= keywords;
    struct pickle_value *arguments = pickle_pop(p);
    const struct pickle_value *cls = pickle_pop(p);
    return check_arguments(p, arguments) ? p->err->code : pickle_push(p, pickle_new(p, cls, arguments));
}

/* Attributes of dictionaries (_metadata) and tensors do not matter; of foreign objects the first ones are kept. */
static status op_build(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = pickle_need(p, 2);
    if (code)
        return code;
    const struct pickle_value *state = pickle_pop(p);
    struct pickle_value *target = pickle_top(p);
    if (target->kind == VALUE_ARRAY || target->kind == VALUE_ARRAY_TYPE) {
        numpy_build(target, state);
        return STATUS_OK;
    }
    if (target->kind != VALUE_DICT && target->kind != VALUE_TENSOR && target->kind != VALUE_OPAQUE)
        return pickle_fail(p, STATUS_INVALID_MODEL, "the pickle is damaged: %s is given attributes",
                           value_kind_name(target->kind));
    if (target->kind == VALUE_OPAQUE && !target->opaque.state)
        target->opaque.state = state;
    return STATUS_OK;
}

/* ---- the stream ---- */

static status op_protocol(struct pickle *p, unsigned width) {
    uint64_t version;
    const status code = pickle_take_number(p, width, &version);
    if (code)
        return code;
    if (version < 2 || version > 5)
        return pickle_fail(p, STATUS_UNSUPPORTED, "pickle protocol %u; limner reads 2 to 5", (unsigned)version);
    return STATUS_OK;
}

/* Frames only say how much to read ahead. */
static status op_frame(struct pickle *p, unsigned width) {
    uint64_t length;
    const status code = pickle_take_number(p, width, &length);
    if (code)
        return code;
    if (length > p->bytes - p->at && !p->cut)
        return pickle_broken(p, "a frame is longer than the pickle");
    return STATUS_OK;
}

static status op_stop(struct pickle *p, unsigned unused) {
    (void)unused;
    if (p->depth != 1 || p->mark_count)
        return pickle_broken(p, "it does not end with one value");
    p->stopped = true;
    return STATUS_OK;
}

struct opcode {
    status (*run)(struct pickle *pickle, unsigned number);
    unsigned number; /* width of a length or number in bytes, how many values, or which kind */
};

static const struct opcode opcodes[256] = {
    ['('] = {op_mark, 0},
    [')'] = {pickle_op_empty, VALUE_TUPLE},
    ['.'] = {op_stop, 0},
    ['0'] = {op_pop, 0},
    ['1'] = {op_pop_mark, 0},
    ['2'] = {op_dup, 0},
    ['B'] = {pickle_op_bytes, 4},
    ['C'] = {pickle_op_bytes, 1},
    ['G'] = {pickle_op_float, 8},
    ['J'] = {pickle_op_int, 4},
    ['K'] = {pickle_op_int, 1},
    ['M'] = {pickle_op_int, 2},
    ['N'] = {pickle_op_none, 0},
    ['Q'] = {op_persistent, 0},
    ['R'] = {op_reduce, 0},
    ['T'] = {pickle_op_text, 4}, /* str of Python 2 */
    ['U'] = {pickle_op_text, 1},
    ['X'] = {pickle_op_text, 4},
    [']'] = {pickle_op_empty, VALUE_LIST},
    ['a'] = {pickle_op_append, 0},
    ['b'] = {op_build, 0},
    ['c'] = {op_global, 0},
    ['d'] = {pickle_op_collect, VALUE_DICT},
    ['e'] = {pickle_op_extend, VALUE_LIST},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['l'] = {pickle_op_collect, VALUE_LIST},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    ['s'] = {pickle_op_set_item, 0},
    ['t'] = {pickle_op_collect, VALUE_TUPLE},
    ['u'] = {pickle_op_extend, VALUE_DICT},
    ['}'] = {pickle_op_empty, VALUE_DICT},
    [0x80] = {op_protocol, 1},
    [0x81] = {op_new, 0},
    [0x85] = {pickle_op_tuple_of, 1},
    [0x86] = {pickle_op_tuple_of, 2},
    [0x87] = {pickle_op_tuple_of, 3},
    [0x88] = {pickle_op_bool, true},
    [0x89] = {pickle_op_bool, false},
    [0x8a] = {pickle_op_long, 1},
    [0x8b] = {pickle_op_long, 4},
    [0x8c] = {pickle_op_text, 1},
    [0x8d] = {pickle_op_text, 8},
    [0x8e] = {pickle_op_bytes, 8},
    [0x8f] = {pickle_op_empty_set, 0},
    [0x90] = {pickle_op_add_items, 0},
    [0x91] = {pickle_op_frozen_set, 0},
    [0x92] = {op_new, 1},
    [0x93] = {op_stack_global, 0},
    [0x94] = {op_memoize, 0},
    [0x95] = {op_frame, 8},
    [0x96] = {pickle_op_bytes, 8},
};

static status step(struct pickle *p) {
    p->opcode_at = p->at;
    const uint8_t *byte = pickle_take(p, 1);
    if (!byte)
        return p->err->code;
    const struct opcode *opcode = &opcodes[*byte];
    if (!opcode->run)
        return pickle_fail(p, STATUS_UNSUPPORTED, "opcode 0x%02x is none that torch.save writes", *byte);
    return opcode->run(p, opcode->number);
}

status pickle_read(struct pickle *p, struct pickle_value **out) {
    status code = STATUS_OK;
    p->opcode_at = p->at;
    if (p->at < p->bytes && p->data[p->at] != 0x80)
        return pickle_broken(p, "it does not begin with its protocol");
    p->stopped = false;
    while (!code && !p->stopped)
        code = step(p);
    *out = code ? NULL : p->stack[0];
    pickle_clear(p);
    return code;
}

#include "tools/checkpoint/pickle.h"

#include "base/checked.h"
#include "tools/checkpoint/numpy_pickle.h"
#include "tools/checkpoint/pickle_global.h"
#include "tools/checkpoint/storages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* torch.save keeps a batch of 1000 items on the stack, per level. */
#define STACK_LIMIT ((size_t)1 << 20)

/* ---- failures and limits ---- */

static status fail_broken(struct pickle *p, const char *what) {
    return pickle_fail(p, STATUS_INVALID_MODEL, "the pickle is damaged: %s", what);
}

/* The next count bytes, or NULL after a failure. */
static const uint8_t *take(struct pickle *p, uint64_t count) {
    if (count > p->bytes - p->at) {
        if (p->cut)
            pickle_fail(p, STATUS_LIMIT, "the pickle is longer than the limit of %zu bytes", p->bytes);
        else
            pickle_fail(p, STATUS_INVALID_MODEL,
                        "the pickle ends early: %llu bytes expected at byte %zu, %zu are there",
                        (unsigned long long)count, p->at, p->bytes - p->at);
        return NULL;
    }
    const uint8_t *bytes = p->data + p->at;
    p->at += (size_t)count;
    return bytes;
}

/* A little-endian number of `width` bytes. */
static status take_number(struct pickle *p, unsigned width, uint64_t *number) {
    *number = 0;
    const uint8_t *bytes = take(p, width);
    if (!bytes)
        return p->err->code;
    for (unsigned i = 0; i < width; i++)
        *number |= (uint64_t)bytes[i] << (8 * i);
    return STATUS_OK;
}

/* ---- the stack ---- */

/* Doubles a growing array; false without memory. */
static bool grow(void *array, size_t *capacity, size_t item_bytes) {
    void **at = array;
    size_t bytes;
    const size_t wanted = *capacity ? *capacity * 2 : 64;
    void *bigger = size_mul(wanted, item_bytes, &bytes) ? realloc(*at, bytes) : NULL;
    if (!bigger)
        return false;
    *at = bigger;
    *capacity = wanted;
    return true;
}

static status push(struct pickle *p, struct pickle_value *value) {
    if (!value)
        return p->err->code;
    if (p->depth >= STACK_LIMIT)
        return pickle_fail(p, STATUS_LIMIT, "more than %zu values are on the pickle's stack", STACK_LIMIT);
    if (p->depth == p->stack_capacity && !grow(&p->stack, &p->stack_capacity, sizeof *p->stack))
        return fail_memory(p->err, "the pickle's stack");
    p->stack[p->depth++] = value;
    return STATUS_OK;
}

/* Values above the last mark. */
static size_t above_mark(const struct pickle *p) {
    return p->depth - (p->mark_count ? p->marks[p->mark_count - 1] : 0);
}

static status need(struct pickle *p, size_t count) {
    if (above_mark(p) >= count)
        return STATUS_OK;
    return fail_broken(p, "an opcode takes more values than there are");
}

static struct pickle_value *top(const struct pickle *p) {
    return p->stack[p->depth - 1];
}

static struct pickle_value *pop(struct pickle *p) {
    return p->stack[--p->depth];
}

/* Forgets the last mark; *count values were above it. They stay until the caller takes them off. */
static status end_mark(struct pickle *p, size_t *count) {
    *count = 0;
    if (p->mark_count == 0)
        return fail_broken(p, "an opcode needs a mark and there is none");
    *count = above_mark(p);
    p->mark_count--;
    return STATUS_OK;
}

static status op_mark(struct pickle *p, unsigned unused) {
    (void)unused;
    if (p->mark_count >= STACK_LIMIT)
        return pickle_fail(p, STATUS_LIMIT, "more than %zu marks are on the pickle's stack", STACK_LIMIT);
    if (p->mark_count == p->mark_capacity && !grow(&p->marks, &p->mark_capacity, sizeof *p->marks))
        return fail_memory(p->err, "the pickle's stack");
    p->marks[p->mark_count++] = p->depth;
    return STATUS_OK;
}

static status op_pop(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 1);
    if (!code)
        p->depth--;
    return code;
}

static status op_pop_mark(struct pickle *p, unsigned unused) {
    (void)unused;
    size_t count;
    const status code = end_mark(p, &count);
    if (!code)
        p->depth -= count;
    return code;
}

static status op_dup(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 1);
    return code ? code : push(p, top(p));
}

/* ---- the memo ---- */

static status memo_put(struct pickle *p, size_t index) {
    status code = need(p, 1);
    if (code)
        return code;
    if (index >= p->memo_count) {
        code = pickle_pay(p, index + 1 - p->memo_count);
        if (code)
            return code;
        while (index >= p->memo_capacity)
            if (!grow(&p->memo, &p->memo_capacity, sizeof *p->memo))
                return fail_memory(p->err, "the pickle's memo");
        memset(p->memo + p->memo_count, 0, (index + 1 - p->memo_count) * sizeof *p->memo);
        p->memo_count = index + 1;
    }
    p->memo[index] = top(p);
    return STATUS_OK;
}

static status op_put(struct pickle *p, unsigned width) {
    uint64_t index;
    const status code = take_number(p, width, &index);
    return code ? code : memo_put(p, (size_t)index);
}

static status op_memoize(struct pickle *p, unsigned unused) {
    (void)unused;
    return memo_put(p, p->memo_count);
}

static status op_get(struct pickle *p, unsigned width) {
    uint64_t index;
    const status code = take_number(p, width, &index);
    if (code)
        return code;
    if (index >= p->memo_count || !p->memo[index])
        return fail_broken(p, "a value is fetched from the memo that was never put there");
    return push(p, p->memo[index]);
}

/* ---- plain values ---- */

static status op_none(struct pickle *p, unsigned unused) {
    (void)unused;
    return push(p, pickle_new_value(p, VALUE_NONE));
}

static status op_bool(struct pickle *p, unsigned truth) {
    struct pickle_value *value = pickle_new_value(p, VALUE_BOOL);
    if (value)
        value->truth = truth;
    return push(p, value);
}

static status op_int(struct pickle *p, unsigned width) {
    uint64_t number;
    const status code = take_number(p, width, &number);
    if (code)
        return code;
    struct pickle_value *value = pickle_new_value(p, VALUE_INT);
    if (value)
        value->integer = width == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
    return push(p, value);
}

/* Little-endian two's complement, as few bytes as it takes. */
static status op_long(struct pickle *p, unsigned width) {
    uint64_t length;
    const status code = take_number(p, width, &length);
    if (code)
        return code;
    const uint8_t *bytes = take(p, length);
    struct pickle_value *value = bytes ? pickle_new_value(p, length <= 8 ? VALUE_INT : VALUE_BIG) : NULL;
    if (!value)
        return p->err->code;
    if (length > 8) {
        value->text = (struct text){(const char *)bytes, (size_t)length};
        return push(p, value);
    }
    uint64_t number = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)length; i-- > 0;)
        number = number << 8 | bytes[i];
    value->integer = (int64_t)number;
    return push(p, value);
}

static status op_float(struct pickle *p, unsigned width) {
    const uint8_t *bytes = take(p, width);
    struct pickle_value *value = bytes ? pickle_new_value(p, VALUE_FLOAT) : NULL;
    if (!value)
        return p->err->code;
    uint64_t bits = 0;
    for (unsigned i = 0; i < width; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&value->number, &bits, sizeof bits);
    return push(p, value);
}

static status push_bytes(struct pickle *p, enum value_kind kind, unsigned width) {
    uint64_t length;
    const status code = take_number(p, width, &length);
    if (code)
        return code;
    const uint8_t *bytes = take(p, length);
    struct pickle_value *value = bytes ? pickle_new_value(p, kind) : NULL;
    if (value)
        value->text = (struct text){(const char *)bytes, (size_t)length};
    return push(p, value);
}

static status op_text(struct pickle *p, unsigned width) {
    return push_bytes(p, VALUE_TEXT, width);
}

static status op_bytes(struct pickle *p, unsigned width) {
    return push_bytes(p, VALUE_BYTES, width);
}

/* ---- containers ---- */

static status append(struct pickle *p, struct value_items *items, struct pickle_value *item) {
    const status code = pickle_pay(p, 1);
    if (code)
        return code;
    return value_append(p->pool, items, item) ? STATUS_OK : fail_memory(p->err, "the checkpoint's values");
}

/* Takes the topmost `count` values off as the items of a new container. */
static status collect(struct pickle *p, enum value_kind kind, size_t count) {
    struct pickle_value *value = pickle_new_value(p, kind);
    if (!value)
        return p->err->code;
    for (size_t i = p->depth - count; i < p->depth; i++) {
        const status code = append(p, &value->items, p->stack[i]);
        if (code)
            return code;
    }
    p->depth -= count;
    return push(p, value);
}

static status op_empty(struct pickle *p, unsigned kind) {
    return push(p, pickle_new_value(p, (enum value_kind)kind));
}

static status op_tuple_of(struct pickle *p, unsigned count) {
    const status code = need(p, count);
    return code ? code : collect(p, VALUE_TUPLE, count);
}

static status op_collect(struct pickle *p, unsigned kind) {
    size_t count;
    const status code = end_mark(p, &count);
    if (code)
        return code;
    if (kind == VALUE_DICT && count % 2)
        return fail_broken(p, "a dictionary has a key without a value");
    return collect(p, (enum value_kind)kind, count);
}

/* Appends the topmost `count` values to the container below them. Foreign objects swallow theirs. */
static status extend(struct pickle *p, enum value_kind kind, size_t count) {
    const status code = need(p, count + 1);
    if (code)
        return code;
    struct pickle_value *target = p->stack[p->depth - count - 1];
    if (target->kind != kind && target->kind != VALUE_OPAQUE)
        return pickle_fail(p, STATUS_INVALID_MODEL, "the pickle is damaged: items of %s are given to %s",
                           value_kind_name(kind), value_kind_name(target->kind));
    if (kind == VALUE_DICT && count % 2)
        return fail_broken(p, "a dictionary has a key without a value");
    for (size_t i = p->depth - count; i < p->depth && target->kind == kind; i++) {
        const status appended = append(p, &target->items, p->stack[i]);
        if (appended)
            return appended;
    }
    p->depth -= count;
    return STATUS_OK;
}

static status op_append(struct pickle *p, unsigned unused) {
    (void)unused;
    return extend(p, VALUE_LIST, 1);
}

static status op_set_item(struct pickle *p, unsigned unused) {
    (void)unused;
    return extend(p, VALUE_DICT, 2);
}

static status op_extend(struct pickle *p, unsigned kind) {
    size_t count;
    const status code = end_mark(p, &count);
    return code ? code : extend(p, (enum value_kind)kind, count);
}

/* Sets hold numbers and texts, nothing that limner looks for. */
static status op_empty_set(struct pickle *p, unsigned unused) {
    (void)unused;
    struct pickle_value *value = pickle_new_value(p, VALUE_OPAQUE);
    if (value)
        value->opaque.what = "set";
    return push(p, value);
}

static status op_frozen_set(struct pickle *p, unsigned unused) {
    const status code = op_pop_mark(p, 0);
    return code ? code : op_empty_set(p, unused);
}

static status op_add_items(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = op_pop_mark(p, 0);
    if (code)
        return code;
    return need(p, 1)                     ? p->err->code
           : top(p)->kind == VALUE_OPAQUE ? STATUS_OK
                                          : fail_broken(p, "items of a set are given to something else");
}

/* ---- classes and calls ---- */

/* Up to the next newline, which is skipped. */
static status take_line(struct pickle *p, struct text *line) {
    const uint8_t *start = p->data + p->at;
    const uint8_t *end = p->at < p->bytes ? memchr(start, '\n', p->bytes - p->at) : NULL;
    if (!end)
        return fail_broken(p, "the name of a class does not end");
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
    return code ? code : push(p, pickle_global(p, module, name));
}

static status op_stack_global(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 2);
    if (code)
        return code;
    const struct pickle_value *name = pop(p), *module = pop(p);
    if (name->kind != VALUE_TEXT || module->kind != VALUE_TEXT)
        return fail_broken(p, "the name of a class is no text");
    return push(p, pickle_global(p, module->text, name->text));
}

static status op_persistent(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 1);
    return code ? code : push(p, storages_load(p, pop(p)));
}

static status check_arguments(struct pickle *p, const struct pickle_value *arguments) {
    return arguments->kind == VALUE_TUPLE ? STATUS_OK : fail_broken(p, "the arguments of a call are no tuple");
}

static status op_reduce(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 2);
    if (code)
        return code;
    struct pickle_value *arguments = pop(p);
    const struct pickle_value *callable = pop(p);
    return check_arguments(p, arguments) ? p->err->code : push(p, pickle_call(p, callable, arguments));
}

/* keywords: 1 when a dictionary of keyword arguments is on top. */
static status op_new(struct pickle *p, unsigned keywords) {
    const status code = need(p, 2 + keywords);
    if (code)
        return code;
    p->depth -= keywords;
    struct pickle_value *arguments = pop(p);
    const struct pickle_value *cls = pop(p);
    return check_arguments(p, arguments) ? p->err->code : push(p, pickle_new(p, cls, arguments));
}

/* Attributes of dictionaries (_metadata) and tensors do not matter; of foreign objects the first ones are kept. */
static status op_build(struct pickle *p, unsigned unused) {
    (void)unused;
    const status code = need(p, 2);
    if (code)
        return code;
    const struct pickle_value *state = pop(p);
    struct pickle_value *target = top(p);
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
    const status code = take_number(p, width, &version);
    if (code)
        return code;
    if (version < 2 || version > 5)
        return pickle_fail(p, STATUS_UNSUPPORTED, "pickle protocol %u; limner reads 2 to 5", (unsigned)version);
    return STATUS_OK;
}

/* Frames only say how much to read ahead. */
static status op_frame(struct pickle *p, unsigned width) {
    uint64_t length;
    const status code = take_number(p, width, &length);
    if (code)
        return code;
    if (length > p->bytes - p->at && !p->cut)
        return fail_broken(p, "a frame is longer than the pickle");
    return STATUS_OK;
}

static status op_stop(struct pickle *p, unsigned unused) {
    (void)unused;
    if (p->depth != 1 || p->mark_count)
        return fail_broken(p, "it does not end with one value");
    p->stopped = true;
    return STATUS_OK;
}

struct opcode {
    status (*run)(struct pickle *pickle, unsigned number);
    unsigned number; /* width of a length or number in bytes, how many values, or which kind */
};

static const struct opcode opcodes[256] = {
    ['('] = {op_mark, 0},
    [')'] = {op_empty, VALUE_TUPLE},
    ['.'] = {op_stop, 0},
    ['0'] = {op_pop, 0},
    ['1'] = {op_pop_mark, 0},
    ['2'] = {op_dup, 0},
    ['B'] = {op_bytes, 4},
    ['C'] = {op_bytes, 1},
    ['G'] = {op_float, 8},
    ['J'] = {op_int, 4},
    ['K'] = {op_int, 1},
    ['M'] = {op_int, 2},
    ['N'] = {op_none, 0},
    ['Q'] = {op_persistent, 0},
    ['R'] = {op_reduce, 0},
    ['T'] = {op_text, 4}, /* str of Python 2 */
    ['U'] = {op_text, 1},
    ['X'] = {op_text, 4},
    [']'] = {op_empty, VALUE_LIST},
    ['a'] = {op_append, 0},
    ['b'] = {op_build, 0},
    ['c'] = {op_global, 0},
    ['d'] = {op_collect, VALUE_DICT},
    ['e'] = {op_extend, VALUE_LIST},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['l'] = {op_collect, VALUE_LIST},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    ['s'] = {op_set_item, 0},
    ['t'] = {op_collect, VALUE_TUPLE},
    ['u'] = {op_extend, VALUE_DICT},
    ['}'] = {op_empty, VALUE_DICT},
    [0x80] = {op_protocol, 1},
    [0x81] = {op_new, 0},
    [0x85] = {op_tuple_of, 1},
    [0x86] = {op_tuple_of, 2},
    [0x87] = {op_tuple_of, 3},
    [0x88] = {op_bool, true},
    [0x89] = {op_bool, false},
    [0x8a] = {op_long, 1},
    [0x8b] = {op_long, 4},
    [0x8c] = {op_text, 1},
    [0x8d] = {op_text, 8},
    [0x8e] = {op_bytes, 8},
    [0x8f] = {op_empty_set, 0},
    [0x90] = {op_add_items, 0},
    [0x91] = {op_frozen_set, 0},
    [0x92] = {op_new, 1},
    [0x93] = {op_stack_global, 0},
    [0x94] = {op_memoize, 0},
    [0x95] = {op_frame, 8},
    [0x96] = {op_bytes, 8},
};

static status step(struct pickle *p) {
    p->opcode_at = p->at;
    const uint8_t *byte = take(p, 1);
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
        return fail_broken(p, "it does not begin with its protocol");
    p->stopped = false;
    while (!code && !p->stopped)
        code = step(p);
    *out = code ? NULL : p->stack[0];
    free(p->stack);
    free(p->memo);
    free(p->marks);
    p->stack = p->memo = NULL;
    p->marks = NULL;
    p->depth = p->stack_capacity = p->memo_count = p->memo_capacity = p->mark_count = p->mark_capacity = 0;
    return code;
}

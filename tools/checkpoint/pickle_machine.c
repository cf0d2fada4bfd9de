#include "tools/checkpoint/pickle_machine.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* torch.save keeps a batch of 1000 items on the stack, per level. */
#define STACK_LIMIT ((size_t)1 << 20)

status pickle_fail(struct pickle *p, status code, const char *format, ...) {
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return fail(p->err, code, "byte %zu: %s", p->opcode_at, text);
}

/* Pays for `count` values, items or memo entries. */
status pickle_pay(struct pickle *p, size_t count) {
    if (*p->objects < count)
        return pickle_fail(p, STATUS_LIMIT, "the pickle describes more objects than the limit");
    *p->objects -= count;
    return STATUS_OK;
}

struct pickle_value *pickle_new_value(struct pickle *p, enum value_kind kind) {
    if (pickle_pay(p, 1))
        return NULL;
    struct pickle_value *value = pool_alloc(p->pool, sizeof *value);
    if (!value) {
        fail_memory(p->err, "the checkpoint's values");
        return NULL;
    }
    value->kind = (uint8_t)kind;
    return value;
}

/* ---- the stream ---- */

status pickle_broken(struct pickle *p, const char *what) {
    return pickle_fail(p, STATUS_INVALID_MODEL, "the pickle is damaged: %s", what);
}

const uint8_t *pickle_take(struct pickle *p, uint64_t count) {
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

status pickle_take_number(struct pickle *p, unsigned width, uint64_t *number) {
    *number = 0;
    const uint8_t *bytes = pickle_take(p, width);
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

status pickle_push(struct pickle *p, struct pickle_value *value) {
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

status pickle_need(struct pickle *p, size_t count) {
    if (above_mark(p) >= count)
        return STATUS_OK;
    return pickle_broken(p, "an opcode takes more values than there are");
}

struct pickle_value *pickle_top(const struct pickle *p) {
    return p->stack[p->depth - 1];
}

struct pickle_value *pickle_pop(struct pickle *p) {
    return p->stack[--p->depth];
}

status pickle_end_mark(struct pickle *p, size_t *count) {
    *count = 0;
    if (p->mark_count == 0)
        return pickle_broken(p, "an opcode needs a mark and there is none");
    *count = above_mark(p);
    p->mark_count--;
    return STATUS_OK;
}

status pickle_drop_to_mark(struct pickle *p) {
    size_t count;
    const status code = pickle_end_mark(p, &count);
    if (!code)
        p->depth -= count;
    return code;
}

status pickle_mark(struct pickle *p) {
    if (p->mark_count >= STACK_LIMIT)
        return pickle_fail(p, STATUS_LIMIT, "more than %zu marks are on the pickle's stack", STACK_LIMIT);
    if (p->mark_count == p->mark_capacity && !grow(&p->marks, &p->mark_capacity, sizeof *p->marks))
        return fail_memory(p->err, "the pickle's stack");
    p->marks[p->mark_count++] = p->depth;
    return STATUS_OK;
}

/* ---- the memo ---- */

status pickle_memo_put(struct pickle *p, size_t index) {
    status code = pickle_need(p, 1);
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
    p->memo[index] = pickle_top(p);
    return STATUS_OK;
}

status pickle_memo_get(struct pickle *p, uint64_t index) {
    if (index >= p->memo_count || !p->memo[index])
        return pickle_broken(p, "a value is fetched from the memo that was never put there");
    return pickle_push(p, p->memo[index]);
}

void pickle_clear(struct pickle *p) {
    free(p->stack);
    free(p->memo);
    free(p->marks);
    p->stack = p->memo = NULL;
    p->marks = NULL;
    p->depth = p->stack_capacity = p->memo_count = p->memo_capacity = p->mark_count = p->mark_capacity = 0;
}

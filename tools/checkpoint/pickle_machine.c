#include "tools/checkpoint/pickle_machine.h"

#include <stdarg.h>
#include <stdio.h>

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

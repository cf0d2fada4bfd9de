#include "runtime/session/session_memory.h"

#include <stdlib.h>
#include <string.h>

static bool dynamic_overlaps(const struct plan *plan, const void *p, size_t bytes) {
    for (int i = 0; i < plan->value_count; i++) {
        const struct plan_value *value = &plan->values[i];
        if (value->place == PLACE_DYNAMIC && memory_overlaps(value->tensor.data, value->tensor.bytes, p, bytes))
            return true;
    }
    return false;
}

bool session_holds(const struct limner_session *session, const void *p, size_t bytes) {
    return p == plan_nothing() || memory_overlaps(session->arena.base, session->arena.bytes, p, bytes) ||
           (session->current && dynamic_overlaps(session->current, p, bytes));
}

status session_copy_input(struct limner_session *session, int port, size_t bytes, struct error *err) {
    struct input_copy *copy = &session->copies[port];
    if (copy->bytes < bytes) {
        free(copy->data);
        copy->data = memory_alloc(bytes);
        copy->bytes = copy->data ? bytes : 0;
        if (!copy->data)
            return fail_memory(err, "an input");
    }
    memcpy(copy->data, session->request.data[port], bytes);
    session->request.data[port] = copy->data;
    return STATUS_OK;
}

#include "runtime/session/session_memory.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif
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

size_t session_held(const struct limner_session *session) {
    size_t bytes = session->touched + (session->current ? session->current->dynamic_bytes : 0);
    bytes += session->heap.bytes + session->shown.bytes;
    for (int i = 0; i < session->model->input_count; i++)
        bytes += session->copies[i].bytes;
    return bytes;
}

static void free_copies(struct limner_session *session) {
    for (int i = 0; i < session->model->input_count; i++) {
        free(session->copies[i].data);
        session->copies[i] = (struct input_copy){0};
    }
}

static void free_all(struct limner_session *session) {
    free_copies(session);
    region_release(&session->arena);
    session->touched = 0;
    if (session->current)
        plan_drop_dynamic(session->current);
}

void limner_session_trim(limner_session *session) {
    if (!session)
        return;
    free_all(session);
    shown_drop(&session->shown);
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

static bool in_arena(const struct limner_session *session, const limner_tensor *output) {
    return memory_overlaps(session->arena.base, session->arena.bytes, output->data, output->bytes);
}

/* The first of the outputs in the arena that ends behind `from`, as places in the arena; false when there is none. */
static bool next_output(const struct limner_session *session, const limner_tensor *outputs, size_t count, size_t from,
                        size_t *begin, size_t *end) {
    *begin = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!in_arena(session, &outputs[i]))
            continue;
        const size_t first = (size_t)((unsigned char *)outputs[i].data - session->arena.base);
        if (first + outputs[i].bytes <= from || first >= *begin)
            continue;
        *begin = first;
        *end = first + outputs[i].bytes;
    }
    return *begin != SIZE_MAX;
}

/* All of the arena but for outputs. */
static void discard_around(struct limner_session *session, const limner_tensor *outputs, size_t count) {
    size_t from = 0, begin, end;
    session->touched = 0;
    while (next_output(session, outputs, count, from, &begin, &end)) {
        if (begin > from)
            region_discard(&session->arena, from, begin);
        session->touched += end - (begin > from ? begin : from);
        from = end;
    }
    region_discard(&session->arena, from, session->arena.bytes);
}

void session_keep(struct limner_session *session, const limner_tensor *outputs, size_t count) {
    bool shown = false;
    if (session->keep_bytes == 0 || session_held(session) <= session->keep_bytes)
        return;
    for (size_t i = 0; i < count && !shown; i++)
        shown = session_holds(session, outputs[i].data, outputs[i].bytes) ||
                shown_holds(&session->shown, outputs[i].data, outputs[i].bytes);
    if (!shown) {
        free_all(session);
        return;
    }
    free_copies(session);
    discard_around(session, outputs, count);
}

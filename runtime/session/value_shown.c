#include "runtime/session/value_shown.h"

#include "base/checked.h"
#include "base/memory.h"
#include "runtime/session/api.h"

#include <stdlib.h>
#include <string.h>

struct shown_block {
    struct shown_block *next;
    struct box *box; /* that the block is about, or NULL */
    size_t bytes;
    void *data;
};

/* Room that lives until shown_drop(). */
static status add_block(struct shown_values *shown, size_t bytes, void **data, struct error *err) {
    struct shown_block *block = calloc(1, sizeof *block);
    *data = memory_alloc(bytes);
    if (!block || !*data) {
        free(block);
        free(*data);
        return fail_memory(err, "an output");
    }
    *block = (struct shown_block){.next = shown->blocks, .bytes = bytes, .data = *data};
    shown->blocks = block;
    shown->bytes += bytes;
    return STATUS_OK;
}

static void view_plain(const struct tensor *tensor, void *data, limner_tensor *view) {
    *view = (limner_tensor){
        .type = api_type(tensor->dtype), .rank = tensor->shape.rank, .data = data, .bytes = tensor->bytes};
    memcpy(view->dims, tensor->shape.dims, (size_t)tensor->shape.rank * sizeof view->dims[0]);
}

/* The strings, and behind them their characters, each with a zero behind. */
static status view_strings(struct shown_values *shown, const struct tensor *tensor, limner_tensor *view,
                           struct error *err) {
    const size_t count = (size_t)tensor_elements(tensor);
    const struct text *from = tensor->data;
    size_t bytes = tensor->bytes;
    void *data;
    for (size_t i = 0; i < count; i++)
        if (!size_add(bytes, from[i].length, &bytes) || !size_add(bytes, 1, &bytes))
            return fail(err, STATUS_LIMIT, "the strings have no valid size");
    if (add_block(shown, bytes, &data, err) != STATUS_OK)
        return err->code;
    limner_string *to = data;
    char *characters = (char *)data + tensor->bytes;
    for (size_t i = 0; i < count; i++) {
        to[i] = (limner_string){characters, from[i].length};
        if (from[i].length > 0)
            memcpy(characters, from[i].bytes, from[i].length);
        characters[from[i].length] = 0;
        characters += from[i].length + 1;
    }
    view_plain(tensor, data, view);
    return STATUS_OK;
}

/* Kinds of values lie in each other a few levels deep: no operator and no caller makes more. */
static status view_box(struct shown_values *shown, const struct box *box, limner_tensor *view, struct error *err) {
    void *data;
    if (!dtype_is_boxed(box->tensor.dtype)) {
        view_plain(&box->tensor, box->tensor.data, view);
        return STATUS_OK;
    }
    if (add_block(shown, box->count * sizeof *view, &data, err) != STATUS_OK)
        return err->code;
    for (size_t i = 0; i < box->count; i++)
        if (view_box(shown, box->items[i], (limner_tensor *)data + i, err) != STATUS_OK)
            return err->code;
    *view = (limner_tensor){.type = api_type(box->tensor.dtype),
                            .rank = 1,
                            .dims = {(int64_t)box->count},
                            .data = data,
                            .bytes = box->count * sizeof *view};
    return STATUS_OK;
}

static status hold(struct shown_values *shown, struct box *box, struct error *err) {
    void *data;
    if (add_block(shown, 1, &data, err) != STATUS_OK)
        return err->code;
    shown->blocks->box = box_hold(box);
    return STATUS_OK;
}

status shown_view(struct shown_values *shown, const struct tensor *result, limner_tensor *view, struct error *err) {
    if (result->dtype == DTYPE_STRING)
        return view_strings(shown, result, view, err);
    if (!dtype_is_boxed(result->dtype)) {
        view_plain(result, result->data, view);
        return STATUS_OK;
    }
    const status code = hold(shown, tensor_box(result), err);
    return code == STATUS_OK ? view_box(shown, tensor_box(result), view, err) : code;
}

static bool box_overlaps(const struct box *box, const void *p, size_t bytes) {
    if (!box)
        return false;
    for (size_t i = 0; i < box->count; i++)
        if (box_overlaps(box->items[i], p, bytes))
            return true;
    return memory_overlaps(box->tensor.data, box->tensor.bytes, p, bytes);
}

bool shown_holds(const struct shown_values *shown, const void *p, size_t bytes) {
    for (const struct shown_block *block = shown->blocks; block; block = block->next)
        if (memory_overlaps(block->data, block->bytes, p, bytes) || box_overlaps(block->box, p, bytes))
            return true;
    return false;
}

void shown_drop(struct shown_values *shown) {
    while (shown->blocks) {
        struct shown_block *block = shown->blocks;
        shown->blocks = block->next;
        box_drop(block->box);
        free(block->data);
        free(block);
    }
    shown->bytes = 0;
}

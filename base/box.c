#include "base/box.h"

#include "base/checked.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static status count_bytes(struct value_heap *heap, size_t bytes, struct error *err) {
    if (heap->bytes <= heap->most && bytes <= heap->most - heap->bytes) {
        heap->bytes += bytes;
        return STATUS_OK;
    }
    return fail(err, STATUS_LIMIT, "strings and sequences of this run need more than the limit of %zu bytes",
                heap->most);
}

status heap_text(struct value_heap *heap, size_t length, char **bytes, struct error *err) {
    if (!heap)
        return fail(err, STATUS_UNSUPPORTED, "strings cannot be made here");
    if (count_bytes(heap, length, err) != STATUS_OK)
        return err->code;
    heap->text_bytes += length;
    if (!heap->texts)
        heap->texts = pool_create();
    *bytes = heap->texts ? pool_alloc(heap->texts, length + 1) : NULL;
    return *bytes ? STATUS_OK : fail_memory(err, "a string");
}

void heap_clear(struct value_heap *heap) {
    pool_destroy(heap->texts);
    heap->texts = NULL;
    heap->bytes -= heap->text_bytes;
    heap->text_bytes = 0;
}

/* ---- boxes ---- */

static status start(struct value_heap *heap, size_t bytes, struct box **box, struct error *err) {
    if (!heap)
        return fail(err, STATUS_UNSUPPORTED, "sequences, optionals and maps cannot be made here");
    const status code = count_bytes(heap, sizeof **box + bytes, err);
    if (code != STATUS_OK)
        return code;
    *box = calloc(1, sizeof **box);
    if (!*box) {
        heap->bytes -= sizeof **box + bytes;
        return fail_memory(err, "a value");
    }
    **box = (struct box){.heap = heap, .bytes = sizeof **box + bytes, .holders = 1};
    return STATUS_OK;
}

/* Gives up a half-made box. */
static status give_up(struct box **box, struct error *err) {
    box_drop(*box);
    *box = NULL;
    return fail_memory(err, "a value");
}

status box_new(struct value_heap *heap, enum dtype dtype, const struct shape *shape, struct box **box,
               struct error *err) {
    struct tensor tensor;
    status code = tensor_describe(&tensor, dtype, shape, err);
    if (code == STATUS_OK)
        code = start(heap, tensor.bytes, box, err);
    if (code != STATUS_OK)
        return code;
    tensor.data = memory_alloc(tensor.bytes);
    (*box)->tensor = tensor;
    if (!tensor.data)
        return give_up(box, err);
    memset(tensor.data, 0, tensor.bytes);
    return STATUS_OK;
}

status box_own_texts(struct box *box, struct error *err) {
    const size_t count = (size_t)tensor_elements(&box->tensor);
    struct text *texts = box->tensor.data;
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        if (!size_add(length, texts[i].length, &length) || !size_add(length, 1, &length))
            return fail(err, STATUS_LIMIT, "the strings have no valid size");
    if (count_bytes(box->heap, length, err) != STATUS_OK)
        return err->code;
    box->bytes += length;
    char *to = box->characters = malloc(length + 1);
    if (!to)
        return fail_memory(err, "strings");
    for (size_t i = 0; i < count; i++) {
        if (texts[i].length > 0)
            memcpy(to, texts[i].bytes, texts[i].length);
        texts[i].bytes = to;
        to[texts[i].length] = 0;
        to += texts[i].length + 1;
    }
    return STATUS_OK;
}

status box_copy(struct value_heap *heap, const struct tensor *tensor, struct box **box, struct error *err) {
    const status code = box_new(heap, tensor->dtype, &tensor->shape, box, err);
    if (code != STATUS_OK)
        return code;
    if (tensor->bytes > 0)
        memcpy((*box)->tensor.data, tensor->data, tensor->bytes);
    if (tensor->dtype != DTYPE_STRING || box_own_texts(*box, err) == STATUS_OK)
        return STATUS_OK;
    box_drop(*box);
    *box = NULL;
    return err->code;
}

status box_container(struct value_heap *heap, enum dtype kind, enum dtype element, size_t capacity, struct box **box,
                     struct error *err) {
    size_t bytes;
    if (!size_mul(capacity, sizeof(struct box *), &bytes))
        return fail(err, STATUS_LIMIT, "%zu items have no valid size", capacity);
    if (start(heap, bytes, box, err) != STATUS_OK)
        return err->code;
    (*box)->tensor = (struct tensor){.dtype = kind};
    (*box)->element = element;
    (*box)->capacity = capacity;
    (*box)->items = calloc(capacity + 1, sizeof(struct box *));
    return (*box)->items ? STATUS_OK : give_up(box, err);
}

void box_put(struct box *box, struct box *item) {
    box->items[box->count++] = item;
}

struct box *box_hold(struct box *box) {
    box->holders++;
    return box;
}

void box_drop(struct box *box) {
    if (!box || --box->holders > 0)
        return;
    for (size_t i = 0; i < box->count; i++)
        box_drop(box->items[i]);
    box->heap->bytes -= box->bytes;
    free(box->items);
    free(box->characters);
    free(box->tensor.data);
    free(box);
}

void tensor_copy(void *to, const struct tensor *tensor) {
    if (dtype_is_boxed(tensor->dtype))
        box_hold(tensor_box(tensor));
    if (tensor->bytes > 0)
        memcpy(to, tensor->data, tensor->bytes);
}

void tensor_free(struct tensor *tensor) {
    if (tensor->data && dtype_is_boxed(tensor->dtype))
        box_drop(tensor_box(tensor));
    free(tensor->data);
    tensor->data = NULL;
}

const char *box_text(const struct box *box, char text[BOX_TEXT_BYTES]) {
    char shape[SHAPE_TEXT_BYTES];
    if (!dtype_is_boxed(box->tensor.dtype))
        snprintf(text, BOX_TEXT_BYTES, "%s %s", dtype_name(box->tensor.dtype), shape_text(&box->tensor.shape, shape));
    else
        snprintf(text, BOX_TEXT_BYTES, "%s of %s", dtype_name(box->tensor.dtype), dtype_name(box->element));
    return text;
}

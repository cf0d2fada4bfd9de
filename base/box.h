/*
 * Values that are no plain tensors: sequences, optionals and maps. A tensor of such a type has one element, which
 * points to a box; all who hold a box share it, and nobody changes it once others hold it. Boxes, and the characters
 * of strings that operators make, lie on a heap that counts its bytes.
 */
#ifndef LIMNER_BASE_BOX_H
#define LIMNER_BASE_BOX_H

#include "base/tensor.h"

/* What a run has on the heap besides tensors. For one thread at a time. */
struct value_heap {
    size_t bytes; /* now */
    size_t most;
    size_t text_bytes; /* of those, characters */
    struct pool *texts;
};

/* Characters that live until heap_clear(); *bytes is never NULL. STATUS_LIMIT above heap->most. */
status heap_text(struct value_heap *heap, size_t length, char **bytes, struct error *err);
/* Frees all characters; boxes stay. */
void heap_clear(struct value_heap *heap);

struct box {
    struct value_heap *heap; /* must outlive it */
    size_t bytes;            /* counted there */
    size_t holders;
    struct tensor tensor;   /* a plain one has its data in the box, characters of strings, too */
    enum dtype element;     /* of a sequence or optional: type of its items where known; of a map: of its values */
    size_t count, capacity; /* items: of a sequence; none or one of an optional; keys and values of a map */
    struct box **items;
    void *characters;
};

/* A plain tensor of this type and shape, its data zeroed: one holder, the caller. */
status box_new(struct value_heap *heap, enum dtype dtype, const struct shape *shape, struct box **box,
               struct error *err);
/* The same with the tensor's elements. */
status box_copy(struct value_heap *heap, const struct tensor *tensor, struct box **box, struct error *err);
/* Makes the characters that the strings of a plain box point to its own. */
status box_own_texts(struct box *box, struct error *err);
/* DTYPE_SEQUENCE, OPTIONAL or MAP without items yet, and with a capacity of so many. */
status box_container(struct value_heap *heap, enum dtype kind, enum dtype element, size_t capacity, struct box **box,
                     struct error *err);
/* Adds an item and takes over the caller's hold of it. The capacity suffices. */
void box_put(struct box *box, struct box *item);
/* One holder more; returns the box. */
struct box *box_hold(struct box *box);
/* One holder less; the last one frees it. NULL is allowed. */
void box_drop(struct box *box);

/* The box that a tensor of such a type is. */
static inline struct box *tensor_box(const struct tensor *tensor) {
    return *(struct box *const *)tensor->data;
}
/* The elements of a tensor into `to`: a box has one holder more then. */
void tensor_copy(void *to, const struct tensor *tensor);
/* Frees data of the heap, and drops the box that it is; data is NULL then. */
void tensor_free(struct tensor *tensor);

/* "sequence of float", "float [2,3]" into text; returns text. */
#define BOX_TEXT_BYTES 256
const char *box_text(const struct box *box, char text[BOX_TEXT_BYTES]);

#endif

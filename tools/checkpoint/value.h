/* Values of a pickle: what the stream describes, never objects of the classes that it names. */
#ifndef LIMNER_TOOLS_CHECKPOINT_VALUE_H
#define LIMNER_TOOLS_CHECKPOINT_VALUE_H

#include "base/pool.h"
#include "base/tensor.h"

#include <stdbool.h>

enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_BIG, /* an integer of more than 64 bits */
    VALUE_FLOAT,
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,
    VALUE_GLOBAL,  /* a class or function, by name */
    VALUE_STORAGE, /* a piece of a storage */
    VALUE_TENSOR,
    VALUE_ARRAY_TYPE, /* numpy.dtype */
    VALUE_ARRAY,      /* of NumPy */
    VALUE_LATIN,      /* bytes that stand in the pickle as UTF-8 text of Latin-1 characters */
    VALUE_OPAQUE      /* what some class or function outside of the fixed set would make */
};

struct pickle_value;

struct value_items {
    struct pickle_value **at; /* of a dictionary: key, value, key, value, ... */
    uint32_t count, capacity;
};

/* A piece of storage number `index` of the file. */
struct storage_piece {
    const struct global *type;
    size_t index;
    size_t offset, count; /* in elements of the type */
};

/* The arguments of torch._utils._rebuild_tensor*, not checked against each other yet. */
struct tensor_view {
    const struct storage_piece *piece;
    const struct pickle_value *offset, *size, *strides;
    const struct global *type; /* NULL: the storage's own */
    bool conjugated;           /* or negated: the storage holds other numbers than the tensor */
    size_t at;                 /* where in the pickle it was made */
};

struct opaque {
    const char *what;
    const struct pickle_value *state; /* what BUILD gave it, or NULL */
};

struct pickle_value {
    uint8_t kind;
    bool open; /* being walked through: a container inside itself is not entered twice */
    union {
        bool truth;
        int64_t integer;
        double number;
        struct text text; /* of TEXT, BYTES, LATIN, BIG (little-endian, two's complement); lies in the pickle */
        struct value_items items;
        struct {
            const struct global *known; /* NULL for a foreign one */
            const char *name;           /* "module.name" */
        } global;
        const struct storage_piece *piece;
        struct tensor_view *view;
        struct numpy_array *array;
        struct {
            struct text code; /* "f4" */
            char order;       /* '>': big-endian */
        } array_type;
        struct opaque opaque;
    };
};

/* "a dictionary": for messages. */
const char *value_kind_name(enum value_kind kind);
/* A TEXT or BYTES with exactly these characters. */
bool value_is(const struct pickle_value *value, const char *text);
/* The value under this key, or NULL; also for values that are no dictionary, and NULL. Looks at the first few keys
   only: what limner looks for stands there, and a file must not make it search long lists again and again. */
const struct pickle_value *value_get(const struct pickle_value *dict, const char *key);
/* Appends; false without memory. */
bool value_append(struct pool *pool, struct value_items *items, struct pickle_value *item);

#endif

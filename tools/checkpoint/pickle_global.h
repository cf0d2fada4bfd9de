/* The classes and functions that a pickle may name and limner knows, and what calling them gives. */
#ifndef LIMNER_TOOLS_CHECKPOINT_PICKLE_GLOBAL_H
#define LIMNER_TOOLS_CHECKPOINT_PICKLE_GLOBAL_H

#include "tools/checkpoint/pickle_machine.h"

enum global_kind {
    GLOBAL_DICT,         /* OrderedDict */
    GLOBAL_SIZE,         /* torch.Size */
    GLOBAL_STORAGE,      /* a storage class */
    GLOBAL_TYPE,         /* a dtype */
    GLOBAL_TENSOR,       /* makes a tensor from a storage */
    GLOBAL_PARAMETER,    /* wraps a tensor */
    GLOBAL_FROM_TYPE,    /* makes a tensor and sets Python attributes */
    GLOBAL_CLASS,        /* torch.Tensor and its plain relatives */
    GLOBAL_FIRST,        /* gives its first argument */
    GLOBAL_ARRAY,        /* makes a NumPy array that gets its contents later */
    GLOBAL_ARRAY_BUFFER, /* makes one of bytes */
    GLOBAL_ARRAY_TYPE,   /* numpy.dtype */
    GLOBAL_BYTES,        /* bytes and bytearray of Python */
    GLOBAL_ENCODE,       /* makes bytes of a text */
    GLOBAL_OTHER         /* makes an opaque value with a better name than its own */
};

struct global {
    const char *name; /* "module.name" */
    enum global_kind kind;
    enum dtype dtype; /* of STORAGE and TYPE; UNDEFINED: limner has no such type */
    size_t size;      /* STORAGE: bytes of an element */
    const char *what; /* of opaque values and of tensors of no known type */
};

/* module and name as they stand in the pickle; pushes nothing. NULL after a failure. */
struct pickle_value *pickle_global(struct pickle *pickle, struct text module, struct text name);
/* callable(*arguments); NULL after a failure. */
struct pickle_value *pickle_call(struct pickle *pickle, const struct pickle_value *callable,
                                 struct pickle_value *arguments);
/* cls.__new__(cls, *arguments); NULL after a failure. */
struct pickle_value *pickle_new(struct pickle *pickle, const struct pickle_value *cls, struct pickle_value *arguments);

#endif

/* Values of any kind as inputs of a run: arrays, and what is no array. */
#ifndef LIMNER_PYTHON_PYVALUE_H
#define LIMNER_PYTHON_PYVALUE_H

#include "python/src/pyarray.h"

struct pyvalue {
    limner_tensor tensor; /* its name is the caller's to set */
    struct pyarray array; /* of a value that is one */
    PyObject *kept;       /* whose strings are read */
    void *memory;         /* limner_string or limner_tensor, which tensor.data points to */
    struct pyvalue *items;
    size_t count; /* of items */
};

/*
 * Opens object: what pyarray_open takes, or a tuple that begins with a list and the kind:
 * (strings, "string", shape), (values, "sequence"), ([] or [value], "optional"), ([keys, values], "map").
 * -1 with an exception on failure. The value must be closed, also one of zeros.
 */
int pyvalue_open(const struct module_state *state, PyObject *object, struct pyvalue *value);
void pyvalue_close(struct pyvalue *value);

#endif

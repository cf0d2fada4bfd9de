#include "python/src/dlpack_import.h"

#include "python/src/dlpack_layout.h"
#include "python/src/elements.h"
#include "python/src/errors.h"

static PyObject *ask(PyObject *object) {
    PyObject *method = PyObject_GetAttrString(object, "__dlpack__");
    PyObject *none = method ? PyTuple_New(0) : NULL;
    PyObject *names = none ? Py_BuildValue("{s:(ii)}", "max_version", 1, 0) : NULL;
    PyObject *capsule = names ? PyObject_Call(method, none, names) : NULL;
    if (names && !capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear(); /* a package that is older than versions */
        capsule = PyObject_CallNoArgs(method);
    }
    Py_XDECREF(names);
    Py_XDECREF(none);
    Py_XDECREF(method);
    return capsule;
}

static const struct dlpack_tensor *open_capsule(PyObject *capsule) {
    if (PyCapsule_IsValid(capsule, DLPACK_NAME))
        return &((struct dlpack_managed *)PyCapsule_GetPointer(capsule, DLPACK_NAME))->tensor;
    if (!PyCapsule_IsValid(capsule, DLPACK_NAME_VERSIONED))
        return NULL;
    const struct dlpack_versioned *versioned = PyCapsule_GetPointer(capsule, DLPACK_NAME_VERSIONED);
    return versioned->major == 1 ? &versioned->tensor : NULL;
}

static int refuse(const struct module_state *state, const char *what) {
    errors_format(state, LIMNER_INVALID_ARGUMENT, "a DLPack tensor %s", what);
    return -1;
}

static int read_tensor(const struct module_state *state, const struct dlpack_tensor *tensor,
                       struct dlpack_import *import) {
    if (tensor->device_type != DLPACK_CPU)
        return refuse(state, "is not in the processor's memory; move it there");
    if (tensor->rank < 0 || tensor->rank > LIMNER_MAX_RANK)
        return refuse(state, "has more than 8 dimensions");
    const struct element *element = tensor->lanes == 1 ? element_of_dlpack(tensor->code, tensor->bits) : NULL;
    if (!element)
        return refuse(state, "has an element type that limner does not take");
    if (element_count(tensor->rank, tensor->shape) < 0)
        return refuse(state, "has a shape that is none");
    int64_t dense = element->bytes;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        import->strides[i] = tensor->strides ? tensor->strides[i] * element->bytes : dense;
        dense *= tensor->shape[i];
    }
    import->type = element->type;
    import->array = (struct layout){(const char *)tensor->data + tensor->byte_offset, tensor->rank,
                                    (size_t)element->bytes, tensor->shape, import->strides};
    return 0;
}

int dlpack_import(const struct module_state *state, PyObject *object, struct dlpack_import *import) {
    *import = (struct dlpack_import){.capsule = ask(object)};
    if (!import->capsule)
        return -1;
    const struct dlpack_tensor *tensor = open_capsule(import->capsule);
    if (tensor && read_tensor(state, tensor, import) == 0)
        return 0;
    if (!tensor)
        refuse(state, "is of another version of DLPack than 0 or 1");
    dlpack_release(import);
    return -1;
}

/* The capsule was never marked as used: its own end calls the deleter. */
void dlpack_release(struct dlpack_import *import) {
    Py_CLEAR(import->capsule);
}

#include "python/src/dlpack_export.h"

#include "python/src/dlpack_layout.h"

#include <stdlib.h>

/* Either form, and the strides that it points to. The tensor is kept alive until the deleter is called. */
struct exported {
    struct dlpack_managed plain;
    struct dlpack_versioned versioned;
    PyObject *owner;
    int64_t strides[LIMNER_MAX_RANK];
};

/* May be called by a thread without the GIL, and after the interpreter's end, when nothing is left to free. */
static void end_export(struct exported *made) {
    if (Py_IsInitialized()) {
        const PyGILState_STATE held = PyGILState_Ensure();
        Py_DECREF(made->owner);
        PyGILState_Release(held);
    }
    free(made);
}

static void delete_plain(struct dlpack_managed *self) {
    end_export(self->context);
}

static void delete_versioned(struct dlpack_versioned *self) {
    end_export(self->context);
}

/* Nobody took what the capsule holds. */
static void drop_capsule(PyObject *capsule) {
    if (PyCapsule_IsValid(capsule, DLPACK_NAME))
        delete_plain(PyCapsule_GetPointer(capsule, DLPACK_NAME));
    else if (PyCapsule_IsValid(capsule, DLPACK_NAME_VERSIONED))
        delete_versioned(PyCapsule_GetPointer(capsule, DLPACK_NAME_VERSIONED));
}

static struct dlpack_tensor describe(const struct dlpack_export *source, int64_t *strides) {
    int64_t dense = 1;
    for (int i = source->tensor->rank - 1; i >= 0; i--) {
        strides[i] = dense;
        dense *= source->tensor->dims[i];
    }
    return (struct dlpack_tensor){.data = source->tensor->data,
                                  .device_type = DLPACK_CPU,
                                  .rank = source->tensor->rank,
                                  .code = (uint8_t)source->element->code,
                                  .bits = (uint8_t)(source->element->bytes * 8),
                                  .lanes = 1,
                                  .shape = (int64_t *)source->tensor->dims,
                                  .strides = strides};
}

static PyObject *make_capsule(const struct dlpack_export *source, bool versioned) {
    struct exported *made = calloc(1, sizeof *made);
    if (!made)
        return PyErr_NoMemory();
    const struct dlpack_tensor tensor = describe(source, made->strides);
    made->plain = (struct dlpack_managed){tensor, made, delete_plain};
    made->versioned =
        (struct dlpack_versioned){1, 0, made, delete_versioned, source->readonly ? DLPACK_READ_ONLY : 0, tensor};
    made->owner = Py_NewRef(source->owner);
    PyObject *capsule = versioned ? PyCapsule_New(&made->versioned, DLPACK_NAME_VERSIONED, drop_capsule)
                                  : PyCapsule_New(&made->plain, DLPACK_NAME, drop_capsule);
    if (!capsule)
        end_export(made);
    return capsule;
}

/* Whether the caller reads version 1 or a later one. -1 with an exception when max_version is no version. */
static int reads_versions(PyObject *max_version) {
    if (max_version == Py_None)
        return 0;
    PyObject *major = PySequence_GetItem(max_version, 0);
    const long number = major ? PyLong_AsLong(major) : -1;
    Py_XDECREF(major);
    return PyErr_Occurred() ? -1 : number >= 1;
}

static bool asks_for_processor(PyObject *device) {
    if (device == Py_None)
        return true;
    PyObject *kind = PySequence_GetItem(device, 0);
    const long number = kind ? PyLong_AsLong(kind) : -1;
    Py_XDECREF(kind);
    return !PyErr_Occurred() && number == DLPACK_CPU;
}

PyObject *dlpack_export(const struct dlpack_export *source, PyObject *arguments, PyObject *names) {
    static char *known[] = {"stream", "max_version", "dl_device", "copy", NULL};
    PyObject *stream = Py_None, *max_version = Py_None, *device = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "|$OOOO", known, &stream, &max_version, &device, &copy))
        return NULL;
    const int versioned = reads_versions(max_version);
    if (versioned < 0)
        return NULL;
    if (source->element->code == DLPACK_NONE)
        return PyErr_Format(PyExc_BufferError, "DLPack has no tensors of %s, packed", source->element->name);
    if (copy == Py_True)
        return PyErr_Format(PyExc_BufferError, "a limner.Tensor makes no copies of itself; copy what it is taken as");
    if (stream != Py_None || !asks_for_processor(device))
        return PyErr_Format(PyExc_BufferError, "a limner.Tensor lies in the processor's memory, and has no stream");
    if (source->readonly && !versioned)
        return PyErr_Format(PyExc_BufferError, "the tensor is read-only, which DLPack before 1.0 cannot say");
    return make_capsule(source, versioned == 1);
}

PyObject *dlpack_device(void) {
    return Py_BuildValue("(ii)", DLPACK_CPU, 0);
}

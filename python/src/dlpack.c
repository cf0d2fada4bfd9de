#include "python/src/dlpack.h"

#include "python/src/dlpack_layout.h"
#include "python/src/errors.h"
#include "python/src/tensor.h"

#include <stdlib.h>

/* ---- out ---- */

/* Either form, and the strides that it points to. The tensor is kept alive until the deleter is called. */
struct export {
    struct dlpack_managed plain;
    struct dlpack_versioned versioned;
    PyObject *tensor;
    int64_t strides[LIMNER_MAX_RANK];
};

/* May be called by a thread without the GIL, and after the interpreter's end, when nothing is left to free. */
static void end_export(struct export *made) {
    if (Py_IsInitialized()) {
        const PyGILState_STATE held = PyGILState_Ensure();
        Py_DECREF(made->tensor);
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

static struct dlpack_tensor describe(struct tensor_object *self, int64_t *strides) {
    for (int i = 0; i < self->tensor.rank; i++)
        strides[i] = self->strides[i] / self->element->bytes;
    return (struct dlpack_tensor){.data = self->tensor.data,
                                  .device_type = DLPACK_CPU,
                                  .rank = self->tensor.rank,
                                  .code = (uint8_t)self->element->code,
                                  .bits = (uint8_t)(self->element->bytes * 8),
                                  .lanes = 1,
                                  .shape = self->tensor.dims,
                                  .strides = strides};
}

static PyObject *export_tensor(struct tensor_object *self, bool versioned) {
    struct export *made = calloc(1, sizeof *made);
    if (!made)
        return PyErr_NoMemory();
    const struct dlpack_tensor tensor = describe(self, made->strides);
    made->plain = (struct dlpack_managed){tensor, made, delete_plain};
    made->versioned =
        (struct dlpack_versioned){1, 0, made, delete_versioned, self->owner ? DLPACK_READ_ONLY : 0, tensor};
    PyObject *capsule = versioned ? PyCapsule_New(&made->versioned, DLPACK_NAME_VERSIONED, drop_capsule)
                                  : PyCapsule_New(&made->plain, DLPACK_NAME, drop_capsule);
    made->tensor = Py_NewRef((PyObject *)self);
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

PyObject *dlpack_export(PyObject *tensor, PyObject *arguments, PyObject *names) {
    static char *known[] = {"stream", "max_version", "dl_device", "copy", NULL};
    struct tensor_object *self = (struct tensor_object *)tensor;
    PyObject *stream = Py_None, *max_version = Py_None, *device = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "|$OOOO", known, &stream, &max_version, &device, &copy))
        return NULL;
    const int versioned = reads_versions(max_version);
    if (versioned < 0)
        return NULL;
    if (copy == Py_True)
        return PyErr_Format(PyExc_BufferError, "a limner.Tensor makes no copies of itself; copy what it is taken as");
    if (stream != Py_None || !asks_for_processor(device))
        return PyErr_Format(PyExc_BufferError, "a limner.Tensor lies in the processor's memory, and has no stream");
    if (self->owner && !versioned)
        return PyErr_Format(PyExc_BufferError, "the tensor is read-only, which DLPack before 1.0 cannot say");
    return export_tensor(self, versioned == 1);
}

PyObject *dlpack_device(PyObject *tensor, PyObject *unused) {
    (void)tensor;
    (void)unused;
    return Py_BuildValue("(ii)", DLPACK_CPU, 0);
}

/* ---- in ---- */

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
    import->array = (struct strided){(const char *)tensor->data + tensor->byte_offset, tensor->rank,
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

#include "python/src/tensor.h"

#include "python/src/dlpack_export.h"
#include "python/src/errors.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

void *tensor_memory(size_t bytes) {
    const size_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    return rounded > bytes ? aligned_alloc(ALIGNMENT, rounded) : NULL;
}

PyObject *tensor_shape(int rank, const int64_t *dims) {
    PyObject *shape = PyTuple_New(rank);
    for (int i = 0; shape && i < rank; i++) {
        PyObject *size = PyLong_FromLongLong(dims[i]);
        if (!size || PyTuple_SetItem(shape, i, size) < 0)
            Py_CLEAR(shape);
    }
    return shape;
}

static void set_layout(struct tensor_object *self) {
    Py_ssize_t stride = self->element->bytes;
    if (self->element->packed) {
        self->rank = 1;
        self->shape[0] = (Py_ssize_t)self->tensor.bytes;
        self->strides[0] = stride;
        return;
    }
    self->rank = self->tensor.rank;
    for (int i = self->rank - 1; i >= 0; i--) {
        self->shape[i] = (Py_ssize_t)self->tensor.dims[i];
        self->strides[i] = stride;
        stride *= self->shape[i];
    }
}

PyObject *tensor_new(const struct module_state *state, const limner_tensor *tensor, PyObject *owner) {
    const struct element *element = element_of(tensor->type);
    const char *label = tensor->name ? tensor->name : "";
    PyObject *name = element ? PyUnicode_DecodeUTF8(label, (Py_ssize_t)strlen(label), "replace") : NULL;
    struct tensor_object *self = name ? PyObject_New(struct tensor_object, state->tensor) : NULL;
    if (!element)
        errors_format(state, LIMNER_UNSUPPORTED, "output \"%s\" has element type %s, which Python gets no array of",
                      label, limner_type_name(tensor->type));
    if (!self) {
        Py_XDECREF(name);
        if (!owner)
            free(tensor->data);
        return NULL;
    }
    self->element = element;
    self->tensor = *tensor;
    self->tensor.name = NULL;
    self->name = name;
    self->owner = owner;
    Py_XINCREF(owner);
    set_layout(self);
    return (PyObject *)self;
}

static void tensor_dealloc(PyObject *object) {
    struct tensor_object *self = (struct tensor_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (!self->owner)
        free(self->tensor.data);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->name);
    PyObject_Free(object);
    Py_DECREF(type);
}

static int get_buffer(PyObject *object, Py_buffer *view, int flags) {
    struct tensor_object *self = (struct tensor_object *)object;
    if (self->owner && (flags & PyBUF_WRITABLE)) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "the tensor lies in a session's memory and is read-only");
        return -1;
    }
    *view = (Py_buffer){.buf = self->tensor.data,
                        .obj = object,
                        .len = (Py_ssize_t)self->tensor.bytes,
                        .itemsize = self->element->bytes,
                        .readonly = self->owner != NULL,
                        .ndim = self->rank,
                        .format = flags & PyBUF_FORMAT ? (char *)self->element->format : NULL,
                        .shape = flags & PyBUF_ND ? self->shape : NULL,
                        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? self->strides : NULL};
    Py_INCREF(object);
    return 0;
}

static PyObject *get_name(PyObject *object, void *unused) {
    (void)unused;
    return Py_NewRef(((struct tensor_object *)object)->name);
}

static PyObject *get_type(PyObject *object, void *unused) {
    (void)unused;
    return PyUnicode_FromString(((struct tensor_object *)object)->element->name);
}

static PyObject *get_shape(PyObject *object, void *unused) {
    const limner_tensor *tensor = &((struct tensor_object *)object)->tensor;
    (void)unused;
    return tensor_shape(tensor->rank, tensor->dims);
}

static PyObject *get_bytes(PyObject *object, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(((struct tensor_object *)object)->tensor.bytes);
}

static PyObject *get_readonly(PyObject *object, void *unused) {
    (void)unused;
    return PyBool_FromLong(((struct tensor_object *)object)->owner != NULL);
}

static PyObject *tensor_repr(PyObject *object) {
    const struct tensor_object *self = (struct tensor_object *)object;
    PyObject *shape = tensor_shape(self->tensor.rank, self->tensor.dims);
    PyObject *text =
        shape ? PyUnicode_FromFormat("<limner.Tensor %R %s%R>", self->name, self->element->name, shape) : NULL;
    Py_XDECREF(shape);
    return text;
}

static PyObject *to_dlpack(PyObject *object, PyObject *arguments, PyObject *names) {
    const struct tensor_object *self = (struct tensor_object *)object;
    const struct dlpack_export source = {object, self->element, &self->tensor, self->owner != NULL};
    return dlpack_export(&source, arguments, names);
}

static PyObject *on_device(PyObject *object, PyObject *unused) {
    (void)object;
    (void)unused;
    return dlpack_device();
}

static PyMethodDef methods[] = {
    {"__dlpack__", (PyCFunction)(void (*)(void))to_dlpack, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\nThe tensor as a DLPack capsule."},
    {"__dlpack_device__", on_device, METH_NOARGS, "__dlpack_device__()\n--\n\n(1, 0): the processor's memory."},
    {0}};

static PyGetSetDef attributes[] = {{"name", get_name, NULL, "of the model's output", NULL},
                                   {"type", get_type, NULL, "of its elements: 'float32', 'bfloat16', ...", NULL},
                                   {"shape", get_shape, NULL, "a tuple of sizes", NULL},
                                   {"nbytes", get_bytes, NULL, "bytes of its elements", NULL},
                                   {"readonly", get_readonly, NULL, "whether it lies in a session's memory", NULL},
                                   {0}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A dense array that a run made: a buffer, and a DLPack tensor. numpy.asarray() lies over it."},
    {Py_tp_dealloc, tensor_dealloc},
    {Py_tp_repr, tensor_repr},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_bf_getbuffer, get_buffer},
    {0}};

PyType_Spec tensor_spec = {.name = "limner.Tensor",
                           .basicsize = sizeof(struct tensor_object),
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                           .slots = slots};

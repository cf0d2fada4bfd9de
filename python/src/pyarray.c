#include "python/src/pyarray.h"

#include "python/src/errors.h"
#include "python/src/tensor.h"

#include <stdlib.h>

static void describe(struct pyarray *array, limner_type type, int rank, const int64_t *dims, const void *data,
                     size_t bytes) {
    array->tensor = (limner_tensor){.type = type, .rank = rank, .data = (void *)data, .bytes = bytes};
    for (int i = 0; i < rank; i++)
        array->tensor.dims[i] = dims[i];
}

/* Lies over the array where it is dense, else over a copy. */
static int take(struct pyarray *array, limner_type type, const struct layout *from) {
    const size_t bytes = (size_t)element_count(from->rank, from->dims) * from->item;
    const void *data = from->data;
    if (bytes > 0 && !layout_dense(from)) {
        array->copy = tensor_memory(bytes);
        if (!array->copy) {
            PyErr_NoMemory();
            return -1;
        }
        layout_copy(from, array->copy);
        data = array->copy;
    }
    describe(array, type, from->rank, from->dims, data, bytes);
    return 0;
}

static int check_buffer(const struct module_state *state, const Py_buffer *buffer, const struct element *element) {
    if (element && buffer->ndim <= LIMNER_MAX_RANK)
        return 0;
    if (!element)
        errors_format(state, LIMNER_INVALID_ARGUMENT,
                      "an array with elements of format '%s' (%zd bytes) cannot be an input",
                      buffer->format ? buffer->format : "B", buffer->itemsize);
    else
        errors_format(state, LIMNER_INVALID_ARGUMENT, "an array has %d dimensions, expected at most %d", buffer->ndim,
                      LIMNER_MAX_RANK);
    return -1;
}

/* Sizes and strides of a buffer; some leave out what follows from its length and from being dense. */
static void read_layout(const Py_buffer *buffer, int64_t *dims, int64_t *strides) {
    int64_t dense = buffer->itemsize;
    for (int i = buffer->ndim - 1; i >= 0; i--) {
        dims[i] = buffer->shape ? buffer->shape[i] : buffer->len / buffer->itemsize;
        strides[i] = buffer->strides ? buffer->strides[i] : dense;
        dense *= dims[i];
    }
}

static int take_buffer(const struct module_state *state, struct pyarray *array) {
    const Py_buffer *buffer = &array->buffer;
    const struct element *element = element_of_format(buffer->format, buffer->itemsize);
    int64_t dims[LIMNER_MAX_RANK], strides[LIMNER_MAX_RANK];
    if (check_buffer(state, buffer, element) < 0)
        return -1;
    read_layout(buffer, dims, strides);
    const struct layout from = {buffer->buf, buffer->ndim, (size_t)element->bytes, dims, strides};
    return take(array, element->type, &from);
}

static int open_buffer(const struct module_state *state, PyObject *object, struct pyarray *array) {
    if (PyObject_GetBuffer(object, &array->buffer, PyBUF_RECORDS_RO) < 0)
        return -1;
    return take_buffer(state, array);
}

static int open_dlpack(const struct module_state *state, PyObject *object, struct pyarray *array) {
    if (dlpack_import(state, object, &array->import) < 0)
        return -1;
    return take(array, array->import.type, &array->import.array);
}

static void open_tensor(PyObject *object, struct pyarray *array) {
    array->kept = Py_NewRef(object);
    array->tensor = ((struct tensor_object *)object)->tensor;
}

/* The bits of packed elements, whose shape stands beside them. */
static int take_packed(const struct module_state *state, const struct element *element, PyObject *shape,
                       struct pyarray *array) {
    limner_tensor *tensor = &array->tensor;
    const size_t bytes = tensor->bytes;
    const Py_ssize_t rank = shape ? PyTuple_Size(shape) : -1;
    if (rank < 0 || rank > LIMNER_MAX_RANK) {
        errors_format(state, LIMNER_INVALID_ARGUMENT, "packed elements need a shape of at most 8 sizes");
        return -1;
    }
    tensor->rank = (int)rank;
    for (Py_ssize_t i = 0; i < rank; i++)
        tensor->dims[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
    const Py_ssize_t count = PyErr_Occurred() ? -1 : element_count(tensor->rank, tensor->dims);
    if (count >= 0 && element_bytes(element, count) == bytes)
        return 0;
    if (!PyErr_Occurred())
        errors_format(state, LIMNER_INVALID_ARGUMENT, "%zu bytes of packed %s do not have the shape %S", bytes,
                      element->name, shape);
    return -1;
}

/* (buffer, "bfloat16"): the same bits as another type of the same size. (bytes, "int4", shape): packed. */
static int open_pair(const struct module_state *state, PyObject *pair, struct pyarray *array) {
    PyObject *bits, *shape = NULL;
    const char *name;
    if (!PyArg_ParseTuple(pair, "Os|O!", &bits, &name, &PyTuple_Type, &shape) || open_buffer(state, bits, array) < 0)
        return -1;
    const struct element *is = element_of(array->tensor.type), *named = element_of_name(name);
    if (!named || named->bytes != is->bytes) {
        errors_format(state, LIMNER_INVALID_ARGUMENT, "elements of %s cannot stand for %s", is->name, name);
        return -1;
    }
    array->tensor.type = named->type;
    return named->packed ? take_packed(state, named, shape, array) : 0;
}

int pyarray_open(const struct module_state *state, PyObject *object, struct pyarray *array) {
    *array = (struct pyarray){0};
    if (Py_TYPE(object) == state->tensor) {
        open_tensor(object, array);
        return 0;
    }
    if (PyTuple_Check(object))
        return open_pair(state, object, array);
    if (PyObject_CheckBuffer(object))
        return open_buffer(state, object, array);
    if (PyObject_HasAttrString(object, "__dlpack__"))
        return open_dlpack(state, object, array);
    PyErr_Format(PyExc_TypeError, "expected an array (a buffer, or what has __dlpack__), not %R", Py_TYPE(object));
    return -1;
}

int pyarray_open_target(const struct module_state *state, PyObject *object, struct pyarray *array) {
    *array = (struct pyarray){0};
    if (PyObject_GetBuffer(object, &array->buffer, PyBUF_RECORDS) < 0)
        return -1;
    if (PyBuffer_IsContiguous(&array->buffer, 'C'))
        return take_buffer(state, array);
    errors_format(state, LIMNER_INVALID_ARGUMENT, "memory for an output must be dense and row-major");
    return -1;
}

void pyarray_close(struct pyarray *array) {
    PyBuffer_Release(&array->buffer);
    dlpack_release(&array->import);
    Py_CLEAR(array->kept);
    free(array->copy);
    array->copy = NULL;
}

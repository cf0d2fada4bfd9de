#include "python/src/pyvalue.h"

#include "python/src/elements.h"
#include "python/src/errors.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(void) {
    PyErr_NoMemory();
    return -1;
}

static int read_string(PyObject *item, limner_string *string) {
    Py_ssize_t length;
    if (PyUnicode_Check(item)) {
        string->bytes = PyUnicode_AsUTF8AndSize(item, &length);
        string->length = (size_t)length;
        return string->bytes ? 0 : -1;
    }
    char *bytes;
    if (PyBytes_AsStringAndSize(item, &bytes, &length) < 0)
        return -1;
    *string = (limner_string){bytes, (size_t)length};
    return 0;
}

static int read_shape(PyObject *shape, size_t count, limner_tensor *tensor) {
    const Py_ssize_t rank = PyTuple_Size(shape);
    if (rank > LIMNER_MAX_RANK)
        PyErr_Format(PyExc_ValueError, "an array has %zd dimensions, expected at most %d", rank, LIMNER_MAX_RANK);
    if (rank < 0 || rank > LIMNER_MAX_RANK)
        return -1;
    tensor->rank = (int)rank;
    for (Py_ssize_t i = 0; i < rank; i++)
        tensor->dims[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
    if (PyErr_Occurred())
        return -1;
    if (element_count(tensor->rank, tensor->dims) == (Py_ssize_t)count)
        return 0;
    PyErr_SetString(PyExc_ValueError, "an array of strings has another number of them than its shape");
    return -1;
}

/* The strings lie in the objects of the list, which is kept. */
static int open_strings(PyObject *list, PyObject *shape, struct pyvalue *value) {
    const size_t count = (size_t)PyList_Size(list);
    limner_string *strings = calloc(count + 1, sizeof *strings);
    value->memory = strings;
    if (!strings)
        return no_memory();
    for (size_t i = 0; i < count; i++)
        if (read_string(PyList_GetItem(list, (Py_ssize_t)i), &strings[i]) < 0)
            return -1;
    value->tensor = (limner_tensor){.type = LIMNER_STRING, .data = strings, .bytes = count * sizeof *strings};
    value->kept = Py_NewRef(list);
    return read_shape(shape, count, &value->tensor);
}

static int open_items(const struct module_state *state, PyObject *list, limner_type type, struct pyvalue *value) {
    const size_t count = (size_t)PyList_Size(list);
    limner_tensor *tensors = calloc(count + 1, sizeof *tensors);
    value->memory = tensors;
    value->items = calloc(count + 1, sizeof *value->items);
    if (!tensors || !value->items)
        return no_memory();
    for (; value->count < count; value->count++) {
        const size_t i = value->count;
        if (pyvalue_open(state, PyList_GetItem(list, (Py_ssize_t)i), &value->items[i]) < 0) {
            pyvalue_close(&value->items[i]);
            return -1;
        }
        tensors[i] = value->items[i].tensor;
    }
    value->tensor = (limner_tensor){
        .type = type, .rank = 1, .dims = {(int64_t)count}, .data = tensors, .bytes = count * sizeof *tensors};
    return 0;
}

/* LIMNER_UNDEFINED for what is no kind of its own. */
static limner_type kind_of(const char *name) {
    static const struct {
        const char *name;
        limner_type type;
    } kinds[] = {
        {"string", LIMNER_STRING}, {"sequence", LIMNER_SEQUENCE}, {"optional", LIMNER_OPTIONAL}, {"map", LIMNER_MAP}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].type;
    return LIMNER_UNDEFINED;
}

static int open_array(const struct module_state *state, PyObject *object, struct pyvalue *value) {
    if (pyarray_open(state, object, &value->array) < 0)
        return -1;
    value->tensor = value->array.tensor;
    return 0;
}

int pyvalue_open(const struct module_state *state, PyObject *object, struct pyvalue *value) {
    *value = (struct pyvalue){0};
    if (!PyTuple_Check(object))
        return open_array(state, object, value);
    PyObject *content, *shape = NULL;
    const char *name;
    if (!PyArg_ParseTuple(object, "Os|O!", &content, &name, &PyTuple_Type, &shape))
        return -1;
    const limner_type kind = kind_of(name);
    if (kind == LIMNER_UNDEFINED)
        return open_array(state, object, value);
    if (PyList_Check(content) && (kind != LIMNER_STRING || shape))
        return kind == LIMNER_STRING ? open_strings(content, shape, value) : open_items(state, content, kind, value);
    PyErr_Format(PyExc_TypeError, "a value of kind %s is a list, and strings have a shape", name);
    return -1;
}

void pyvalue_close(struct pyvalue *value) {
    for (size_t i = 0; i < value->count; i++)
        pyvalue_close(&value->items[i]);
    pyarray_close(&value->array);
    Py_CLEAR(value->kept);
    free(value->items);
    free(value->memory);
    *value = (struct pyvalue){0};
}

#include "python/src/result.h"

#include "python/src/errors.h"
#include "python/src/tensor.h"

#include <string.h>

static PyObject *new_tensor(const struct module_state *state, const limner_tensor *value, PyObject *owner) {
    limner_tensor copy = *value;
    if (owner || !element_of(value->type))
        return tensor_new(state, value, owner ? owner : Py_None);
    copy.data = tensor_memory(value->bytes);
    if (!copy.data)
        return PyErr_NoMemory();
    if (value->bytes > 0)
        memcpy(copy.data, value->data, value->bytes);
    return tensor_new(state, &copy, NULL);
}

static PyObject *new_strings(const limner_tensor *value) {
    const limner_string *strings = value->data;
    const Py_ssize_t count = (Py_ssize_t)(value->bytes / sizeof *strings);
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *text = PyUnicode_DecodeUTF8(strings[i].bytes, (Py_ssize_t)strings[i].length, "surrogateescape");
        if (!text || PyList_SetItem(list, i, text) < 0)
            Py_CLEAR(list);
    }
    return list ? Py_BuildValue("(sNN)", "string", tensor_shape(value->rank, value->dims), list) : NULL;
}

static PyObject *new_list(const struct module_state *state, const limner_tensor *value, PyObject *owner) {
    const limner_tensor *items = value->data;
    const Py_ssize_t count = (Py_ssize_t)value->dims[0];
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *item = result_new(state, &items[i], owner);
        if (!item || PyList_SetItem(list, i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *new_map(const struct module_state *state, const limner_tensor *value, PyObject *owner) {
    const limner_tensor *items = value->data;
    return Py_BuildValue("(sNN)", "map", result_new(state, &items[0], owner), result_new(state, &items[1], owner));
}

PyObject *result_new(const struct module_state *state, const limner_tensor *value, PyObject *owner) {
    switch (value->type) {
    case LIMNER_STRING:
        return new_strings(value);
    case LIMNER_SEQUENCE:
        return new_list(state, value, owner);
    case LIMNER_OPTIONAL:
        return value->dims[0] > 0 ? result_new(state, value->data, owner) : Py_NewRef(Py_None);
    case LIMNER_MAP:
        return new_map(state, value, owner);
    default:
        return new_tensor(state, value, owner);
    }
}

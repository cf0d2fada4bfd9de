#include "python/src/plan.h"

#include "python/src/elements.h"
#include "python/src/errors.h"
#include "python/src/session_state.h"

#include <stdlib.h>
#include <string.h>

static int read_dims(PyObject *shape, limner_tensor *input) {
    const Py_ssize_t rank = PySequence_Size(shape);
    if (rank > LIMNER_MAX_RANK)
        PyErr_Format(PyExc_ValueError, "a shape has %zd sizes, expected at most %d", rank, LIMNER_MAX_RANK);
    if (rank < 0 || rank > LIMNER_MAX_RANK)
        return -1;
    input->rank = (int)rank;
    for (Py_ssize_t i = 0; i < rank; i++) {
        PyObject *size = PySequence_GetItem(shape, i);
        input->dims[i] = size ? PyLong_AsLongLong(size) : -1;
        Py_XDECREF(size);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

static int read_row(PyObject *row, limner_tensor *input) {
    PyObject *shape;
    const char *type;
    if (!PyArg_ParseTuple(row, "zsO", &input->name, &type, &shape))
        return -1;
    const struct element *element = element_of_name(type);
    const bool strings = strcmp(type, "string") == 0;
    if (!element && !strings) {
        PyErr_Format(PyExc_ValueError, "%s is no element type that an input can have", type);
        return -1;
    }
    input->type = strings ? LIMNER_STRING : element->type;
    return read_dims(shape, input);
}

static PyObject *plan_rows(struct session_object *self, PyObject *rows, limner_tensor *inputs) {
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    const Py_ssize_t count = PyList_Size(rows);
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_row(PyList_GetItem(rows, i), &inputs[i]) < 0)
            return NULL;
    if (session_enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = limner_session_plan(self->session, inputs, (size_t)count, &info, &error);
    PyEval_RestoreThread(python);
    session_leave(self);
    if (status != LIMNER_OK)
        return errors_raise(state_of((PyObject *)self), &error);
    return Py_BuildValue("{s:d,s:n,s:n,s:n}", "macs", info.macs, "arena_bytes", (Py_ssize_t)info.arena_bytes,
                         "weight_bytes", (Py_ssize_t)info.weight_bytes, "steps", (Py_ssize_t)info.steps);
}

PyObject *session_plan(PyObject *session, PyObject *inputs) {
    PyObject *rows = PySequence_List(inputs);
    limner_tensor *tensors = rows ? calloc((size_t)PyList_Size(rows) + 1, sizeof *tensors) : NULL;
    PyObject *made = tensors ? plan_rows((struct session_object *)session, rows, tensors) : NULL;
    if (rows && !tensors)
        PyErr_NoMemory();
    free(tensors);
    Py_XDECREF(rows);
    return made;
}

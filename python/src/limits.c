#include "python/src/limits.h"

int limits_read(PyObject *given, limner_limits *limits) {
    static char *known[] = {"model_bytes", "tensor_bytes", "arena_bytes", "nodes", "loop_iterations", NULL};
    Py_ssize_t model = 0, tensor = 0, arena = 0, nodes = 0, loops = 0;
    *limits = (limner_limits)LIMNER_LIMITS_INIT;
    if (given == Py_None)
        return 0;
    if (!PyDict_Check(given)) {
        PyErr_Format(PyExc_TypeError, "limits are a dict, not %R", Py_TYPE(given));
        return -1;
    }
    PyObject *none = PyTuple_New(0);
    const int read = none ? PyArg_ParseTupleAndKeywords(none, given, "|$nnnnn:limits", known, &model, &tensor, &arena,
                                                        &nodes, &loops)
                          : 0;
    Py_XDECREF(none);
    if (!read)
        return -1;
    if (model < 0 || tensor < 0 || arena < 0 || nodes < 0 || loops < 0) {
        PyErr_SetString(PyExc_ValueError, "a limit is negative");
        return -1;
    }
    limits->model_bytes = (size_t)model;
    limits->tensor_bytes = (size_t)tensor;
    limits->arena_bytes = (size_t)arena;
    limits->nodes = (size_t)nodes;
    limits->loop_iterations = (size_t)loops;
    return 0;
}

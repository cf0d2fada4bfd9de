/* limner._limner: the C library as Python sees it. The package around it is in python/limner. */
#include "python/src/errors.h"
#include "python/src/model.h"
#include "python/src/painter.h"
#include "python/src/pyarray.h"
#include "python/src/session.h"
#include "python/src/tensor.h"
#include "python/src/tools.h"

#include <string.h>

static PyObject *operators(PyObject *module, PyObject *unused) {
    limner_operator op;
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && limner_operator_at(i, &op) == LIMNER_OK; i++) {
        PyObject *row = Py_BuildValue("(ssii)", op.name, op.domain, op.since, op.until);
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static int copy_array(const struct pyarray *array, limner_tensor *copy) {
    *copy = array->tensor;
    copy->name = "";
    copy->data = tensor_memory(copy->bytes);
    if (!copy->data) {
        PyErr_NoMemory();
        return -1;
    }
    if (copy->bytes > 0)
        memcpy(copy->data, array->tensor.data, copy->bytes);
    return 0;
}

static PyObject *tensor(PyObject *module, PyObject *object) {
    const struct module_state *state = PyModule_GetState(module);
    struct pyarray array;
    limner_tensor copy;
    PyObject *made = NULL;
    if (pyarray_open(state, object, &array) == 0 && copy_array(&array, &copy) == 0)
        made = tensor_new(state, &copy, NULL);
    pyarray_close(&array);
    return made;
}

static PyMethodDef functions[] = {
    {"tensor", tensor, METH_O, "tensor(array, /)\n--\n\nA limner.Tensor with a copy of an array of any package."},
    {"operators", operators, METH_NOARGS,
     "operators()\n--\n\n(name, domain, since, until) of every operator that this build runs."},
    {"command", tools_command, METH_O,
     "command(words, /)\n--\n\nThe limner command; words[0] is its name. Returns its exit status."},
    {"keys", tools_keys, METH_VARARGS,
     "keys(path, key, verify, /)\n--\n\nWhat limner keys --json prints. key: a str or None."},
    {"convert", tools_convert, METH_VARARGS,
     "convert(checkpoint, words, output, external, /)\n--\n\nWhat limner convert --json prints, and the model as "
     "bytes, "
     "or None where it went to the file output, or could not be made."},
    {0}};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **place) {
    *place = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *place ? PyModule_AddType(module, *place) : -1;
}

static int fill(PyObject *module) {
    struct module_state *state = PyModule_GetState(module);
    if (errors_add(module, state) < 0 || add_type(module, &tensor_spec, &state->tensor) < 0 ||
        add_type(module, &model_spec, &state->model) < 0 || add_type(module, &session_spec, &state->session) < 0 ||
        add_type(module, &painter_spec, &state->painter) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", limner_version());
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct module_state *state = PyModule_GetState(module);
    for (int i = 0; i < ERROR_CLASSES; i++)
        Py_VISIT(state->errors[i]);
    Py_VISIT(state->tensor);
    Py_VISIT(state->model);
    Py_VISIT(state->session);
    Py_VISIT(state->painter);
    return 0;
}

static int clear(PyObject *module) {
    struct module_state *state = PyModule_GetState(module);
    for (int i = 0; i < ERROR_CLASSES; i++)
        Py_CLEAR(state->errors[i]);
    Py_CLEAR(state->tensor);
    Py_CLEAR(state->model);
    Py_CLEAR(state->session);
    Py_CLEAR(state->painter);
    return 0;
}

static void release(void *module) {
    clear(module);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill},
#ifdef Py_GIL_DISABLED
                                   {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
                                   {0}};

static struct PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                        .m_name = "limner._limner",
                                        .m_size = sizeof(struct module_state),
                                        .m_methods = functions,
                                        .m_slots = slots,
                                        .m_traverse = traverse,
                                        .m_clear = clear,
                                        .m_free = release};

PyMODINIT_FUNC PyInit__limner(void);
PyMODINIT_FUNC PyInit__limner(void) {
    return PyModuleDef_Init(&definition);
}

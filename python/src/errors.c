#include "python/src/errors.h"

#include <stdarg.h>
#include <string.h>

/* One class for each status. Each is a limner.Error and, where Python has a word for the fault, that, too. */
struct error_class {
    limner_status status;
    const char *name, *doc;
    PyObject **also;          /* NULL: none */
    limner_status is_kind_of; /* LIMNER_OK: of limner.Error */
};

static PyObject *make_class(const struct error_class *row, PyObject *base) {
    PyObject *bases = row->also ? PyTuple_Pack(2, base, *row->also) : PyTuple_Pack(1, base);
    PyObject *made = bases ? PyErr_NewExceptionWithDoc(row->name, row->doc, bases, NULL) : NULL;
    PyObject *status = made ? PyUnicode_FromString(limner_status_name(row->status)) : NULL;
    if (made && (!status || PyObject_SetAttrString(made, "status", status) < 0))
        Py_CLEAR(made);
    Py_XDECREF(status);
    Py_XDECREF(bases);
    return made;
}

static int add_class(PyObject *module, struct module_state *state, const struct error_class *row) {
    PyObject *base = row->status == LIMNER_OK ? PyExc_Exception : state->errors[row->is_kind_of];
    PyObject *made = make_class(row, base);
    state->errors[row->status] = made;
    return made ? PyModule_AddObjectRef(module, row->name + sizeof "limner." - 1, made) : -1;
}

int errors_add(PyObject *module, struct module_state *state) {
    const struct error_class rows[ERROR_CLASSES] = {
        {LIMNER_OK, "limner.Error", "The class of all errors of limner.", NULL, LIMNER_OK},
        {LIMNER_INVALID_ARGUMENT, "limner.InvalidArgument",
         "The call makes no sense: an unknown name, a wrong element type, ...", &PyExc_ValueError, LIMNER_OK},
        {LIMNER_IO, "limner.FileError", "A file could not be read or written.", &PyExc_OSError, LIMNER_OK},
        {LIMNER_INVALID_MODEL, "limner.InvalidModel", "The file breaks the ONNX specification.", &PyExc_ValueError,
         LIMNER_OK},
        {LIMNER_UNSUPPORTED, "limner.Unsupported",
         "Valid ONNX that this version does not run; the message lists every such node.", &PyExc_NotImplementedError,
         LIMNER_OK},
        {LIMNER_LIMIT, "limner.LimitExceeded", "A limit would be passed.", NULL, LIMNER_OK},
        {LIMNER_NO_MEMORY, "limner.OutOfMemory", "There is not as much memory as would be needed.", &PyExc_MemoryError,
         LIMNER_OK},
        {LIMNER_SHAPE, "limner.ShapeError", "Shapes do not fit the model or each other.", &PyExc_ValueError, LIMNER_OK},
        {LIMNER_CANCELLED, "limner.Cancelled", "Session.cancel() ended the run.", NULL, LIMNER_OK},
        {LIMNER_TRY_AGAIN, "limner.TryAgain",
         "A file could not be read or written for a reason that passes: a full disk, a server that is away, ...", NULL,
         LIMNER_IO},
    };
    for (int i = 0; i < ERROR_CLASSES; i++)
        if (add_class(module, state, &rows[i]) < 0)
            return -1;
    return 0;
}

static PyObject *class_of(const struct module_state *state, limner_status status) {
    return state->errors[(unsigned)status < ERROR_CLASSES ? status : LIMNER_OK];
}

PyObject *errors_raise(const struct module_state *state, const limner_error *error) {
    /* Names of files and of nodes are a stranger's bytes. */
    PyObject *text = PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
    if (text)
        PyErr_SetObject(class_of(state, error->status), text);
    Py_XDECREF(text);
    return NULL;
}

PyObject *errors_format(const struct module_state *state, limner_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    PyErr_FormatV(class_of(state, status), format, arguments);
    va_end(arguments);
    return NULL;
}

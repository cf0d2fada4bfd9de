#include "python/src/tools.h"

#include "python/src/errors.h"
#include "python/src/words.h"
#include "tools/embed/embed_checkpoint.h"
#include "tools/embed/embed_command.h"

#include <stdlib.h>

PyObject *tools_command(PyObject *module, PyObject *list) {
    struct words words;
    int result = 0;
    (void)module;
    const int code = words_read(list, &words);
    if (code == 0) {
        PyThreadState *const python = PyEval_SaveThread();
        result = embed_command(words.count, (char **)words.items);
        PyEval_RestoreThread(python);
    }
    words_close(&words);
    return code == 0 ? PyLong_FromLong(result) : NULL;
}

/* Texts that the tools made are UTF-8. */
static PyObject *take_text(char *text) {
    PyObject *made = text ? PyUnicode_FromString(text) : NULL;
    free(text);
    return made;
}

PyObject *tools_keys(PyObject *module, PyObject *arguments) {
    PyObject *path = NULL;
    const char *key;
    int verify;
    char *json;
    limner_error error;
    if (!PyArg_ParseTuple(arguments, "O&zp:keys", PyUnicode_FSConverter, &path, &key, &verify))
        return NULL;
    const char *file = PyBytes_AsString(path);
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = embed_keys(file, key, verify, &json, &error);
    PyEval_RestoreThread(python);
    Py_DECREF(path);
    return status == LIMNER_OK ? take_text(json) : errors_raise(PyModule_GetState(module), &error);
}

static PyObject *converted_pair(struct embed_converted *converted) {
    PyObject *report = take_text(converted->report);
    PyObject *model = converted->model ? PyBytes_FromStringAndSize(converted->model, (Py_ssize_t)converted->bytes)
                                       : Py_NewRef(Py_None);
    free(converted->model);
    return Py_BuildValue("(NN)", report, model);
}

static PyObject *convert(const struct module_state *state, const struct embed_conversion *wanted) {
    struct embed_converted converted;
    limner_error error;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = embed_convert(wanted, &converted, &error);
    PyEval_RestoreThread(python);
    return status == LIMNER_OK ? converted_pair(&converted) : errors_raise(state, &error);
}

PyObject *tools_convert(PyObject *module, PyObject *arguments) {
    PyObject *list, *output, *checkpoint = NULL, *output_bytes = NULL, *made = NULL;
    int external;
    struct words words = {NULL, NULL, 0};
    if (!PyArg_ParseTuple(arguments, "O&O!Op:convert", PyUnicode_FSConverter, &checkpoint, &PyList_Type, &list, &output,
                          &external))
        return NULL;
    if (words_read(list, &words) == 0 && (output == Py_None || PyUnicode_FSConverter(output, &output_bytes))) {
        const struct embed_conversion wanted = {.checkpoint = PyBytes_AsString(checkpoint),
                                                .words = words.items,
                                                .word_count = words.count,
                                                .output = output_bytes ? PyBytes_AsString(output_bytes) : NULL,
                                                .external = external};
        made = convert(PyModule_GetState(module), &wanted);
    }
    words_close(&words);
    Py_XDECREF(output_bytes);
    Py_DECREF(checkpoint);
    return made;
}

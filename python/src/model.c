#include "python/src/model.h"

#include "python/src/elements.h"
#include "python/src/errors.h"
#include "python/src/limits.h"

#include <string.h>

PyObject *text_of(const char *bytes) {
    return bytes ? PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "surrogateescape") : Py_NewRef(Py_None);
}

/* ---- loading ---- */

static limner_status load(struct model_object *self, const char *path, const char *folder, const limner_limits *limits,
                          limner_error *error) {
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = path ? limner_model_load(path, limits, &self->model, error)
                                      : limner_model_load_memory(self->memory.buf, (size_t)self->memory.len, folder,
                                                                 limits, &self->model, error);
    PyEval_RestoreThread(python);
    return status;
}

/* Reads paths as bytes of the file system's encoding. NULL for None; -1 with an exception on failure. */
static int read_path(PyObject *object, PyObject **bytes, const char **path) {
    *path = NULL;
    if (object == Py_None)
        return 0;
    if (!PyUnicode_FSConverter(object, bytes))
        return -1;
    *path = PyBytes_AsString(*bytes);
    return *path ? 0 : -1;
}

static int load_source(struct model_object *self, PyObject *source, PyObject *from, PyObject *given) {
    const struct module_state *state = state_of((PyObject *)self);
    PyObject *path_bytes = NULL, *folder_bytes = NULL;
    const char *path = NULL, *folder = NULL;
    limner_limits limits;
    limner_error error;
    int result = limits_read(given, &limits);
    if (result == 0)
        result = PyObject_CheckBuffer(source) ? PyObject_GetBuffer(source, &self->memory, PyBUF_SIMPLE)
                                              : read_path(source, &path_bytes, &path);
    if (result == 0)
        result = read_path(from, &folder_bytes, &folder);
    if (result == 0 && load(self, path, folder, &limits, &error) != LIMNER_OK) {
        errors_raise(state, &error);
        result = -1;
    }
    Py_XDECREF(path_bytes);
    Py_XDECREF(folder_bytes);
    return result;
}

static PyObject *model_new(PyTypeObject *type, PyObject *arguments, PyObject *names) {
    static char *known[] = {"source", "folder", "limits", NULL};
    PyObject *source, *folder = Py_None, *limits = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "O|OO:Model", known, &source, &folder, &limits))
        return NULL;
    struct model_object *self = PyObject_New(struct model_object, type);
    if (!self)
        return NULL;
    self->model = NULL;
    self->memory = (Py_buffer){0};
    if (load_source(self, source, folder, limits) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* Sessions keep the Model alive, so the last one that reads the memory is gone. */
static void model_dealloc(PyObject *object) {
    struct model_object *self = (struct model_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    limner_model_close(self->model);
    PyBuffer_Release(&self->memory);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* ---- what it says of itself ---- */

/* Names of free sizes stand for themselves; other free sizes are None. */
static PyObject *shape_of(const limner_value *value) {
    if (value->rank < 0)
        return Py_NewRef(Py_None);
    PyObject *shape = PyTuple_New(value->rank);
    for (int i = 0; shape && i < value->rank; i++) {
        PyObject *size = value->dims[i] >= 0 ? PyLong_FromLongLong(value->dims[i]) : text_of(value->names[i]);
        if (!size || PyTuple_SetItem(shape, i, size) < 0)
            Py_CLEAR(shape);
    }
    return shape;
}

typedef limner_status value_function(const limner_model *model, size_t i, limner_value *value);
typedef const char *type_function(const limner_model *model, size_t i);

/* 'float32' for tensors; what is none has its type as ONNX writes it: 'seq(tensor(float))'. */
static const char *type_of(const limner_value *value, const char *declared) {
    return declared[0] && strncmp(declared, "tensor(", 7) != 0 ? declared : element_name(value->type);
}

static PyObject *list_values(PyObject *object, value_function *get, type_function *get_type) {
    const limner_model *model = ((struct model_object *)object)->model;
    limner_value value;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && get(model, i, &value) == LIMNER_OK; i++) {
        PyObject *row = Py_BuildValue("(NsNO)", text_of(value.name), type_of(&value, get_type(model, i)),
                                      shape_of(&value), value.optional ? Py_True : Py_False);
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *model_inputs(PyObject *object, void *unused) {
    (void)unused;
    return list_values(object, limner_model_input, limner_model_input_type);
}

static PyObject *model_outputs(PyObject *object, void *unused) {
    (void)unused;
    return list_values(object, limner_model_output, limner_model_output_type);
}

static PyObject *model_info(PyObject *object, void *unused) {
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    (void)unused;
    limner_model_get_info(((struct model_object *)object)->model, &info);
    return Py_BuildValue("{s:L,s:L,s:N,s:N,s:N,s:N,s:N,s:n,s:n,s:K,s:n}", "ir_version", (long long)info.ir_version,
                         "model_version", (long long)info.model_version, "producer_name", text_of(info.producer_name),
                         "producer_version", text_of(info.producer_version), "domain", text_of(info.domain), "doc",
                         text_of(info.doc), "graph_name", text_of(info.graph_name), "node_count",
                         (Py_ssize_t)info.node_count, "optimized_count", (Py_ssize_t)info.optimized_count, "parameters",
                         (unsigned long long)info.parameters, "file_bytes", (Py_ssize_t)info.file_bytes);
}

/* Adds both, which may be NULL with an exception set, to dict. */
static int add_item(PyObject *dict, PyObject *key, PyObject *value) {
    const int result = key && value ? PyDict_SetItem(dict, key, value) : -1;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

static PyObject *model_metadata(PyObject *object, void *unused) {
    const char *key, *value;
    (void)unused;
    PyObject *dict = PyDict_New();
    for (size_t i = 0;
         dict && limner_model_metadata(((struct model_object *)object)->model, i, &key, &value) == LIMNER_OK; i++)
        if (add_item(dict, text_of(key), text_of(value)) < 0)
            Py_CLEAR(dict);
    return dict;
}

static PyObject *model_opsets(PyObject *object, void *unused) {
    const char *domain;
    int64_t version;
    (void)unused;
    PyObject *dict = PyDict_New();
    for (size_t i = 0;
         dict && limner_model_opset(((struct model_object *)object)->model, i, &domain, &version) == LIMNER_OK; i++)
        if (add_item(dict, text_of(domain), PyLong_FromLongLong(version)) < 0)
            Py_CLEAR(dict);
    return dict;
}

static PyGetSetDef attributes[] = {
    {"inputs", model_inputs, NULL, "[(name, type, shape or None, has a default value)]", NULL},
    {"outputs", model_outputs, NULL, "the same of outputs", NULL},
    {"info", model_info, NULL, "what limner_model_info holds, as a dict", NULL},
    {"metadata", model_metadata, NULL, "metadata_props, as a dict", NULL},
    {"opsets", model_opsets, NULL, "{domain: version}", NULL},
    {0}};

static PyType_Slot slots[] = {{Py_tp_doc, "Model(source, folder=None, limits=None)\n--\n\nA loaded model."},
                              {Py_tp_new, model_new},
                              {Py_tp_dealloc, model_dealloc},
                              {Py_tp_getset, attributes},
                              {0}};

PyType_Spec model_spec = {.name = "limner._limner.Model",
                          .basicsize = sizeof(struct model_object),
                          .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                          .slots = slots};

#include "python/src/painter.h"

#include "python/src/errors.h"
#include "python/src/model.h"
#include "python/src/pyarray.h"
#include "python/src/tensor.h"
#include "python/src/words.h"
#include "tools/embed/embed_painter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct painter_object {
    PyObject_HEAD struct embed_painter *painter;
    PyObject *held;   /* models and their names, which the painter reads */
    atomic_flag busy; /* a thread is in it */
};

/* ---- making ---- */

static int create(struct painter_object *self, const struct embed_request *request) {
    limner_error error;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = embed_painter_create(request, &self->painter, &error);
    PyEval_RestoreThread(python);
    if (status == LIMNER_OK)
        return 0;
    errors_raise(state_of((PyObject *)self), &error);
    return -1;
}

static struct painter_object *allocate(PyTypeObject *type, PyObject *held) {
    struct painter_object *self = held ? PyObject_New(struct painter_object, type) : NULL;
    if (!self) {
        Py_XDECREF(held);
        return NULL;
    }
    self->painter = NULL;
    self->held = held;
    atomic_flag_clear(&self->busy);
    return self;
}

/* holes, words, model, model_name, edge or None, edge_name; names are bytes. */
static PyObject *painter_new(PyTypeObject *type, PyObject *arguments, PyObject *names) {
    static char *known[] = {"holes", "words", "model", "model_name", "edge", "edge_name", NULL};
    const struct module_state *state = PyType_GetModuleState(type);
    PyObject *list, *model, *edge, *model_name, *edge_name;
    struct embed_request request = {.holes = 0};
    struct words words;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "pO!O!SOS:Painter", known, &request.holes, &PyList_Type, &list,
                                     state->model, &model, &model_name, &edge, &edge_name))
        return NULL;
    if (edge != Py_None && Py_TYPE(edge) != state->model)
        return PyErr_Format(PyExc_TypeError, "expected a Model, not %R", Py_TYPE(edge));
    struct painter_object *self = allocate(type, PyTuple_Pack(4, model, model_name, edge, edge_name));
    if (!self)
        return NULL;
    int code = words_read(list, &words);
    request.words = words.items;
    request.word_count = words.count;
    request.model = ((struct model_object *)model)->model;
    request.model_name = PyBytes_AsString(model_name);
    request.edge = edge == Py_None ? NULL : ((struct model_object *)edge)->model;
    request.edge_name = PyBytes_AsString(edge_name);
    if (code == 0)
        code = create(self, &request);
    words_close(&words);
    if (code < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void painter_dealloc(PyObject *object) {
    struct painter_object *self = (struct painter_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    embed_painter_close(self->painter);
    Py_XDECREF(self->held);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* ---- pictures ---- */

/* An array [H,W] or [H,W,C] of bytes, bool, or 16-bit numbers. The message names the picture. */
static int describe(const struct module_state *state, const char *name, const limner_tensor *tensor,
                    struct embed_picture *picture) {
    const int64_t channels = tensor->rank == 3 ? tensor->dims[2] : 1;
    const bool bytes = tensor->type == LIMNER_UINT8 || tensor->type == LIMNER_BOOL;
    if (!bytes && tensor->type != LIMNER_UINT16) {
        errors_format(state, LIMNER_INVALID_ARGUMENT,
                      "%s has elements of type %s, expected uint8 or uint16 (or bool for a mask)", name,
                      limner_type_name(tensor->type));
        return -1;
    }
    if ((tensor->rank != 2 && tensor->rank != 3) || channels < 1 || channels > 4 || !tensor->dims[0] ||
        !tensor->dims[1]) {
        PyObject *shape = tensor_shape(tensor->rank, tensor->dims);
        if (shape)
            errors_format(state, LIMNER_SHAPE,
                          "%s has shape %S, expected (height, width) or (height, width, channels) with 1 to 4 channels",
                          name, shape);
        Py_XDECREF(shape);
        return -1;
    }
    picture->width = (size_t)tensor->dims[1];
    picture->height = (size_t)tensor->dims[0];
    picture->channels = (int)channels;
    picture->depth = bytes ? 8 : 16;
    picture->samples = tensor->data;
    return 0;
}

/* bytes are a file's name; anything else is an array; None, for a mask, is nothing. */
static int open_picture(const struct module_state *state, const char *name, PyObject *object, struct pyarray *array,
                        struct embed_picture *picture) {
    if (object == Py_None)
        return 0;
    if (PyBytes_Check(object)) {
        picture->path = PyBytes_AsString(object);
        return picture->path ? 0 : -1;
    }
    if (pyarray_open(state, object, array) < 0)
        return -1;
    return describe(state, name, &array->tensor, picture);
}

static int read_output(PyObject *object, const char **output) {
    *output = object == Py_None ? NULL : PyBytes_AsString(object);
    return *output || object == Py_None ? 0 : -1;
}

static int enter(struct painter_object *self) {
    if (!atomic_flag_test_and_set(&self->busy))
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "another thread paints with this");
    return -1;
}

/* ---- results ---- */

static PyObject *result_tensor(const struct module_state *state, const struct embed_result *result) {
    limner_tensor tensor = {.name = "",
                            .type = result->depth == 16 ? LIMNER_UINT16 : LIMNER_UINT8,
                            .rank = result->channels == 1 ? 2 : 3,
                            .dims = {(int64_t)result->height, (int64_t)result->width, result->channels},
                            .bytes = result->height * result->width * (size_t)(result->channels * result->depth / 8)};
    tensor.data = tensor_memory(tensor.bytes);
    if (!tensor.data)
        return PyErr_NoMemory();
    memcpy(tensor.data, result->samples, tensor.bytes);
    return tensor_new(state, &tensor, NULL);
}

/* (array or None, nothing was changed) */
static PyObject *result_pair(const struct module_state *state, const struct embed_result *result) {
    PyObject *tensor = result->samples ? result_tensor(state, result) : Py_NewRef(Py_None);
    return tensor ? Py_BuildValue("(NN)", tensor, PyBool_FromLong(result->unchanged)) : NULL;
}

static PyObject *paint(struct painter_object *self, const struct embed_task *task) {
    struct embed_result result = {.samples = NULL};
    limner_error error;
    if (enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = embed_painter_paint(self->painter, task, &result, &error);
    PyEval_RestoreThread(python);
    atomic_flag_clear(&self->busy);
    PyObject *made = status == LIMNER_OK ? result_pair(state_of((PyObject *)self), &result)
                                         : errors_raise(state_of((PyObject *)self), &error);
    free(result.samples);
    return made;
}

static PyObject *painter_paint(PyObject *object, PyObject *arguments) {
    const struct module_state *state = state_of(object);
    struct pyarray image_array = {0}, mask_array = {0};
    struct embed_task task = {.output = NULL};
    PyObject *image, *mask, *output, *made = NULL;
    Py_ssize_t profile_bytes = 0;
    if (!PyArg_ParseTuple(arguments, "OOOpz#(dd):paint", &image, &mask, &output, &task.eight_bits, &task.image.profile,
                          &profile_bytes, &task.image.dots_x, &task.image.dots_y))
        return NULL;
    task.image.profile_bytes = (size_t)profile_bytes;
    if (read_output(output, &task.output) == 0 &&
        open_picture(state, "the image", image, &image_array, &task.image) == 0 &&
        open_picture(state, "the mask", mask, &mask_array, &task.mask) == 0)
        made = paint((struct painter_object *)object, &task);
    pyarray_close(&image_array);
    pyarray_close(&mask_array);
    return made;
}

static PyObject *painter_notes(PyObject *object, PyObject *unused) {
    struct painter_object *self = (struct painter_object *)object;
    (void)unused;
    if (enter(self) < 0)
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && embed_painter_note(self->painter, i); i++) {
        PyObject *text = text_of(embed_painter_note(self->painter, i));
        if (!text || PyList_Append(list, text) < 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    embed_painter_clear_notes(self->painter);
    atomic_flag_clear(&self->busy);
    return list;
}

static PyMethodDef methods[] = {
    {"paint", painter_paint, METH_VARARGS,
     "paint(image, mask, output, eight_bits, profile, dots, /)\n--\n\nimage and mask: arrays, or bytes that name "
     "files; "
     "mask: None where there are no holes; output: bytes that name a file, or None; profile: bytes or None, dots: two "
     "numbers an inch, or zeros, of an image that is an array. (array or None, nothing was changed)."},
    {"notes", painter_notes, METH_NOARGS, "notes()\n--\n\nWhat was worth knowing since this was last asked."},
    {0}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Painter(holes, words, model, model_name, edge, edge_name)\n--\n\nFills holes of pictures, or makes "
                "pictures of pictures, for one thread at a time."},
    {Py_tp_new, painter_new},
    {Py_tp_dealloc, painter_dealloc},
    {Py_tp_methods, methods},
    {0}};

PyType_Spec painter_spec = {.name = "limner._limner.Painter",
                            .basicsize = sizeof(struct painter_object),
                            .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                            .slots = slots};

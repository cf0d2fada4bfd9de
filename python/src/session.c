#include "python/src/session.h"

#include "python/src/errors.h"
#include "python/src/limits.h"
#include "python/src/model.h"
#include "python/src/plan.h"
#include "python/src/run.h"
#include "python/src/session_state.h"
#include "python/src/tensor.h"

/* ---- making ---- */

static int create(struct session_object *self, PyObject *model, const limner_options *options) {
    limner_error error;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status =
        limner_session_create(((struct model_object *)model)->model, options, &self->session, &error);
    PyEval_RestoreThread(python);
    if (status == LIMNER_OK)
        return 0;
    errors_raise(state_of((PyObject *)self), &error);
    return -1;
}

static struct session_object *allocate(PyTypeObject *type, PyObject *model) {
    struct session_object *self = PyObject_New(struct session_object, type);
    if (!self)
        return NULL;
    self->session = NULL;
    self->model = Py_NewRef(model);
    atomic_flag_clear(&self->busy);
    return self;
}

/* cache comes as a path, or None. -1 with an exception when it is neither. */
static int read_cache(PyObject *cache, PyObject **bytes, limner_options *options) {
    if (cache == Py_None)
        return 0;
    if (!PyUnicode_FSConverter(cache, bytes))
        return -1;
    options->cache = PyBytes_AsString(*bytes);
    return options->cache ? 0 : -1;
}

static PyObject *session_new(PyTypeObject *type, PyObject *arguments, PyObject *names) {
    static char *known[] = {"model",      "threads", "cpu",    "exact",      "profile", "plans",
                            "low_memory", "cache",   "limits", "keep_bytes", NULL};
    const struct module_state *state = PyType_GetModuleState(type);
    limner_options options = LIMNER_OPTIONS_INIT;
    limner_limits limits;
    PyObject *model, *cache = Py_None, *given = Py_None, *cache_bytes = NULL;
    int cpu = 0;
    Py_ssize_t keep = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "O!|iippipOOn:Session", known, state->model, &model,
                                     &options.threads, &cpu, &options.exact, &options.profile, &options.plans,
                                     &options.low_memory, &cache, &given, &keep))
        return NULL;
    if (limits_read(given, &limits) < 0 || read_cache(cache, &cache_bytes, &options) < 0)
        return NULL;
    options.cpu = (limner_cpu)cpu;
    options.limits = &limits;
    options.keep_bytes = keep > 0 ? (size_t)keep : 0;
    struct session_object *self = allocate(type, model);
    if (self && create(self, model, &options) < 0)
        Py_CLEAR(self);
    Py_XDECREF(cache_bytes);
    return (PyObject *)self;
}

static void session_dealloc(PyObject *object) {
    struct session_object *self = (struct session_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    limner_session_close(self->session);
    Py_XDECREF(self->model);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* ---- what it does besides running ---- */

static PyObject *session_swap(PyObject *object, PyObject *model) {
    struct session_object *self = (struct session_object *)object;
    limner_error error;
    if (Py_TYPE(model) != state_of(object)->model)
        return PyErr_Format(PyExc_TypeError, "expected a Model, not %R", Py_TYPE(model));
    if (session_enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = limner_session_swap(self->session, ((struct model_object *)model)->model, &error);
    PyEval_RestoreThread(python);
    session_leave(self);
    if (status != LIMNER_OK)
        return errors_raise(state_of(object), &error);
    PyObject *old = self->model;
    self->model = Py_NewRef(model);
    Py_DECREF(old);
    Py_RETURN_NONE;
}

static PyObject *session_trim(PyObject *object, PyObject *unused) {
    struct session_object *self = (struct session_object *)object;
    (void)unused;
    if (session_enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    limner_session_trim(self->session);
    PyEval_RestoreThread(python);
    session_leave(self);
    Py_RETURN_NONE;
}

static PyObject *session_cancel(PyObject *object, PyObject *unused) {
    (void)unused;
    limner_session_cancel(((struct session_object *)object)->session);
    Py_RETURN_NONE;
}

static PyObject *session_save_cache(PyObject *object, PyObject *unused) {
    struct session_object *self = (struct session_object *)object;
    limner_error error;
    (void)unused;
    if (session_enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = limner_session_save_cache(self->session, &error);
    PyEval_RestoreThread(python);
    session_leave(self);
    return status == LIMNER_OK ? Py_NewRef(Py_None) : errors_raise(state_of(object), &error);
}

static PyObject *profile_row(const limner_node_profile *row) {
    return Py_BuildValue("(NNddddKN)", text_of(row->name), text_of(row->op_type), row->milliseconds, row->fastest,
                         row->macs, row->bytes, (unsigned long long)row->runs, tensor_shape(row->rank, row->dims));
}

static PyObject *session_profile(PyObject *object, PyObject *unused) {
    struct session_object *self = (struct session_object *)object;
    limner_node_profile row = LIMNER_NODE_PROFILE_INIT;
    (void)unused;
    if (session_enter(self) < 0)
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && limner_session_profile(self->session, i, &row) == LIMNER_OK; i++) {
        PyObject *made = profile_row(&row);
        if (!made || PyList_Append(list, made) < 0)
            Py_CLEAR(list);
        Py_XDECREF(made);
    }
    session_leave(self);
    return list;
}

/* ---- what it says of itself ---- */

static PyObject *get_threads(PyObject *object, void *unused) {
    (void)unused;
    return PyLong_FromLong(limner_session_threads(((struct session_object *)object)->session));
}

static PyObject *get_cpu(PyObject *object, void *unused) {
    (void)unused;
    return text_of(limner_session_cpu(((struct session_object *)object)->session));
}

static PyObject *get_note(PyObject *object, void *unused) {
    (void)unused;
    return text_of(limner_session_note(((struct session_object *)object)->session));
}

static PyObject *get_cache_note(PyObject *object, void *unused) {
    (void)unused;
    return text_of(limner_session_cache_note(((struct session_object *)object)->session));
}

static PyObject *get_model(PyObject *object, void *unused) {
    (void)unused;
    return Py_NewRef(((struct session_object *)object)->model);
}

static PyObject *get_info(PyObject *object, void *unused) {
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    (void)unused;
    limner_session_get_info(((struct session_object *)object)->session, &info);
    return Py_BuildValue("{s:n,s:n,s:n,s:n}", "plans", (Py_ssize_t)info.plans, "plans_made",
                         (Py_ssize_t)info.plans_made, "plans_reused", (Py_ssize_t)info.plans_reused, "held_bytes",
                         (Py_ssize_t)info.held_bytes);
}

static PyMethodDef methods[] = {
    {"run", (PyCFunction)(void (*)(void))session_run, METH_VARARGS,
     "run(inputs, outputs, owner, /)\n--\n\nRuns the model. inputs: (name, array) pairs, by position where the name is "
     "None. outputs: (name, memory or None) pairs, or None for all. owner: None for tensors of their own memory, else "
     "what to keep alive as long as a tensor lies in the session's."},
    {"plan", session_plan, METH_O,
     "plan(inputs, /)\n--\n\nPlans for (name, type, shape) rows: a dict of macs, arena_bytes, weight_bytes, steps."},
    {"swap", session_swap, METH_O, "swap(model, /)\n--\n\nPuts another model in."},
    {"trim", session_trim, METH_NOARGS, "trim()\n--\n\nGives activations back to the system."},
    {"cancel", session_cancel, METH_NOARGS, "cancel()\n--\n\nEnds the run of another thread."},
    {"save_cache", session_save_cache, METH_NOARGS, "save_cache()\n--\n\nWrites packed weights that are new."},
    {"profile", session_profile, METH_NOARGS,
     "profile()\n--\n\n(name, operator, mean, fastest, macs, bytes, runs, shape) of each step; times in milliseconds."},
    {0}};

static PyGetSetDef attributes[] = {{"threads", get_threads, NULL, "at most", NULL},
                                   {"cpu", get_cpu, NULL, "the instruction set: 'avx512', ...", NULL},
                                   {"note", get_note, NULL, "what was odd with inputs; '' for nothing", NULL},
                                   {"cache_note", get_cache_note, NULL, "why the cache cannot be used, or ''", NULL},
                                   {"model", get_model, NULL, "the Model that runs", NULL},
                                   {"info", get_info, NULL, "what limner_session_info holds, as a dict", NULL},
                                   {0}};

static PyType_Slot slots[] = {{Py_tp_doc, "Session(model, ...)\n--\n\nRuns one model, for one thread at a time."},
                              {Py_tp_new, session_new},
                              {Py_tp_dealloc, session_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, attributes},
                              {0}};

PyType_Spec session_spec = {.name = "limner._limner.Session",
                            .basicsize = sizeof(struct session_object),
                            .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                            .slots = slots};

#include "python/src/run.h"

#include "python/src/errors.h"
#include "python/src/model.h"
#include "python/src/pyvalue.h"
#include "python/src/result.h"
#include "python/src/session_state.h"
#include "python/src/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a call is given, and what is held until it is done. */
struct call {
    PyObject *inputs, *outputs; /* sequences of pairs, as lists */
    size_t input_count, output_count;
    struct pyvalue *values;
    struct pyarray *targets;
    limner_tensor *in, *out;
    bool copies; /* outputs get memory of their own */
};

/* ---- reading ---- */

static int read_name(PyObject *name, const char **out) {
    *out = name == Py_None ? NULL : PyUnicode_AsUTF8AndSize(name, NULL);
    return name == Py_None || *out ? 0 : -1;
}

/* The i-th pair; both are borrowed. */
static int read_pair(PyObject *list, size_t i, const char **name, PyObject **value) {
    PyObject *key;
    PyObject *pair = PyList_GetItem(list, (Py_ssize_t)i);
    return pair && PyArg_ParseTuple(pair, "OO", &key, value) ? read_name(key, name) : -1;
}

static int open_input(const struct module_state *state, struct call *call, size_t i) {
    PyObject *value;
    const char *name;
    if (read_pair(call->inputs, i, &name, &value) < 0 || pyvalue_open(state, value, &call->values[i]) < 0)
        return -1;
    call->in[i] = call->values[i].tensor;
    call->in[i].name = name;
    return 0;
}

static int open_output(const struct module_state *state, struct call *call, size_t i) {
    PyObject *value;
    const char *name;
    if (read_pair(call->outputs, i, &name, &value) < 0)
        return -1;
    if (value != Py_None && pyarray_open_target(state, value, &call->targets[i]) < 0)
        return -1;
    call->out[i] = call->targets[i].tensor;
    call->out[i].name = name;
    return 0;
}

static int open_call(const struct module_state *state, struct call *call) {
    call->input_count = (size_t)PyList_Size(call->inputs);
    call->output_count = (size_t)PyList_Size(call->outputs);
    call->values = calloc(call->input_count + 1, sizeof *call->values);
    call->targets = calloc(call->output_count + 1, sizeof *call->targets);
    call->in = calloc(call->input_count + 1, sizeof *call->in);
    call->out = calloc(call->output_count + 1, sizeof *call->out);
    if (!call->values || !call->targets || !call->in || !call->out) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < call->input_count; i++)
        if (open_input(state, call, i) < 0)
            return -1;
    for (size_t i = 0; i < call->output_count; i++)
        if (open_output(state, call, i) < 0)
            return -1;
    return 0;
}

static void close_call(struct call *call) {
    for (size_t i = 0; call->values && i < call->input_count; i++)
        pyvalue_close(&call->values[i]);
    for (size_t i = 0; call->targets && i < call->output_count; i++)
        pyarray_close(&call->targets[i]);
    free(call->values);
    free(call->targets);
    free(call->in);
    free(call->out);
    Py_XDECREF(call->inputs);
    Py_XDECREF(call->outputs);
}

/* ---- running, without the GIL ---- */

static bool has_target(const struct call *call, size_t i) {
    return call->targets[i].buffer.obj != NULL;
}

static limner_status no_memory(const limner_tensor *output, limner_error *error) {
    error->status = LIMNER_NO_MEMORY;
    snprintf(error->message, sizeof error->message, "out of memory for %zu bytes of output \"%.200s\"", output->bytes,
             output->name);
    return LIMNER_NO_MEMORY;
}

/* Whether an output is a tensor that lies in the session, and gets memory of its own. */
static bool is_copied(const struct call *call, size_t i) {
    return call->copies && !has_target(call, i) && element_of(call->out[i].type);
}

/* All of them get it, or none. */
static limner_status copy_outputs(struct call *call, limner_error *error) {
    for (size_t i = 0; i < call->output_count; i++) {
        if (!is_copied(call, i))
            continue;
        void *memory = tensor_memory(call->out[i].bytes);
        if (!memory) {
            for (size_t k = 0; k < i; k++)
                if (is_copied(call, k))
                    free(call->out[k].data);
            return no_memory(&call->out[i], error);
        }
        if (call->out[i].bytes > 0)
            memcpy(memory, call->out[i].data, call->out[i].bytes);
        call->out[i].data = memory;
    }
    return LIMNER_OK;
}

static limner_status run(limner_session *session, struct call *call, limner_error *error) {
    const limner_status status =
        limner_session_run(session, call->in, call->input_count, call->out, call->output_count, error);
    return status == LIMNER_OK ? copy_outputs(call, error) : status;
}

/* ---- giving ---- */

/* Whether an output has the type and shape of the memory that it was written to. */
static int check_target(const struct module_state *state, const struct call *call, size_t i) {
    const limner_tensor *is = &call->out[i], *room = &call->targets[i].tensor;
    if (is->type == room->type && is->rank == room->rank &&
        memcmp(is->dims, room->dims, (size_t)is->rank * sizeof *is->dims) == 0)
        return 0;
    PyObject *dims = tensor_shape(is->rank, is->dims), *expected = tensor_shape(room->rank, room->dims);
    if (dims && expected)
        errors_format(state, LIMNER_SHAPE, "output \"%s\" is %s%S, the memory given for it is %s%S", is->name,
                      element_name(is->type), dims, element_name(room->type), expected);
    Py_XDECREF(dims);
    Py_XDECREF(expected);
    return -1;
}

/* Takes the output's memory over. */
static PyObject *give(const struct module_state *state, struct call *call, size_t i, PyObject *owner) {
    if (is_copied(call, i))
        return tensor_new(state, &call->out[i], NULL);
    if (!has_target(call, i))
        return result_new(state, &call->out[i], call->copies ? NULL : owner);
    PyObject *value;
    const char *name;
    if (check_target(state, call, i) < 0 || read_pair(call->outputs, i, &name, &value) < 0)
        return NULL;
    return Py_NewRef(value);
}

static PyObject *give_all(const struct module_state *state, struct call *call, PyObject *owner) {
    PyObject *list = PyList_New((Py_ssize_t)call->output_count);
    size_t i = 0;
    for (; list && i < call->output_count; i++) {
        PyObject *output = give(state, call, i, owner);
        if (!output || PyList_SetItem(list, (Py_ssize_t)i, output) < 0)
            Py_CLEAR(list);
    }
    for (; i < call->output_count; i++)
        if (is_copied(call, i))
            free(call->out[i].data);
    return list;
}

/* ---- together ---- */

static PyObject *all_outputs(PyObject *model) {
    PyObject *list = PyList_New(0);
    limner_value value;
    for (size_t i = 0; list && limner_model_output(((struct model_object *)model)->model, i, &value) == LIMNER_OK;
         i++) {
        PyObject *pair = Py_BuildValue("(OO)", Py_None, Py_None);
        if (!pair || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

static PyObject *run_call(struct session_object *self, struct call *call, PyObject *owner) {
    const struct module_state *state = state_of((PyObject *)self);
    limner_error error;
    if (open_call(state, call) < 0 || session_enter(self) < 0)
        return NULL;
    PyThreadState *const python = PyEval_SaveThread();
    const limner_status status = run(self->session, call, &error);
    PyEval_RestoreThread(python);
    PyObject *outputs = status == LIMNER_OK ? give_all(state, call, owner) : errors_raise(state, &error);
    session_leave(self);
    return outputs;
}

PyObject *session_run(PyObject *session, PyObject *arguments) {
    struct session_object *self = (struct session_object *)session;
    PyObject *inputs, *outputs, *owner;
    if (!PyArg_ParseTuple(arguments, "OOO:run", &inputs, &outputs, &owner))
        return NULL;
    struct call call = {.copies = owner == Py_None};
    call.inputs = PySequence_List(inputs);
    call.outputs = call.inputs ? outputs == Py_None ? all_outputs(self->model) : PySequence_List(outputs) : NULL;
    PyObject *keeps = PyTuple_Pack(2, owner, session); /* of tensors that lie in the session */
    PyObject *made = call.outputs && keeps ? run_call(self, &call, keeps) : NULL;
    close_call(&call);
    Py_XDECREF(keeps);
    return made;
}

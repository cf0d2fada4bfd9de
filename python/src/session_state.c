#include "python/src/session_state.h"

int session_enter(struct session_object *self) {
    if (!atomic_flag_test_and_set(&self->busy))
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "another thread is in this session");
    return -1;
}

void session_leave(struct session_object *self) {
    atomic_flag_clear(&self->busy);
}

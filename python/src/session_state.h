/* What a limner._limner.Session is: one limner_session, which is for one thread at a time. */
#ifndef LIMNER_PYTHON_SESSION_STATE_H
#define LIMNER_PYTHON_SESSION_STATE_H

#include "python/src/state.h"

#include <stdatomic.h>

struct session_object {
    PyObject_HEAD limner_session *session;
    PyObject *model;  /* whose memory the session may read */
    atomic_flag busy; /* a thread is in it */
};

/* For calls that let the GIL go. -1 with an exception when another thread is in the session. */
int session_enter(struct session_object *self);
void session_leave(struct session_object *self);

#endif

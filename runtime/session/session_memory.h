/* The memory of a session that callers can point to: what lies there, and copies of inputs that must not be read there.
 */
#ifndef LIMNER_RUNTIME_SESSION_SESSION_MEMORY_H
#define LIMNER_RUNTIME_SESSION_SESSION_MEMORY_H

#include "runtime/session/session.h"

/* A part of the bytes at p lies in the activations of the last run, which the next one overwrites, moves or frees. */
bool session_holds(const struct limner_session *session, const void *p, size_t bytes);
/* The request reads this input from memory of the session's own, aligned; grows to the largest, later runs allocate
 * nothing. */
status session_copy_input(struct limner_session *session, int port, size_t bytes, struct error *err);
/* The bytes of activations and copies of inputs that the session has now. */
size_t session_held(const struct limner_session *session);
/* After a run: what is above the session's cap goes, but for what the outputs point to. */
void session_keep(struct limner_session *session, const limner_tensor *outputs, size_t count);

#endif

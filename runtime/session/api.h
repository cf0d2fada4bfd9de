/* Between limner.h and the inside: statuses and errors. */
#ifndef LIMNER_RUNTIME_SESSION_API_H
#define LIMNER_RUNTIME_SESSION_API_H

#include "base/tensor.h"
#include "runtime/limner.h"

/* Hands code, and on failure the message, to the caller's error (may be NULL); returns the code as the caller knows it.
 */
limner_status api_return(limner_error *error, status code, const struct error *err);
/* Types of limner.h and inside; DTYPE_END for numbers that are none. */
enum dtype api_dtype(limner_type type);
limner_type api_type(enum dtype dtype);
/* A refusal of the arguments themselves. */
limner_status api_refuse(limner_error *error, const char *message);

#endif

#include "runtime/session/api.h"

#include "base/tensor.h"

#include <string.h>

#define SAME(public, internal) _Static_assert((int)(public) == (int)(internal), #public " has another number inside")
SAME(LIMNER_OK, STATUS_OK);
SAME(LIMNER_INVALID_ARGUMENT, STATUS_INVALID_ARGUMENT);
SAME(LIMNER_IO, STATUS_IO);
SAME(LIMNER_INVALID_MODEL, STATUS_INVALID_MODEL);
SAME(LIMNER_UNSUPPORTED, STATUS_UNSUPPORTED);
SAME(LIMNER_LIMIT, STATUS_LIMIT);
SAME(LIMNER_NO_MEMORY, STATUS_NO_MEMORY);
SAME(LIMNER_SHAPE, STATUS_SHAPE);
SAME(LIMNER_CANCELLED, STATUS_CANCELLED);
SAME(LIMNER_TRY_AGAIN, STATUS_TRY_AGAIN);
SAME(LIMNER_UNDEFINED, DTYPE_UNDEFINED);
SAME(LIMNER_FLOAT, DTYPE_FLOAT);
SAME(LIMNER_UINT8, DTYPE_UINT8);
SAME(LIMNER_INT8, DTYPE_INT8);
SAME(LIMNER_UINT16, DTYPE_UINT16);
SAME(LIMNER_INT16, DTYPE_INT16);
SAME(LIMNER_INT32, DTYPE_INT32);
SAME(LIMNER_INT64, DTYPE_INT64);
SAME(LIMNER_STRING, DTYPE_STRING);
SAME(LIMNER_BOOL, DTYPE_BOOL);
SAME(LIMNER_FLOAT16, DTYPE_FLOAT16);
SAME(LIMNER_DOUBLE, DTYPE_DOUBLE);
SAME(LIMNER_UINT32, DTYPE_UINT32);
SAME(LIMNER_UINT64, DTYPE_UINT64);
SAME(LIMNER_BFLOAT16, DTYPE_BFLOAT16);
SAME(LIMNER_MAX_RANK, MAX_RANK);
_Static_assert(sizeof(limner_string) == sizeof(struct text) &&
                   offsetof(limner_string, length) == offsetof(struct text, length),
               "strings lie in another way inside");
_Static_assert(sizeof((limner_error *)0)->message == ERROR_MESSAGE_BYTES, "error messages differ in length");

limner_status api_return(limner_error *error, status code, const struct error *err) {
    /* Planning takes care of this one; should it ever get here, the model is one that cannot be run. */
    const limner_status outside = code == STATUS_NEEDS_VALUE ? LIMNER_UNSUPPORTED : (limner_status)code;
    if (!error)
        return outside;
    error->status = outside;
    error->message[0] = 0;
    if (code != STATUS_OK)
        memcpy(error->message, err->message, strlen(err->message) + 1);
    return outside;
}

limner_status api_refuse(limner_error *error, const char *message) {
    struct error err;
    return api_return(error, fail(&err, STATUS_INVALID_ARGUMENT, "%s", message), &err);
}

const char *limner_status_name(limner_status code) {
    static const char *const names[] = {
        [LIMNER_OK] = "ok",
        [LIMNER_INVALID_ARGUMENT] = "invalid argument",
        [LIMNER_IO] = "input/output error",
        [LIMNER_INVALID_MODEL] = "invalid model",
        [LIMNER_UNSUPPORTED] = "not supported",
        [LIMNER_LIMIT] = "limit exceeded",
        [LIMNER_NO_MEMORY] = "out of memory",
        [LIMNER_SHAPE] = "shapes do not fit",
        [LIMNER_CANCELLED] = "cancelled",
        [LIMNER_TRY_AGAIN] = "try again",
    };
    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "unknown status";
}

enum dtype api_dtype(limner_type type) {
    switch (type) {
    case LIMNER_SEQUENCE:
        return DTYPE_SEQUENCE;
    case LIMNER_OPTIONAL:
        return DTYPE_OPTIONAL;
    case LIMNER_MAP:
        return DTYPE_MAP;
    default:
        return (unsigned)type < DTYPE_COUNT ? (enum dtype)type : DTYPE_END;
    }
}

limner_type api_type(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_SEQUENCE:
        return LIMNER_SEQUENCE;
    case DTYPE_OPTIONAL:
        return LIMNER_OPTIONAL;
    case DTYPE_MAP:
        return LIMNER_MAP;
    default:
        return (limner_type)dtype;
    }
}

const char *limner_type_name(limner_type type) {
    return dtype_name(api_dtype(type));
}

const char *limner_version(void) {
    return LIMNER_VERSION;
}

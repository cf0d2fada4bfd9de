/* How every function of limner says whether it worked. */
#ifndef LIMNER_BASE_STATUS_H
#define LIMNER_BASE_STATUS_H

#include <stdarg.h>

/* The same numbers as limner_status in runtime/limner.h (checked at compile time there). */
typedef enum status {
    STATUS_OK = 0,
    STATUS_INVALID_ARGUMENT = 1, /* the caller asked for something that makes no sense */
    STATUS_IO = 2,               /* a file could not be read or written */
    STATUS_INVALID_MODEL = 3,    /* the model breaks the ONNX specification */
    STATUS_UNSUPPORTED = 4,      /* valid ONNX that limner does not run */
    STATUS_LIMIT = 5,            /* a limit would be passed */
    STATUS_NO_MEMORY = 6,
    STATUS_SHAPE = 7,        /* shapes that do not fit each other */
    STATUS_CANCELLED = 8,    /* the caller ended the run */
    STATUS_TRY_AGAIN = 9,    /* as STATUS_IO, for a reason that passes: a full disk, a server that is away, ... */
    STATUS_NEEDS_VALUE = 100 /* inside limner only: infer() wants data that is known only at run time */
} status;

#define ERROR_MESSAGE_BYTES 4096

/* The first thing that went wrong; owned by the caller, never NULL inside limner. */
struct error {
    status code;
    char message[ERROR_MESSAGE_BYTES];
};

/* Fills err with code and a printf-style message and returns code, so that callers write `return fail(...)`. */
status fail(struct error *err, status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As fail() for the usual out-of-memory case. */
status fail_memory(struct error *err, const char *what);

/* What an errno means: STATUS_NO_MEMORY, STATUS_TRY_AGAIN, or STATUS_IO for what stays as it is. */
status errno_status(int number);

/* Puts "prefix: " before err's message (where the failure stood); returns err->code. */
status fail_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "PATH: " before err's message, unless it begins with the path already, or says that it cannot be read or
   written; returns err->code. */
status fail_path(struct error *err, const char *path);

/* The static analyzer sees one file at a time: what these return is told here. */
#ifdef __clang_analyzer__
#define fail(err, code, ...) ((fail)(err, code, __VA_ARGS__), (code))
#define fail_memory(err, what) ((fail_memory)(err, what), STATUS_NO_MEMORY)
#define fail_prefix(err, ...) ((fail_prefix)(err, __VA_ARGS__), STATUS_INVALID_MODEL) /* some failure */
#define fail_path(err, path) ((fail_path)(err, path), STATUS_INVALID_MODEL)
#endif

/* Appends to err's message; what does not fit ends in "...". Leaves the code alone. A format that begins with a newline
   begins a new line; control characters anywhere else, in what is put in as well, become "?". */
void error_append(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

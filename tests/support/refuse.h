/*
 * A system that refuses: the n-th allocation, open, write, ... of a try fails, for every n that matters. The calls are
 * caught by the linker's --wrap (REFUSABLE in the Makefile, for programs named test_refusals_*), so that the code under
 * test is the code that ships. Allocations inside libraries: protobuf-c and libpng take ours, libjpeg's are stood for
 * by failures of the calls that make them; the C library's own (stdio, qsort) are left alone, and so is OpenMP, whose
 * library ends the process when it gets no threads.
 */
#ifndef LIMNER_TESTS_REFUSE_H
#define LIMNER_TESTS_REFUSE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum refusable {
    REFUSE_MEMORY = 1, /* malloc and its like, mmap without a file */
    REFUSE_OPEN = 2,
    REFUSE_STAT = 4, /* fstat */
    REFUSE_MAP = 8,  /* mmap of a file */
    REFUSE_READ = 16,
    REFUSE_WRITE = 32,
    REFUSE_CLOSE = 64, /* closes, and says that it failed */
    REFUSE_RENAME = 128,
    REFUSE_MODE = 256,  /* fchmod */
    REFUSE_THREAD = 512 /* pthread_create */
};

/* What takes the place of an errno: half of what was asked for is read or written. */
#define REFUSE_HALF (-1)

struct refusal {
    unsigned kinds;
    int number;    /* errno of the failing call, or REFUSE_HALF */
    bool harmless; /* the try must work all the same */
    bool needed;   /* the try must fail */
    bool fresh;    /* chains of callers that other tries have been through are left out: for many models alike */
};

/*
 * One try, from nothing to nothing: what it opens it closes. It returns a status with a message, or checks the results
 * and returns STATUS_OK, which is right where the refused call was not needed (a cache, a larger page).
 */
typedef status refuse_try(void *context, struct error *err);

/*
 * Tries without a refusal first, then with the n-th call refused: the first and the last n of each chain of callers,
 * and others while time lasts; then with the n-th and all later calls refused. Fails the test when a try crashes,
 * leaks memory, mappings or file descriptors, or ends with a status or message that does not say what was refused.
 */
void refuse_each(const char *name, const struct refusal *refusal, refuse_try *attempt, void *context);

/* Between these, in a try, nothing is refused: preparations, and looking at results. */
void refuse_pause(void);
void refuse_resume(void);
/* Ends a try that a failed assertion left. */
void refuse_stop(void);
/* Whether a call of this try has been refused by now. */
bool refuse_happened(void);

#endif

/* Lists of str as the words of a command line. */
#ifndef LIMNER_PYTHON_WORDS_H
#define LIMNER_PYTHON_WORDS_H

#include "python/src/state.h"

struct words {
    PyObject *bytes;    /* holds the texts */
    const char **items; /* ends with NULL */
    int count;
};

/* As the file system's bytes. -1 with an exception on failure. Closed with words_close, also one of zeros. */
int words_read(PyObject *list, struct words *words);
void words_close(struct words *words);

#endif

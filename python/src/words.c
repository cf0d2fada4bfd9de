#include "python/src/words.h"

#include <stdlib.h>

/* The i-th word, whose bytes the list takes over. */
static int read_word(struct words *words, PyObject *list, Py_ssize_t i) {
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(PyList_GetItem(list, i), &bytes))
        return -1;
    words->items[i] = PyBytes_AsString(bytes);
    return PyList_SetItem(words->bytes, i, bytes);
}

int words_read(PyObject *list, struct words *words) {
    *words = (struct words){NULL, NULL, 0};
    const Py_ssize_t count = PyList_Size(list);
    if (count < 0 || count > INT_MAX - 1)
        return -1;
    words->bytes = PyList_New(count);
    words->items = calloc((size_t)count + 1, sizeof *words->items);
    if (words->bytes && !words->items)
        PyErr_NoMemory();
    int code = words->bytes && words->items ? 0 : -1;
    for (Py_ssize_t i = 0; code == 0 && i < count; i++)
        code = read_word(words, list, i);
    words->count = (int)count;
    return code;
}

void words_close(struct words *words) {
    Py_CLEAR(words->bytes);
    free(words->items);
    words->items = NULL;
}

/* The head of a .npy file: a Python dict literal that says type, order and shape. */
#ifndef LIMNER_TOOLS_FILES_NPY_HEADER_H
#define LIMNER_TOOLS_FILES_NPY_HEADER_H

#include "tools/files/npy_text.h"

#define NPY_ALIGNMENT 64 /* of the data */
#define NPY_HEADER_BYTES 512

struct npy_type {
    char kind;
    int size;
    enum dtype dtype;
};

struct npy_header {
    bool has_type, has_order, has_shape;
    enum dtype dtype;
    bool big_endian, fortran;
    struct npy_text text;
    struct shape shape;
};

bool npy_header_begins(const void *bytes, size_t size);
/* *length: where the data begins. */
status npy_header_read(const void *bytes, size_t size, struct npy_header *header, size_t *length, struct error *err);

/* NULL where NumPy has no such type. */
const struct npy_type *npy_type_of(enum dtype dtype);
/* The whole header, padded so that the data that follows is aligned; returns its length. */
size_t npy_header_write(const struct npy_type *type, const struct shape *shape, char text[NPY_HEADER_BYTES]);

#endif

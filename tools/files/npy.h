/* NumPy's .npy files: versions 1, 2 and 3, plain numbers and strings of either byte order, C and Fortran order. */
#ifndef LIMNER_TOOLS_FILES_NPY_H
#define LIMNER_TOOLS_FILES_NPY_H

#include "base/tensor.h"
#include "tools/files/file.h"

/* The bytes begin as a .npy file does. */
bool npy_recognise(const void *bytes, size_t size);

/*
 * out becomes row-major and little-endian; out->data is the caller's to free(). The bytes may be anything. Nothing is
 * allocated before the header's sizes are known to fit the bytes.
 */
status npy_read(const void *bytes, size_t size, struct tensor *out, struct error *err);

/* The caller frees out->data. STATUS_UNSUPPORTED for the types that NumPy has no name for (bfloat16, ...). */
status npy_write(const struct tensor *tensor, struct byte_buffer *out, struct error *err);

#endif

/* Strings in .npy files: NumPy's types U (UTF-32) and S (bytes), of one length for all elements. */
#ifndef LIMNER_TOOLS_FILES_NPY_TEXT_H
#define LIMNER_TOOLS_FILES_NPY_TEXT_H

#include "base/tensor.h"

/* One element. */
struct npy_text {
    char kind;    /* 'U', 'S'; 0: no text */
    size_t units; /* code points or bytes; what is shorter ends in zeros */
    bool big_endian;
};

/* Bytes of one element in the file; false when they have no valid size. */
bool npy_text_bytes(const struct npy_text *type, size_t *bytes);
/* out is described as a STRING tensor; its data, strings and characters, are the caller's to free(). */
status npy_text_read(const struct npy_text *type, const unsigned char *source, struct tensor *out, struct error *err);
/* The type that holds all strings of the tensor. STATUS_UNSUPPORTED where they are no UTF-8, or end in a zero. */
status npy_text_type(const struct tensor *tensor, struct npy_text *type, struct error *err);
/* All elements, little-endian; there is room, and it is zero. */
void npy_text_write(const struct tensor *tensor, const struct npy_text *type, unsigned char *to);

#endif

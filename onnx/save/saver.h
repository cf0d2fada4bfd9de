/* What the parts of the writer share: from struct graph to protobuf-c's messages. */
#ifndef LIMNER_ONNX_SAVE_SAVER_H
#define LIMNER_ONNX_SAVE_SAVER_H

#include "base/output.h"
#include "onnx.pb-c.h"
#include "onnx/model.h"

/*
 * One save. The messages live in the pool and point to the model's own texts and data, which are neither copied nor
 * changed.
 */
struct saver {
    struct pool *pool;
    const char *external;   /* name of the file for large tensors, or NULL */
    size_t external_from;   /* bytes that make a tensor large */
    struct output *weights; /* that file */
    struct error *err;
};

/* protobuf-c's messages hold char *, and never write to what they are packed from. */
static inline char *unconst(const char *text) {
    return (char *)(uintptr_t)text;
}

/* A new message of this kind, for a saver named `saver`. */
#define NEW_MESSAGE(out, type, init)                  \
    do {                                              \
        *(out) = saver_array(saver, 1, sizeof(type)); \
        if (!*(out))                                  \
            return STATUS_NO_MEMORY;                  \
        init(*(out));                                 \
    } while (0)

/* NULL and err without memory. */
void *saver_array(struct saver *saver, size_t count, size_t item_bytes);

#endif

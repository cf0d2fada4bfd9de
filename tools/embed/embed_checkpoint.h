/* Checkpoints for another program: what limner keys and limner convert do, in memory. */
#ifndef LIMNER_TOOLS_EMBED_EMBED_CHECKPOINT_H
#define LIMNER_TOOLS_EMBED_EMBED_CHECKPOINT_H

#include "runtime/limner.h"

/* *json: what limner keys --json prints, the caller's to free(). key: NULL for all of the file. */
LIMNER_API limner_status embed_keys(const char *path, const char *key, int verify, char **json, limner_error *error);

struct embed_conversion {
    const char *checkpoint;   /* a file */
    const char *const *words; /* options of limner convert, as "--template=generator" */
    int word_count;
    const char *output; /* the file to write; NULL: the model stays in memory */
    int external;       /* weights in a file beside it */
};
struct embed_converted {
    char *report; /* what limner convert --json prints; free() */
    void *model;  /* an ONNX file's bytes; free(). NULL: written, or not made, for reasons that are in the report */
    size_t bytes;
};
/* LIMNER_OK also when things could not be settled: the report's "problems" say which, and nothing is made. */
LIMNER_API limner_status embed_convert(const struct embed_conversion *wanted, struct embed_converted *converted,
                                       limner_error *error);

#endif

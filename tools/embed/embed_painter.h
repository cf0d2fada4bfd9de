/* Pictures through networks for another program: what limner inpaint and limner run do, with files or in memory. */
#ifndef LIMNER_TOOLS_EMBED_EMBED_PAINTER_H
#define LIMNER_TOOLS_EMBED_EMBED_PAINTER_H

#include "runtime/limner.h"

/* Paints one picture after the other; for one thread at a time. */
struct embed_painter;

struct embed_request {
    int holes;                /* pictures have masks: limner inpaint; else limner run */
    const char *const *words; /* the command's options but those about files, as "--tile=auto" */
    int word_count;
    limner_model *model, *edge;         /* held until embed_painter_close; edge: the edge model, or NULL */
    const char *model_name, *edge_name; /* paths, or what messages call the models; they outlive the painter */
};

/* A file; or samples, row-major, channels together, in the machine's byte order, and what is known of them. All stays
 * the caller's. */
struct embed_picture {
    const char *path; /* NULL: samples */
    size_t width, height;
    int channels; /* 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha */
    int depth;    /* 8 or 16 bits a sample */
    const void *samples;
    const void *profile; /* ICC, or NULL */
    size_t profile_bytes;
    double dots_x, dots_y; /* an inch, or 0 */
};

struct embed_task {
    struct embed_picture image, mask; /* mask: where pictures have masks */
    const char *output;               /* the file to write; NULL: the result stays in memory */
    int eight_bits;                   /* in memory: whatever the picture has */
};

struct embed_result {
    size_t width, height;
    int channels, depth;
    void *samples; /* as of embed_picture; free() */
    int unchanged; /* there was no hole: it is the picture as it was */
};

LIMNER_API limner_status embed_painter_create(const struct embed_request *request, struct embed_painter **painter,
                                              limner_error *error);
/* *result: of tasks without an output. */
LIMNER_API limner_status embed_painter_paint(struct embed_painter *painter, const struct embed_task *task,
                                             struct embed_result *result, limner_error *error);
/* The i-th thing worth knowing since this was last cleared; NULL behind the last. */
LIMNER_API const char *embed_painter_note(const struct embed_painter *painter, size_t i);
LIMNER_API void embed_painter_clear_notes(struct embed_painter *painter);
/* NULL is allowed. */
LIMNER_API void embed_painter_close(struct embed_painter *painter);

#endif

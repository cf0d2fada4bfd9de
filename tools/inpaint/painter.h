/* Paints one picture after the other: its holes, or all of it. A painter is for one thread. */
#ifndef LIMNER_TOOLS_INPAINT_PAINTER_H
#define LIMNER_TOOLS_INPAINT_PAINTER_H

#include "tools/inpaint/painter_state.h"

/* A result that stays in memory. */
struct paint_result {
    bool eight_bits;        /* whatever the picture has */
    struct picture picture; /* the caller's to free */
    bool unchanged;         /* there was no hole: it is the picture as it was, of its own depth */
};

struct paint_task {
    const char *image, *mask, *output;   /* files, or what messages call them; mask: NULL where there are no holes */
    const char *save_edges, *save_canny; /* files or NULL */
    const struct picture *image_given, *mask_given; /* instead of files, or NULL */
    struct paint_result *result;                    /* instead of a file, or NULL */
};

/* What this process may still have, so that pieces are cut for it. */
size_t painter_memory(void);

/*
 * painter: zero, or open with another studio's models, which make way for this one's: a session goes on with the new
 * model where that takes and gives the same (limner_session_swap), else it begins anew. memory: bytes. Closed with
 * painter_close, after errors too.
 */
status painter_open(struct painter *painter, const struct studio *studio, const struct engine_options *options,
                    size_t memory, struct meter *meter, struct error *err);
/* What was odd with the models' inputs, on the meter; once all is painted. */
void painter_say_notes(const struct painter *painter);
/* In the cache, if the options ask for one; once something was painted. */
void painter_keep_weights(const struct painter *painter);
void painter_close(struct painter *painter);

/* Files are written when all is done, or not at all. */
status painter_paint(struct painter *painter, const struct paint_task *task, struct error *err);

#endif

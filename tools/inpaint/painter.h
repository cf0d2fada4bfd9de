/* Paints the holes of one picture after the other. A painter is for one thread. */
#ifndef LIMNER_TOOLS_INPAINT_PAINTER_H
#define LIMNER_TOOLS_INPAINT_PAINTER_H

#include "tools/inpaint/studio.h"

struct painter {
    const struct studio *studio;
    struct meter *meter; /* where notes go */
    bool shows_pieces;   /* counts a large picture's pieces on the meter */
    bool told_lost;      /* it was said that results do not keep all that files say */
    limner_session *edge, *paint;
    size_t memory; /* what one piece's activations may take */
};

struct paint_task {
    const char *image, *mask, *output;
    const char *save_edges, *save_canny; /* files or NULL */
};

/*
 * painter: zero, or open with another studio's models, which make way for this one's: a session goes on with the new
 * model where that takes and gives the same (limner_session_swap), else it begins anew. memory: bytes. Closed with
 * painter_close, after errors too.
 */
status painter_open(struct painter *painter, const struct studio *studio, const struct engine_options *options,
                    size_t memory, struct meter *meter, struct error *err);
/* In the cache, if the options ask for one; once something was painted. */
void painter_keep_weights(const struct painter *painter);
void painter_close(struct painter *painter);

/* Files are written when all is done, or not at all. */
status painter_paint(struct painter *painter, const struct paint_task *task, struct error *err);

#endif

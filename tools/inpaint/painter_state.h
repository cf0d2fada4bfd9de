/* What one thread paints with. */
#ifndef LIMNER_TOOLS_INPAINT_PAINTER_STATE_H
#define LIMNER_TOOLS_INPAINT_PAINTER_STATE_H

#include "tools/inpaint/studio.h"

struct painter {
    const struct studio *studio;
    struct meter *meter; /* where notes go */
    bool shows_pieces;   /* counts a large picture's pieces on the meter */
    bool told_lost;      /* it was said that results do not keep all that files say */
    limner_session *edge, *paint;
    size_t memory;        /* what it may take */
    size_t picture_bytes; /* what the picture at hand takes, in all */
    int threads;
};

#endif

/* The ways through a picture: whole, in crops round its holes, in tiles. */
#ifndef LIMNER_TOOLS_INPAINT_PAINTER_WAYS_H
#define LIMNER_TOOLS_INPAINT_PAINTER_WAYS_H

#include "tools/inpaint/canvas.h"
#include "tools/inpaint/painter_state.h"

/* Fills the canvas. */
status painter_paint_canvas(struct painter *painter, struct canvas *canvas, struct error *err);

#endif

/* Spreads what a painting misses along the rims of holes smoothly over the holes. */
#ifndef LIMNER_TOOLS_INPAINT_BLEND_H
#define LIMNER_TOOLS_INPAINT_BLEND_H

#include "tools/inpaint/canvas.h"

/*
 * For a canvas that kept what was painted: in every hole, what is known less what was painted, beside the hole, is
 * continued by Laplace's equation, and added. A hole that has no known pixel beside it stays as it is.
 */
status blend_laplace(struct canvas *canvas, int threads, struct error *err);

#endif

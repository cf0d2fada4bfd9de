/* Pictures and planes in other sizes. */
#ifndef LIMNER_TOOLS_FILES_RESAMPLE_H
#define LIMNER_TOOLS_FILES_RESAMPLE_H

#include "tools/files/picture.h"

/*
 * Lanczos' filter over three lobes, widened by the ratio where a side becomes smaller, weights made to add up to 1,
 * what lies outside left out: as Pillow's LANCZOS does. Sides above zero; out has room for the new size. A result may
 * lie a little outside the range of what went in.
 */
status resample_plane(const float *in, size_t in_height, size_t in_width, float *out, size_t out_height,
                      size_t out_width, struct error *err);

/* The rectangle of the picture in another size, with 16 bits, so that nothing is rounded twice. The caller frees out.
 */
status picture_resample(const struct picture *picture, size_t x, size_t y, size_t width, size_t height,
                        size_t out_width, size_t out_height, struct picture *out, struct error *err);

#endif

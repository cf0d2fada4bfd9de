/* What a model gives, as light. */
#ifndef LIMNER_TOOLS_INPAINT_PIECE_OUTPUT_H
#define LIMNER_TOOLS_INPAINT_PIECE_OUTPUT_H

#include "tools/inpaint/piece.h"

/* output is checked to be a picture of the model's role; map is on the heap. */
status piece_read_output(const struct network *network, const struct scene_piece *piece, const limner_tensor *output,
                         struct light_map *map, struct error *err);

#endif

/* The tensors that a piece of a picture becomes. */
#ifndef LIMNER_TOOLS_INPAINT_PIECE_INPUT_H
#define LIMNER_TOOLS_INPAINT_PIECE_INPUT_H

#include "tools/inpaint/piece.h"

/* Type and shape of input i for the piece; no data. */
status piece_shape_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                         struct error *err);
/* Its data, which are the caller's to free(), after errors too. */
status piece_fill_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                        struct error *err);
/* Where position i of a row of `count` samples, continued by reflection, comes from. */
size_t reflected(size_t i, size_t count);

#endif

/* A piece of a picture through a network. */
#ifndef LIMNER_TOOLS_INPAINT_PIECE_RUN_H
#define LIMNER_TOOLS_INPAINT_PIECE_RUN_H

#include "tools/inpaint/piece.h"

/* map: the result, as large as the model made it; the caller frees it. */
status piece_run(const struct network *network, limner_session *session, const struct scene_piece *piece,
                 struct light_map *map, struct error *err);
/* What a run on pieces of this size would take. */
status piece_plan(const struct network *network, limner_session *session, size_t height, size_t width, size_t cell,
                  limner_plan_info *info, struct error *err);

#endif

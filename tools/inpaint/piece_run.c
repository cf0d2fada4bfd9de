#include "tools/inpaint/piece_run.h"

#include "tools/inpaint/piece_input.h"
#include "tools/inpaint/piece_output.h"

#include <stdlib.h>

status piece_run(const struct network *network, limner_session *session, const struct scene_piece *piece,
                 struct light_map *map, struct error *err) {
    limner_tensor inputs[MOST_INPUTS] = {{.name = NULL}}, output = {.name = network->output.name};
    status code = STATUS_OK;
    *map = (struct light_map){.light = NULL};
    for (int i = 0; !code && i < network->input_count; i++) {
        code = piece_shape_input(network, i, piece, &inputs[i], err);
        if (!code)
            code = piece_fill_input(network, i, piece, &inputs[i], err);
    }
    if (!code) {
        limner_error problem = {0};
        code = engine_status(limner_session_run(session, inputs, (size_t)network->input_count, &output, 1, &problem),
                             &problem, err);
        code = code ? fail_prefix(err, "%s", network->path) : piece_read_output(network, piece, &output, map, err);
    }
    for (int i = 0; i < network->input_count; i++)
        free(inputs[i].data);
    return code;
}

status piece_plan(const struct network *network, limner_session *session, size_t height, size_t width, size_t cell,
                  limner_plan_info *info, struct error *err) {
    const struct scene_piece piece = {.height = height, .width = width, .cell = cell};
    limner_tensor inputs[MOST_INPUTS] = {{.name = NULL}};
    status code = STATUS_OK;
    for (int i = 0; !code && i < network->input_count; i++)
        code = piece_shape_input(network, i, &piece, &inputs[i], err);
    if (code)
        return code;
    limner_error problem = {0};
    code = engine_status(limner_session_plan(session, inputs, (size_t)network->input_count, info, &problem), &problem,
                         err);
    return code ? fail_prefix(err, "%s", network->path) : STATUS_OK;
}

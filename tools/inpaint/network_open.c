#include "tools/inpaint/network_open.h"

#include "runtime/session/model.h"
#include "tools/contract/annotation.h"
#include "tools/engine/node_facts.h"
#include "tools/files/element.h"
#include "tools/inpaint/network_inputs.h"
#include "tools/inpaint/network_value.h"

#include <stdlib.h>
#include <string.h>

/* ---- the result ---- */

/* The output's number from its name, from 1 on, or "last". */
static status find_said_output(const struct network *network, size_t *index, struct error *err) {
    const char *said = network->contract.picture_output.said.text;
    const size_t count = limner_model_output_count(network->model);
    const struct engine engine = {.model = network->model, .path = network->path};
    limner_value value;
    char *end;
    for (size_t i = 0; i < count; i++)
        if (strcmp(engine_output(&engine, i).name, said) == 0) {
            *index = i;
            return STATUS_OK;
        }
    const unsigned long number = strcmp(said, "last") == 0 ? count : strtoul(said, &end, 10);
    if (number < 1 || number > count)
        return engine_find_output(&engine, said, &value, err);
    *index = (size_t)number - 1;
    return STATUS_OK;
}

/* How well an output's declared type fits a picture: 3 as a picture in colour, 2 perhaps, 1 as a gray one, 0 not. */
static int fitness(const struct network *network, const limner_value *value) {
    struct picture_axes axes;
    bool certain;
    if (!element_is_number((enum dtype)value->type) || element_is_complex((enum dtype)value->type))
        return 0;
    if (value->rank == 2)
        return 1;
    if (!picture_find_axes(value->rank, value->dims, 0, network->contract.layout.word == LAYOUT_NHWC, &axes, &certain))
        return 0;
    const int64_t channels = value->rank < 0 ? -1 : value->dims[axes.channels];
    return channels == 3 ? 3 : channels < 0 ? 2 : channels == 1 || (network->role == ROLE_PICTURE && channels == 4);
}

/* The first of those that fit best; for plain pictures and alpha, the first that fits. */
static size_t choose_output(const struct network *network, struct meter *meter) {
    const bool any = network->role == ROLE_PICTURE || network->role == ROLE_EDGE;
    const struct engine engine = {.model = network->model, .path = network->path};
    size_t chosen = 0, equals = 0;
    int best = 0;
    for (size_t i = 0; i < limner_model_output_count(network->model); i++) {
        const limner_value value = engine_output(&engine, i);
        const int fits = fitness(network, &value);
        if (fits > best && (!any || !best)) {
            best = fits;
            chosen = i;
            equals = 0;
        }
        equals += fits == best;
    }
    if (equals > 1 && best > 1 && network->role != ROLE_EDGE)
        meter_complain(meter,
                       "note: %s has %zu outputs that may be the picture; \"%s\", the first, is taken (see "
                       "--picture-output)",
                       network->path, equals, engine_output(&engine, chosen).name);
    return chosen;
}

static status find_output(const struct network *network, struct meter *meter, size_t *index, struct error *err) {
    if (!limner_model_output_count(network->model))
        return fail(err, STATUS_INVALID_MODEL, "%s has no outputs", network->path);
    if (network->contract.picture_output.said.by)
        return find_said_output(network, index, err);
    *index = choose_output(network, meter);
    return STATUS_OK;
}

static bool takes_colours(const struct network *network) {
    for (int i = 0; i < network->input_count; i++)
        for (int k = 0; k < network->inputs[i].group.count; k++)
            if (network->inputs[i].group.planes[k] <= PLANE_BLUE)
                return true;
    return false;
}

static bool channels_fit(const struct network *network, int64_t channels) {
    switch (network->role) {
    case ROLE_EDGE:
        return channels == 1;
    case ROLE_PICTURE:
        return channels == 1 || channels == 3 || channels == 4;
    default:
        return channels == 3 || (channels == 1 && !takes_colours(network));
    }
}

static status check_output(struct network *network, struct error *err) {
    const limner_value *value = &network->output;
    const bool nhwc = network->contract.layout.word == LAYOUT_NHWC ||
                      (network->input_count && network->inputs[0].axes.channels > network->inputs[0].axes.width);
    struct picture_axes axes;
    bool certain = true;
    int64_t channels = -1;
    const bool has_axes = picture_find_axes(value->rank, value->dims, 0, nhwc, &axes, &certain);
    if (has_axes && value->rank == 4)
        channels = value->dims[axes.channels];
    network->form.channels_last = has_axes && axes.channels > axes.width;
    char text[TYPE_TEXT_BYTES];
    if (!element_is_number((enum dtype)value->type) || element_is_complex((enum dtype)value->type) ||
        value->rank == 0 || value->rank == 1 || value->rank > 4 || (value->rank == 4 && value->dims[0] > 1) ||
        (channels >= 0 && !channels_fit(network, channels)))
        return fail(err, STATUS_SHAPE, "%s: output \"%s\" is %s; %s", network->path, value->name,
                    engine_type_text(value, text), network_expected(network->role));
    return STATUS_OK;
}

/* ---- opening ---- */

/* Bytes cannot hold a range of 0 to 1. */
static void check_bytes(struct network *network, enum dtype dtype, struct said_range *range, struct meter *meter) {
    char speaker[64];
    if (!range->said.by || range->found || element_is_float(dtype) || dtype == DTYPE_BOOL ||
        range->high - range->low > 2)
        return;
    meter_complain(meter, "note: %s is for whole numbers (%s), which is not what %s says (%s): 0,255 is taken",
                   network->path, dtype_name(dtype), contract_speaker(&network->contract, range, speaker),
                   range->said.text);
    range->low = 0;
    range->high = 255;
}

/* The type of the input that shows the picture. */
static enum dtype picture_type_of(const struct network *network) {
    limner_value value = {0};
    for (size_t i = 0; i < limner_model_input_count(network->model); i++)
        if (limner_model_input(network->model, i, &value) == LIMNER_OK && !value.optional && value.rank >= 3)
            break;
    return (enum dtype)value.type;
}

static status read_contract(struct network *network, const struct network_request *request, struct error *err) {
    static const struct contract_request nothing;
    size_t output = 0;
    status code = STATUS_OK;
    if (request->role != ROLE_EDGE)
        code = contract_collect(request->wish ? request->wish : &nothing, network->model->source, request->pool,
                                &network->contract, err);
    if (code)
        return fail_prefix(err, "%s", network->path);
    code = find_output(network, request->meter, &output, err);
    if (code)
        return code;
    limner_model_output(network->model, output, &network->output);
    if (request->role == ROLE_EDGE)
        return STATUS_OK;
    code = output_is_tanh(network->model->source, output, &network->ends_in_tanh, err);
    if (code)
        return code;
    check_bytes(network, picture_type_of(network), &network->contract.input_range, request->meter);
    check_bytes(network, (enum dtype)network->output.type, &network->contract.output_range, request->meter);
    return STATUS_OK;
}

static void check_size(const struct network *network, struct meter *meter) {
    const struct said_size *size = &network->contract.size;
    char speaker[64];
    if (!size->said.by || ((network->width < 0 || network->width == (int64_t)size->width) &&
                           (network->height < 0 || network->height == (int64_t)size->height)))
        return;
    meter_complain(meter, "note: %s takes pictures %lld wide and %lld high, which is not what %s says (%s)",
                   network->path, (long long)network->width, (long long)network->height,
                   contract_speaker(&network->contract, size, speaker), size->said.text);
}

status network_open(struct network *network, const struct network_request *request, struct error *err) {
    *network = (struct network){.path = request->path, .role = request->role, .height = -1, .width = -1};
    network->model = request->loaded;
    status code = network->model ? STATUS_OK : engine_load(request->path, &network->model, err);
    if (!code)
        code = reach_find(network->model->source, &network->reach, err);
    if (code)
        return code;
    code = read_contract(network, request, err);
    if (!code)
        code = network_read_inputs(network, request->meter, err);
    if (code)
        return code;
    network->form = contract_output_form(&network->contract, (enum dtype)network->output.type, network->ends_in_tanh);
    check_size(network, request->meter);
    return check_output(network, err);
}

void network_close(struct network *network) {
    limner_model_close(network->model);
    network->model = NULL;
}

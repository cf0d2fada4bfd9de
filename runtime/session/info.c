/* What a model says of itself, and what this build can do. */
#include "ops/registry.h"
#include "runtime/session/api.h"
#include "runtime/session/model.h"
#include "runtime/session/session_memory.h"
#include "runtime/session/sized.h"

#include <string.h>

size_t limner_model_input_count(const limner_model *model) {
    return model ? (size_t)model->input_count : 0;
}

size_t limner_model_output_count(const limner_model *model) {
    return model ? (size_t)model->output_count : 0;
}

static limner_value value_of(const struct model_port *port) {
    const struct declared_type *type = &port->value->type;
    const struct tensor *initial = port->value->initializer;
    limner_value value = {.name = port->value->name,
                          .type = api_type(port->dtype),
                          .rank = type->dtype == DTYPE_UNDEFINED ? -1 : type->rank,
                          .optional = port->optional};
    for (int i = 0; i < value.rank; i++) {
        value.dims[i] = type->dims[i].size;
        value.names[i] = type->dims[i].size < 0 ? type->dims[i].name : NULL;
    }
    if (value.rank < 0 && initial) {
        value.rank = initial->shape.rank;
        memcpy(value.dims, initial->shape.dims, sizeof value.dims);
    }
    return value;
}

limner_status limner_model_input(const limner_model *model, size_t i, limner_value *value) {
    if (!model || !value || i >= (size_t)model->input_count)
        return LIMNER_INVALID_ARGUMENT;
    *value = value_of(&model->inputs[i]);
    return LIMNER_OK;
}

limner_status limner_model_output(const limner_model *model, size_t i, limner_value *value) {
    if (!model || !value || i >= (size_t)model->output_count)
        return LIMNER_INVALID_ARGUMENT;
    *value = value_of(&model->outputs[i]);
    return LIMNER_OK;
}

const char *limner_model_input_type(const limner_model *model, size_t i) {
    return model && i < (size_t)model->input_count ? model->inputs[i].text : "";
}

const char *limner_model_output_type(const limner_model *model, size_t i) {
    return model && i < (size_t)model->output_count ? model->outputs[i].text : "";
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

limner_status limner_model_get_info(const limner_model *model, limner_model_info *info) {
    if (!model || !info)
        return LIMNER_INVALID_ARGUMENT;
    const struct onnx_model *source = model->source;
    const limner_model_info known = {.ir_version = source->ir_version,
                                     .model_version = source->model_version,
                                     .producer_name = or_empty(source->producer_name),
                                     .producer_version = or_empty(source->producer_version),
                                     .domain = or_empty(source->domain),
                                     .doc = or_empty(source->doc),
                                     .graph_name = or_empty(source->graph->name),
                                     .node_count = (size_t)source->graph->node_count,
                                     .optimized_count = (size_t)model->program->graph->node_count,
                                     .parameters = model->parameters,
                                     .file_bytes = source->file_bytes};
    return sized_write(info, &known, sizeof known) ? LIMNER_OK : LIMNER_INVALID_ARGUMENT;
}

limner_status limner_model_opset(const limner_model *model, size_t i, const char **domain, int64_t *version) {
    if (!model || !domain || !version || i >= (size_t)model->source->opset_count)
        return LIMNER_INVALID_ARGUMENT;
    *domain = domain_canonical(or_empty(model->source->opsets[i].domain));
    *version = model->source->opsets[i].version;
    return LIMNER_OK;
}

limner_status limner_model_metadata(const limner_model *model, size_t i, const char **key, const char **value) {
    if (!model || !key || !value || i >= (size_t)model->source->metadata_count)
        return LIMNER_INVALID_ARGUMENT;
    *key = or_empty(model->source->metadata[i].key);
    *value = or_empty(model->source->metadata[i].value);
    return LIMNER_OK;
}

/* Internal definitions are no operators that a model could use; they stand for none in the count. */
limner_status limner_operator_at(size_t i, limner_operator *op) {
    if (!op)
        return LIMNER_INVALID_ARGUMENT;
    const struct op *found;
    for (size_t k = 0; (found = op_at(k)) != NULL; k++) {
        if (strcmp(found->domain, INTERNAL_DOMAIN) == 0 || i-- > 0)
            continue;
        *op = (limner_operator){found->name, found->domain, found->since, found->until ? found->until : OPSET_NEWEST};
        return LIMNER_OK;
    }
    return LIMNER_INVALID_ARGUMENT;
}

limner_status limner_session_get_info(const limner_session *session, limner_session_info *info) {
    if (!session || !info)
        return LIMNER_INVALID_ARGUMENT;
    const limner_session_info known = {.plans = (size_t)session->plan_count,
                                       .plans_made = session->plans_made,
                                       .plans_reused = session->plans_reused,
                                       .held_bytes = session_held(session)};
    return sized_write(info, &known, sizeof known) ? LIMNER_OK : LIMNER_INVALID_ARGUMENT;
}

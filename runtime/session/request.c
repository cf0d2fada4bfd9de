#include "runtime/session/request.h"

#include "runtime/session/api.h"
#include "runtime/session/given_tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool request_create(struct run_request *request, const struct limner_model *model) {
    const size_t count = (size_t)model->input_count + 1;
    *request = (struct run_request){.ports = calloc(count, sizeof *request->ports),
                                    .data = calloc(count, sizeof *request->data),
                                    .inputs = calloc(count, sizeof *request->inputs)};
    if (request->ports && request->data && request->inputs)
        return true;
    request_destroy(request);
    return false;
}

void request_destroy(struct run_request *request) {
    free(request->ports);
    free(request->data);
    free(request->inputs);
    *request = (struct run_request){0};
}

/* Says which inputs there are, since the name that was given is none of them. */
static status fail_unknown(const struct limner_model *model, const char *name, struct error *err) {
    fail(err, STATUS_INVALID_ARGUMENT, "the model has no input \"%.200s\"; its inputs are", name);
    for (int i = 0; i < model->input_count && i < 16; i++)
        error_append(err, "%s \"%.100s\"", i ? "," : "", model->inputs[i].value->name);
    if (model->input_count > 16)
        error_append(err, ", ...");
    return err->code;
}

static status find_port(const struct limner_model *model, const limner_tensor *input, size_t position, int *port,
                        struct error *err) {
    if (input->name) {
        *port = port_find(model->inputs, model->input_count, input->name);
        return *port < 0 ? fail_unknown(model, input->name, err) : STATUS_OK;
    }
    if (position >= (size_t)model->input_count)
        return fail(err, STATUS_INVALID_ARGUMENT, "input %zu has no name, and the model has only %d inputs", position,
                    model->input_count);
    *port = (int)position;
    return STATUS_OK;
}

/* "[batch,3,?,?]" */
static void append_declared(struct error *err, const struct declared_type *type) {
    error_append(err, "[");
    for (int i = 0; i < type->rank; i++) {
        const struct dim *dim = &type->dims[i];
        if (dim->size >= 0)
            error_append(err, "%s%lld", i ? "," : "", (long long)dim->size);
        else
            error_append(err, "%s%.60s", i ? "," : "", dim->name ? dim->name : "?");
    }
    error_append(err, "]");
}

static bool fits_declared(const struct declared_type *type, const struct shape *shape) {
    if (type->dtype == DTYPE_UNDEFINED || type->rank < 0)
        return true;
    if (type->rank != shape->rank)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i].size >= 0 && type->dims[i].size != shape->dims[i])
            return false;
    return true;
}

status request_check_shape(const struct model_port *port, const struct shape *shape, struct error *err) {
    char text[SHAPE_TEXT_BYTES];
    if (fits_declared(&port->value->type, shape))
        return STATUS_OK;
    fail(err, STATUS_SHAPE, "has shape %s, the model declares ", shape_text(shape, text));
    append_declared(err, &port->value->type);
    return err->code;
}

/* A sequence, an optional or a map: what it is made of is looked at when it is taken over. */
static status read_boxed(const struct model_port *port, const limner_tensor *input, struct tensor *tensor,
                         struct error *err) {
    static const struct shape scalar = {.rank = 0};
    if (api_dtype(input->type) != port->dtype && port->dtype != DTYPE_OPTIONAL)
        return fail(err, STATUS_INVALID_ARGUMENT, "is of type %s, expected %s", limner_type_name(input->type),
                    dtype_name(port->dtype));
    return tensor_describe(tensor, port->dtype, &scalar, err);
}

static status read_plain(const struct model_port *port, const limner_tensor *input, size_t tensor_bytes, bool with_data,
                         struct tensor *tensor, struct error *err) {
    status code = given_tensor(input, port->dtype, tensor_bytes, false, tensor, err);
    if (code == STATUS_OK)
        code = request_check_shape(port, &tensor->shape, err);
    return code == STATUS_OK && with_data ? given_tensor(input, port->dtype, tensor_bytes, true, tensor, err) : code;
}

static status read_input(struct run_request *request, const struct limner_model *model, int port,
                         const limner_tensor *input, bool with_data, size_t tensor_bytes, struct error *err) {
    struct port_request *noted = &request->ports[port];
    struct tensor tensor;
    if (noted->given)
        return fail(err, STATUS_INVALID_ARGUMENT, "is given twice");
    noted->given = true;
    const status code = dtype_is_boxed(model->inputs[port].dtype)
                            ? read_boxed(&model->inputs[port], input, &tensor, err)
                            : read_plain(&model->inputs[port], input, tensor_bytes, with_data, &tensor, err);
    if (code != STATUS_OK)
        return code;
    noted->dtype = tensor.dtype;
    noted->shape = tensor.shape;
    request->data[port] = input->data;
    request->inputs[port] = input;
    request->open |= model->inputs[port].optional;
    return STATUS_OK;
}

static status check_given(const struct run_request *request, const struct limner_model *model, struct error *err) {
    for (int i = 0; i < model->required_count; i++)
        if (!request->ports[i].given)
            return fail(err, STATUS_INVALID_ARGUMENT, "input \"%s\" is missing", model->inputs[i].value->name);
    return STATUS_OK;
}

/* Where a name of a free size stands. */
struct place_of_name {
    int port, axis;
};

/* What exporters write for any size, and a number is: no name, however often it stands there. */
static bool names_size(const char *name) {
    static const char *const any[] = {"?", "*", "None", "none", "null"};
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if (strcmp(name, any[i]) == 0)
            return false;
    return name[strspn(name, "+-.0123456789 ")] != '\0';
}

static const char *free_name(const struct run_request *request, const struct limner_model *model,
                             struct place_of_name place) {
    const struct declared_type *type = &model->inputs[place.port].value->type;
    if (!request->ports[place.port].given || type->dtype == DTYPE_UNDEFINED || place.axis >= type->rank)
        return NULL;
    const struct dim *dim = &type->dims[place.axis];
    return dim->size < 0 && dim->name && names_size(dim->name) ? dim->name : NULL;
}

static void note_sizes(struct run_request *request, const struct limner_model *model, struct place_of_name first,
                       struct place_of_name second) {
    if (!request->note[0])
        snprintf(request->note, sizeof request->note,
                 "dimension %d (%.60s) of input \"%.200s\" is %lld, but dimension %d of input \"%.200s\" is %lld, "
                 "although the model gives both one name; it runs all the same",
                 second.axis, free_name(request, model, second), model->inputs[second.port].value->name,
                 (long long)request->ports[second.port].shape.dims[second.axis], first.axis,
                 model->inputs[first.port].value->name, (long long)request->ports[first.port].shape.dims[first.axis]);
}

static void check_same(struct run_request *request, const struct limner_model *model, struct place_of_name place) {
    const char *name = free_name(request, model, place);
    if (!name)
        return;
    for (struct place_of_name other = {0, 0}; other.port <= place.port; other.axis = 0, other.port++)
        for (; other.axis < MAX_RANK; other.axis++) {
            const char *known = free_name(request, model, other);
            if (!known || strcmp(known, name) != 0)
                continue;
            if (request->ports[other.port].shape.dims[other.axis] != request->ports[place.port].shape.dims[place.axis])
                note_sizes(request, model, other, place);
            return; /* the first one stands for all before this one */
        }
}

/* Sizes with one name should be one size. Runtimes never held models to it, and models in use break the rule. */
static void check_names(struct run_request *request, const struct limner_model *model) {
    for (int i = 0; i < model->input_count; i++)
        for (int axis = 0; request->ports[i].given && axis < request->ports[i].shape.rank; axis++)
            check_same(request, model, (struct place_of_name){i, axis});
}

status request_read(struct run_request *request, const struct limner_model *model, const limner_tensor *inputs,
                    size_t count, bool with_data, size_t tensor_bytes, struct error *err) {
    for (int i = 0; i < model->input_count; i++) {
        request->ports[i] = (struct port_request){0};
        request->data[i] = NULL;
    }
    request->open = false;
    for (size_t i = 0; i < count; i++) {
        int port = 0;
        if (find_port(model, &inputs[i], i, &port, err) != STATUS_OK)
            return err->code;
        if (read_input(request, model, port, &inputs[i], with_data, tensor_bytes, err) != STATUS_OK)
            return fail_prefix(err, "input \"%s\"", model->inputs[port].value->name);
    }
    if (check_given(request, model, err) != STATUS_OK)
        return err->code;
    check_names(request, model);
    return STATUS_OK;
}

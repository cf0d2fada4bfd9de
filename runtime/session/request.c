#include "runtime/session/request.h"

#include <stdlib.h>
#include <string.h>

bool request_create(struct run_request *request, const struct limner_model *model) {
    const size_t count = (size_t)model->input_count + 1;
    *request = (struct run_request){.ports = calloc(count, sizeof *request->ports),
                                    .data = calloc(count, sizeof *request->data)};
    if (request->ports && request->data)
        return true;
    request_destroy(request);
    return false;
}

void request_destroy(struct run_request *request) {
    free(request->ports);
    free(request->data);
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

static status check_type(const struct model_port *port, const limner_tensor *input, struct error *err) {
    if (dtype_bits((enum dtype)input->type) == 0 || (enum dtype)input->type == DTYPE_STRING)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s (%d) is no element type that an input can have",
                    dtype_name((enum dtype)input->type), (int)input->type);
    if (port->dtype != DTYPE_UNDEFINED && (enum dtype)input->type != port->dtype)
        return fail(err, STATUS_INVALID_ARGUMENT, "has element type %s, expected %s",
                    dtype_name((enum dtype)input->type), dtype_name(port->dtype));
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

static status check_shape(const struct model_port *port, const limner_tensor *input, struct shape *shape,
                          struct error *err) {
    char text[SHAPE_TEXT_BYTES];
    if (input->rank < 0 || input->rank > MAX_RANK)
        return fail(err, STATUS_INVALID_ARGUMENT, "has rank %d, expected 0 to %d", input->rank, MAX_RANK);
    *shape = (struct shape){.rank = input->rank};
    for (int i = 0; i < input->rank; i++)
        shape->dims[i] = input->dims[i];
    if (shape_elements(shape) < 0)
        return fail(err, STATUS_SHAPE, "has shape %s, which is no shape", shape_text(shape, text));
    return request_check_shape(port, shape, err);
}

static status check_bool(const limner_tensor *input, size_t bytes, struct error *err) {
    const unsigned char *data = input->data;
    unsigned char all = 0;
    if ((enum dtype)input->type != DTYPE_BOOL)
        return STATUS_OK;
    for (size_t i = 0; i < bytes; i++)
        all |= data[i];
    return all <= 1 ? STATUS_OK : fail(err, STATUS_INVALID_ARGUMENT, "has bytes other than 0 and 1, but is bool");
}

static status check_data(const limner_tensor *input, size_t bytes, struct error *err) {
    if (bytes == 0)
        return STATUS_OK;
    if (!input->data)
        return fail(err, STATUS_INVALID_ARGUMENT, "has no data");
    if (input->bytes < bytes)
        return fail(err, STATUS_INVALID_ARGUMENT, "has %zu bytes, its type and shape need %zu", input->bytes, bytes);
    return check_bool(input, bytes, err);
}

static status read_input(struct run_request *request, const struct limner_model *model, int port,
                         const limner_tensor *input, bool with_data, size_t tensor_bytes, struct error *err) {
    struct port_request *noted = &request->ports[port];
    struct tensor tensor;
    if (noted->given)
        return fail(err, STATUS_INVALID_ARGUMENT, "is given twice");
    noted->given = true;
    noted->dtype = (enum dtype)input->type;
    if (check_type(&model->inputs[port], input, err) != STATUS_OK ||
        check_shape(&model->inputs[port], input, &noted->shape, err) != STATUS_OK ||
        tensor_describe(&tensor, noted->dtype, &noted->shape, err) != STATUS_OK)
        return err->code;
    if (tensor.bytes > tensor_bytes)
        return fail(err, STATUS_LIMIT, "takes %zu bytes, the limit for one tensor is %zu", tensor.bytes, tensor_bytes);
    request->data[port] = input->data;
    request->open |= model->inputs[port].optional;
    return with_data ? check_data(input, tensor.bytes, err) : STATUS_OK;
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

static const char *free_name(const struct run_request *request, const struct limner_model *model,
                             struct place_of_name place) {
    const struct declared_type *type = &model->inputs[place.port].value->type;
    if (!request->ports[place.port].given || type->dtype == DTYPE_UNDEFINED || place.axis >= type->rank)
        return NULL;
    const struct dim *dim = &type->dims[place.axis];
    return dim->size < 0 && dim->name && dim->name[0] ? dim->name : NULL;
}

static status check_same(const struct run_request *request, const struct limner_model *model,
                         struct place_of_name place, struct error *err) {
    const char *name = free_name(request, model, place);
    if (!name)
        return STATUS_OK;
    const long long size = request->ports[place.port].shape.dims[place.axis];
    for (struct place_of_name other = {0, 0}; other.port <= place.port; other.axis = 0, other.port++)
        for (; other.axis < MAX_RANK; other.axis++) {
            const char *known = free_name(request, model, other);
            if (!known || strcmp(known, name) != 0)
                continue;
            const long long expected = request->ports[other.port].shape.dims[other.axis];
            if (expected != size)
                return fail(err, STATUS_SHAPE,
                            "dimension %d (%.60s) of input \"%.200s\" is %lld, but that of input \"%.200s\" is %lld",
                            place.axis, name, model->inputs[place.port].value->name, size,
                            model->inputs[other.port].value->name, expected);
            return STATUS_OK; /* the first one stands for all before this one */
        }
    return STATUS_OK;
}

/* Sizes with one name are one size. */
static status check_names(const struct run_request *request, const struct limner_model *model, struct error *err) {
    for (int i = 0; i < model->input_count; i++)
        for (int axis = 0; request->ports[i].given && axis < request->ports[i].shape.rank; axis++)
            if (check_same(request, model, (struct place_of_name){i, axis}, err) != STATUS_OK)
                return err->code;
    return STATUS_OK;
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
    return check_names(request, model, err);
}

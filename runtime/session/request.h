/* What a caller gives for the inputs: checked against the model's declarations. */
#ifndef LIMNER_RUNTIME_SESSION_REQUEST_H
#define LIMNER_RUNTIME_SESSION_REQUEST_H

#include "runtime/plan/plan.h"
#include "runtime/session/model.h"

#define NOTE_BYTES 700

/* What one call gives for the inputs of a model. */
struct run_request {
    struct port_request *ports; /* by input of the model */
    const void **data;
    const limner_tensor **inputs; /* as the caller gave them; during the call */
    bool open;                    /* an input with a default value is given */
    char note[NOTE_BYTES]; /* the first thing that was odd in all calls so far, and no reason to refuse it; or "" */
};

/* An empty request to the model; false without memory. */
bool request_create(struct run_request *request, const struct limner_model *model);
void request_destroy(struct run_request *request);
/* STATUS_SHAPE when the shape is not one that the model declares for the port; the caller names the input. */
status request_check_shape(const struct model_port *port, const struct shape *shape, struct error *err);
/*
 * Checks the caller's inputs against the model and each other, and notes them. with_data: data must be there and large
 * enough.
 */
status request_read(struct run_request *request, const struct limner_model *model, const limner_tensor *inputs,
                    size_t count, bool with_data, size_t tensor_bytes, struct error *err);

#endif

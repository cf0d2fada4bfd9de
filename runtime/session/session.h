/* A session: plans for the input shapes that it has seen, and the memory that they run in. For one thread at a time. */
#ifndef LIMNER_RUNTIME_SESSION_SESSION_H
#define LIMNER_RUNTIME_SESSION_SESSION_H

#include "base/memory.h"
#include "base/region.h"
#include "runtime/plan/plan.h"
#include "runtime/session/model.h"

#define DEFAULT_PLANS 4
#define MOST_THREADS 1024

/* What one call gives for the inputs of a model. */
struct request {
    struct port_request *ports; /* by input of the model */
    const void **data;
    bool open; /* an input with a default value is given */
};

/* A misaligned input is copied here; grows to the largest. */
struct input_copy {
    void *data;
    size_t bytes;
};

struct limner_session {
    struct limner_model *model;
    struct plan_settings settings;
    int capacity;        /* plans to keep */
    struct plan **plans; /* the most recently used first; room for capacity + 1 */
    int plan_count;
    size_t plans_made, plans_reused; /* so far */
    struct plan *current;            /* what ran last: its outputs are the caller's until the next run */
    struct request request;
    struct input_copy *copies; /* by input of the model */
    bool low_memory, has_run;
    char *cache_note; /* why the file of packed weights is not used; NULL: no reason */
    struct region arena;
    unsigned *modes; /* of every thread, while running (fpu.h) */
};

/* Room for a request to the model; false without memory. */
bool request_create(struct request *request, const struct limner_model *model);
void request_destroy(struct request *request);

/* STATUS_SHAPE when the shape is not one that the model declares for the port; the caller names the input. */
status request_check_shape(const struct port *port, const struct shape *shape, struct error *err);

/*
 * Checks the caller's inputs against the model and each other, and notes them. with_data: data must be there and large
 * enough.
 */
status request_read(struct request *request, const struct limner_model *model, const limner_tensor *inputs,
                    size_t count, bool with_data, size_t tensor_bytes, struct error *err);

/* Plans the model for the ports; nothing of the session changes. */
status session_make_plan(struct limner_session *session, struct limner_model *model, const struct port_request *ports,
                         bool open, struct plan **out, struct error *err);
/* The plan for the request, kept or new; it becomes the most recently used one. */
status session_plan(struct limner_session *session, struct plan **out, struct error *err);

#endif

/* A session: plans for the input shapes that it has seen, and the memory that they run in. For one thread at a time. */
#ifndef LIMNER_RUNTIME_SESSION_SESSION_H
#define LIMNER_RUNTIME_SESSION_SESSION_H

#include "base/memory.h"
#include "base/region.h"
#include "runtime/session/request.h"
#include "runtime/session/value_shown.h"

#define DEFAULT_PLANS 4
#define MOST_THREADS 1024

/* A misaligned input, or one that lies in the session's own memory, is copied here; grows to the largest. */
struct input_copy {
    void *data;
    size_t bytes;
};

struct limner_session {
    struct limner_model *model;
    struct plan_settings settings;
    struct run_watch watch;
    int capacity;        /* plans that are cached, at most */
    struct plan **plans; /* the most recently used first; with space for capacity + 1 */
    int plan_count;
    size_t plans_made, plans_reused; /* so far */
    struct plan *current;            /* what ran last: its outputs are the caller's until the next run */
    struct run_request request;
    struct input_copy *copies; /* by input of the model */
    struct image_hook images;
    limner_image_decoder *image_decoder; /* the caller's, behind the hook */
    void *image_context;
    struct value_heap heap;    /* boxes, and the characters of strings that a run makes */
    struct box **given;        /* by input of the model: what was given is no plain tensor; during a run */
    struct shown_values shown; /* what outputs of the last run point to besides tensors */
    bool low_memory, has_run;
    char *cache_note; /* why the file of packed weights is not used; NULL: no reason */
    struct region arena;
    size_t touched;    /* bytes of the arena that runs have written to */
    size_t keep_bytes; /* the most activations to keep from run to run; 0: all */
};

/* Plans the model for the ports; nothing of the session changes. */
status session_make_plan(struct limner_session *session, struct limner_model *model, const struct port_request *ports,
                         bool open, struct plan **out, struct error *err);
/* Begins what limner_session_cancel() may end. */
void session_watch(struct limner_session *session);
/* The plan for the request, cached or new; it becomes the most recently used one. */
status session_plan(struct limner_session *session, struct plan **out, struct error *err);

#endif

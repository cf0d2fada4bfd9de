/*
 * A plan: a program made ready for one set of input shapes. Every shape is known, every kernel chosen, every value has
 * its place; running it is a walk over the steps. What cannot be known before the run (shapes that depend on data) are
 * dynamic steps: inferred, prepared and given memory when their turn comes.
 */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_H
#define LIMNER_RUNTIME_PLAN_PLAN_H

#include "base/region.h"
#include "ops/core/op_control.h"
#include "runtime/plan/arena.h"
#include "runtime/program/program.h"

#include <stdatomic.h>

#define KNOWN_ELEMENTS 4096 /* results up to here are computed while planning when all that they depend on is known */

/* What a run gives for one input of the model. */
struct port_request {
    bool given;
    enum dtype dtype;
    struct shape shape;
    const void *known; /* its values, where they are the same in every run; else NULL */
};

/* What a run is held to while it goes on. */
struct run_watch {
    atomic_bool cancelled;
    uint64_t iterations, most_iterations; /* of all loops */
};

struct plan_settings {
    const struct kernels *kernels;
    int threads;
    size_t tensor_bytes, arena_bytes; /* limits */
    struct weight_cache *weights;
    bool profile;
    bool shapes_only; /* nothing is prepared: the plan is thrown away when its shapes are known */
    bool huge_pages;  /* for what subgraphs run in */
    struct run_watch *watch;
    struct value_heap *heap; /* boxes and characters of strings that a run makes */
    const struct image_hook *images;
};

/* Where a value's bytes are while running. */
enum value_place {
    PLACE_NONE,     /* nobody needs it */
    PLACE_INPUT,    /* the caller's memory (or a view of it): never written */
    PLACE_CONSTANT, /* the model's memory, or a view of it */
    PLACE_KNOWN,    /* computed while planning */
    PLACE_ARENA,
    PLACE_DYNAMIC /* the heap, from its step to its last reader */
};

struct plan_value {
    struct tensor tensor;
    enum value_place place;
    bool owned;     /* PLACE_KNOWN: data is this value's to free, views are not */
    int item;       /* PLACE_ARENA: its storage; -1 for no bytes */
    int port;       /* PLACE_INPUT: which input */
    int last_use;   /* the last step that reads it; step_count for an output of the graph */
    int next_freed; /* PLACE_DYNAMIC: the next one whose last reader is the same step, or -1 */
};

/* The most recently used plans of one subgraph, the latest first. */
#define BODY_PLANS 4
struct plan_body {
    struct plan *plans[BODY_PLANS];
    int count;
};

/* What a step has whose operator runs subgraphs. */
struct plan_control {
    struct op_mapping mapping;
    struct plan_body *bodies; /* as in program_node */
    int body_count;
    struct plan *fixed;        /* one of them, where no shape depends on data: its arena is the step's workspace */
    double macs;               /* of the fixed one, as often as it runs */
    struct plan_control *next; /* of the plan */
};

struct plan_step {
    int node; /* of the program's graph */
    const struct program_node *bound;
    struct op_call call;          /* behind its inputs stand those that subgraphs read */
    struct plan_control *control; /* NULL as a rule */
    bool dynamic, prepared;
    bool fused; /* with the step behind it, which has the workspace; the output between them is never whole */
    size_t workspace_bytes;
    int workspace;        /* item, or -1 */
    int freed;            /* first dynamic value whose last reader this step is, or -1 */
    double macs;          /* of a dynamic step: when it last ran */
    uint64_t nanoseconds; /* over all runs */
    uint64_t fastest;     /* nanoseconds of the fastest run; 0 before the first */
};

struct plan_output {
    int value;
    int item;             /* where it is copied to because its own place is not the session's; -1: not copied */
    struct tensor tensor; /* after a run */
    struct box *held;     /* the box that was copied there */
};

struct plan {
    struct pool *pool;
    const struct program *program;
    struct plan_settings settings;
    struct port_request *ports;
    int port_count;
    struct plan_value *values; /* by value of the graph */
    int value_count;
    struct plan_step *steps;
    int step_count;
    struct plan_output *outputs; /* as the graph lists them */
    int output_count;
    int *views; /* values at PLACE_INPUT */
    int view_count;
    struct arena_item *items;
    int item_count;
    int threads;       /* the most that a step uses */
    size_t own_stride; /* the workspace of one thread, the same for all steps; its item, or -1: */
    int own;
    size_t arena_bytes;
    unsigned char *arena; /* what the values are bound to; NULL at first */
    size_t dynamic_bytes; /* on the heap now */
    struct plan_control *controls;
    struct region body_arena; /* what subgraphs run in whose plans are not fixed: one after the other */
    double macs;              /* of the static steps */
    uint64_t runs;
};

/* NULL is allowed. */
void plan_destroy(struct plan *plan);

/* Frees what the last run left on the heap, outputs included; boxes, too. */
void plan_drop_dynamic(struct plan *plan);

/* STATUS_LIMIT when an output of the call is above the limit for one tensor. */
status plan_check_outputs(const struct plan *plan, const struct op_call *call, struct error *err);
/* STATUS_CANCELLED when the caller wants the run to end. */
status plan_check_cancelled(const struct plan *plan, struct error *err);
/* Counts bytes of the heap as activations, up to the limit; and takes them back. */
status plan_add_bytes(struct plan *plan, size_t bytes, struct error *err);
void plan_take_bytes(struct plan *plan, size_t bytes);
/* What the limit leaves of activations; boxes and strings count to it, too. */
size_t plan_bytes_left(const struct plan *plan);
/* Stands for the address of tensors without bytes. */
void *plan_nothing(void);

/* An empty plan, or NULL without memory. */
struct plan *plan_new(const struct program *program, const struct plan_settings *settings, struct error *err);

#endif

/* A loaded model: the file, the program made of it, and the packed weights, shared by all sessions that hold it. */
#ifndef LIMNER_RUNTIME_SESSION_MODEL_H
#define LIMNER_RUNTIME_SESSION_MODEL_H

#include "ops/weights/weight_cache.h"
#include "runtime/limner.h"
#include "runtime/program/program.h"

#include <pthread.h>
#include <stdatomic.h>

/* An input or output of the model. */
struct model_port {
    const struct value *value;      /* as the file declares it */
    int index;                      /* of the value, in the source's graph and in every program's */
    enum dtype dtype;               /* declared, or that of the default value */
    bool optional;                  /* an input with a default value */
    char text[DECLARED_TEXT_BYTES]; /* the type as ONNX writes it */
};

struct limner_model {
    atomic_int holders; /* the caller and every session */
    struct onnx_model *source;
    struct program_options options;
    struct program *program; /* default values are constants */
    struct program *open; /* for runs that are given inputs with default values; made when first needed, under lock */
    pthread_mutex_t lock;
    struct weight_cache *weights;
    struct model_port *inputs, *outputs; /* required inputs first */
    int *input_values;                   /* index of every input */
    int input_count, required_count, output_count;
    uint64_t parameters;
};

/* Makes a model of source and takes it over; on failure source stays the caller's. */
status model_create(struct onnx_model *source, const struct program_options *options, struct limner_model **out,
                    struct error *err);
void model_hold(struct limner_model *model);
/* Gives up one hold; the last one frees the model. NULL is allowed. */
void model_release(struct limner_model *model);

/* The program, or with `open` the one that takes values for optional inputs, made on first use. Thread-safe. */
status model_program(struct limner_model *model, bool open, const struct program **out, struct error *err);

/* Index of the input or output of that name, or -1. */
int port_find(const struct model_port *ports, int count, const char *name);

#endif

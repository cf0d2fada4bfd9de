/* Models built by hand, for tests of the runtime. Names stand for values; lists of names are separated by blanks. */
#ifndef LIMNER_TESTS_SUPPORT_BUILDER_H
#define LIMNER_TESTS_SUPPORT_BUILDER_H

#include "tests/support/support.h"

#include "onnx/model.h"
#include "runtime/limner.h"

struct builder {
    struct onnx_model *model; /* NULL once it has become a limner_model */
};

struct builder build_start(int opset);
/* Gives up a model that was not made. */
void build_drop(struct builder *builder);

/* A graph input: dims are numbers, names of free sizes, or "?"; "" is a scalar, NULL an input of undeclared rank. */
void build_input(struct builder *builder, const char *name, enum dtype dtype, const char *dims);
void build_output(struct builder *builder, const char *name);
/* An initializer; the data are copied. */
void build_constant(struct builder *builder, const char *name, const struct tensor *tensor);
/* The same with random floats in -1..1 (dims as numbers), with whole numbers, with one float. */
void build_random(struct builder *builder, const char *name, const char *dims, struct random *random);
void build_ints(struct builder *builder, const char *name, const char *numbers);
void build_float(struct builder *builder, const char *name, float number);

/* A node; "-" stands for an input or output that is left out. Attributes are those of the last node. */
void build_node(struct builder *builder, const char *op_type, const char *inputs, const char *outputs);
/* Its name, and its domain; the model imports version 1 of the first one that is not ONNX's. */
void build_name(struct builder *builder, const char *name, const char *domain);
void build_attribute_int(struct builder *builder, const char *name, int64_t value);
void build_attribute_float(struct builder *builder, const char *name, float value);
void build_attribute_text(struct builder *builder, const char *name, const char *value);
/* A list of words. */
void build_attribute_texts(struct builder *builder, const char *name, const char *words);
void build_attribute_ints(struct builder *builder, const char *name, const char *numbers);
void build_attribute_tensor(struct builder *builder, const char *name, const struct tensor *value);

/* A Conv of `input` by random weights of these dims, with these pads; NULL: none. */
void build_conv(struct builder *builder, const char *input, const char *weights, const char *pads, const char *output,
                struct random *random);

/*
 * A subgraph for an attribute of a node of `outer`, built like a graph; it needs no dropping. Names from the graph
 * around are listed by build_captured().
 */
struct builder build_body(const struct builder *outer);
/* One of Loop: inputs "i" and "c", and the output that says to go on, which is c. */
struct builder build_loop_body(const struct builder *outer);
void build_captured(struct builder *body, const char *names);
void build_attribute_graph(struct builder *builder, const char *name, const struct builder *body);

/* The graph as a model, with these passes (runtime/passes/pass.h) switched off; fails the test with the message. */
limner_model *build_model(struct builder *builder, unsigned passes_off);
/* The status and message of trying; the model is gone either way. */
limner_status build_failing(struct builder *builder, limner_error *error);

/* A tensor for limner_session_run over a test tensor. */
limner_tensor as_input(const char *name, const struct tensor *tensor);
/* Runs with the inputs; fails the test with the message. outputs[i].name says which, data is the session's. */
void run_model(limner_session *session, const limner_tensor *inputs, size_t input_count, limner_tensor *outputs,
               size_t output_count);
/* options may be NULL. Unless they name another, the level of LIMNER_TEST_CPU. */
limner_session *open_session(limner_model *model, const limner_options *options);
/* A session of one thread with the built model, which it alone holds. limits may be NULL. */
limner_session *build_session(struct builder *builder, unsigned passes_off, const limner_limits *limits);

#endif

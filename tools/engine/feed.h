/* What a run is fed with. */
#ifndef LIMNER_TOOLS_ENGINE_FEED_H
#define LIMNER_TOOLS_ENGINE_FEED_H

#include "tools/engine/engine.h"

/* What the command line says about inputs. */
struct feed_request {
    struct pair_list inputs;
    const char *picture; /* for the first input that `inputs` leaves out; or NULL */
    size_t max_pixels;
    bool to_srgb; /* pictures, by their profiles */
};

/* Rows of an option table for a settings type with a member `feed`. */
#define FEED_OPTIONS(settings)                                                                                 \
    {                                                                                                          \
        "input",                                                                                               \
        0,                                                                                                     \
        "NAME=FILE",                                                                                           \
        "feed the input NAME from a .npy, .pb (TensorProto) or picture file; may be given for several inputs", \
        set_pairs,                                                                                             \
        offsetof(settings, feed.inputs)},                                                                      \
    {                                                                                                          \
        "max-pixels", 0, "N", "refuse pictures with more pixels than this (default: 100M)", set_pixels,        \
            offsetof(settings, feed.max_pixels)                                                                \
    }

struct model_feed {
    struct file_array *arrays;
    limner_tensor *tensors; /* of the arrays */
    size_t count;
    const struct picture *picture; /* the first that was read, or NULL */
    bool picture_alpha_used;       /* its alpha went into the model */
};

/* Reads all files. STATUS_USAGE when an input is missing. Closed with feed_close, after errors too. */
status feed_read(const struct engine *engine, const struct feed_request *request, struct model_feed *feed,
                 struct error *err);
void feed_close(struct model_feed *feed);

/* outputs[i].name says which are wanted; their data are the session's. */
status feed_run(const struct engine *engine, const struct model_feed *feed, limner_tensor *outputs, size_t count,
                struct error *err);

#endif

/* A model with its session, and what the commands share when they use one. */
#ifndef LIMNER_TOOLS_ENGINE_ENGINE_H
#define LIMNER_TOOLS_ENGINE_ENGINE_H

#include "onnx/model.h"
#include "runtime/limner.h"
#include "tools/cli/values.h"
#include "tools/contract/contract.h"
#include "tools/engine/values.h"
#include "tools/files/array.h"

struct engine_options {
    int threads; /* 0: all processors */
    int cpu;     /* a limner_cpu */
    bool exact, low_memory;
    bool cache;               /* store packed weights beside the model */
    const char *cache_folder; /* or there; NULL: not */
};

option_set set_cpu; /* int */
/* The word that set_cpu would read as these options' level. */
const char *engine_cpu_option(const struct engine_options *options);

/* Rows of an option table for a settings type with a member `engine`. */
#define ENGINE_OPTIONS(settings)                                                                                  \
    {"threads", 0,                                                                                                \
     "N",       "threads to compute with (default: one for each processor)",                                      \
     set_count, offsetof(settings, engine.threads)},                                                              \
        {"exact",  0,                                                                                             \
         NULL,     "direct sums only: a little more exact, less memory, slower",                                  \
         set_flag, offsetof(settings, engine.exact)},                                                             \
        {"low-memory", 0,                                                                                         \
         NULL,         "as little memory as can be; slower (implies --exact)",                                    \
         set_flag,     offsetof(settings, engine.low_memory)},                                                    \
    {                                                                                                             \
        "cpu", 0, "LEVEL",                                                                                        \
            "instructions to compute with: portable, avx2 or avx512 (default: the best that this processor has)", \
            set_cpu, offsetof(settings, engine.cpu)                                                               \
    }

/* Rows for commands that may store packed weights. */
#define CACHE_OPTIONS(settings)                                                                                     \
    {"cache",  0,                                                                                                   \
     NULL,     "keep the weights as they are computed with in MODEL.limner-cache, so that the next start is short", \
     set_flag, offsetof(settings, engine.cache)},                                                                   \
    {                                                                                                               \
        "cache-in", 0, "FOLDER", "the same, in a folder instead of beside the model", set_file,                     \
            offsetof(settings, engine.cache_folder)                                                                 \
    }

struct engine {
    limner_model *model;
    limner_session *session;
    const char *path;
    struct contract contract; /* of engine_agree */
    bool ends_in_tanh;        /* the first output does; of engine_agree */
};

/* Messages name the path. Closed with engine_close, after errors too. */
status engine_open(struct engine *engine, const char *path, const struct engine_options *options, bool profile,
                   struct error *err);
/* The same with a model that was loaded before. Source is the engine's when it has a model then, else still the
 * caller's. */
status engine_take(struct engine *engine, struct onnx_model *source, const char *path,
                   const struct engine_options *options, struct error *err);
void engine_close(struct engine *engine);

/* A session as the options want it, of the model at path. */
status engine_session(limner_model *model, const char *path, const struct engine_options *options, bool profile,
                      limner_session **session, struct error *err);
/* Says what was odd with the session's inputs, if anything was; session may be NULL. */
void engine_say_note(const limner_session *session, const char *path);
/* Says why the session's cache is made anew, if it is; session may be NULL. */
void engine_say_cache_note(const limner_session *session);
#define ENGINE_CACHE_PROBLEM "note: the packed weights are not kept: %s"
/* Writes what was packed into the cache, if there is one; complains when it cannot. */
void engine_save_cache(limner_session *session);

/* limner_model_load and onnx_load for what may be a pipe or "-", too. Messages name the path. */
status engine_load(const char *path, limner_model **model, struct error *err);
status engine_load_onnx(const char *path, struct onnx_model **model, struct error *err);

/* What is known of the pictures that the model takes and gives: engine->contract; texts live in the pool. */
status engine_agree(struct engine *engine, const struct contract_request *request, struct pool *pool,
                    struct error *err);

/* The i-th input or output (both known to be there). */
limner_value engine_input(const struct engine *engine, size_t i);
limner_value engine_output(const struct engine *engine, size_t i);
/* How pictures come out of the output of that name, as elements of this type; after engine_agree. */
status engine_output_form(const struct engine *engine, const char *name, enum dtype dtype, struct picture_form *form,
                          struct error *err);
/* By name; the message lists the names that there are. */
status engine_find_input(const struct engine *engine, const char *name, limner_value *value, struct error *err);
status engine_find_output(const struct engine *engine, const char *name, limner_value *value, struct error *err);

/* The limner_* functions' errors as limner's own. */
status engine_status(limner_status code, const limner_error *from, struct error *err);
/* A value's declared type as people write it: "float [N,3,256,?]". */
#define TYPE_TEXT_BYTES 1024
const char *engine_type_text(const limner_value *value, char text[TYPE_TEXT_BYTES]);

#endif

/* A conversion from files: a checkpoint and a template are read, and a plan is made; then the weights are poured. */
#ifndef LIMNER_TOOLS_CONVERT_CONVERSION_H
#define LIMNER_TOOLS_CONVERT_CONVERSION_H

#include "tools/checkpoint/checkpoint.h"
#include "tools/cli/values.h"
#include "tools/convert/convert.h"
#include "tools/convert/report.h"

struct conversion_request {
    const char *checkpoint;                 /* a file */
    const char *template, *template_folder; /* a file or a name, and where names are looked for first, or NULL */
    const char *map, *key, *prefix;         /* or NULL */
    double eps;                             /* as convert_options has it */
    bool by_order, half;
};

/* Rows of an option table for a settings type with a struct conversion_request `request`. */
#define CONVERSION_OPTIONS(settings)                                                                          \
    {"template", 't',                                                                                         \
     "MODEL",    "the ONNX model that the weights go into: a file, or a name (see below)",                    \
     set_file,   offsetof(settings, request.template)},                                                       \
        {"map",    0,                                                                                         \
         "FILE",   "what is said in FILE about where weights come from goes before everything else",          \
         set_file, offsetof(settings, request.map)},                                                          \
        {"key",    0,                                                                                         \
         "PATH",   "the dictionary within the checkpoint that holds the weights (default: found)",            \
         set_text, offsetof(settings, request.key)},                                                          \
        {"prefix", 0,                                                                                         \
         "TEXT",   "what to take from the keys' beginnings (default: found)",                                 \
         set_text, offsetof(settings, request.prefix)},                                                       \
        {"eps",                                                                                               \
         0,                                                                                                   \
         "NUMBER",                                                                                            \
         "eps of batch norms that are folded into layers (default: what the template's own have, else 1e-5)", \
         set_number,                                                                                          \
         offsetof(settings, request.eps)},                                                                    \
        {"by-order", 0,                                                                                       \
         NULL,       "where nothing else tells layers of one shape apart, rely on their order",               \
         set_flag,   offsetof(settings, request.by_order)},                                                   \
        {"half",   0,                                                                                         \
         NULL,     "store weights as float16, half the size; they are computed with as float",                \
         set_flag, offsetof(settings, request.half)},                                                         \
    {                                                                                                         \
        "template-dir", 0, "DIR", "look for templates in DIR first", set_file,                                \
            offsetof(settings, request.template_folder)                                                       \
    }

struct conversion {
    const struct conversion_request *request;
    struct pool *pool;
    const char *template_path; /* where the template was found */
    struct checkpoint *checkpoint;
    struct onnx_model *template;
    struct map map;
    struct conversion_plan plan; /* with plan.problem_count nothing can be poured */
    struct report report;        /* output is NULL */
};

/* Finds the files. request and pool outlive the conversion. Closed with conversion_close, after errors too. */
status conversion_open(struct conversion *conversion, const struct conversion_request *request, struct pool *pool,
                       struct error *err);
/* STATUS_INVALID_ARGUMENT when the file to be written is one of those that are read. */
status conversion_check_output(const struct conversion *conversion, const char *output, struct error *err);
/* Reads them and makes the plan. Reports tell of the template as it was: they are made before conversion_pour. */
status conversion_read(struct conversion *conversion, struct error *err);
/* model lives as long as the conversion. */
status conversion_pour(struct conversion *conversion, struct onnx_model *model, struct error *err);
void conversion_close(struct conversion *conversion);

#endif

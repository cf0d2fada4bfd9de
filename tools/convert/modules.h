/* A checkpoint as the modules that PyTorch made it from: parameters grouped by the path before their last part. */
#ifndef LIMNER_TOOLS_CONVERT_MODULES_H
#define LIMNER_TOOLS_CONVERT_MODULES_H

#include "base/names.h"
#include "base/pool.h"
#include "tools/checkpoint/checkpoint_tensor.h"
#include "tools/convert/leaf.h"

struct module_parameter {
    const struct checkpoint_tensor *tensor;
    const char *spelled; /* the key as the map's rules rename it, without wrappers' words */
    const char *name;    /* as a template would call it: that without the prefix; NULL when it does not begin with it */
    int module;          /* -1 without a name */
    enum leaf leaf;
    bool used;    /* something of it is in the model */
    bool ignored; /* the map says so, or nobody needs it (num_batches_tracked) */
};

struct checkpoint_module {
    const char *path;
    int leaves[LEAF_NAMED]; /* parameters, or -1 */
    int first;              /* its first parameter in the file */
};

struct modules {
    struct module_parameter *parameters; /* as in the file */
    int parameter_count;
    struct checkpoint_module *items; /* in the file's order, or in natural order when that says nothing */
    int count;
    bool in_file_order;   /* the file's order is that of the definition */
    const char *taken;    /* what was taken away before each key; "" as a rule */
    const char *put;      /* what was put before each key instead; "" as a rule */
    const char *wrappers; /* words that were taken out of keys wherever they stood, in quotes; "" as a rule */
    struct names by_name, by_path;
};

void modules_free(struct modules *modules);

/* -1 when there is none. */
int modules_find(const struct modules *modules, const char *path, size_t length);
/* By its name, or by its key as the file has it. */
int modules_parameter(const struct modules *modules, const char *name);

/* A weight as a layer has it: plain, or under a spectral or weight norm. -1 when the module has none. */
int module_weight(const struct checkpoint_module *module);
/* The tensor of a leaf, or NULL. */
const struct checkpoint_tensor *module_tensor(const struct modules *modules, int module, enum leaf leaf);
/* It holds running statistics. */
bool module_is_batch_norm(const struct checkpoint_module *module);

/* "a2" before "a10": numbers by their size. */
int natural_compare(const char *a, const char *b);

#endif

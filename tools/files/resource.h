/* Templates, maps and presets that come with limner, found by their names. */
#ifndef LIMNER_TOOLS_FILES_RESOURCE_H
#define LIMNER_TOOLS_FILES_RESOURCE_H

#include "base/pool.h"
#include "base/status.h"

struct resource_kind {
    const char *what;      /* "template" */
    const char *folder;    /* "templates" */
    const char *extension; /* ".onnx" */
    const char *variable;  /* an environment variable that names a folder, or NULL */
};

extern const struct resource_kind resource_template, resource_map;

/*
 * The path for what the user wrote: a file that is there; else NAME or NAME.onnx in `folder` (may be NULL), in the
 * folder that the environment names, in PREFIX/share/limner where limner is PREFIX/bin/limner, in the source tree's
 * models, and in share beside the library that limner is part of. The message lists what there is.
 */
status resource_find(const struct resource_kind *kind, const char *name, const char *folder, struct pool *pool,
                     const char **path, struct error *err);

/* One that is found by its name. */
struct resource_file {
    const char *name, *path; /* without the extension; in the pool */
};
/* All of a kind, sorted by name; of several with one name the one that resource_find would find. */
status resource_list(const struct resource_kind *kind, struct pool *pool, struct resource_file **files, size_t *count,
                     struct error *err);

#endif

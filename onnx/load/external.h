/*
 * The files that hold a model's external data: each lies beneath the folder of the model, as it was given or where
 * links led from there, and is mapped once.
 */
#ifndef LIMNER_ONNX_LOAD_EXTERNAL_H
#define LIMNER_ONNX_LOAD_EXTERNAL_H

#include "base/filemap.h"
#include "base/names.h"
#include "base/pool.h"

/* The files of one model while it is loaded. */
struct external_files {
    const char *folder;     /* NULL: there is none, external data is an error */
    const char *real;       /* the folder of the model file itself, when links led to it; or NULL */
    int folder_fd;          /* -1: not opened yet */
    struct pool *pool;      /* where the maps live */
    struct file_map **maps; /* maps[0] is the model file */
    int map_count, map_capacity;
    struct names paths; /* path as written -> index in maps */
    size_t max_bytes;   /* of one file */
};

/* Appends the map, which stays open until external_close or for as long as the model wants it. */
status external_add(struct external_files *files, const struct file_map *map, struct error *err);
/* The map of the file at this relative path; the text must outlive `files`. */
status external_map(struct external_files *files, const char *path, const struct file_map **out, struct error *err);
/* Lets go of what is needed only while loading. The maps stay. */
void external_finish(struct external_files *files);

#endif

/* One picture or folders of them. */
#ifndef LIMNER_TOOLS_INPAINT_BATCH_H
#define LIMNER_TOOLS_INPAINT_BATCH_H

#include "base/pool.h"
#include "tools/cli/shard.h"
#include "tools/inpaint/painter.h"

struct batch_settings {
    const char *image, *mask, *output;   /* files, or folders; mask: NULL where pictures have no holes */
    const char *save_edges, *save_canny; /* of the output's kind, or NULL */
    const char *format;                  /* the ending of results in folders; NULL: the picture's own */
    int jobs;                            /* pictures at a time */
    bool resume;                         /* skip pictures whose output is there */
    struct shard shard;                  /* of a folder */
    bool gives_alpha;                    /* results are in a format that holds it */
    struct engine_options engine;
};

/* One picture of a batch. */
struct batch_item {
    struct paint_task task;
    const char *problem; /* why it cannot even be tried, or NULL */
};

struct file_list {
    const char **names; /* without the folder, sorted; in the pool */
    size_t count, capacity;
    bool of_pictures; /* masks that lie beside their pictures */
};

struct picture_batch {
    struct batch_item *items; /* in the pool */
    size_t count;
    size_t whole;            /* pictures of the folder, in all shards */
    bool folder;             /* IMAGE is one: problems are told and the rest is done */
    struct file_list passed; /* what lies in the folder and is no picture that is read */
};

/*
 * *good becomes false when a picture of a folder failed; of a single picture, the error comes back. Where pictures of a
 * folder failed for reasons that pass, the others are done, and STATUS_TRY_AGAIN comes back. painter: the one
 * for single pictures, zero at first, kept from call to call and closed by the caller.
 */
status batch_run(const struct picture_batch *batch, const struct batch_settings *settings, const struct studio *studio,
                 struct painter *painter, struct meter *meter, bool *good, struct error *err);

#endif

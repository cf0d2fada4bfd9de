#include "tools/checkpoint/checkpoint.h"

#include "base/recognise.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/reader.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/torch_legacy.h"
#include "tools/checkpoint/torch_zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct checkpoint_limits fill_limits(const struct checkpoint_limits *given) {
    struct checkpoint_limits limits = given ? *given : (struct checkpoint_limits){0};
    if (!limits.file_bytes)
        limits.file_bytes = (size_t)64 << 30;
    if (!limits.pickle_bytes)
        limits.pickle_bytes = (size_t)64 << 20;
    if (!limits.objects)
        limits.objects = 4000000;
    if (limits.objects > INT_MAX)
        limits.objects = INT_MAX;
    if (limits.nesting <= 0)
        limits.nesting = 32;
    if (limits.nesting > 1000)
        limits.nesting = 1000;
    if (!limits.entries)
        limits.entries = 100000;
    if (limits.entries > INT_MAX / 64)
        limits.entries = INT_MAX / 64;
    if (!limits.expanded_bytes)
        limits.expanded_bytes = (size_t)1 << 30;
    if (!limits.unpacked_bytes)
        limits.unpacked_bytes = (size_t)8 << 30;
    return limits;
}

/* ---- loading ---- */

static status fail_unknown(const struct file_map *map, struct error *err) {
    if (map->bytes == 0)
        return fail(err, STATUS_INVALID_MODEL, "the file is empty");
    const struct file_kind *kind = file_recognise(map->data, map->bytes);
    if (kind)
        return fail_other_file(err, STATUS_UNSUPPORTED, kind, "a checkpoint");
    return fail(err, STATUS_INVALID_MODEL,
                "is no checkpoint that limner knows: PyTorch's zip or older pickle format, safetensors or .npz");
}

static status read_any(struct checkpoint *checkpoint, struct error *err) {
    if (checkpoint->map.bytes > checkpoint->limits.file_bytes)
        return fail(err, STATUS_LIMIT, "the file has %zu bytes, more than the limit of %zu", checkpoint->map.bytes,
                    checkpoint->limits.file_bytes);
    static const struct {
        const char *name;
        bool (*recognise)(const struct file_map *map);
        status (*read)(struct checkpoint *checkpoint, struct error *err);
    } formats[] = {{"pytorch zip", torch_zip_recognise, torch_zip_read},
                   {"safetensors", safetensors_recognise, safetensors_read},
                   {"pytorch legacy", torch_legacy_recognise, torch_legacy_read}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].recognise(&checkpoint->map)) {
            checkpoint->format = formats[i].name;
            return formats[i].read(checkpoint, err);
        }
    return fail_unknown(&checkpoint->map, err);
}

/* Reads the mapped file; the checkpoint is closed after an error. */
static status load_map(struct checkpoint *checkpoint, const char *name, struct checkpoint **out, struct error *err) {
    status code = STATUS_OK;
    if (!checkpoint->pool || !checkpoint->scratch)
        code = fail_memory(err, "the checkpoint");
    if (!code)
        code = read_any(checkpoint, err);
    if (!code)
        code = checkpoint_choose(checkpoint, "", err);
    pool_destroy(checkpoint->scratch);
    checkpoint->scratch = NULL;
    if (code) {
        checkpoint_close(checkpoint);
        return fail_prefix(err, "%.300s", name);
    }
    *out = checkpoint;
    return STATUS_OK;
}

static struct checkpoint *create(const struct checkpoint_limits *limits) {
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (!checkpoint)
        return NULL;
    checkpoint->limits = fill_limits(limits);
    checkpoint->pool = pool_create();
    checkpoint->scratch = pool_create();
    return checkpoint;
}

status checkpoint_load(const char *path, const struct checkpoint_limits *limits, struct checkpoint **out,
                       struct error *err) {
    *out = NULL;
    struct checkpoint *checkpoint = create(limits);
    if (!checkpoint)
        return fail_memory(err, "the checkpoint");
    if (file_map_open(path, checkpoint->limits.file_bytes, &checkpoint->map, err)) {
        checkpoint_close(checkpoint);
        return fail_prefix(err, "%.300s", path);
    }
    return load_map(checkpoint, path, out, err);
}

status checkpoint_load_memory(const void *data, size_t bytes, const char *name, const struct checkpoint_limits *limits,
                              struct checkpoint **out, struct error *err) {
    *out = NULL;
    struct checkpoint *checkpoint = create(limits);
    if (!checkpoint)
        return fail_memory(err, "the checkpoint");
    checkpoint->map = (struct file_map){.data = data, .bytes = bytes};
    return load_map(checkpoint, name, out, err);
}

void checkpoint_close(struct checkpoint *checkpoint) {
    if (!checkpoint)
        return;
    free(checkpoint->tensors);
    free(checkpoint->groups);
    free(checkpoint->opaques);
    free(checkpoint->chosen);
    names_free(&checkpoint->paths);
    names_free(&checkpoint->keys);
    pool_destroy(checkpoint->pool);
    pool_destroy(checkpoint->scratch);
    pool_destroy(checkpoint->unpacked);
    file_map_close(&checkpoint->map);
    free(checkpoint);
}

/* ---- questions ---- */

const char *checkpoint_format(const struct checkpoint *checkpoint) {
    return checkpoint->format;
}

size_t checkpoint_opaque_count(const struct checkpoint *checkpoint) {
    return checkpoint->opaque_count;
}

const struct checkpoint_opaque *checkpoint_opaque_at(const struct checkpoint *checkpoint, size_t i) {
    return i < checkpoint->opaque_count ? &checkpoint->opaques[i] : NULL;
}

#include "tools/checkpoint/checkpoint.h"

#include "tools/checkpoint/reader.h"

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
    return limits;
}

/* ---- what is found ---- */

/* Room for one more item; false without memory. */
static bool reserve(void *array, size_t count, size_t *capacity, size_t item_bytes) {
    void **at = array;
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? *capacity * 2 : 32;
    void *bigger = realloc(*at, wanted * item_bytes);
    if (!bigger)
        return false;
    *at = bigger;
    *capacity = wanted;
    return true;
}

bool is_clean_text(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    while (at < end) {
        const int more = *at < 0x80                  ? 0
                         : *at >= 0xc2 && *at < 0xe0 ? 1
                         : (*at & 0xf0) == 0xe0      ? 2
                         : *at >= 0xf0 && *at < 0xf5 ? 3
                                                     : -1;
        if (*at == 0 || more < 0 || end - at <= more)
            return false;
        const unsigned low = *at == 0xe0 ? 0xa0 : *at == 0xf0 ? 0x90 : 0x80;  /* no overlong forms, */
        const unsigned high = *at == 0xed ? 0x9f : *at == 0xf4 ? 0x8f : 0xbf; /* surrogates, or beyond U+10FFFF */
        for (int i = 1; i <= more; i++)
            if (at[i] < (i == 1 ? low : 0x80) || at[i] > (i == 1 ? high : 0xbf))
                return false;
        at += 1 + more;
    }
    return true;
}

/* Copies a path. All of them together stay below a limit, for a file can name one thing in many ways. */
static status keep_text(struct checkpoint *checkpoint, const char *text, const char **copy, struct error *err) {
    if (pool_bytes(checkpoint->pool) / 4 > checkpoint->limits.pickle_bytes)
        return fail(err, STATUS_LIMIT, "the names in the file take more than four times %zu bytes",
                    checkpoint->limits.pickle_bytes);
    *copy = pool_string(checkpoint->pool, text, strlen(text));
    return *copy ? STATUS_OK : fail_memory(err, "the names of tensors");
}

status checkpoint_add(struct checkpoint *checkpoint, const struct checkpoint_tensor *tensor, struct error *err) {
    if (checkpoint->tensor_count >= checkpoint->limits.entries)
        return fail(err, STATUS_LIMIT, "more than %zu tensors", checkpoint->limits.entries);
    if (names_find(&checkpoint->paths, tensor->path) != NAME_ABSENT)
        return fail(err, STATUS_INVALID_MODEL, "there are two tensors \"%.200s\"", tensor->path);
    const char *path;
    const status code = keep_text(checkpoint, tensor->path, &path, err);
    if (code)
        return code;
    if (!reserve(&checkpoint->tensors, checkpoint->tensor_count, &checkpoint->tensor_capacity,
                 sizeof *checkpoint->tensors) ||
        !names_put(&checkpoint->paths, path, (int)checkpoint->tensor_count))
        return fail_memory(err, "the list of tensors");
    struct checkpoint_tensor *added = &checkpoint->tensors[checkpoint->tensor_count++];
    *added = *tensor;
    added->path = added->key = path;
    return STATUS_OK;
}

status checkpoint_add_opaque(struct checkpoint *checkpoint, const char *path, const char *what, struct error *err) {
    if (checkpoint->opaque_count >= checkpoint->limits.entries)
        return fail(err, STATUS_LIMIT, "more than %zu objects of foreign classes", checkpoint->limits.entries);
    if (!reserve(&checkpoint->opaques, checkpoint->opaque_count, &checkpoint->opaque_capacity,
                 sizeof *checkpoint->opaques))
        return fail_memory(err, "the list of foreign objects");
    struct checkpoint_opaque *added = &checkpoint->opaques[checkpoint->opaque_count++];
    const status code = keep_text(checkpoint, path, &added->path, err);
    return code ? code : keep_text(checkpoint, what, &added->what, err);
}

status checkpoint_open_group(struct checkpoint *checkpoint, bool module, int parent, int *index, struct error *err) {
    if (!reserve(&checkpoint->groups, checkpoint->group_count, &checkpoint->group_capacity, sizeof *checkpoint->groups))
        return fail_memory(err, "the list of dictionaries");
    *index = (int)checkpoint->group_count++;
    checkpoint->groups[*index] = (struct group){.module = module, .parent = parent, .begin = checkpoint->tensor_count};
    return STATUS_OK;
}

status checkpoint_close_group(struct checkpoint *checkpoint, int index, const char *path, struct error *err) {
    struct group *group = &checkpoint->groups[index];
    group->end = checkpoint->tensor_count;
    if (group->begin == group->end) {
        checkpoint->group_count--;
        return STATUS_OK;
    }
    return keep_text(checkpoint, path, &group->path, err);
}

/* ---- loading ---- */

/* Files that people take for checkpoints. */
static const struct {
    size_t at;
    const char *magic;
    size_t length;
    const char *what;
} lookalikes[] = {
    {257, "ustar", 5, "a tar archive, PyTorch's format of before 0.1.10; load it with PyTorch and save it again"},
    {0, "\x1f\x8b", 2, "compressed with gzip; unpack it first"},
    {0, "BZh", 3, "compressed with bzip2; unpack it first"},
    {0,
     "\xfd"
     "7zXZ",
     5, "compressed with xz; unpack it first"},
    {0, "\x28\xb5\x2f\xfd", 4, "compressed with zstd; unpack it first"},
    {0, "7z\xbc\xaf", 4, "a 7z archive; unpack it first"},
    {0, "Rar!", 4, "a RAR archive; unpack it first"},
    {0, "\x89HDF", 4, "an HDF5 file (Keras), not a PyTorch checkpoint"},
    {0, "GGUF", 4, "a GGUF file, not a PyTorch checkpoint"},
    {0, "\x93NUMPY", 6, "a NumPy array, not a checkpoint"},
    {0, "version https://git-lfs", 23, "a Git LFS pointer; fetch the file itself with: git lfs pull"},
    {0, "<", 1, "a web page, not a checkpoint; the download went wrong"},
};

static status fail_unknown(const struct file_map *map, struct error *err) {
    if (map->bytes == 0)
        return fail(err, STATUS_INVALID_MODEL, "the file is empty");
    for (size_t i = 0; i < sizeof lookalikes / sizeof lookalikes[0]; i++)
        if (map->bytes >= lookalikes[i].at + lookalikes[i].length &&
            memcmp(map->data + lookalikes[i].at, lookalikes[i].magic, lookalikes[i].length) == 0)
            return fail(err, STATUS_UNSUPPORTED, "is %s", lookalikes[i].what);
    return fail(err, STATUS_INVALID_MODEL,
                "is no checkpoint that limner knows: PyTorch's zip or older pickle format, or safetensors");
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

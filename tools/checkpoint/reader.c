#include "tools/checkpoint/reader.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

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

void *checkpoint_room(struct checkpoint *checkpoint, size_t bytes, struct error *err) {
    static const char what[] = "unpacked data";
    const size_t limit = checkpoint->limits.unpacked_bytes;
    if (!checkpoint->unpacked && !(checkpoint->unpacked = pool_create())) {
        fail_memory(err, what);
        return NULL;
    }
    if (bytes > limit || pool_bytes(checkpoint->unpacked) > limit - bytes) {
        fail(err, STATUS_LIMIT, "the file's data would unpack to more than the limit of %zu bytes", limit);
        return NULL;
    }
    void *memory = pool_alloc(checkpoint->unpacked, bytes + !bytes);
    if (!memory)
        fail_memory(err, what);
    return memory;
}

void checkpoint_dense_strides(struct checkpoint_tensor *tensor) {
    int64_t stride = 1;
    for (int i = tensor->shape.rank; i-- > 0;) {
        tensor->strides[i] = stride;
        /* Only shapes without elements can pass the range; their strides do not matter. */
        if (!int64_mul(stride, tensor->shape.dims[i], &stride))
            stride = 0;
    }
}

status checkpoint_open_group(struct checkpoint *checkpoint, bool module, int parent, int *index, struct error *err) {
    if (!reserve(&checkpoint->groups, checkpoint->group_count, &checkpoint->group_capacity, sizeof *checkpoint->groups))
        return fail_memory(err, "the list of dictionaries");
    *index = (int)checkpoint->group_count++;
    checkpoint->groups[*index] =
        (struct tensor_group){.module = module, .parent = parent, .begin = checkpoint->tensor_count};
    return STATUS_OK;
}

status checkpoint_close_group(struct checkpoint *checkpoint, int index, const char *path, struct error *err) {
    struct tensor_group *group = &checkpoint->groups[index];
    group->end = checkpoint->tensor_count;
    if (group->begin == group->end) {
        checkpoint->group_count--;
        return STATUS_OK;
    }
    return keep_text(checkpoint, path, &group->path, err);
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

#include "tools/checkpoint/npz.h"

#include "tools/checkpoint/unpack.h"
#include "tools/files/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ending[] = ".npy";

/* The length of an array's name, or 0. */
static size_t name_length(const struct archive_entry *entry) {
    const size_t length = strlen(entry->name), last = sizeof ending - 1;
    return length > last && strcmp(entry->name + length - last, ending) == 0 ? length - last : 0;
}

bool npz_recognise(const struct archive *archive) {
    for (size_t i = 0; i < archive->count; i++)
        if (name_length(&archive->entries[i]))
            return true;
    return false;
}

/* Moves the array into memory of the checkpoint and adds it. */
static status add_array(struct checkpoint *checkpoint, const char *path, const struct tensor *array,
                        struct error *err) {
    struct checkpoint_tensor tensor = {.path = path, .dtype = array->dtype, .shape = array->shape};
    void *copy = checkpoint_room(checkpoint, array->bytes, err);
    if (!copy)
        return err->code;
    if (array->bytes)
        memcpy(copy, array->data, array->bytes);
    tensor.storage = copy;
    tensor.storage_bytes = array->bytes;
    checkpoint_dense_strides(&tensor);
    return checkpoint_add(checkpoint, &tensor, err);
}

static status read_array(struct checkpoint *checkpoint, struct archive_entry *entry, struct error *err) {
    char path[PATH_BYTES];
    const size_t length = name_length(entry);
    if (length >= sizeof path || !is_clean_text(entry->name, length))
        return fail(err, STATUS_INVALID_MODEL, "the name of zip entry \"%.200s\" is too long or no UTF-8", entry->name);
    memcpy(path, entry->name, length);
    path[length] = 0;
    status code = unpack_entry(checkpoint, entry, !checkpoint->limits.skip_checksums, err);
    if (code)
        return code;
    struct tensor array = {.data = NULL};
    code = npy_read(entry->data, entry->bytes, &array, err);
    if (code == STATUS_UNSUPPORTED)
        code = checkpoint_add_opaque(checkpoint, path, "NumPy array of objects or texts", err);
    else
        code = code ? fail_prefix(err, "zip entry \"%.200s\"", entry->name) : add_array(checkpoint, path, &array, err);
    free(array.data);
    return code;
}

status npz_read(struct checkpoint *checkpoint, struct archive *archive, struct error *err) {
    int group;
    status code = checkpoint_open_group(checkpoint, false, -1, &group, err);
    checkpoint->format = "npz";
    for (size_t i = 0; !code && i < archive->count; i++)
        if (name_length(&archive->entries[i]))
            code = read_array(checkpoint, &archive->entries[i], err);
    if (code)
        return code;
    checkpoint->groups[group].direct = checkpoint->tensor_count;
    return checkpoint_close_group(checkpoint, group, "", err);
}

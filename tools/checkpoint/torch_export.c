#include "tools/checkpoint/torch_export.h"

#include "tools/checkpoint/json_scan.h"
#include "tools/checkpoint/unpack.h"
#include "tools/checkpoint/view.h"

#include <stdio.h>
#include <string.h>

#define MOST_NESTING 16
static const char ending[] = "/data/weights/model_weights_config.json";

/* torch._export.serde.schema.ScalarType */
static const enum dtype types[] = {
    [1] = DTYPE_UINT8,   [2] = DTYPE_INT8,    [3] = DTYPE_INT16,   [4] = DTYPE_INT32, [5] = DTYPE_INT64,
    [6] = DTYPE_FLOAT16, [7] = DTYPE_FLOAT,   [8] = DTYPE_DOUBLE,  [12] = DTYPE_BOOL, [13] = DTYPE_BFLOAT16,
    [28] = DTYPE_UINT16, [34] = DTYPE_UINT32, [35] = DTYPE_UINT64,
};

struct export_reader {
    struct checkpoint *checkpoint;
    const struct archive *archive;
    const char *root; /* of entries' names: "NAME/data/weights/" */
    size_t root_length;
    struct json_scan scan;
};

/* One tensor while its lines are read. */
struct export_tensor {
    char path[PATH_BYTES], entry[PATH_BYTES];
    bool pickled, deep, has_meta;
    int64_t type, offset;
    struct shape sizes, strides;
};

typedef status read_member(struct export_reader *reader, const char *name, struct export_tensor *tensor);

/* An object, member by member. */
static status read_object(struct export_reader *reader, read_member *read, struct export_tensor *tensor) {
    struct json_scan *scan = &reader->scan;
    char name[64];
    status code = json_scan_expect(scan, '{');
    if (code || json_scan_accept(scan, '}'))
        return code;
    do {
        code = json_scan_text(scan, name, sizeof name);
        if (!code)
            code = json_scan_expect(scan, ':');
        if (!code)
            code = read(reader, name, tensor);
        if (code)
            return code;
    } while (json_scan_accept(scan, ','));
    return json_scan_expect(scan, '}');
}

/* {"as_int": N} */
static status read_size(struct json_scan *scan, int64_t *number) {
    status code = json_scan_expect(scan, '{');
    if (!code && !json_scan_word(scan, "\"as_int\""))
        code = json_scan_fail(scan, "\"as_int\"");
    if (!code)
        code = json_scan_expect(scan, ':');
    if (!code)
        code = json_scan_number(scan, number);
    return code ? code : json_scan_expect(scan, '}');
}

static status read_sizes(struct json_scan *scan, struct shape *sizes, bool *deep) {
    status code = json_scan_expect(scan, '[');
    sizes->rank = 0;
    if (code || json_scan_accept(scan, ']'))
        return code;
    do {
        int64_t size;
        code = read_size(scan, &size);
        if (code)
            return code;
        if (sizes->rank < MAX_RANK)
            sizes->dims[sizes->rank++] = size;
        else
            *deep = true;
    } while (json_scan_accept(scan, ','));
    return json_scan_expect(scan, ']');
}

static status read_meta(struct export_reader *reader, const char *name, struct export_tensor *tensor) {
    struct json_scan *scan = &reader->scan;
    if (strcmp(name, "dtype") == 0)
        return json_scan_number(scan, &tensor->type);
    if (strcmp(name, "sizes") == 0)
        return read_sizes(scan, &tensor->sizes, &tensor->deep);
    if (strcmp(name, "strides") == 0)
        return read_sizes(scan, &tensor->strides, &tensor->deep);
    if (strcmp(name, "storage_offset") == 0)
        return read_size(scan, &tensor->offset);
    return json_scan_skip(scan, MOST_NESTING);
}

static status read_field(struct export_reader *reader, const char *name, struct export_tensor *tensor) {
    struct json_scan *scan = &reader->scan;
    if (strcmp(name, "path_name") == 0)
        return json_scan_text(scan, tensor->entry, sizeof tensor->entry);
    if (strcmp(name, "use_pickle") == 0 && json_scan_word(scan, "true")) {
        tensor->pickled = true;
        return STATUS_OK;
    }
    if (strcmp(name, "tensor_meta") != 0)
        return json_scan_skip(scan, MOST_NESTING);
    if (json_scan_word(scan, "null"))
        return STATUS_OK;
    tensor->has_meta = true;
    return read_object(reader, read_meta, tensor);
}

static enum dtype type_of(const struct export_tensor *tensor) {
    return tensor->type < (int64_t)(sizeof types / sizeof types[0]) ? types[tensor->type] : DTYPE_UNDEFINED;
}

/* Why it is none that limner reads, or NULL. */
static const char *find_fault(const struct export_tensor *tensor) {
    return tensor->pickled || !tensor->has_meta ? "tensor that is a pickle of its own"
           : tensor->deep                       ? "tensor of more than 8 dimensions"
           : type_of(tensor) == DTYPE_UNDEFINED ? "tensor of an unusual type"
                                                : NULL;
}

static status find_bytes(struct export_reader *reader, const char *name, struct archive_entry **entry,
                         struct error *err) {
    char path[2 * PATH_BYTES];
    const int length = snprintf(path, sizeof path, "%.*s%s", (int)reader->root_length, reader->root, name);
    *entry = length > 0 && (size_t)length < sizeof path ? archive_find(reader->archive, path) : NULL;
    if (!*entry)
        return fail(err, STATUS_INVALID_MODEL, "its entry \"%.200s\" is not in the archive", name);
    return unpack_entry(reader->checkpoint, *entry, !reader->checkpoint->limits.skip_checksums, err);
}

/* The numbers are those of little-endian machines, or nothing is said of it. */
static status check_byte_order(struct export_reader *reader, struct error *err) {
    static const char before[] = "data/weights/";
    char path[2 * PATH_BYTES];
    const int length =
        snprintf(path, sizeof path, "%.*sbyteorder", (int)(reader->root_length - strlen(before)), reader->root);
    struct archive_entry *order =
        length > 0 && (size_t)length < sizeof path ? archive_find(reader->archive, path) : NULL;
    const status code = order ? unpack_entry(reader->checkpoint, order, true, err) : STATUS_OK;
    if (code || !order || (order->bytes == 6 && memcmp(order->data, "little", 6) == 0))
        return code;
    return fail(err, STATUS_UNSUPPORTED,
                "was written by a machine of another byte order; load it with PyTorch and save it again");
}

static status add_tensor(struct export_reader *reader, const struct export_tensor *from, struct error *err) {
    struct checkpoint_tensor tensor = {.path = from->path, .dtype = type_of(from), .shape = from->sizes};
    struct archive_entry *entry;
    status code = find_bytes(reader, from->entry, &entry, err);
    if (!code && from->strides.rank != from->sizes.rank)
        code = fail(err, STATUS_INVALID_MODEL, "it has another number of strides than of dimensions");
    memcpy(tensor.strides, from->strides.dims, sizeof tensor.strides);
    if (!code)
        code = view_place(reader->checkpoint, entry->data, entry->bytes, from->offset, &tensor, err);
    if (code)
        return fail_prefix(err, "tensor \"%.200s\"", from->path);
    return checkpoint_add(reader->checkpoint, &tensor, err);
}

static status read_tensor(struct export_reader *reader) {
    struct export_tensor tensor = {.has_meta = false};
    struct json_scan *scan = &reader->scan;
    status code = json_scan_text(scan, tensor.path, sizeof tensor.path);
    if (!code)
        code = json_scan_expect(scan, ':');
    if (!code)
        code = read_object(reader, read_field, &tensor);
    if (code)
        return code;
    const char *fault = find_fault(&tensor);
    return fault ? checkpoint_add_opaque(reader->checkpoint, tensor.path, fault, scan->err)
                 : add_tensor(reader, &tensor, scan->err);
}

/* {"config": {NAME: {...}, ...}} */
static status read_config(struct export_reader *reader) {
    struct json_scan *scan = &reader->scan;
    status code = json_scan_expect(scan, '{');
    if (!code && !json_scan_word(scan, "\"config\""))
        code = json_scan_fail(scan, "\"config\"");
    if (!code)
        code = json_scan_expect(scan, ':');
    if (!code)
        code = json_scan_expect(scan, '{');
    if (code)
        return code;
    if (!json_scan_accept(scan, '}')) {
        do {
            code = read_tensor(reader);
            if (code)
                return code;
        } while (json_scan_accept(scan, ','));
        code = json_scan_expect(scan, '}');
    }
    return code ? code : json_scan_expect(scan, '}');
}

struct archive_entry *torch_export_find(const struct archive *archive) {
    for (size_t i = 0; i < archive->count; i++) {
        const char *name = archive->entries[i].name;
        const size_t length = strlen(name), last = sizeof ending - 1;
        if (length > last && strcmp(name + length - last, ending) == 0)
            return &archive->entries[i];
    }
    return NULL;
}

status torch_export_read(struct checkpoint *checkpoint, const struct archive *archive, struct archive_entry *config,
                         struct error *err) {
    const size_t limit = checkpoint->limits.pickle_bytes;
    int group;
    checkpoint->format = "torch.export";
    if (config->bytes > limit)
        return fail(err, STATUS_LIMIT, "zip entry \"%.200s\" has %zu bytes, more than the limit of %zu", config->name,
                    config->bytes, limit);
    status code = unpack_entry(checkpoint, config, true, err);
    if (!code)
        code = checkpoint_open_group(checkpoint, false, -1, &group, err);
    if (code)
        return code;
    struct export_reader reader = {.checkpoint = checkpoint,
                                   .archive = archive,
                                   .root = config->name,
                                   .root_length = (size_t)(strrchr(config->name, '/') + 1 - config->name),
                                   .scan = {.text = (const char *)config->data, .bytes = config->bytes, .err = err}};
    code = check_byte_order(&reader, err);
    if (code)
        return code;
    code = read_config(&reader);
    if (code)
        return fail_prefix(err, "zip entry \"%.200s\"", config->name);
    checkpoint->groups[group].direct = checkpoint->tensor_count;
    return checkpoint_close_group(checkpoint, group, "", err);
}

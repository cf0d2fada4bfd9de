#include "tools/checkpoint/safetensors.h"

#include "tools/checkpoint/json_scan.h"
#include "tools/checkpoint/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8

static const struct {
    const char *name;
    enum dtype dtype;
} types[] = {
    {"F64", DTYPE_DOUBLE},
    {"F32", DTYPE_FLOAT},
    {"F16", DTYPE_FLOAT16},
    {"BF16", DTYPE_BFLOAT16},
    {"I64", DTYPE_INT64},
    {"I32", DTYPE_INT32},
    {"I16", DTYPE_INT16},
    {"I8", DTYPE_INT8},
    {"U64", DTYPE_UINT64},
    {"U32", DTYPE_UINT32},
    {"U16", DTYPE_UINT16},
    {"U8", DTYPE_UINT8},
    {"BOOL", DTYPE_BOOL},
    {"C64", DTYPE_COMPLEX64},
    {"F8_E4M3", DTYPE_FLOAT8E4M3FN},
    {"F8_E5M2", DTYPE_FLOAT8E5M2},
    {"F8_E8M0", DTYPE_FLOAT8E8M0},
    {"F8_E4M3FNUZ", DTYPE_FLOAT8E4M3FNUZ},
    {"F8_E5M2FNUZ", DTYPE_FLOAT8E5M2FNUZ},
};

/* Bytes of the data part. */
struct extent {
    uint64_t begin, end;
};

struct safetensors_header {
    struct checkpoint *checkpoint;
    struct json_scan scan;
    const uint8_t *data; /* behind the header */
    size_t bytes;
    struct extent *extents;
    size_t count, capacity;
};

/* One tensor's entry while it is read. */
struct tensor_entry {
    char path[PATH_BYTES];
    char type[32];
    struct shape shape;
    struct extent extent;
    bool has_type, has_shape, has_extent;
    bool deep; /* has more dimensions than shape */
};

static uint64_t header_length(const struct file_map *map) {
    uint64_t length = 0;
    for (int i = LENGTH_BYTES; i-- > 0;)
        length = length << 8 | map->data[i];
    return length;
}

/* Pickles, zip archives and texts do not have a brace there and a number below 2^40 before it. */
bool safetensors_recognise(const struct file_map *map) {
    return map->bytes > LENGTH_BYTES && map->data[LENGTH_BYTES] == '{' && header_length(map) < (uint64_t)1 << 40;
}

/* ---- one tensor ---- */

static status read_shape(struct safetensors_header *header, struct tensor_entry *entry) {
    struct json_scan *scan = &header->scan;
    status code = json_scan_expect(scan, '[');
    if (code || json_scan_accept(scan, ']'))
        return code;
    do {
        int64_t dim;
        code = json_scan_number(scan, &dim);
        if (code)
            return code;
        if (entry->shape.rank < MAX_RANK)
            entry->shape.dims[entry->shape.rank++] = dim;
        else
            entry->deep = true;
    } while (json_scan_accept(scan, ','));
    return json_scan_expect(scan, ']');
}

static status read_extent(struct safetensors_header *header, struct tensor_entry *entry) {
    struct json_scan *scan = &header->scan;
    int64_t begin = 0, end = 0;
    status code = json_scan_expect(scan, '[');
    if (!code)
        code = json_scan_number(scan, &begin);
    if (!code)
        code = json_scan_expect(scan, ',');
    if (!code)
        code = json_scan_number(scan, &end);
    if (!code)
        code = json_scan_expect(scan, ']');
    entry->extent = (struct extent){(uint64_t)begin, (uint64_t)end};
    return code;
}

static status read_field(struct safetensors_header *header, struct tensor_entry *entry) {
    struct json_scan *scan = &header->scan;
    char name[32];
    status code = json_scan_text(scan, name, sizeof name);
    if (!code)
        code = json_scan_expect(scan, ':');
    if (code)
        return code;
    bool *seen = strcmp(name, "dtype") == 0          ? &entry->has_type
                 : strcmp(name, "shape") == 0        ? &entry->has_shape
                 : strcmp(name, "data_offsets") == 0 ? &entry->has_extent
                                                     : NULL;
    if (!seen || *seen)
        return json_scan_fail(scan, "\"dtype\", \"shape\" and \"data_offsets\", each once, are");
    *seen = true;
    if (seen == &entry->has_type)
        return json_scan_text(scan, entry->type, sizeof entry->type);
    return seen == &entry->has_shape ? read_shape(header, entry) : read_extent(header, entry);
}

static status read_fields(struct safetensors_header *header, struct tensor_entry *entry) {
    struct json_scan *scan = &header->scan;
    status code = json_scan_expect(scan, '{');
    if (code)
        return code;
    do {
        code = read_field(header, entry);
        if (code)
            return code;
    } while (json_scan_accept(scan, ','));
    code = json_scan_expect(scan, '}');
    if (!code && !(entry->has_type && entry->has_shape && entry->has_extent))
        code = json_scan_fail(scan, "\"dtype\", \"shape\" and \"data_offsets\" are");
    return code;
}

/* DTYPE_UNDEFINED: an unknown one. */
static enum dtype find_type(const struct tensor_entry *entry) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, entry->type) == 0)
            return types[i].dtype;
    return DTYPE_UNDEFINED;
}

static status check_place(const struct safetensors_header *header, const struct tensor_entry *entry,
                          struct error *err) {
    if (entry->extent.begin <= entry->extent.end && entry->extent.end <= header->bytes)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "bytes %llu to %llu do not lie in the %zu bytes of data",
                (unsigned long long)entry->extent.begin, (unsigned long long)entry->extent.end, header->bytes);
}

static status check_size(const struct tensor_entry *entry, enum dtype dtype, struct error *err) {
    size_t dense;
    if (shape_elements(&entry->shape) < 0 || !tensor_size(dtype, &entry->shape, &dense))
        return fail(err, STATUS_INVALID_MODEL, "its size is too large");
    if (entry->extent.end - entry->extent.begin != dense)
        return fail(err, STATUS_INVALID_MODEL, "has %llu bytes, %zu expected from its type and shape",
                    (unsigned long long)(entry->extent.end - entry->extent.begin), dense);
    return STATUS_OK;
}

static status add_extent(struct safetensors_header *header, struct extent extent) {
    if (header->count == header->capacity) {
        const size_t capacity = header->capacity ? header->capacity * 2 : 64;
        struct extent *bigger = realloc(header->extents, capacity * sizeof *bigger);
        if (!bigger)
            return fail_memory(header->scan.err, "the list of tensors");
        header->extents = bigger;
        header->capacity = capacity;
    }
    header->extents[header->count++] = extent;
    return STATUS_OK;
}

/* What has a type or a number of dimensions that limner does not know is passed over, and named. */
static status pass_over(struct safetensors_header *header, const struct tensor_entry *entry) {
    char what[64];
    if (entry->deep)
        snprintf(what, sizeof what, "tensor of more than %d dimensions", MAX_RANK);
    else
        snprintf(what, sizeof what, "tensor of the type %s", entry->type);
    const status code = checkpoint_add_opaque(header->checkpoint, entry->path, what, header->scan.err);
    return code ? code : add_extent(header, entry->extent);
}

static status read_tensor(struct safetensors_header *header, struct tensor_entry *entry) {
    struct error *err = header->scan.err;
    struct checkpoint_tensor tensor = {.path = entry->path};
    status code = read_fields(header, entry);
    tensor.dtype = find_type(entry);
    const bool known = tensor.dtype != DTYPE_UNDEFINED && !entry->deep;
    if (!code)
        code = check_place(header, entry, err);
    if (!code && known)
        code = check_size(entry, tensor.dtype, err);
    if (code)
        return fail_prefix(err, "tensor \"%.200s\"", entry->path);
    if (!known)
        return pass_over(header, entry);
    tensor.shape = entry->shape;
    checkpoint_dense_strides(&tensor);
    tensor.storage = header->data + entry->extent.begin;
    tensor.storage_bytes = (size_t)(entry->extent.end - entry->extent.begin);
    code = checkpoint_add(header->checkpoint, &tensor, err);
    return code ? code : add_extent(header, entry->extent);
}

/* ---- the whole header ---- */

/* Texts about the file, for people. */
static status skip_metadata(struct json_scan *scan) {
    if (json_scan_word(scan, "null"))
        return STATUS_OK;
    status code = json_scan_expect(scan, '{');
    if (code || json_scan_accept(scan, '}'))
        return code;
    do {
        code = json_scan_skip_text(scan);
        if (!code)
            code = json_scan_expect(scan, ':');
        if (!code)
            code = json_scan_skip_text(scan);
        if (code)
            return code;
    } while (json_scan_accept(scan, ','));
    return json_scan_expect(scan, '}');
}

static status read_member(struct safetensors_header *header, bool *has_metadata) {
    struct json_scan *scan = &header->scan;
    struct tensor_entry entry = {0};
    status code = json_scan_text(scan, entry.path, sizeof entry.path);
    if (!code)
        code = json_scan_expect(scan, ':');
    if (code)
        return code;
    if (strcmp(entry.path, "__metadata__") != 0)
        return read_tensor(header, &entry);
    if (*has_metadata)
        return json_scan_fail(scan, "one \"__metadata__\"");
    *has_metadata = true;
    return skip_metadata(scan);
}

static status read_members(struct safetensors_header *header) {
    struct json_scan *scan = &header->scan;
    bool has_metadata = false;
    status code = json_scan_expect(scan, '{');
    if (code)
        return code;
    if (json_scan_accept(scan, '}'))
        return json_scan_end(scan);
    do {
        code = read_member(header, &has_metadata);
        if (code)
            return code;
    } while (json_scan_accept(scan, ','));
    code = json_scan_expect(scan, '}');
    return code ? code : json_scan_end(scan);
}

static int by_begin(const void *left, const void *right) {
    const struct extent *a = left, *b = right;
    return a->begin != b->begin ? (a->begin > b->begin) - (a->begin < b->begin) : (a->end > b->end) - (a->end < b->end);
}

/* Every byte of the data belongs to one tensor. */
static status check_cover(struct safetensors_header *header) {
    uint64_t at = 0;
    if (header->count)
        qsort(header->extents, header->count, sizeof *header->extents, by_begin);
    for (size_t i = 0; i < header->count; i++) {
        if (header->extents[i].begin != at)
            return fail(header->scan.err, STATUS_INVALID_MODEL, "the tensors' data %s at byte %llu of the data",
                        header->extents[i].begin < at ? "overlaps" : "has a hole", (unsigned long long)at);
        at = header->extents[i].end;
    }
    if (at != header->bytes)
        return fail(header->scan.err, STATUS_INVALID_MODEL, "the tensors take %llu bytes of data and the file has %zu",
                    (unsigned long long)at, header->bytes);
    return STATUS_OK;
}

status safetensors_read(struct checkpoint *checkpoint, struct error *err) {
    const struct file_map *map = &checkpoint->map;
    const uint64_t length = header_length(map);
    if (length > map->bytes - LENGTH_BYTES)
        return fail(err, STATUS_INVALID_MODEL,
                    "the header has %llu bytes and the file %zu: it is cut off, or not of safetensors",
                    (unsigned long long)length, map->bytes);
    if (length > checkpoint->limits.pickle_bytes)
        return fail(err, STATUS_LIMIT, "the header has %llu bytes, more than the limit of %zu",
                    (unsigned long long)length, checkpoint->limits.pickle_bytes);
    struct safetensors_header header = {.checkpoint = checkpoint,
                                        .scan = {.text = (const char *)map->data + LENGTH_BYTES,
                                                 .bytes = (size_t)length,
                                                 .base = LENGTH_BYTES,
                                                 .err = err},
                                        .data = map->data + LENGTH_BYTES + length,
                                        .bytes = map->bytes - LENGTH_BYTES - (size_t)length};
    int group;
    status code = checkpoint_open_group(checkpoint, false, -1, &group, err);
    if (!code)
        code = read_members(&header);
    if (!code)
        code = check_cover(&header);
    if (!code) {
        checkpoint->groups[group].direct = checkpoint->tensor_count;
        code = checkpoint_close_group(checkpoint, group, "", err);
    }
    free(header.extents);
    return code;
}

#include "tools/files/npy_header.h"

#include "base/checked.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define BAD(err, ...) fail(err, STATUS_INVALID_ARGUMENT, __VA_ARGS__)

/* NumPy's letters for ONNX's types. */
static const struct npy_type types[] = {{'f', 4, DTYPE_FLOAT},     {'f', 8, DTYPE_DOUBLE},     {'f', 2, DTYPE_FLOAT16},
                                        {'i', 1, DTYPE_INT8},      {'i', 2, DTYPE_INT16},      {'i', 4, DTYPE_INT32},
                                        {'i', 8, DTYPE_INT64},     {'u', 1, DTYPE_UINT8},      {'u', 2, DTYPE_UINT16},
                                        {'u', 4, DTYPE_UINT32},    {'u', 8, DTYPE_UINT64},     {'b', 1, DTYPE_BOOL},
                                        {'c', 8, DTYPE_COMPLEX64}, {'c', 16, DTYPE_COMPLEX128}};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* The header's text, a Python dict literal; at <= end always. */
struct cursor {
    const char *at, *end;
    struct error *err;
};

static void skip_space(struct cursor *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at))
        c->at++;
}

static bool take(struct cursor *c, char wanted) {
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static status expect(struct cursor *c, char wanted) {
    return take(c, wanted) ? STATUS_OK : BAD(c->err, "its .npy header is damaged ('%c' expected)", wanted);
}

static bool take_word(struct cursor *c, const char *word) {
    const size_t length = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* A string without escapes, as NumPy writes them. */
static status read_text(struct cursor *c, char *text, size_t capacity) {
    skip_space(c);
    const char quote = c->at < c->end ? *c->at : '\0';
    const char *close = quote == '\'' || quote == '"' ? memchr(c->at + 1, quote, (size_t)(c->end - c->at - 1)) : NULL;
    if (!close)
        return BAD(c->err, "its .npy header is damaged (a quoted word expected)");
    const size_t length = (size_t)(close - c->at - 1);
    if (length >= capacity)
        return BAD(c->err, "its .npy header is damaged (a word of %zu characters)", length);
    memcpy(text, c->at + 1, length);
    text[length] = '\0';
    c->at = close + 1;
    return STATUS_OK;
}

/* "U5", "S12" */
static bool take_text_type(const char *type, struct npy_header *header) {
    char *end;
    if ((*type != 'U' && *type != 'S') || !isdigit((unsigned char)type[1]))
        return false;
    header->text =
        (struct npy_text){.kind = *type, .units = strtoull(type + 1, &end, 10), .big_endian = header->big_endian};
    header->dtype = DTYPE_STRING;
    return *end == '\0';
}

static status read_type(struct cursor *c, struct npy_header *header) {
    char text[32];
    skip_space(c);
    if (c->at < c->end && (*c->at == '[' || *c->at == '('))
        return BAD(c->err, "it holds records (a structured type); save one plain array");
    const status code = read_text(c, text, sizeof text);
    if (code)
        return code;
    const char *rest = text + (text[0] && strchr("<>|=", text[0]) ? 1 : 0);
    header->big_endian = text[0] == '>';
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        char name[8];
        snprintf(name, sizeof name, "%c%d", types[i].kind, types[i].size);
        if (strcmp(rest, name) == 0) {
            header->dtype = types[i].dtype;
            return STATUS_OK;
        }
    }
    if (take_text_type(rest, header))
        return STATUS_OK;
    const char *why = *rest == 'O'   ? " (Python objects are never read)"
                      : *rest == 'V' ? " (bfloat16 and the like: save a TensorProto, .pb)"
                                     : "";
    return fail(c->err, STATUS_UNSUPPORTED, "its element type '%s' cannot be read%s", text, why);
}

static status read_order(struct cursor *c, struct npy_header *header) {
    header->fortran = take_word(c, "True");
    if (header->fortran || take_word(c, "False"))
        return STATUS_OK;
    return BAD(c->err, "its .npy header is damaged (fortran_order is neither True nor False)");
}

static status read_dim(struct cursor *c, struct shape *shape) {
    int64_t size = 0;
    bool digits = false;
    for (skip_space(c); c->at < c->end && isdigit((unsigned char)*c->at); c->at++, digits = true)
        if (!int64_mul(size, 10, &size) || !int64_add(size, *c->at - '0', &size))
            return BAD(c->err, "its .npy header names a size beyond 64 bits");
    if (!digits)
        return BAD(c->err, "its .npy header is damaged (a size expected in 'shape')");
    if (shape->rank == MAX_RANK)
        return BAD(c->err, "it has more than %d dimensions", MAX_RANK);
    if (c->at < c->end && *c->at == 'L') /* Python 2 wrote long integers so */
        c->at++;
    shape->dims[shape->rank++] = size;
    return STATUS_OK;
}

static status read_shape(struct cursor *c, struct npy_header *header) {
    status code = expect(c, '(');
    while (!code && !take(c, ')')) {
        code = read_dim(c, &header->shape);
        if (!code && !take(c, ',')) {
            code = expect(c, ')');
            break;
        }
    }
    return code;
}

static status read_entry(struct cursor *c, struct npy_header *header) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    static status (*const readers[])(struct cursor *, struct npy_header *) = {read_type, read_order, read_shape};
    bool *const seen[] = {&header->has_type, &header->has_order, &header->has_shape};
    char key[32];
    status code = read_text(c, key, sizeof key);
    if (!code)
        code = expect(c, ':');
    if (code)
        return code;
    for (int i = 0; i < 3; i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (*seen[i])
            return BAD(c->err, "its .npy header says '%s' twice", key);
        *seen[i] = true;
        return readers[i](c, header);
    }
    return BAD(c->err, "its .npy header has an unknown entry '%s'", key);
}

static status read_dict(struct cursor *c, struct npy_header *header) {
    status code = expect(c, '{');
    while (!code && !take(c, '}')) {
        code = read_entry(c, header);
        if (!code && !take(c, ',')) {
            code = expect(c, '}');
            break;
        }
    }
    skip_space(c);
    if (!code && c->at != c->end)
        code = BAD(c->err, "its .npy header is damaged (text after the closing '}')");
    if (!code && (!header->has_type || !header->has_order || !header->has_shape))
        code = BAD(c->err, "its .npy header lacks '%s'",
                   !header->has_type    ? "descr"
                   : !header->has_order ? "fortran_order"
                                        : "shape");
    return code;
}

/* Where the header's text lies. */
static status find_header(const unsigned char *bytes, size_t size, struct cursor *c) {
    if (!npy_header_begins(bytes, size))
        return BAD(c->err, "it is not a .npy file");
    if (size < MAGIC_BYTES + 2)
        return BAD(c->err, "the .npy file ends in its header");
    const int version = bytes[MAGIC_BYTES];
    if (version < 1 || version > 3)
        return BAD(c->err, "it is a .npy file of version %d; versions 1 to 3 are known", version);
    const size_t length_bytes = version == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + length_bytes;
    size_t length = 0;
    for (size_t i = 0; i < length_bytes && size >= start; i++)
        length |= (size_t)bytes[MAGIC_BYTES + 2 + i] << (8 * i);
    if (size < start || length > size - start)
        return BAD(c->err, "the .npy file ends in its header");
    c->at = (const char *)bytes + start;
    c->end = c->at + length;
    return STATUS_OK;
}

bool npy_header_begins(const void *bytes, size_t size) {
    return size >= MAGIC_BYTES && memcmp(bytes, MAGIC, MAGIC_BYTES) == 0;
}

status npy_header_read(const void *bytes, size_t size, struct npy_header *header, size_t *length, struct error *err) {
    struct cursor cursor = {NULL, NULL, err};
    status code = find_header(bytes, size, &cursor);
    *header = (struct npy_header){0};
    if (!code)
        code = read_dict(&cursor, header);
    if (!code)
        *length = (size_t)(cursor.end - (const char *)bytes);
    return code;
}

const struct npy_type *npy_type_of(enum dtype dtype) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].dtype == dtype)
            return &types[i];
    return NULL;
}

size_t npy_header_write(const struct npy_type *type, const struct shape *shape, char text[NPY_HEADER_BYTES]) {
    int length = snprintf(text, NPY_HEADER_BYTES, MAGIC "%c%c  {'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                          1, 0, type->size == 1 && type->kind != 'U' ? '|' : '<', type->kind, type->size);
    for (int d = 0; d < shape->rank; d++)
        length += snprintf(text + length, NPY_HEADER_BYTES - (size_t)length, "%s%lld%s", d ? " " : "",
                           (long long)shape->dims[d], d + 1 < shape->rank || shape->rank == 1 ? "," : "");
    length += snprintf(text + length, NPY_HEADER_BYTES - (size_t)length, "), }");
    size_t end = (size_t)length;
    while ((end + 1) % NPY_ALIGNMENT)
        text[end++] = ' ';
    text[end++] = '\n';
    text[8] = (char)((end - 10) & 0xff);
    text[9] = (char)((end - 10) >> 8);
    return end;
}

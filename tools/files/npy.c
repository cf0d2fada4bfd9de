#include "tools/files/npy.h"

#include "base/checked.h"
#include "tools/files/npy_header.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BAD(err, ...) fail(err, STATUS_INVALID_ARGUMENT, __VA_ARGS__)

bool npy_recognise(const void *bytes, size_t size) {
    return npy_header_begins(bytes, size);
}

static void reverse(unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        const unsigned char swapped = bytes[i];
        bytes[i] = bytes[count - 1 - i];
        bytes[count - 1 - i] = swapped;
    }
}

static void swap_bytes(const struct tensor *tensor) {
    const bool is_complex = tensor->dtype == DTYPE_COMPLEX64 || tensor->dtype == DTYPE_COMPLEX128;
    const size_t word = dtype_size(tensor->dtype) / (is_complex ? 2 : 1);
    for (size_t at = 0; at + word <= tensor->bytes; at += word)
        reverse((unsigned char *)tensor->data + at, word);
}

/* Column-major source to row-major tensor. */
static void transpose(const struct tensor *tensor, const unsigned char *source) {
    const struct shape *shape = &tensor->shape;
    const size_t item = dtype_size(tensor->dtype);
    size_t strides[MAX_RANK] = {0}, index[MAX_RANK] = {0}, stride = item, from = 0;
    for (int d = 0; d < shape->rank; stride *= (size_t)shape->dims[d++])
        strides[d] = stride;
    for (size_t at = 0; at + item <= tensor->bytes; at += item) {
        memcpy((unsigned char *)tensor->data + at, source + from, item);
        for (int d = shape->rank - 1; d >= 0; d--) {
            from += strides[d];
            if (++index[d] < (size_t)shape->dims[d])
                break;
            from -= strides[d] * index[d];
            index[d] = 0;
        }
    }
}

static void normalise_bool(const struct tensor *tensor) {
    unsigned char *data = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++)
        data[i] = data[i] != 0;
}

/* At least one byte, so that an empty array has an address too. */
static void *allocate(size_t bytes) {
    size_t padded;
    if (!size_add(bytes, 2 * NPY_ALIGNMENT - 1, &padded))
        return NULL;
    return aligned_alloc(NPY_ALIGNMENT, padded / NPY_ALIGNMENT * NPY_ALIGNMENT);
}

static status read_texts(const struct npy_header *header, const unsigned char *source, size_t rest, struct tensor *out,
                         struct error *err) {
    size_t each, all;
    if (!npy_text_bytes(&header->text, &each) || !size_mul(each, (size_t)tensor_elements(out), &all) || all != rest)
        return BAD(err, "its %lld strings of %zu characters do not take the %zu bytes that follow the header",
                   (long long)tensor_elements(out), header->text.units, rest);
    if (header->fortran && out->shape.rank > 1)
        return fail(err, STATUS_UNSUPPORTED, "its strings lie column by column; save it in C order");
    return npy_text_read(&header->text, source, out, err);
}

status npy_read(const void *bytes, size_t size, struct tensor *out, struct error *err) {
    struct npy_header header;
    size_t length = 0;
    status code = npy_header_read(bytes, size, &header, &length, err);
    if (!code)
        code = tensor_describe(out, header.dtype, &header.shape, err);
    if (code)
        return code;
    const unsigned char *source = (const unsigned char *)bytes + length;
    const size_t rest = size - length;
    char text[SHAPE_TEXT_BYTES];
    if (header.text.kind)
        return read_texts(&header, source, rest, out, err);
    if (rest != out->bytes)
        return BAD(err, "%s %s takes %zu bytes, but %zu follow the header", dtype_name(out->dtype),
                   shape_text(&out->shape, text), out->bytes, rest);
    out->data = allocate(out->bytes);
    if (!out->data)
        return fail_memory(err, "a .npy array");
    if (header.fortran && header.shape.rank > 1)
        transpose(out, source);
    else
        memcpy(out->data, source, rest);
    if (header.big_endian)
        swap_bytes(out);
    if (out->dtype == DTYPE_BOOL)
        normalise_bool(out);
    return STATUS_OK;
}

static status write_texts(const struct tensor *tensor, struct byte_buffer *out, struct error *err) {
    struct npy_text type;
    char header[NPY_HEADER_BYTES];
    size_t each, all;
    if (npy_text_type(tensor, &type, err) != STATUS_OK)
        return err->code;
    const struct npy_type shown = {type.kind, (int)type.units, DTYPE_STRING};
    if (type.units > INT_MAX || !npy_text_bytes(&type, &each) || !size_mul(each, (size_t)tensor_elements(tensor), &all))
        return fail(err, STATUS_LIMIT, "the strings are too long for a .npy file");
    const size_t length = npy_header_write(&shown, &tensor->shape, header);
    if (!size_add(length, all, &out->size) || !(out->data = calloc(1, out->size)))
        return fail_memory(err, "a .npy file");
    memcpy(out->data, header, length);
    npy_text_write(tensor, &type, out->data + length);
    return STATUS_OK;
}

status npy_write(const struct tensor *tensor, struct byte_buffer *out, struct error *err) {
    if (tensor->dtype == DTYPE_STRING)
        return write_texts(tensor, out, err);
    const struct npy_type *type = npy_type_of(tensor->dtype);
    if (!type)
        return fail(err, STATUS_UNSUPPORTED, "a .npy file cannot hold %s; write a .pb file", dtype_name(tensor->dtype));
    char header[NPY_HEADER_BYTES];
    const size_t length = npy_header_write(type, &tensor->shape, header);
    if (!size_add(length, tensor->bytes, &out->size) || !(out->data = malloc(out->size)))
        return fail_memory(err, "a .npy file");
    memcpy(out->data, header, length);
    if (tensor->bytes)
        memcpy(out->data + length, tensor->data, tensor->bytes);
    return STATUS_OK;
}

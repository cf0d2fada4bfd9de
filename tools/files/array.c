#include "tools/files/array.h"

#include "base/recognise.h"
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "onnx/save/save_tensor.h"
#include "tools/files/colour.h"
#include "tools/files/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static status not_an_array(const char *path, const struct byte_buffer *bytes, struct error *err) {
    const enum picture_type said = picture_type_of_name(path);
    if (!bytes->size)
        return fail(err, STATUS_INVALID_ARGUMENT, "the file is empty");
    const struct file_kind *kind = file_recognise(bytes->data, bytes->size);
    if (kind && kind->stand_in)
        return fail_other_file(err, STATUS_INVALID_ARGUMENT, kind, "an array");
    if (picture_name_of_bytes(bytes->data, bytes->size))
        return picture_refuse(bytes->data, bytes->size, err);
    if (file_ends(path, ".npy"))
        return fail(err, STATUS_INVALID_ARGUMENT, "the file is not a .npy array: its first bytes say otherwise");
    if (said != PICTURE_NONE && said != PICTURE_FOREIGN)
        return fail(err, STATUS_INVALID_ARGUMENT, "the file is not a %s picture: its first bytes say otherwise",
                    picture_kind(said)->name);
    return fail(err, STATUS_INVALID_ARGUMENT,
                "%s is neither a picture (%s) nor a .npy array; a TensorProto's name must end in .pb",
                kind ? kind->what : "the file", picture_types_read());
}

static status read_picture(const struct byte_buffer *bytes, const struct picture_request *request,
                           struct file_array *array, struct error *err) {
    if (!request->place)
        return fail(err, STATUS_INVALID_ARGUMENT, "a picture cannot stand here; give a .npy or .pb file");
    status code = picture_decode(bytes->data, bytes->size, request->max_pixels, &array->picture, err);
    if (!code && request->to_srgb)
        code = colour_to_srgb(&array->picture, err);
    if (!code)
        code = picture_to_tensor(&array->picture, request->place, &request->form, &array->tensor, err);
    array->memory = array->tensor.data;
    return code;
}

/* What a file of that kind is called. */
static const char *proto_name(enum dtype kind) {
    return kind == DTYPE_SEQUENCE   ? "SequenceProto"
           : kind == DTYPE_OPTIONAL ? "OptionalProto"
           : kind == DTYPE_MAP      ? "MapProto"
                                    : "TensorProto";
}

static status read_proto(const struct byte_buffer *bytes, enum dtype wanted, struct file_array *array,
                         struct error *err) {
    const struct file_kind *kind = file_recognise(bytes->data, bytes->size);
    char what[32];
    snprintf(what, sizeof what, "a %s", proto_name(wanted));
    if (kind && kind->stand_in)
        return fail_other_file(err, STATUS_INVALID_ARGUMENT, kind, what);
    array->pool = pool_create();
    struct loaded_value *value = array->pool ? pool_alloc(array->pool, sizeof *value) : NULL;
    if (!value)
        return fail_memory(err, what);
    if (value_proto_read(bytes->data, bytes->size, wanted, array->pool, NULL, value, err) != STATUS_OK)
        return fail_prefix(err, "not a good %s", proto_name(wanted));
    array->tensor = value->tensor;
    array->name = value->name;
    array->value = dtype_is_boxed(value->tensor.dtype) ? value : NULL;
    return STATUS_OK;
}

static status decode(const char *path, const struct byte_buffer *bytes, const struct picture_request *request,
                     struct file_array *array, struct error *err) {
    if (npy_recognise(bytes->data, bytes->size)) {
        const status code = npy_read(bytes->data, bytes->size, &array->tensor, err);
        array->memory = array->tensor.data;
        return code;
    }
    const enum picture_type type = picture_recognise(bytes->data, bytes->size);
    if (type != PICTURE_NONE && type != PICTURE_FOREIGN)
        return read_picture(bytes, request, array, err);
    return file_ends(path, ".pb") ? read_proto(bytes, request->kind, array, err) : not_an_array(path, bytes, err);
}

status array_read(const char *path, const struct picture_request *request, struct file_array *array,
                  struct error *err) {
    *array = (struct file_array){.name = ""};
    struct byte_buffer bytes;
    status code = file_read(path, &bytes, err);
    if (code)
        return code;
    code = decode(path, &bytes, request, array, err);
    free(bytes.data);
    return code ? fail_prefix(err, "%s", path) : STATUS_OK;
}

void array_close(struct file_array *array) {
    free(array->memory);
    pool_destroy(array->pool);
    picture_free(&array->picture);
    *array = (struct file_array){.name = ""};
}

enum array_type array_type_of_name(const char *path) {
    if (file_ends(path, ".npy") || strcmp(path, "-") == 0)
        return ARRAY_NPY;
    if (file_ends(path, ".pb"))
        return ARRAY_PROTO;
    return picture_written_of_name(path) != PICTURE_NONE ? ARRAY_PICTURE : ARRAY_UNKNOWN;
}

static status encode_picture(const struct tensor *tensor, enum picture_type type, const struct picture_wish *wish,
                             struct byte_buffer *out, size_t *nan, char lost[ABOUT_LOST_BYTES], struct error *err) {
    const struct picture_kind *kind = picture_kind(type);
    const struct picture_about *about = wish->source ? wish->source->about : NULL;
    struct picture picture = {.samples = NULL};
    const int depth = wish->source && kind->has_16_bits ? wish->source->depth : 8;
    status code = tensor_to_picture(tensor, &wish->form, depth, &picture, nan, err);
    if (!code && wish->saving.through_srgb)
        code = colour_from_srgb(&picture, about, err);
    if (!code && wish->source && wish->keep_alpha && kind->has_alpha)
        code = picture_copy_alpha(&picture, wish->source, err);
    if (!code)
        code = picture_save(&picture, about, type, &wish->saving, out, err);
    if (!code)
        picture_lost(&picture, about, type, &wish->saving, lost);
    picture_free(&picture);
    return code;
}

status array_encode(const struct tensor *tensor, const char *name, const char *path, const struct picture_wish *wish,
                    struct byte_buffer *out, size_t *nan, char lost[ABOUT_LOST_BYTES], struct error *err) {
    *out = (struct byte_buffer){NULL, 0};
    *nan = 0;
    lost[0] = 0;
    void *data = NULL;
    status code;
    switch (array_type_of_name(path)) {
    case ARRAY_NPY:
        return npy_write(tensor, out, err);
    case ARRAY_PROTO:
        code = tensor_proto_write(tensor, name, &data, &out->size, err);
        out->data = data;
        return code;
    case ARRAY_PICTURE:
        return encode_picture(tensor, picture_written_of_name(path), wish, out, nan, lost, err);
    default:
        return fail(err, STATUS_INVALID_ARGUMENT, "%s: a name ending in %s is needed, or .npy or .pb", path,
                    picture_endings_written());
    }
}

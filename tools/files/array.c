#include "tools/files/array.h"

#include "base/recognise.h"
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "onnx/save/save_tensor.h"
#include "tools/files/npy.h"
#include "tools/files/picture_file.h"

#include <stdlib.h>
#include <string.h>

static status not_an_array(const char *path, const struct bytes *bytes, struct error *err) {
    static const struct {
        const char *ending, *what;
    } known[] = {
        {".npy", "a .npy array"}, {".png", "a PNG picture"}, {".jpg", "a JPEG picture"}, {".jpeg", "a JPEG picture"}};
    if (!bytes->size)
        return fail(err, STATUS_INVALID_ARGUMENT, "the file is empty");
    const struct file_kind *kind = file_recognise(bytes->data, bytes->size);
    if (kind && kind->stand_in)
        return fail_other_file(err, STATUS_INVALID_ARGUMENT, kind, "an array");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (file_ends(path, known[i].ending))
            return fail(err, STATUS_INVALID_ARGUMENT, "the file is not %s: its first bytes say otherwise",
                        known[i].what);
    return fail(err, STATUS_INVALID_ARGUMENT,
                "%s is neither a picture (PNG, JPEG) nor a .npy array; a TensorProto's name must end in .pb",
                kind ? kind->what : "the file");
}

static status read_picture(const struct bytes *bytes, const struct picture_request *request, struct array *array,
                           struct error *err) {
    if (!request->place)
        return fail(err, STATUS_INVALID_ARGUMENT, "a picture cannot stand here; give a .npy or .pb file");
    status code = picture_decode(bytes->data, bytes->size, request->max_pixels, &array->picture, err);
    if (!code)
        code = picture_to_tensor(&array->picture, request->place, &request->form, &array->tensor, err);
    array->memory = array->tensor.data;
    return code;
}

static status read_proto(const struct bytes *bytes, struct array *array, struct error *err) {
    const struct file_kind *kind = file_recognise(bytes->data, bytes->size);
    if (kind && kind->stand_in)
        return fail_other_file(err, STATUS_INVALID_ARGUMENT, kind, "a TensorProto");
    array->pool = pool_create();
    if (!array->pool)
        return fail_memory(err, "a TensorProto");
    const status code =
        tensor_proto_read(bytes->data, bytes->size, array->pool, NULL, &array->tensor, &array->name, err);
    return code ? fail_prefix(err, "not a good TensorProto") : STATUS_OK;
}

static status decode(const char *path, const struct bytes *bytes, const struct picture_request *request,
                     struct array *array, struct error *err) {
    if (npy_recognise(bytes->data, bytes->size)) {
        const status code = npy_read(bytes->data, bytes->size, &array->tensor, err);
        array->memory = array->tensor.data;
        return code;
    }
    if (picture_recognise(bytes->data, bytes->size) != PICTURE_NONE)
        return read_picture(bytes, request, array, err);
    return file_ends(path, ".pb") ? read_proto(bytes, array, err) : not_an_array(path, bytes, err);
}

status array_read(const char *path, const struct picture_request *request, struct array *array, struct error *err) {
    *array = (struct array){.name = ""};
    struct bytes bytes;
    status code = file_read(path, &bytes, err);
    if (code)
        return code;
    code = decode(path, &bytes, request, array, err);
    free(bytes.data);
    return code ? fail_prefix(err, "%s", path) : STATUS_OK;
}

void array_close(struct array *array) {
    free(array->memory);
    pool_destroy(array->pool);
    picture_free(&array->picture);
    *array = (struct array){.name = ""};
}

enum array_type array_type_of_name(const char *path) {
    if (file_ends(path, ".npy") || strcmp(path, "-") == 0)
        return ARRAY_NPY;
    if (file_ends(path, ".pb"))
        return ARRAY_PROTO;
    const enum picture_type picture = picture_type_of_name(path);
    return picture == PICTURE_PNG ? ARRAY_PNG : picture == PICTURE_JPEG ? ARRAY_JPEG : ARRAY_UNKNOWN;
}

static status encode_picture(const struct tensor *tensor, enum picture_type type, const struct picture_wish *wish,
                             struct bytes *out, size_t *nan, struct error *err) {
    struct picture picture = {0, 0, 0, 0, NULL};
    const int depth = wish->source && type == PICTURE_PNG ? wish->source->depth : 8;
    status code = tensor_to_picture(tensor, &wish->form, depth, &picture, nan, err);
    if (!code && wish->source && wish->keep_alpha && type == PICTURE_PNG)
        code = picture_copy_alpha(&picture, wish->source, err);
    if (!code)
        code = picture_encode(&picture, type, out, err);
    picture_free(&picture);
    return code;
}

status array_encode(const struct tensor *tensor, const char *name, const char *path, const struct picture_wish *wish,
                    struct bytes *out, size_t *nan, struct error *err) {
    *out = (struct bytes){NULL, 0};
    *nan = 0;
    void *data = NULL;
    status code;
    switch (array_type_of_name(path)) {
    case ARRAY_NPY:
        return npy_write(tensor, out, err);
    case ARRAY_PROTO:
        code = tensor_proto_write(tensor, name, &data, &out->size, err);
        out->data = data;
        return code;
    case ARRAY_PNG:
        return encode_picture(tensor, PICTURE_PNG, wish, out, nan, err);
    case ARRAY_JPEG:
        return encode_picture(tensor, PICTURE_JPEG, wish, out, nan, err);
    default:
        return fail(err, STATUS_INVALID_ARGUMENT, "%s: a name ending in .png, .jpg, .npy or .pb is needed", path);
    }
}

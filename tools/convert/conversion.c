#include "tools/convert/conversion.h"

#include "onnx/load/load.h"
#include "tools/checkpoint/choose.h"
#include "tools/convert/pour.h"
#include "tools/convert/pour_half.h"
#include "tools/engine/engine.h"
#include "tools/files/file.h"
#include "tools/files/resource.h"
#include "tools/files/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

status conversion_open(struct conversion *conversion, const struct conversion_request *request, struct pool *pool,
                       struct error *err) {
    *conversion = (struct conversion){.request = request, .pool = pool};
    return resource_find(&resource_template, request->template, request->template_folder, pool,
                         &conversion->template_path, err);
}

static bool is_same_file(const char *a, const char *b) {
    struct stat info_a, info_b;
    return stat(a, &info_a) == 0 && stat(b, &info_b) == 0 && info_a.st_dev == info_b.st_dev &&
           info_a.st_ino == info_b.st_ino;
}

status conversion_check_output(const struct conversion *conversion, const char *output, struct error *err) {
    if (is_same_file(output, conversion->request->checkpoint))
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is the checkpoint, and would be overwritten", output);
    if (is_same_file(output, conversion->template_path))
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is the template, and would be overwritten", output);
    return STATUS_OK;
}

static status read_map(struct conversion *conversion, struct error *err) {
    struct byte_buffer bytes = {NULL, 0};
    const char *path;
    if (!conversion->request->map)
        return STATUS_OK;
    status code = resource_find(&resource_map, conversion->request->map, NULL, conversion->pool, &path, err);
    if (!code)
        code = file_read(path, &bytes, err);
    if (!code)
        code = map_parse((const char *)bytes.data, bytes.size, path, conversion->pool, &conversion->map, err);
    free(bytes.data);
    return code;
}

static status load_checkpoint(struct conversion *conversion, struct error *err) {
    const char *path = conversion->request->checkpoint;
    struct stream stream;
    const char *real;
    status code = stream_open(path, &stream, &real, err);
    if (!code)
        code = checkpoint_load(real, NULL, &conversion->checkpoint, err);
    if (code)
        stream_name(&stream, path, err);
    stream_close(&stream);
    if (!code)
        code = checkpoint_choose(conversion->checkpoint, conversion->request->key, err);
    return code ? fail_path(err, path) : STATUS_OK;
}

static status make_plan(struct conversion *conversion, struct error *err) {
    const struct conversion_request *request = conversion->request;
    const struct convert_options options = {request->map ? &conversion->map : NULL, request->prefix, request->eps,
                                            request->by_order};
    return convert_plan(conversion->template, conversion->checkpoint, &options, conversion->pool, &conversion->plan,
                        err);
}

status conversion_read(struct conversion *conversion, struct error *err) {
    const struct conversion_request *request = conversion->request;
    status code = read_map(conversion, err);
    if (!code)
        code = engine_load_onnx(conversion->template_path, &conversion->template, err);
    if (!code)
        code = load_checkpoint(conversion, err);
    if (!code)
        code = make_plan(conversion, err);
    if (code)
        return code;
    conversion->report = (struct report){request->checkpoint,
                                         conversion->template_path,
                                         checkpoint_format(conversion->checkpoint),
                                         checkpoint_chosen(conversion->checkpoint),
                                         checkpoint_beside(conversion->checkpoint),
                                         NULL};
    return STATUS_OK;
}

status conversion_pour(struct conversion *conversion, struct onnx_model *model, struct error *err) {
    const status code = pour(&conversion->plan, model, err);
    return !code && conversion->request->half ? pour_half(&conversion->plan, err) : code;
}

void conversion_close(struct conversion *conversion) {
    convert_close(&conversion->plan);
    checkpoint_close(conversion->checkpoint);
    onnx_close(conversion->template);
}

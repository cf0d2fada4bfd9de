#include "tools/engine/feed.h"

#include <stdlib.h>
#include <string.h>

static const char *pair_file(const struct pair_list *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return list->items[i].file;
    return NULL;
}

static status check_type(const limner_value *value, const struct file_array *array, const char *path,
                         struct error *err) {
    const enum dtype kind = value_kind(value->type);
    const enum dtype wanted = kind == DTYPE_UNDEFINED ? (enum dtype)value->type : kind;
    if (wanted == DTYPE_UNDEFINED || wanted == array->tensor.dtype || wanted == DTYPE_OPTIONAL)
        return STATUS_OK;
    fail(err, STATUS_INVALID_ARGUMENT, "%s holds %s, but input \"%s\" takes %s", path, dtype_name(array->tensor.dtype),
         value->name, limner_type_name(value->type));
    if (value->type == LIMNER_FLOAT && array->tensor.dtype == DTYPE_DOUBLE)
        error_append(err, " (in Python: array.astype(\"float32\"))");
    return err->code;
}

/* Four channels of a picture, where the input's declared sizes put them. */
static bool takes_alpha(const struct picture_place *place, const struct tensor *tensor, bool channels_last) {
    struct picture_axes axes;
    bool certain;
    return picture_find_axes(place->rank, place->dims, 0, channels_last, &axes, &certain) &&
           tensor->shape.dims[axes.channels] == 4;
}

/* Beside a picture, a single channel is a mask, whose numbers are 0 and 1 whatever the picture's are. */
static bool has_tanh_range(const struct engine *engine, const struct picture_place *place, bool channels_last) {
    struct picture_axes axes;
    bool certain;
    limner_value second;
    const bool alone = limner_model_input(engine->model, 1, &second) != LIMNER_OK || second.optional;
    return engine->ends_in_tanh &&
           (alone || (picture_find_axes(place->rank, place->dims, 0, channels_last, &axes, &certain) &&
                      place->rank > 0 && place->dims[axes.channels] != 1));
}

static status read_input(const struct engine *engine, const struct feed_request *request, const limner_value *value,
                         const char *path, struct model_feed *feed, struct error *err) {
    const struct picture_place place = {"input", value->name, (enum dtype)value->type, value->rank, value->dims};
    const bool tanh = has_tanh_range(engine, &place, engine->contract.layout.word == LAYOUT_NHWC);
    const struct picture_request wanted = {&place,
                                           contract_input_form(&engine->contract, (enum dtype)value->type, tanh),
                                           request->max_pixels, value_kind(value->type), request->to_srgb};
    struct file_array *array = &feed->arrays[feed->count];
    limner_tensor *tensor = &feed->tensors[feed->count];
    feed->count++;
    status code = array_read(path, &wanted, array, err);
    if (!code)
        code = check_type(value, array, path, err);
    if (code)
        return code;
    const struct tensor *read = &array->tensor;
    if (value_tensor(array, tensor, err) != STATUS_OK)
        return err->code;
    tensor->name = value->name;
    if (array->picture.samples && (!feed->picture || path == request->picture)) {
        feed->picture = &array->picture;
        feed->picture_alpha_used = takes_alpha(&place, read, wanted.form.channels_last);
    }
    return STATUS_OK;
}

static status missing_input(const limner_value *value, const struct feed_request *request, struct error *err) {
    char text[TYPE_TEXT_BYTES];
    return fail(err, STATUS_USAGE, "the model's input \"%s\" (%s) is not given: add %s--input %s=FILE", value->name,
                engine_type_text(value, text), request->picture ? "" : "a PICTURE or ", value->name);
}

status feed_read(const struct engine *engine, const struct feed_request *request, struct model_feed *feed,
                 struct error *err) {
    const size_t count = limner_model_input_count(engine->model);
    *feed = (struct model_feed){calloc(count + 1, sizeof *feed->arrays), calloc(count + 1, sizeof *feed->tensors), 0,
                                NULL, false};
    if (!feed->arrays || !feed->tensors)
        return fail_memory(err, "the inputs");
    for (int i = 0; i < request->inputs.count; i++) {
        limner_value value;
        const status code = engine_find_input(engine, request->inputs.items[i].name, &value, err);
        if (code)
            return code;
    }
    const char *picture = request->picture;
    for (size_t i = 0; i < count; i++) {
        const limner_value value = engine_input(engine, i);
        const char *path = pair_file(&request->inputs, value.name);
        if (!path && picture && !value.optional) {
            path = picture;
            picture = NULL;
        }
        if (!path && value.optional)
            continue;
        const status code =
            path ? read_input(engine, request, &value, path, feed, err) : missing_input(&value, request, err);
        if (code)
            return code;
    }
    if (picture)
        return fail(err, STATUS_USAGE, "no input is left for the picture %s", picture);
    return STATUS_OK;
}

void feed_close(struct model_feed *feed) {
    for (size_t i = 0; i < feed->count; i++)
        array_close(&feed->arrays[i]);
    free(feed->arrays);
    free(feed->tensors);
    *feed = (struct model_feed){NULL, NULL, 0, NULL, false};
}

status feed_run(const struct engine *engine, const struct model_feed *feed, limner_tensor *outputs, size_t count,
                struct error *err) {
    limner_error problem = {0};
    const limner_status code =
        limner_session_run(engine->session, feed->tensors, feed->count, outputs, count, &problem);
    engine_say_note(engine->session, engine->path);
    return engine_status(code, &problem, err);
}

#include "tools/checkpoint/collect_tensors.h"

#include "tools/checkpoint/numpy_tensor.h"
#include "tools/checkpoint/reader.h"
#include "tools/checkpoint/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    struct pickle_value *value; /* the container */
    struct value_items items;   /* what is walked through: key, value, ... or value, value, ... */
    bool pairs;
    bool keyless;       /* a part of a module: adds nothing to the path, and is no group of its own */
    bool opaque_listed; /* of a list: one of its foreign objects was */
    uint32_t next;
    size_t path_length; /* of the container's own path */
    int group;
};

struct walk {
    struct checkpoint *checkpoint;
    const struct storages *storages;
    struct error *err;
    struct frame *frames;
    int depth, levels, capacity; /* levels: frames that are not keyless */
    size_t visits;               /* how many more items may be looked at */
    char path[PATH_BYTES];
    size_t path_length;
};

/* ---- paths ---- */

static status append_text(struct walk *walk, const char *text, size_t length) {
    const size_t dot = walk->path_length > 0;
    if (length + dot >= PATH_BYTES - walk->path_length)
        return fail(walk->err, STATUS_LIMIT, "a key below \"%.200s\" makes a path of more than %d bytes", walk->path,
                    PATH_BYTES - 1);
    if (!is_clean_text(text, length))
        return fail(walk->err, STATUS_INVALID_MODEL, "a key below \"%.200s\" is no UTF-8 text, or has zero bytes in it",
                    walk->path);
    if (dot)
        walk->path[walk->path_length++] = '.';
    memcpy(walk->path + walk->path_length, text, length);
    walk->path_length += length;
    walk->path[walk->path_length] = 0;
    return STATUS_OK;
}

/* Numbers stand in paths as people write them; keys of other types by their place. */
static status append_key(struct walk *walk, const struct pickle_value *key, uint32_t place) {
    char text[32];
    if (key && (key->kind == VALUE_TEXT || key->kind == VALUE_BYTES))
        return append_text(walk, key->text.bytes, key->text.length);
    if (!key)
        snprintf(text, sizeof text, "%u", place);
    else if (key->kind == VALUE_INT)
        snprintf(text, sizeof text, "%lld", (long long)key->integer);
    else
        snprintf(text, sizeof text, "<key %u>", place);
    return append_text(walk, text, strlen(text));
}

static void cut_path(struct walk *walk, size_t length) {
    walk->path_length = length;
    walk->path[length] = 0;
}

/* ---- frames ---- */

static bool is_container(const struct pickle_value *value) {
    return value->kind == VALUE_DICT || value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
}

/* What a saved torch.nn.Module keeps its tensors in. */
static const char *const module_parts[] = {"_parameters", "_buffers", "_modules"};
#define MODULE_PARTS 3

static bool is_module(const struct pickle_value *value) {
    return value->kind == VALUE_OPAQUE && value_get(value->opaque.state, "_parameters") &&
           value_get(value->opaque.state, "_modules");
}

/* A module of a TorchScript program: its tensors and parts are what it was given, by their names. */
static bool is_script(const struct pickle_value *value) {
    return value->kind == VALUE_OPAQUE && value->opaque.state && value->opaque.state->kind == VALUE_DICT &&
           strncmp(value->opaque.what, "__torch__.", 10) == 0;
}

/* Enters a container. group: of the container around it. */
static status enter(struct walk *walk, struct pickle_value *value, bool keyless, int group) {
    if (!keyless && walk->levels >= walk->checkpoint->limits.nesting)
        return fail(walk->err, STATUS_LIMIT, "dictionaries nest deeper than %d at \"%.200s\"",
                    walk->checkpoint->limits.nesting, walk->path);
    if (walk->depth == walk->capacity) {
        const int capacity = walk->capacity ? walk->capacity * 2 : 32;
        struct frame *bigger = realloc(walk->frames, (size_t)capacity * sizeof *bigger);
        if (!bigger)
            return fail_memory(walk->err, "the list of dictionaries");
        walk->frames = bigger;
        walk->capacity = capacity;
    }
    struct frame *frame = &walk->frames[walk->depth];
    *frame = (struct frame){.value = value, .keyless = keyless, .path_length = walk->path_length, .group = group};
    if (is_script(value)) {
        frame->items = value->opaque.state->items;
        frame->pairs = true;
    } else if (value->kind == VALUE_OPAQUE) {
        frame->items.count = MODULE_PARTS;
    } else {
        frame->items = value->items;
        frame->pairs = value->kind == VALUE_DICT;
    }
    if (!keyless) {
        const status code =
            checkpoint_open_group(walk->checkpoint, value->kind == VALUE_OPAQUE, group, &frame->group, walk->err);
        if (code)
            return code;
        walk->levels++;
    }
    value->open = true;
    walk->depth++;
    return STATUS_OK;
}

static status leave(struct walk *walk) {
    struct frame *frame = &walk->frames[--walk->depth];
    frame->value->open = false;
    if (frame->keyless)
        return STATUS_OK;
    walk->levels--;
    cut_path(walk, frame->path_length);
    return checkpoint_close_group(walk->checkpoint, frame->group, walk->path, walk->err);
}

/* ---- values ---- */

static status add_opaque(struct walk *walk, struct frame *frame, const char *what) {
    const bool listed = frame && !frame->pairs && frame->value->kind != VALUE_OPAQUE;
    if (listed && frame->opaque_listed)
        return STATUS_OK;
    if (listed)
        frame->opaque_listed = true;
    return checkpoint_add_opaque(walk->checkpoint, walk->path, what, walk->err);
}

static status add_tensor(struct walk *walk, struct frame *frame, const struct pickle_value *value) {
    struct checkpoint_tensor tensor;
    const char *why;
    status code = value->kind == VALUE_ARRAY
                      ? numpy_resolve(walk->checkpoint, value->array, &tensor, &why, walk->err)
                      : view_resolve(walk->checkpoint, value->view, walk->storages, &tensor, &why, walk->err);
    if (code)
        return fail_prefix(walk->err, "tensor \"%.200s\"", walk->path);
    if (why)
        return add_opaque(walk, frame, why);
    tensor.path = walk->path;
    code = checkpoint_add(walk->checkpoint, &tensor, walk->err);
    if (!code && frame)
        walk->checkpoint->groups[frame->group].direct++;
    return code;
}

/* The path is the value's. frame: of the container around it, or NULL. */
static status visit(struct walk *walk, struct frame *frame, struct pickle_value *value, bool keyless) {
    if (value->open)
        return STATUS_OK;
    if (is_container(value) || is_module(value) || is_script(value))
        return enter(walk, value, keyless, frame ? frame->group : -1);
    if (value->kind == VALUE_TENSOR || value->kind == VALUE_ARRAY)
        return add_tensor(walk, frame, value);
    if (value->kind == VALUE_OPAQUE)
        return add_opaque(walk, frame, value->opaque.what);
    return STATUS_OK;
}

static bool matters(const struct pickle_value *value) {
    return is_container(value) || value->kind == VALUE_TENSOR || value->kind == VALUE_ARRAY ||
           value->kind == VALUE_OPAQUE;
}

/* The part of a module; values of a pickle may be shared, so they are not const, but for the way through a state. */
static status visit_part(struct walk *walk, struct frame *frame) {
    const char *part = module_parts[frame->next++];
    struct pickle_value *value = (struct pickle_value *)(uintptr_t)value_get(frame->value->opaque.state, part);
    return value && value->kind == VALUE_DICT ? visit(walk, frame, value, true) : STATUS_OK;
}

static status step(struct walk *walk) {
    struct frame *frame = &walk->frames[walk->depth - 1];
    if (frame->next >= frame->items.count)
        return leave(walk);
    if (walk->visits-- == 0)
        return fail(walk->err, STATUS_LIMIT, "the dictionaries hold each other too often to be listed");
    cut_path(walk, frame->path_length);
    if (frame->value->kind == VALUE_OPAQUE && !frame->pairs)
        return visit_part(walk, frame);
    const uint32_t place = frame->next / (frame->pairs ? 2 : 1);
    const struct pickle_value *key = frame->pairs ? frame->items.at[frame->next] : NULL;
    struct pickle_value *value = frame->items.at[frame->next + frame->pairs];
    frame->next += frame->pairs ? 2 : 1;
    if (!matters(value))
        return STATUS_OK;
    const status code = append_key(walk, key, place);
    return code ? code : visit(walk, frame, value, false);
}

status collect_tensors(struct checkpoint *checkpoint, struct pickle_value *top, const struct storages *storages,
                       struct error *err) {
    struct walk walk = {
        .checkpoint = checkpoint, .storages = storages, .err = err, .visits = checkpoint->limits.objects};
    status code = visit(&walk, NULL, top, false);
    while (!code && walk.depth > 0)
        code = step(&walk);
    free(walk.frames);
    return code;
}

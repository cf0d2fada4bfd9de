#include "tools/inpaint/collect.h"

#include "tools/files/picture_file.h"
#include "tools/inpaint/mask_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path) {
    struct stat stat_path;
    return path && stat(path, &stat_path) == 0 && S_ISDIR(stat_path.st_mode);
}

static bool same_folder(const char *a, const char *b) {
    struct stat stat_a, stat_b;
    return a && b && stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 && stat_a.st_dev == stat_b.st_dev &&
           stat_a.st_ino == stat_b.st_ino;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- folders ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_add(struct file_list *list, const char *name, struct pool *pool) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        const char **names = pool_array(pool, capacity, sizeof *names);
        if (!names)
            return false;
        if (list->count)
            memcpy(names, list->names, list->count * sizeof *names);
        list->names = names;
        list->capacity = capacity;
    }
    list->names[list->count] = pool_string(pool, name, strlen(name));
    return list->names[list->count++] != NULL;
}

static void sort(struct file_list *list) {
    if (list->count)
        qsort(list->names, list->count, sizeof *list->names, by_name);
}

/* The pictures of a folder, by the endings of their names; hidden files aside, all others go into passed, if that is
 * given. */
static status list_folder(const char *path, struct pool *pool, struct file_list *list, struct file_list *passed,
                          struct error *err) {
    *list = (struct file_list){.names = NULL};
    DIR *folder = opendir(path);
    if (!folder)
        return fail(err, errno_status(errno), "cannot read the folder %s: %s", path, strerror(errno));
    bool good = true;
    for (const struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        const enum picture_type type = picture_type_of_name(entry->d_name);
        if (type != PICTURE_NONE && type != PICTURE_FOREIGN)
            good = list_add(list, entry->d_name, pool);
        else if (passed)
            good = list_add(passed, entry->d_name, pool);
    }
    closedir(folder);
    if (!good)
        return fail_memory(err, "the names of a folder");
    sort(list);
    return STATUS_OK;
}

/* A folder for results; one that is not there is made. */
static status make_folder(const struct batch_settings *settings, const char *path, struct error *err) {
    if (!is_folder(path) && mkdir(path, 0777) && !is_folder(path)) /* other shards make it at the same time */
        return fail(err, errno_status(errno), "cannot make the folder %s: %s", path, strerror(errno));
    if (same_folder(path, settings->image) || same_folder(path, settings->mask))
        return fail(err, STATUS_INVALID_ARGUMENT, "results would overwrite what is read in %s: choose another folder",
                    path);
    return STATUS_OK;
}

/* ---- one picture ---- */

/* A picture's name with the ending of another format, or its own. */
static const char *with_ending(const char *path, const char *name, const char *format, bool alpha, struct pool *pool) {
    const enum picture_type own = picture_written_of_name(name);
    if (!format && own != PICTURE_NONE && (!alpha || picture_kind(own)->has_alpha))
        return pool_format(pool, "%s/%s", path, name);
    return pool_format(pool, "%s/%.*s.%s", path, (int)stem_length(name), name, format ? format : "png");
}

/* A result's file: path itself, or in that folder the picture's name. */
static const char *place_result(const char *path, bool in_folder, const char *image, const char *format, bool alpha,
                                struct pool *pool) {
    return in_folder ? with_ending(path, base_name(image), format, alpha, pool) : path;
}

/* NULL without memory. */
static const char *find_mask(const char *folder, const struct file_list *masks, const char *image, struct pool *pool,
                             const char **problem) {
    const char *found = NULL, *other = NULL, *name = base_name(image);
    enum mask_kind best = MASK_NONE;
    const bool own = masks->of_pictures;
    for (size_t i = 0; i < masks->count; i++) {
        const enum mask_kind kind =
            own && strcmp(masks->names[i], name) == 0 ? MASK_NONE : mask_kind(masks->names[i], name);
        if (kind == MASK_NONE || kind > best)
            continue;
        other = kind == best ? masks->names[i] : NULL;
        if (kind < best)
            found = masks->names[i];
        best = kind;
    }
    if (found && !other)
        return pool_format(pool, "%s/%s", folder, found);
    const int length = (int)stem_length(name);
    *problem =
        found ? pool_format(pool, "%s: two masks fit: %s and %s", image, found, other)
              : pool_format(pool,
                            "%s: there is no mask %.*s.png (or %.*s_mask.png, %.*s_mask001.png, mask_%.*s.png) in %s",
                            image, length, name, length, name, length, name, length, name, folder);
    return *problem ? "" : NULL;
}

/* masks: NULL when one file serves all. in_folder: results go into folders. */
static bool make_item(const struct batch_settings *settings, const char *image, const struct file_list *masks,
                      bool in_folder, struct pool *pool, struct batch_item *item) {
    struct paint_task *task = &item->task;
    *item = (struct batch_item){.problem = NULL};
    task->image = image;
    task->mask = masks ? find_mask(settings->mask, masks, image, pool, &item->problem) : settings->mask;
    task->output = place_result(settings->output, in_folder, image, settings->format, settings->gives_alpha, pool);
    if (settings->save_edges)
        task->save_edges = place_result(settings->save_edges, in_folder, image, "png", false, pool);
    if (settings->save_canny)
        task->save_canny = place_result(settings->save_canny, in_folder, image, "png", false, pool);
    return (task->mask || !settings->mask) && task->output && (!settings->save_edges || task->save_edges) &&
           (!settings->save_canny || task->save_canny);
}

static status check_result(const char *path, struct error *err) {
    if (path && picture_written_of_name(path) == PICTURE_NONE)
        return fail(err, STATUS_INVALID_ARGUMENT, "cannot tell what to write to '%s': end its name in %s", path,
                    picture_endings_written());
    return path ? staging_check(path, err) : STATUS_OK;
}

static status collect_one(const struct batch_settings *settings, const struct file_list *masks, struct pool *pool,
                          struct picture_batch *batch, struct error *err) {
    if (settings->shard.count)
        return fail(err, STATUS_USAGE, "--shard is for a folder of pictures, and %s is none", settings->image);
    batch->items = pool_array(pool, 1, sizeof *batch->items);
    batch->count = 1;
    if (!batch->items || !make_item(settings, settings->image, masks, is_folder(settings->output), pool, batch->items))
        return fail_memory(err, "the names of files");
    const struct paint_task *task = &batch->items[0].task;
    if (batch->items[0].problem)
        return fail(err, STATUS_IO, "%s", batch->items[0].problem);
    const char *const results[] = {task->output, task->save_edges, task->save_canny};
    status code = STATUS_OK;
    for (int i = 0; !code && i < 3; i++)
        code = check_result(results[i], err);
    for (int i = 0; !code && i < 3; i++)
        for (int k = 0; !code && k < i; k++)
            if (results[i] && results[k] && strcmp(results[i], results[k]) == 0)
                code = fail(err, STATUS_INVALID_ARGUMENT, "'%s' would be written twice", results[i]);
    return code;
}

/* ---- folders of pictures ---- */

static status make_folders(const struct batch_settings *settings, struct error *err) {
    const char *const paths[] = {settings->output, settings->save_edges, settings->save_canny};
    status code = STATUS_OK;
    for (size_t i = 0; !code && i < sizeof paths / sizeof paths[0]; i++)
        code = paths[i] ? make_folder(settings, paths[i], err) : STATUS_OK;
    for (size_t i = 0; !code && i < sizeof paths / sizeof paths[0]; i++)
        for (size_t k = 0; !code && k < i; k++)
            if (paths[i] && paths[k] && same_folder(paths[i], paths[k]))
                code =
                    fail(err, STATUS_INVALID_ARGUMENT, "results and edges would overwrite each other in %s", paths[i]);
    return code;
}

static bool same_path(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static bool overwrites(const struct paint_task *a, const struct paint_task *b) {
    return same_path(a->output, b->output) || same_path(a->save_edges, b->save_edges) ||
           same_path(a->save_canny, b->save_canny);
}

/* Masks that lie beside their pictures are no pictures. */
static void leave_masks_out(struct file_list *images) {
    size_t kept = 0;
    for (size_t i = 0; i < images->count; i++) {
        bool is_mask = false;
        for (size_t k = 0; !is_mask && k < images->count; k++) {
            const enum mask_kind kind = mask_kind(images->names[i], images->names[k]);
            is_mask = kind != MASK_NONE && kind != MASK_SAME_NAME;
        }
        if (!is_mask)
            images->names[kept++] = images->names[i];
    }
    images->count = kept;
}

/* Names that make results of one name differ in their endings alone, so they are in one shard. */
static void keep_shard(const struct shard *shard, struct file_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (shard_holds(shard, list->names[i], stem_length(list->names[i])))
            list->names[kept++] = list->names[i];
    list->count = kept;
}

static bool collect_item(const struct batch_settings *settings, const struct file_list *images, size_t i,
                         const struct file_list *masks, struct pool *pool, struct batch_item *item) {
    const char *image = pool_format(pool, "%s/%s", settings->image, images->names[i]);
    if (!image || !make_item(settings, image, masks, true, pool, item))
        return false;
    for (size_t k = 0; k < i; k++)
        if (overwrites(&item[-(ptrdiff_t)(i - k)].task, &item->task) &&
            !(item->problem = pool_format(pool, "%s: its result would overwrite that of %s", image, images->names[k])))
            return false;
    return true;
}

static status collect_folder(const struct batch_settings *settings, const struct file_list *masks, struct pool *pool,
                             struct picture_batch *batch, struct error *err) {
    struct file_list images;
    status code = list_folder(settings->image, pool, &images, &batch->passed, err);
    sort(&batch->passed);
    if (!code && masks && masks->of_pictures)
        leave_masks_out(&images);
    if (!code && !images.count)
        code = fail(err, STATUS_IO, "there are no pictures (%s) in %s%s%s", picture_types_read(), settings->image,
                    batch->passed.count ? "; passed over is " : "", batch->passed.count ? batch->passed.names[0] : "");
    if (!code)
        code = make_folders(settings, err);
    if (code)
        return code;
    batch->folder = true;
    batch->whole = images.count;
    keep_shard(&settings->shard, &images);
    keep_shard(&settings->shard, &batch->passed);
    batch->items = pool_array(pool, images.count + 1, sizeof *batch->items);
    bool good = batch->items != NULL;
    for (size_t i = 0; good && i < images.count; i++, batch->count++)
        good = collect_item(settings, &images, i, masks, pool, &batch->items[i]);
    return good ? STATUS_OK : fail_memory(err, "the names of files");
}

status batch_collect(const struct batch_settings *settings, struct pool *pool, struct picture_batch *batch,
                     struct error *err) {
    struct file_list masks;
    const bool has_masks = is_folder(settings->mask);
    *batch = (struct picture_batch){.items = NULL};
    const status code = has_masks ? list_folder(settings->mask, pool, &masks, NULL, err) : STATUS_OK;
    if (code)
        return code;
    masks.of_pictures = has_masks && same_folder(settings->image, settings->mask);
    return is_folder(settings->image) ? collect_folder(settings, has_masks ? &masks : NULL, pool, batch, err)
                                      : collect_one(settings, has_masks ? &masks : NULL, pool, batch, err);
}

#include "tools/engine/suite.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_SET "test_data_set_"

/* The folders being walked, innermost first: a link back to one of them is not followed. */
struct trail {
    const struct trail *outer;
    dev_t device;
    ino_t file;
};

static status add(struct pool *pool, struct folder_list *list, const char *path, struct error *err) {
    if (list->count == list->capacity) {
        const int capacity = list->capacity ? 2 * list->capacity : 64;
        const char **paths = pool_array(pool, (size_t)capacity, sizeof *paths);
        if (!paths)
            return fail_memory(err, "the list of test folders");
        if (list->count)
            memcpy(paths, list->paths, (size_t)list->count * sizeof *paths);
        list->paths = paths;
        list->capacity = capacity;
    }
    list->paths[list->count++] = path;
    return STATUS_OK;
}

static int is_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}
static int is_data_set(const struct dirent *entry) {
    return strncmp(entry->d_name, DATA_SET, strlen(DATA_SET)) == 0;
}

static void free_entries(struct dirent **entries, int count) {
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static status walk(struct pool *pool, const char *path, const struct trail *outer, struct folder_list *list,
                   struct error *err) {
    struct stat about;
    if (stat(path, &about) || !S_ISDIR(about.st_mode))
        return STATUS_OK;
    for (const struct trail *t = outer; t; t = t->outer)
        if (t->device == about.st_dev && t->file == about.st_ino)
            return STATUS_OK;
    const char *model = pool_format(pool, "%s/model.onnx", path);
    if (!model)
        return fail_memory(err, "the list of test folders");
    if (access(model, F_OK) == 0)
        return add(pool, list, path, err);
    const struct trail here = {outer, about.st_dev, about.st_ino};
    struct dirent **entries;
    const int count = scandir(path, &entries, is_entry, versionsort);
    if (count < 0)
        return fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
    status code = STATUS_OK;
    for (int i = 0; !code && i < count; i++) {
        const char *inner = pool_format(pool, "%s/%s", path, entries[i]->d_name);
        code = inner ? walk(pool, inner, &here, list, err) : fail_memory(err, "the list of test folders");
    }
    free_entries(entries, count);
    return code;
}

/* "a/b/" is shown as "a/b". */
static const char *without_slashes(struct pool *pool, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return pool_string(pool, path, length);
}

status suite_find(struct pool *pool, const char *path, struct folder_list *list, struct error *err) {
    struct stat about;
    if (stat(path, &about))
        return fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return fail(err, STATUS_IO, "%s is not a folder; a test folder holds model.onnx and test_data_set_0", path);
    const char *clean = without_slashes(pool, path);
    if (!clean)
        return fail_memory(err, "the list of test folders");
    const int before = list->count;
    const status code = walk(pool, clean, NULL, list, err);
    if (!code && list->count == before)
        return fail(err, STATUS_IO, "no test folder (one with a model.onnx) in %s", path);
    return code;
}

status suite_data_sets(struct pool *pool, const char *folder, struct folder_list *list, struct error *err) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_data_set, versionsort);
    if (count < 0)
        return fail(err, errno_status(errno), "cannot read %s: %s", folder, strerror(errno));
    status code = STATUS_OK;
    for (int i = 0; !code && i < count; i++) {
        const char *name = pool_string(pool, entries[i]->d_name, strlen(entries[i]->d_name));
        code = name ? add(pool, list, name, err) : fail_memory(err, "the list of data sets");
    }
    free_entries(entries, count);
    return code;
}

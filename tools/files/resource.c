#include "tools/files/resource.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct resource_kind resource_template = {"template", "templates", ".onnx", "LIMNER_TEMPLATES"};
const struct resource_kind resource_map = {"map", "maps", ".map", "LIMNER_MAPS"};

#define MOST_FOLDERS 7

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The folder that limner's own program lies in, or NULL where nobody says. False without memory. */
static bool program_folder(struct pool *pool, const char **folder) {
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    *folder = NULL;
    if (length <= 0)
        return true;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (slash)
        *folder = pool_string(pool, path, (size_t)(slash - path));
    return !slash || *folder;
}

/* The folder of the library that this code is in, where limner is part of another program. False without memory. */
static bool library_folder(struct pool *pool, const char **folder) {
    Dl_info info;
    const bool known = dladdr(&resource_map, &info) && info.dli_fname;
    const char *slash = known ? strrchr(info.dli_fname, '/') : NULL;
    *folder = slash ? pool_string(pool, info.dli_fname, (size_t)(slash - info.dli_fname)) : NULL;
    return !slash || *folder;
}

/* -1 without memory. */
static int list_folders(const struct resource_kind *kind, const char *folder, struct pool *pool,
                        const char *folders[MOST_FOLDERS]) {
    int count = 0;
    const char *variable = kind->variable ? getenv(kind->variable) : NULL, *program, *library;
    if (!program_folder(pool, &program) || !library_folder(pool, &library))
        return -1;
    if (folder)
        folders[count++] = folder;
    if (variable && *variable)
        folders[count++] = variable;
    if (program) {
        folders[count++] = pool_format(pool, "%s/../share/limner/%s", program, kind->folder);
        folders[count++] = pool_format(pool, "%s/../models/%s", program, kind->folder);
        folders[count++] = pool_format(pool, "%s/../../models/%s", program, kind->folder);
    }
    if (library) {
        folders[count++] = pool_format(pool, "%s/share/%s", library, kind->folder);
        folders[count++] = pool_format(pool, "%s/../../models/%s", library, kind->folder);
    }
    for (int i = 0; i < count; i++)
        if (!folders[i])
            return -1;
    return count;
}

static bool ends_with(const char *name, const char *ending) {
    const size_t length = strlen(name), part = strlen(ending);
    return length > part && strcmp(name + length - part, ending) == 0;
}

#define MOST_FILES 1000

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct resource_file *)a)->name, ((const struct resource_file *)b)->name);
}

static bool is_listed(const struct resource_file *files, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0)
            return true;
    return false;
}

static status add_folder(const struct resource_kind *kind, const char *folder, struct pool *pool,
                         struct resource_file *files, size_t *count, struct error *err) {
    DIR *directory = opendir(folder);
    status code = STATUS_OK;
    for (const struct dirent *entry; !code && directory && *count < MOST_FILES && (entry = readdir(directory));) {
        if (!ends_with(entry->d_name, kind->extension))
            continue;
        struct resource_file *file = &files[*count];
        file->name = pool_string(pool, entry->d_name, strlen(entry->d_name) - strlen(kind->extension));
        file->path = pool_format(pool, "%s/%s", folder, entry->d_name);
        if (!file->name || !file->path)
            code = fail_memory(err, "a path");
        else if (!is_listed(files, *count, file->name))
            ++*count;
    }
    if (directory)
        closedir(directory);
    return code;
}

/* Which files of the kind the folder has, by name, for a message that they are none of. */
static void append_names(const struct resource_kind *kind, const char *folder, struct pool *pool, struct error *err) {
    struct resource_file *files = pool_array(pool, MOST_FILES, sizeof *files);
    struct error ignored;
    char whole[PATH_MAX];
    size_t count = 0;
    if (!files || !realpath(folder, whole) || add_folder(kind, whole, pool, files, &count, &ignored) || !count)
        return;
    qsort(files, count, sizeof *files, by_name);
    error_append(err, "\n  in %s:", whole);
    for (size_t i = 0; i < count; i++)
        error_append(err, " %s", files[i].name);
}

/* Without the detours by which the folder was found. */
static status take_path(const char *found, struct pool *pool, const char **path, struct error *err) {
    char whole[PATH_MAX];
    *path = realpath(found, whole) ? pool_string(pool, whole, strlen(whole)) : found;
    return *path ? STATUS_OK : fail_memory(err, "a path");
}

status resource_find(const struct resource_kind *kind, const char *name, const char *folder, struct pool *pool,
                     const char **path, struct error *err) {
    const char *folders[MOST_FOLDERS];
    *path = name;
    if (is_file(name))
        return STATUS_OK;
    const int count = strchr(name, '/') ? 0 : list_folders(kind, folder, pool, folders);
    if (count < 0)
        return fail_memory(err, "a path");
    for (int i = 0; i < count; i++) {
        const char *const candidates[] = {pool_format(pool, "%s/%s", folders[i], name),
                                          pool_format(pool, "%s/%s%s", folders[i], name, kind->extension)};
        if (!candidates[0] || !candidates[1])
            return fail_memory(err, "a path");
        for (int k = 0; k < 2; k++)
            if (is_file(candidates[k]))
                return take_path(candidates[k], pool, path, err);
    }
    fail(err, STATUS_IO, "there is no %s %s%s", kind->what, name, count ? "; there are" : "");
    for (int i = 0; i < count; i++)
        append_names(kind, folders[i], pool, err);
    return err->code;
}

status resource_list(const struct resource_kind *kind, struct pool *pool, struct resource_file **files, size_t *count,
                     struct error *err) {
    const char *folders[MOST_FOLDERS];
    const int folder_count = list_folders(kind, NULL, pool, folders);
    *files = pool_array(pool, MOST_FILES, sizeof **files);
    *count = 0;
    status code = folder_count < 0 || !*files ? fail_memory(err, "a path") : STATUS_OK;
    for (int i = 0; !code && i < folder_count; i++)
        code = add_folder(kind, folders[i], pool, *files, count, err);
    if (!code && *count)
        qsort(*files, *count, sizeof **files, by_name);
    return code;
}

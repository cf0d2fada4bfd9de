#include "onnx/load/external.h"

#include "base/beneath.h"
#include "base/recognise.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

status external_add(struct external_files *files, const struct file_map *map, struct error *err) {
    if (files->map_count == files->map_capacity) {
        const int capacity = files->map_capacity ? 2 * files->map_capacity : 4;
        struct file_map **maps = pool_array(files->pool, (size_t)capacity, sizeof *maps);
        if (!maps)
            return fail_memory(err, "the list of mapped files");
        if (files->map_count)
            memcpy(maps, files->maps, (size_t)files->map_count * sizeof *maps);
        files->maps = maps;
        files->map_capacity = capacity;
    }
    struct file_map *kept = pool_alloc(files->pool, sizeof *kept);
    if (!kept)
        return fail_memory(err, "the list of mapped files");
    *kept = *map;
    files->maps[files->map_count++] = kept;
    return STATUS_OK;
}

static status open_folder(struct external_files *files, struct error *err) {
    if (!files->folder)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "the data lies in another file, and no folder was given to look for it in");
    if (files->folder_fd >= 0)
        return STATUS_OK;
    files->folder_fd = open(files->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->folder_fd >= 0)
        return STATUS_OK;
    char buffer[128];
    const int number = errno;
    return fail(err, errno_status(number), "cannot open the model's folder \"%.200s\": %s", files->folder,
                strerror_r(number, buffer, sizeof buffer));
}

/* Index of the map of the same file under another spelling of its path, or -1. */
static int find_same_file(const struct external_files *files, const struct file_map *map) {
    for (int i = 0; i < files->map_count; i++)
        if (files->maps[i]->mapped && files->maps[i]->device == map->device && files->maps[i]->inode == map->inode)
            return i;
    return -1;
}

/* Keeps the map, or closes it for one of the same file that is there already; *index is where it is. */
static status keep_map(struct external_files *files, struct file_map *map, int *index, struct error *err) {
    *index = find_same_file(files, map);
    if (*index >= 0) {
        file_map_close(map);
        return STATUS_OK;
    }
    const status result = external_add(files, map, err);
    if (result != STATUS_OK)
        file_map_close(map);
    *index = files->map_count - 1;
    return result;
}

/* Nothing has this name there, not even a link that leads nowhere. */
static bool is_absent(int folder, const char *path) {
    struct stat info;
    return fstatat(folder, path, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

/* Beside the model as it was given, or beside the file that links led to. */
static status open_data(const struct external_files *files, const char *path, int *fd, struct error *err) {
    if (files->real && is_absent(files->folder_fd, path)) {
        const int real = open(files->real, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const bool there = real >= 0 && !is_absent(real, path);
        const status result = there ? open_beneath(real, NULL, path, fd, err) : STATUS_OK;
        if (real >= 0)
            close(real);
        if (there)
            return result;
    }
    return open_beneath(files->folder_fd, files->real, path, fd, err);
}

/* Notes and pages in the place of the data are never taken for numbers, however few of their bytes are wanted. */
static status check_data(const struct file_map *map, struct error *err) {
    const struct file_kind *kind = file_recognise(map->data, map->bytes);
    return kind && kind->stand_in ? fail_other_file(err, STATUS_INVALID_MODEL, kind, "the model's data") : STATUS_OK;
}

static status map_new(struct external_files *files, const char *path, int *index, struct error *err) {
    int fd;
    status result = open_folder(files, err);
    if (result == STATUS_OK)
        result = open_data(files, path, &fd, err);
    if (result != STATUS_OK)
        return result;
    struct file_map map;
    result = file_map_from(fd, files->max_bytes, &map, err);
    close(fd);
    if (result == STATUS_OK && check_data(&map, err) != STATUS_OK) {
        file_map_close(&map);
        return err->code;
    }
    if (result == STATUS_OK)
        result = keep_map(files, &map, index, err);
    if (result == STATUS_OK && !names_put(&files->paths, path, *index))
        return fail_memory(err, "the list of mapped files");
    return result;
}

status external_map(struct external_files *files, const char *path, const struct file_map **out, struct error *err) {
    int index = names_find(&files->paths, path);
    if (index == NAME_ABSENT) {
        const status result = map_new(files, path, &index, err);
        if (result != STATUS_OK)
            return fail_prefix(err, "external data \"%.200s\"", path);
    }
    *out = files->maps[index];
    return STATUS_OK;
}

void external_finish(struct external_files *files) {
    names_free(&files->paths);
    if (files->folder_fd >= 0)
        close(files->folder_fd);
    files->folder_fd = -1;
}

#include "picture_parts.h"

#if HAVE_TIFF

#include "tools/files/tiff_memory.h"

#include "base/checked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count) {
    struct tiff_memory *memory = handle;
    const size_t left = memory->at < memory->size ? memory->size - memory->at : 0;
    const size_t wanted = count < 0 ? 0 : (size_t)count, given = wanted < left ? wanted : left;
    const unsigned char *from = memory->written ? memory->written : memory->data;
    if (given)
        memcpy(to, from + memory->at, given);
    memory->at += given;
    return (tmsize_t)given;
}

static bool make_room(struct tiff_memory *memory, size_t needed) {
    if (needed <= memory->capacity)
        return true;
    const size_t capacity = needed < 65536 ? 65536 : needed + needed / 2;
    unsigned char *data = realloc(memory->written, capacity);
    if (!data)
        return false;
    memset(data + memory->capacity, 0, capacity - memory->capacity);
    memory->written = data;
    memory->capacity = capacity;
    return true;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t count) {
    struct tiff_memory *memory = handle;
    size_t end;
    if (count < 0 || !size_add(memory->at, (size_t)count, &end) || !make_room(memory, end)) {
        memory->no_memory = true;
        return 0;
    }
    memcpy(memory->written + memory->at, from, (size_t)count);
    memory->at = end;
    memory->size = end > memory->size ? end : memory->size;
    return count;
}

static tmsize_t on_no_write(thandle_t handle, void *from, tmsize_t count) {
    (void)handle, (void)from, (void)count;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
    struct tiff_memory *memory = handle;
    const uint64_t base = whence == SEEK_CUR ? memory->at : whence == SEEK_END ? memory->size : 0;
    memory->at = (size_t)(base + offset); /* offsets back are given as their complement */
    return memory->at;
}

static toff_t on_size(thandle_t handle) {
    return ((struct tiff_memory *)handle)->size;
}

static int on_close(thandle_t handle) {
    (void)handle;
    return 0;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    struct tiff_memory *memory = user;
    (void)tiff, (void)module;
    if (!memory->problem[0])
        vsnprintf(memory->problem, sizeof memory->problem, format, arguments);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff, (void)user, (void)module, (void)format, (void)arguments;
    return 1;
}

TIFF *tiff_memory_open(struct tiff_memory *memory, bool writing, size_t max_bytes) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        memory->no_memory = true;
        return NULL;
    }
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, memory);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, memory);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(max_bytes < PTRDIFF_MAX ? max_bytes : PTRDIFF_MAX));
    TIFF *tiff = TIFFClientOpenExt("picture", writing ? "wm" : "rm", memory, on_read, writing ? on_write : on_no_write,
                                   on_seek, on_close, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

#endif

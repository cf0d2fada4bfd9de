/*
 * What the linker puts in the place of the system's functions (--wrap) in programs that link so: NAME becomes
 * __wrap_NAME, and __real_NAME is the system's. In other programs nobody calls these, and the real ones are not there.
 */
#include "tests/support/refuse_calls.h"

#include "base/checked.h"
#include "base/pool.h"
#include "tests/support/refuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jerror.h>
#include <jpeglib.h>
#include <protobuf-c/protobuf-c.h>

#define REPLACED(type, name, ...)                          \
    __attribute__((weak)) type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__);                       \
    type __wrap_##name(__VA_ARGS__)

static bool refused(unsigned kind) {
    int number;
    return refuse_now(kind, &number);
}

/* ---- memory ---- */

REPLACED(void *, malloc, size_t bytes) {
    return refused(REFUSE_MEMORY) ? NULL : refuse_made(__real_malloc(bytes));
}

REPLACED(void *, calloc, size_t count, size_t bytes) {
    return refused(REFUSE_MEMORY) ? NULL : refuse_made(__real_calloc(count, bytes));
}

REPLACED(void *, aligned_alloc, size_t alignment, size_t bytes) {
    return refused(REFUSE_MEMORY) ? NULL : refuse_made(__real_aligned_alloc(alignment, bytes));
}

REPLACED(void, free, void *p) {
    refuse_gone(p);
    __real_free(p);
}

REPLACED(void *, realloc, void *p, size_t bytes) {
    if (refused(REFUSE_MEMORY))
        return NULL;
    refuse_gone(p);
    return refuse_made(__real_realloc(p, bytes));
}

REPLACED(void *, reallocarray, void *p, size_t count, size_t bytes) {
    size_t all;
    if (!size_mul(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return __wrap_realloc(p, all);
}

REPLACED(char *, strdup, const char *text) {
    return refused(REFUSE_MEMORY) ? NULL : refuse_made(__real_strdup(text));
}

REPLACED(char *, strndup, const char *text, size_t most) {
    return refused(REFUSE_MEMORY) ? NULL : refuse_made(__real_strndup(text, most));
}

REPLACED(int, vasprintf, char **text, const char *format, va_list list) {
    *text = (char *)1; /* undefined after a failure */
    const int length = refused(REFUSE_MEMORY) ? -1 : __real_vasprintf(text, format, list);
    if (length >= 0)
        refuse_made(*text);
    return length;
}

int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...) {
    va_list list;
    va_start(list, format);
    const int length = __wrap_vasprintf(text, format, list);
    va_end(list);
    return length;
}

REPLACED(char *, realpath, const char *path, char *to) {
    if (!to && refused(REFUSE_MEMORY))
        return NULL;
    char *found = __real_realpath(path, to);
    return to ? found : refuse_made(found);
}

REPLACED(FILE *, open_memstream, char **text, size_t *size) {
    return refused(REFUSE_MEMORY) ? NULL : __real_open_memstream(text, size);
}

REPLACED(void *, mmap, void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    const bool refuse = refused(fd >= 0 ? REFUSE_MAP : REFUSE_MEMORY);
    void *mapping = refuse ? MAP_FAILED : __real_mmap(at, bytes, protection, flags, fd, offset);
    if (mapping != MAP_FAILED)
        refuse_made(mapping);
    return mapping;
}

REPLACED(int, munmap, void *at, size_t bytes) {
    refuse_gone(at);
    return __real_munmap(at, bytes);
}

/* ---- pools: a block holds much, so that its own allocations would hardly ever be the ones that fail ---- */

REPLACED(void *, pool_alloc, struct pool *pool, size_t bytes) {
    return refused(REFUSE_MEMORY) ? NULL : __real_pool_alloc(pool, bytes);
}

REPLACED(void *, pool_array, struct pool *pool, size_t count, size_t bytes) {
    return refused(REFUSE_MEMORY) ? NULL : __real_pool_array(pool, count, bytes);
}

REPLACED(char *, pool_string, struct pool *pool, const char *text, size_t length) {
    return refused(REFUSE_MEMORY) ? NULL : __real_pool_string(pool, text, length);
}

char *__wrap_pool_format(struct pool *pool, const char *format, ...);
char *__wrap_pool_format(struct pool *pool, const char *format, ...) {
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (!refused(REFUSE_MEMORY) && __real_vasprintf(&text, format, list) >= 0) {
        char *copy = __real_pool_string(pool, text, strlen(text));
        __real_free(text);
        text = copy;
    }
    va_end(list);
    return text;
}

/* ---- libraries ---- */

static void *protobuf_alloc(void *data, size_t bytes) {
    (void)data;
    return __wrap_malloc(bytes);
}

static void protobuf_free(void *data, void *p) {
    (void)data;
    __wrap_free(p);
}

static ProtobufCAllocator protobuf_memory = {protobuf_alloc, protobuf_free, NULL};

REPLACED(ProtobufCMessage *, protobuf_c_message_unpack, const ProtobufCMessageDescriptor *descriptor,
         ProtobufCAllocator *allocator, size_t size, const uint8_t *data) {
    return __real_protobuf_c_message_unpack(descriptor, allocator ? allocator : &protobuf_memory, size, data);
}

REPLACED(void, protobuf_c_message_free_unpacked, ProtobufCMessage *message, ProtobufCAllocator *allocator) {
    __real_protobuf_c_message_free_unpacked(message, allocator ? allocator : &protobuf_memory);
}

_Noreturn static void jpeg_out_of_memory(j_common_ptr common) {
    common->err->msg_code = JERR_OUT_OF_MEMORY;
    common->err->msg_parm.i[0] = 0;
    common->err->error_exit(common);
    abort();
}

/* libjpeg's own, of the structure that was made last. */
static struct jpeg_memory_mgr jpeg_memory;
static boolean (*jpeg_empty_buffer)(j_compress_ptr);

static void *alloc_small(j_common_ptr common, int pool, size_t bytes) {
    if (refused(REFUSE_MEMORY))
        jpeg_out_of_memory(common);
    return jpeg_memory.alloc_small(common, pool, bytes);
}

static void *alloc_large(j_common_ptr common, int pool, size_t bytes) {
    if (refused(REFUSE_MEMORY))
        jpeg_out_of_memory(common);
    return jpeg_memory.alloc_large(common, pool, bytes);
}

static JSAMPARRAY alloc_sarray(j_common_ptr common, int pool, JDIMENSION width, JDIMENSION rows) {
    if (refused(REFUSE_MEMORY))
        jpeg_out_of_memory(common);
    return jpeg_memory.alloc_sarray(common, pool, width, rows);
}

static boolean empty_buffer(j_compress_ptr jpeg) {
    if (refused(REFUSE_MEMORY))
        jpeg_out_of_memory((j_common_ptr)jpeg);
    return jpeg_empty_buffer(jpeg);
}

static void watch_jpeg(struct jpeg_memory_mgr *memory) {
    jpeg_memory = *memory;
    memory->alloc_small = alloc_small;
    memory->alloc_large = alloc_large;
    memory->alloc_sarray = alloc_sarray;
}

REPLACED(void, jpeg_CreateDecompress, j_decompress_ptr jpeg, int version, size_t size) {
    if (refused(REFUSE_MEMORY)) {
        jpeg->mem = NULL;
        jpeg_out_of_memory((j_common_ptr)jpeg);
    }
    __real_jpeg_CreateDecompress(jpeg, version, size);
    watch_jpeg(jpeg->mem);
}

REPLACED(void, jpeg_CreateCompress, j_compress_ptr jpeg, int version, size_t size) {
    if (refused(REFUSE_MEMORY)) {
        jpeg->mem = NULL;
        jpeg_out_of_memory((j_common_ptr)jpeg);
    }
    __real_jpeg_CreateCompress(jpeg, version, size);
    watch_jpeg(jpeg->mem);
}

REPLACED(void, jpeg_mem_dest, j_compress_ptr jpeg, unsigned char **data, unsigned long *size) {
    if (refused(REFUSE_MEMORY))
        jpeg_out_of_memory((j_common_ptr)jpeg);
    __real_jpeg_mem_dest(jpeg, data, size);
    jpeg_empty_buffer = jpeg->dest->empty_output_buffer;
    jpeg->dest->empty_output_buffer = empty_buffer;
}

/* ---- files ---- */

/* The mode is there when a file may be made. */
#define MODE_AFTER(flags, mode)          \
    do {                                 \
        va_list list;                    \
        va_start(list, flags);           \
        if ((flags)&O_CREAT)             \
            mode = va_arg(list, mode_t); \
        va_end(list);                    \
    } while (0)

__attribute__((weak)) int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE_AFTER(flags, mode);
    return refused(REFUSE_OPEN) ? -1 : __real_open(path, flags, mode);
}

__attribute__((weak)) int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE_AFTER(flags, mode);
    return refused(REFUSE_OPEN) ? -1 : __real_openat(folder, path, flags, mode);
}

/* Only openat2 comes this way. */
__attribute__((weak)) long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    const long a = va_arg(list, int), b = (long)va_arg(list, void *), c = (long)va_arg(list, void *),
               d = (long)va_arg(list, size_t);
    va_end(list);
    return refused(REFUSE_OPEN) ? -1 : __real_syscall(number, a, b, c, d);
}

REPLACED(int, mkostemp, char *name, int flags) {
    return refused(REFUSE_OPEN) ? -1 : __real_mkostemp(name, flags);
}

REPLACED(FILE *, fopen, const char *path, const char *mode) {
    return refused(REFUSE_OPEN | REFUSE_MEMORY) ? NULL : __real_fopen(path, mode);
}

REPLACED(DIR *, opendir, const char *path) {
    return refused(REFUSE_OPEN | REFUSE_MEMORY) ? NULL : __real_opendir(path);
}

REPLACED(int, fstat, int fd, struct stat *info) {
    return refused(REFUSE_STAT) ? -1 : __real_fstat(fd, info);
}

REPLACED(ssize_t, read, int fd, void *to, size_t count) {
    int number;
    if (!refuse_now(REFUSE_READ, &number))
        return __real_read(fd, to, count);
    return number == REFUSE_HALF ? __real_read(fd, to, (count + 1) / 2) : -1;
}

REPLACED(ssize_t, write, int fd, const void *from, size_t count) {
    int number;
    if (!refuse_now(REFUSE_WRITE, &number))
        return __real_write(fd, from, count);
    return number == REFUSE_HALF ? __real_write(fd, from, (count + 1) / 2) : -1;
}

REPLACED(int, close, int fd) {
    const int closed = __real_close(fd);
    return refused(REFUSE_CLOSE) ? -1 : closed;
}

REPLACED(int, rename, const char *from, const char *to) {
    return refused(REFUSE_RENAME) ? -1 : __real_rename(from, to);
}

REPLACED(int, fchmod, int fd, mode_t mode) {
    return refused(REFUSE_MODE) ? -1 : __real_fchmod(fd, mode);
}

REPLACED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data) {
    int number;
    return refuse_now(REFUSE_THREAD, &number) ? number : __real_pthread_create(thread, attributes, start, data);
}

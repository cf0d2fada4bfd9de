/*
 * Preloaded into Python by test_memory.py: allocations that limner's own modules ask for are counted, and fail when
 * their turn comes. Those of Python, NumPy and the C library are left alone.
 */
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PARTS 64

/* The C library's own, behind the names that stand below. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void refuse_start(long call, int all_after);
long refuse_stop(void);

static struct { uintptr_t begin, end; } parts[MOST_PARTS]; /* of memory, that limner's code lies in */
static size_t part_count;
static long wanted;
static bool all_wanted;
static atomic_bool running;
static atomic_long calls;

/* The module, and the libraries that its wheel brings. */
static bool is_ours(const char *path) {
    return strstr(path, "/_limner.") || strstr(path, "/limner.libs/");
}

static int add_parts(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    for (int i = 0; is_ours(info->dlpi_name) && i < info->dlpi_phnum && part_count < MOST_PARTS; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        parts[part_count].begin = info->dlpi_addr + part->p_vaddr;
        parts[part_count].end = parts[part_count].begin + part->p_memsz;
        part_count++;
    }
    return 0;
}

/* From now on the call'th allocation fails, with all after it or alone; none where it is 0. */
void refuse_start(long call, int all_after) {
    part_count = 0;
    dl_iterate_phdr(add_parts, NULL);
    calls = 0;
    wanted = call;
    all_wanted = all_after;
    running = true;
}

/* How many there were. */
long refuse_stop(void) {
    running = false;
    return calls;
}

static bool refused(const void *caller) {
    const uintptr_t at = (uintptr_t)caller;
    for (size_t i = 0; running && i < part_count; i++)
        if (at >= parts[i].begin && at < parts[i].end) {
            const long call = ++calls;
            const bool refuse = wanted && (all_wanted ? call >= wanted : call == wanted);
            if (refuse)
                errno = ENOMEM;
            return refuse;
        }
    return false;
}

#define REFUSED refused(__builtin_return_address(0))

void *malloc(size_t bytes) {
    return REFUSED ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return REFUSED ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    return REFUSED ? NULL : __libc_realloc(old, bytes);
}

void *reallocarray(void *old, size_t count, size_t bytes) {
    size_t all;
    return __builtin_mul_overflow(count, bytes, &all) || REFUSED ? NULL : __libc_realloc(old, all);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return REFUSED ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes) {
    void *made = REFUSED ? NULL : __libc_memalign(alignment, bytes);
    if (made)
        *out = made;
    return made ? 0 : ENOMEM;
}

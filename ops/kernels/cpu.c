#include "ops/kernels/cpu.h"

#include "ops/kernels/tables.h"

#include <string.h>

static const char *const level_names[CPU_LEVELS] = {"portable", "avx2", "avx512"};

#if defined(__x86_64__) && !defined(ONLY_PORTABLE)
#include <cpuid.h>

/* XCR0: which register files the system saves. */
static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

enum cpu_level cpu_best(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA) || !(c & bit_AVX) || !(c & bit_F16C))
        return CPU_PORTABLE;
    const uint64_t saved = saved_registers();
    if ((saved & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return CPU_PORTABLE;
    const unsigned avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    return (saved & 0xe6) == 0xe6 && (b & avx512) == avx512 ? CPU_AVX512 : CPU_AVX2;
}

#define BUILT_LEVELS 3
#else
enum cpu_level cpu_best(void) {
    return CPU_PORTABLE;
}
#define BUILT_LEVELS 1
#endif

#define LEVEL(LEVEL_ID, level, winograd_of) \
    {LEVEL_ID,                              \
     #level,                                \
     &gemm_kernel_##level,                  \
     &block_kernel_##level,                 \
     &few_outputs_kernel_##level,           \
     &strassen_kernel_##level,              \
     winograd_of(level),                    \
     &math_kernel_##level,                  \
     NULL},
#define LEVEL_TABLES(winograd_of) LEVEL(CPU_PORTABLE, portable, winograd_of) SIMD_TABLES(winograd_of)
#if BUILT_LEVELS == 3
#define SIMD_TABLES(winograd_of) LEVEL(CPU_AVX2, avx2, winograd_of) LEVEL(CPU_AVX512, avx512, winograd_of)
#else
#define SIMD_TABLES(winograd_of)
#endif
#define WINOGRAD(level) &winograd_kernel_##level
#define NO_WINOGRAD(level) NULL

static const struct kernels tables[BUILT_LEVELS] = {LEVEL_TABLES(WINOGRAD)};
static const struct kernels exact_tables[BUILT_LEVELS] = {LEVEL_TABLES(NO_WINOGRAD)};

const struct kernels *kernels_get(enum cpu_level level) {
    return level <= cpu_best() && level < BUILT_LEVELS ? &tables[level] : NULL;
}

const struct kernels *kernels_exact(enum cpu_level level) {
    return kernels_get(level) ? &exact_tables[level] : NULL;
}

int cpu_level_parse(const char *name) {
    for (int level = 0; level < CPU_LEVELS; level++)
        if (strcmp(level_names[level], name) == 0)
            return level;
    return -1;
}

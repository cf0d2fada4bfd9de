/*
 * What this machine can do at most: fused multiply-adds on registers, and memory read and written in one stream.
 * peak THREADS prints one JSON object: GFLOP/s (two operations a multiply-add) and 10^9 bytes a second, the best of
 * several short tries.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TRIES 100 /* of a millisecond each, so that on a busy machine some are undisturbed */
#define LOOPS 400000
#define STREAMS 12         /* tries of memory */
#define BYTES (128u << 20) /* of each array; no cache holds three of them */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- multiply-adds: as many chains as hide the latency of each ---- */

#define CHAINS 12
#define PEAK(NAME, TARGET, VEC, SET, FMA)                                                           \
    __attribute__((target(TARGET), noinline)) static float NAME(float scale, float shift) {         \
        const VEC a = SET(scale), b = SET(shift);                                                   \
        VEC sums[CHAINS];                                                                           \
        for (int i = 0; i < CHAINS; i++)                                                            \
            sums[i] = SET((float)i);                                                                \
        for (int loop = 0; loop < LOOPS; loop++) {                                                  \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sums[i] = FMA(sums[i], a, b); \
        }                                                                                           \
        float lanes[sizeof(VEC) / sizeof(float)], total = 0;                                        \
        for (int i = 0; i < CHAINS; i++) {                                                          \
            memcpy(lanes, &sums[i], sizeof lanes);                                                  \
            total += lanes[i % 4];                                                                  \
        }                                                                                           \
        return total;                                                                               \
    }

typedef float multiply_add(float scale, float shift);

#if defined(__x86_64__)
PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
#endif

static double gflops(multiply_add *function, int lanes, int threads) {
    double best = 1e30;
    for (int try = 0; try < TRIES; try++) {
        const double start = now();
        float sink = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sink)
        sink += function(0.5f, (float)try);
        const double time = now() - start;
        best = time < best && sink != -1 ? time : best;
    }
    return 2.0 * lanes * CHAINS * LOOPS * threads / best / 1e9;
}

/* ---- memory ---- */

/* Integers, whose sum does not wait for the one before as a sum of floats does. */
static double read_time(const uint64_t *a, size_t count, int threads) {
    const double start = now();
    uint64_t sum = 0;
#pragma omp parallel for simd num_threads(threads) schedule(static) reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += a[i];
    return sum ? now() - start : 1e30;
}

static double triad_time(float *a, const float *b, const float *c, size_t count, int threads) {
    const double start = now();
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        a[i] = b[i] + 3.0f * c[i];
    return now() - start;
}

static int bandwidth(int threads, double *read, double *triad) {
    const size_t count = BYTES / sizeof(float);
    float *a = malloc(BYTES), *b = malloc(BYTES), *c = malloc(BYTES);
    double read_best = 1e30, triad_best = 1e30;
    if (a && b && c) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t i = 0; i < count; i++)
            a[i] = b[i] = c[i] = 1;
        for (int try = 0; try < STREAMS; try++) {
            const double r = read_time((const void *)a, BYTES / sizeof(uint64_t), threads),
                         t = triad_time(a, b, c, count, threads);
            read_best = r < read_best ? r : read_best;
            triad_best = t < triad_best ? t : triad_best;
        }
        *read = BYTES / read_best / 1e9;
        *triad = 3.0 * BYTES / triad_best / 1e9;
    }
    const int good = a && b && c;
    free(a);
    free(b);
    free(c);
    return good;
}

int main(int argc, char **argv) {
    const int threads = argc == 2 ? atoi(argv[1]) : 0;
    double avx2 = 0, avx512 = 0, read = 0, triad = 0;
    if (threads < 1) {
        fprintf(stderr, "peak THREADS: what this machine can do at most, as JSON\n");
        return 2;
    }
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        avx2 = gflops(peak_avx2, 8, threads);
    if (__builtin_cpu_supports("avx512f"))
        avx512 = gflops(peak_avx512, 16, threads);
#else
    (void)gflops;
#endif
    if (!bandwidth(threads, &read, &triad)) {
        fprintf(stderr, "peak: no memory for three arrays of %u MB\n", BYTES >> 20);
        return 1;
    }
    printf("{\"threads\": %d, \"avx2\": %.2f, \"avx512\": %.2f, \"read\": %.2f, \"triad\": %.2f}\n", threads, avx2,
           avx512, read, triad);
    return 0;
}

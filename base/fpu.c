#include "base/fpu.h"

#include <omp.h>

#if defined(__SSE__)
#include <xmmintrin.h>

#define FLUSH_TO_ZERO 0x8000u
#define DENORMALS_ARE_ZERO 0x0040u

static unsigned mode_get(void) {
    return _mm_getcsr();
}
static void mode_set(unsigned mode) {
    _mm_setcsr(mode);
}
static unsigned mode_flushing(unsigned mode) {
    return mode | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO;
}
#else
static unsigned mode_get(void) {
    return 0;
}
static void mode_set(unsigned mode) {
    (void)mode;
}
static unsigned mode_flushing(unsigned mode) {
    return mode;
}
#endif

/*
 * The calling thread is set outside the parallel regions: some OpenMP libraries put its mode back at their end, and
 * give its mode to the team at their beginning. Hence also the order: threads that a region creates must start
 * unchanged.
 */
void fpu_enter(unsigned *saved, int threads) {
    const unsigned own = mode_get();
    for (int i = 0; i < threads; i++)
        saved[i] = own; /* for threads that the team turns out not to have */
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        if (omp_get_thread_num() > 0) {
            const unsigned mode = mode_get();
            saved[omp_get_thread_num()] = mode;
            mode_set(mode_flushing(mode));
        }
    }
    mode_set(mode_flushing(own));
}

void fpu_leave(const unsigned *saved, int threads) {
    mode_set(saved[0]);
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        if (omp_get_thread_num() > 0)
            mode_set(saved[omp_get_thread_num()]);
    }
}

#include "runtime/fpu.h"

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

void fpu_enter(unsigned *saved, int threads) {
    for (int i = 0; i < threads; i++)
        saved[i] = mode_get(); /* for threads that the team turns out not to have */
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        const unsigned mode = mode_get();
        saved[omp_get_thread_num()] = mode;
        mode_set(mode_flushing(mode));
    }
}

void fpu_leave(const unsigned *saved, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    mode_set(saved[omp_get_thread_num()]);
}

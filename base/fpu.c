#include "base/fpu.h"

#if defined(__SSE__)
#include <xmmintrin.h>

#define FLUSH_TO_ZERO 0x8000u
#define DENORMALS_ARE_ZERO 0x0040u
#define FLUSHING (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)

unsigned fpu_mode(void) {
    return _mm_getcsr();
}
void fpu_set_mode(unsigned mode) {
    _mm_setcsr(mode);
}
#else
#define FLUSHING 0u

unsigned fpu_mode(void) {
    return 0;
}
void fpu_set_mode(unsigned mode) {
    (void)mode;
}
#endif

/* How often this thread has entered, and what it found the first time. */
static _Thread_local struct {
    int depth;
    unsigned mode;
} outside;

unsigned fpu_enter(void) {
    const unsigned before = fpu_mode();
    if (outside.depth++ == 0)
        outside.mode = before;
    fpu_set_mode(before | FLUSHING);
    return before;
}

void fpu_leave(unsigned before) {
    outside.depth--;
    fpu_set_mode(before);
}

unsigned fpu_mode_outside(void) {
    return outside.depth ? outside.mode : fpu_mode();
}

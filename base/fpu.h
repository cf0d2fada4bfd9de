/*
 * Denormal floats are taken as zero while limner computes: they are slow and mean nothing in a picture. The mode
 * belongs to a thread, so it is set in the calling thread and in the OpenMP threads that work for it, and put back
 * afterwards. Constants are folded under the same mode, so that folding changes no bit.
 */
#ifndef LIMNER_BASE_FPU_H
#define LIMNER_BASE_FPU_H

/* Sets the mode in this thread and in a team of `threads`; saved[threads] takes what was there before. */
void fpu_enter(unsigned *saved, int threads);
void fpu_leave(const unsigned *saved, int threads);

#endif

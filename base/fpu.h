/*
 * Denormal floats are taken as zero while limner computes: they are slow and mean nothing in a picture. The mode
 * belongs to a thread: it is set in the calling one and put back afterwards, and a team computes in the mode of its
 * caller (thread_team.h). Constants are folded under the same mode, so that folding changes no bit.
 */
#ifndef LIMNER_BASE_FPU_H
#define LIMNER_BASE_FPU_H

/* Sets the mode in this thread; what was there before is for fpu_leave. */
unsigned fpu_enter(void);
void fpu_leave(unsigned before);

/* The calling thread's mode as it is, and how to set it; rounding belongs to it, too. */
unsigned fpu_mode(void);
void fpu_set_mode(unsigned mode);
/* The mode outside of all fpu_enter of this thread: threads that are made inherit the mode, and must have that one. */
unsigned fpu_mode_outside(void);

#endif

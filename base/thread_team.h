/*
 * Teams of threads, over OpenMP: thread_team.c is the only file that knows it.
 *
 * A team belongs to the thread that calls. OpenMP keeps its threads from one call to the next, so that starting a team
 * costs microseconds, and ends them with the caller's thread. Sessions in threads of their own have teams of their own.
 *
 * What a body may rely on:
 * - All threads of the team are in it at the same time, so it may wait for the others (team_barrier).
 * - There may be fewer threads than asked for; self.count says how many. What is computed must not depend on it, and
 *   memory for each thread is counted by the number asked for.
 * - Every thread computes in the floating-point mode of the caller (fpu.h) and has its own back afterwards.
 * - A body that runs a team runs its body alone, as a team of one, in its own thread. Threads are shared out once.
 * - A team of one is a plain call, without OpenMP, and a body of it may run a team.
 *
 * No errors: where threads cannot be had (limits of processes, memory for stacks) there are fewer, down to the caller
 * alone; OpenMP would end the process. That is tried out whenever a team grows, and again now and then.
 *
 * After fork() the threads of the caller's teams are gone, and OpenMP, which does not know, would wait for them. The
 * thread that came through fork() has its teams led by a thread made for that: there index 0 is another thread than
 * the caller, who waits.
 */
#ifndef LIMNER_BASE_THREAD_TEAM_H
#define LIMNER_BASE_THREAD_TEAM_H

#include <stdint.h>

/* A thread in its team: index is 0..count-1. */
struct team_thread {
    int index, count;
};

typedef void team_body(struct team_thread self, void *context);
/* Calls body in up to `threads` threads at once, the caller among them with index 0. Returns when all have returned. */
void team_run(int threads, team_body *body, void *context);
/* Waits in a body until all threads of the team have come here; what they wrote before is seen by all behind it. */
void team_barrier(struct team_thread self);

/* Items first..end-1. */
struct team_range {
    int64_t first, end;
};
/* A thread's part of 0..count-1 in a fixed split: neighbours, and as many for each as for any other, or one more. */
struct team_range team_range_of(struct team_thread self, int64_t count);

typedef void team_range_body(void *context, int64_t first, int64_t end);
/* Calls body with every thread's part of 0..count-1 that is not empty. A single item takes no team. */
void team_for(int threads, int64_t count, team_range_body *body, void *context);

typedef void team_task(void *context);
/*
 * Calls task once, in a thread that leads teams itself: the calling one, but after fork(). Worth it around many teams,
 * which then are not handed over one by one; never needed.
 */
void team_lead(team_task *task, void *context);

#endif

#include "base/thread_team.h"

#include "base/fpu.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a thread knows of the teams that it leads. */
static _Thread_local struct {
    bool in_body;       /* of a team of several */
    bool orphan;        /* it came through fork(): OpenMP takes threads for its own that are gone */
    int asked, granted; /* threads asked for last, and how many there were */
    int refusals;       /* calls since then that had fewer than asked for */
} own;

static const struct team_thread alone = {0, 1};

/* ---- whether threads can be had ---- */

struct trial {
    int wanted, had;
    pid_t thread;
};

static int threads_to_be_had(int wanted);

static void *try_thread(void *context) {
    struct trial *trial = context;
    trial->thread = (pid_t)syscall(SYS_gettid);
    trial->had = 1 + threads_to_be_had(trial->wanted - 1);
    return NULL;
}

/* A thread that has been joined counts against limits a moment longer. */
static void await_end(pid_t thread) {
    for (int i = 0; i < 1000 && syscall(SYS_tgkill, getpid(), thread, 0) == 0; i++)
        sched_yield();
}

/* How many of so many more threads can live at the same time; none is left. Each makes the next one and waits for it.
 */
static int threads_to_be_had(int wanted) {
    struct trial trial = {.wanted = wanted};
    pthread_t thread;
    if (wanted <= 0 || pthread_create(&thread, NULL, try_thread, &trial) != 0)
        return 0;
    pthread_join(thread, NULL);
    await_end(trial.thread);
    return trial.had;
}

static void make_threads(int threads) {
    const unsigned mode = fpu_mode();
    fpu_set_mode(fpu_mode_outside());
#pragma omp parallel num_threads(threads)
    (void)omp_get_thread_num();
    fpu_set_mode(mode);
}

/* One at a time, or two would find the same threads to be had. */
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

static void grow(int wanted) {
    const int now = own.granted > 1 ? own.granted : 1;
    pthread_mutex_lock(&growing);
    own.asked = wanted;
    own.granted = now + threads_to_be_had(wanted - now);
    own.refusals = 0;
    if (own.granted > now)
        make_threads(own.granted);
    pthread_mutex_unlock(&growing);
}

/* So many calls later threads that could not be had are tried for again. */
#define PATIENCE 1000

/*
 * The threads that a team of this thread's can have. OpenMP keeps those of the last team, lets the others go when a
 * smaller one runs, and keeps none inside a parallel region of the program that called limner.
 */
static int team_size(int wanted) {
    if (omp_get_level() > 0)
        return omp_get_active_level() < omp_get_max_active_levels() ? 1 + threads_to_be_had(wanted - 1) : 1;
    if (wanted <= own.granted)
        own.asked = own.granted = wanted;
    else if (wanted != own.asked || ++own.refusals > PATIENCE)
        grow(wanted);
    return own.granted;
}

/* ---- running ---- */

struct team_call {
    int threads;
    team_body *body;
    void *context;
};

static void run_body(const struct team_call *call, struct team_thread self, unsigned mode) {
    const unsigned before = fpu_mode();
    fpu_set_mode(mode);
    own.in_body = self.count > 1;
    call->body(self, call->context);
    own.in_body = false;
    fpu_set_mode(before);
}

static void run_team(void *context) {
    const struct team_call *call = context;
    const int threads = own.orphan ? 1 : team_size(call->threads);
    const unsigned mode = fpu_mode();
    if (threads <= 1) {
        call->body(alone, call->context);
        return;
    }
#pragma omp parallel num_threads(threads)
    run_body(call, (struct team_thread){omp_get_thread_num(), omp_get_num_threads()}, mode);
}

void team_barrier(struct team_thread self) {
    if (self.count > 1) {
#pragma omp barrier
    }
}

/* ---- after fork() ---- */

struct handover {
    team_task *task;
    void *context;
    unsigned mode;
};

/* The thread that leads the teams of the one that came through fork(): there is one such thread at most. */
static struct leader {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct handover *work; /* until it is done */
    bool alive;
} leader = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false};

static void *lead(void *unused) {
    pthread_mutex_lock(&leader.lock);
    for (;;) {
        while (!leader.work)
            pthread_cond_wait(&leader.changed, &leader.lock);
        const struct handover *work = leader.work;
        pthread_mutex_unlock(&leader.lock);
        fpu_set_mode(work->mode);
        work->task(work->context);
        pthread_mutex_lock(&leader.lock);
        leader.work = NULL;
        pthread_cond_broadcast(&leader.changed);
    }
    return unused;
}

static bool start_leader(void) {
    pthread_t thread;
    return pthread_create(&thread, NULL, lead, NULL) == 0 && pthread_detach(thread) == 0;
}

/* False: there is no thread to be had for it, and nothing has been done. */
static bool hand_over(const struct handover *work) {
    pthread_mutex_lock(&leader.lock);
    leader.alive = leader.alive || start_leader();
    if (leader.alive) {
        leader.work = work;
        pthread_cond_broadcast(&leader.changed);
        while (leader.work)
            pthread_cond_wait(&leader.changed, &leader.lock);
    }
    const bool done = leader.alive;
    pthread_mutex_unlock(&leader.lock);
    return done;
}

/* In the child, whose only thread this is: whoever held a lock is gone. */
static void after_fork(void) {
    own.orphan = true;
    own.in_body = false;
    growing = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    leader = (struct leader){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false};
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, after_fork);
}

void team_lead(team_task *task, void *context) {
    const struct handover work = {task, context, fpu_mode()};
    if (!own.orphan || own.in_body || !hand_over(&work))
        task(context);
}

/* ---- the interface ---- */

void team_run(int threads, team_body *body, void *context) {
    static pthread_once_t watching = PTHREAD_ONCE_INIT;
    if (threads <= 1 || own.in_body) {
        body(alone, context);
        return;
    }
    pthread_once(&watching, watch_forks);
    team_lead(run_team, &(struct team_call){threads, body, context});
}

struct team_range team_range_of(struct team_thread self, int64_t count) {
    const int64_t least = count / self.count, more = count % self.count, before = self.index < more ? self.index : more;
    const int64_t first = self.index * least + before;
    return (struct team_range){first, first + least + (self.index < more)};
}

struct range_call {
    int64_t count;
    team_range_body *body;
    void *context;
};

static void run_range(struct team_thread self, void *context) {
    const struct range_call *call = context;
    const struct team_range range = team_range_of(self, call->count);
    if (range.first < range.end)
        call->body(call->context, range.first, range.end);
}

void team_for(int threads, int64_t count, team_range_body *body, void *context) {
    team_run(count > 1 ? threads : 1, run_range, &(struct range_call){count, body, context});
}

#include "tools/inpaint/batch.h"

#include "base/processors.h"
#include "tools/cli/output.h"
#include "tools/inpaint/passed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the workers share. */
struct batch_work {
    const struct picture_batch *batch;
    const struct batch_settings *settings;
    const struct studio *studio;
    const struct engine_options engine;
    struct meter *meter;
    size_t memory; /* for each worker */
    pthread_mutex_t lock;
    size_t next, painted, skipped, failed;
    size_t passing; /* of those that failed, and of workers that could not begin: for a reason that passes */
    bool broken;    /* a worker could not begin */
    bool noted;     /* one has said what was odd with the models' inputs */
};

static const struct batch_item *take(struct batch_work *work) {
    pthread_mutex_lock(&work->lock);
    const struct batch_item *item = work->next < work->batch->count ? &work->batch->items[work->next++] : NULL;
    pthread_mutex_unlock(&work->lock);
    return item;
}

static void count(struct batch_work *work, size_t *counter) {
    pthread_mutex_lock(&work->lock);
    ++*counter;
    pthread_mutex_unlock(&work->lock);
    meter_advance(work->meter);
}

static status paint_item(struct painter *painter, const struct batch_item *item, struct error *err) {
    if (item->problem)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s", item->problem);
    const status code = painter_paint(painter, &item->task, err);
    return code ? fail_path(err, item->task.image) : STATUS_OK;
}

static void say_notes_once(struct batch_work *work, const struct painter *painter) {
    pthread_mutex_lock(&work->lock);
    if (!work->noted)
        painter_say_notes(painter);
    work->noted = true;
    pthread_mutex_unlock(&work->lock);
}

static void note_failure(struct batch_work *work, const struct error *err, bool at_start) {
    meter_complain(work->meter, "%s", err->message);
    pthread_mutex_lock(&work->lock);
    work->passing += exit_status(err->code) == EXIT_AGAIN;
    work->broken = work->broken || at_start;
    pthread_mutex_unlock(&work->lock);
}

static void *worker(void *argument) {
    struct batch_work *work = argument;
    struct painter painter = {.studio = NULL};
    struct error err;
    if (painter_open(&painter, work->studio, &work->engine, work->memory, work->meter, &err)) {
        note_failure(work, &err, true);
        painter_close(&painter);
        return NULL;
    }
    for (const struct batch_item *item; (item = take(work)) != NULL;) {
        if (work->settings->resume && !item->problem && access(item->task.output, F_OK) == 0) {
            count(work, &work->skipped);
            continue;
        }
        const status code = paint_item(&painter, item, &err);
        if (code)
            note_failure(work, &err, false);
        count(work, code ? &work->failed : &work->painted);
    }
    say_notes_once(work, &painter);
    painter_keep_weights(&painter);
    painter_close(&painter);
    return NULL;
}

static int worker_count(const struct picture_batch *batch, const struct batch_settings *settings) {
    return (size_t)settings->jobs > batch->count ? (int)batch->count : settings->jobs;
}

static struct engine_options share_threads(const struct batch_settings *settings, int workers) {
    struct engine_options engine = settings->engine;
    if (!engine.threads && workers > 1) {
        const int each = processors_available() / workers;
        engine.threads = each > 1 ? each : 1;
    }
    return engine;
}

static status run_workers(struct batch_work *work, int workers, struct error *err) {
    pthread_t *threads = calloc((size_t)workers, sizeof *threads);
    if (!threads)
        return fail_memory(err, "the workers");
    int started = 0;
    while (started < workers - 1 && pthread_create(&threads[started], NULL, worker, work) == 0)
        started++;
    worker(work); /* this thread works, too, so that a machine without threads to give still gets on */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return STATUS_OK;
}

static void say_shard(const struct shard *shard, const struct picture_batch *batch) {
    if (shard->count)
        say(stdout, "shard %d of %d%s%s%s: %zu of %zu pictures\n", shard->number, shard->count,
            shard->source ? " (" : "", shard->source ? shard->source : "", shard->source ? ")" : "", batch->count,
            batch->whole);
}

static status run_folder(const struct picture_batch *batch, const struct batch_settings *settings,
                         const struct studio *studio, struct meter *meter, bool *good, struct error *err) {
    const int workers = worker_count(batch, settings);
    struct batch_work work = {.batch = batch,
                              .settings = settings,
                              .studio = studio,
                              .engine = share_threads(settings, workers),
                              .meter = meter,
                              .memory = painter_memory() / (size_t)(workers + !workers)};
    say_shard(&settings->shard, batch);
    pthread_mutex_init(&work.lock, NULL);
    meter_start(meter, "pictures", batch->count);
    const status code = workers ? run_workers(&work, workers, err) : STATUS_OK;
    pthread_mutex_destroy(&work.lock);
    meter_start(meter, "", 0);
    progress_clear();
    say(stdout, "%zu %s, %zu skipped, %zu failed\n", work.painted, settings->mask ? "painted" : "done", work.skipped,
        work.failed);
    passed_say(settings->image, batch->passed.names, batch->passed.count);
    *good = !work.failed && !work.broken && work.painted + work.skipped == batch->count;
    if (code || !work.passing)
        return code;
    return fail(err, STATUS_TRY_AGAIN, "not all is done, for a reason that passes: try again with --resume");
}

static status run_single(const struct paint_task *task, const struct batch_settings *settings,
                         const struct studio *studio, struct painter *painter, struct meter *meter, struct error *err) {
    if (settings->resume && access(task->output, F_OK) == 0)
        return STATUS_OK;
    status code = painter_open(painter, studio, &settings->engine, painter_memory(), meter, err);
    painter->shows_pieces = true;
    if (!code)
        code = painter_paint(painter, task, err);
    painter_say_notes(painter);
    if (!code)
        painter_keep_weights(painter);
    return code;
}

status batch_run(const struct picture_batch *batch, const struct batch_settings *settings, const struct studio *studio,
                 struct painter *painter, struct meter *meter, bool *good, struct error *err) {
    return batch->folder ? run_folder(batch, settings, studio, meter, good, err)
                         : run_single(&batch->items[0].task, settings, studio, painter, meter, err);
}

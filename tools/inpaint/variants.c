#include "tools/inpaint/variants.h"

#include "tools/cli/output.h"
#include "tools/cli/usage.h"
#include "tools/inpaint/collect.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *file_of(const struct pair_list *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return list->items[i].file;
    return NULL;
}

status variants_check(const struct variants *variants, struct error *err) {
    for (int i = 0; i < variants->models.count; i++)
        if (strchr(variants->models.items[i].name, '/') || variants->models.items[i].name[0] == '.')
            return fail(err, STATUS_USAGE, "--variant: '%s' cannot be a file's name", variants->models.items[i].name);
    for (int i = 0; i < variants->edges.count; i++)
        if (!file_of(&variants->models, variants->edges.items[i].name))
            return fail(err, STATUS_USAGE, "--variant-edge: there is no --variant %s", variants->edges.items[i].name);
    return STATUS_OK;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

status variant_run(const struct studio_settings *settings, const struct batch_settings *files, struct painter *painter,
                   struct pool *pool, struct meter *meter, bool *good, struct error *err) {
    struct batch_settings batch_files = *files;
    struct picture_batch batch;
    struct studio studio = {.settings = settings};
    /* where pictures have no masks, the model says which kind of results they have */
    status code = files->mask ? batch_collect(&batch_files, pool, &batch, err) : STATUS_OK;
    if (!code)
        code = studio_open(&studio, settings, meter, err);
    if (!code && !files->mask) {
        batch_files.gives_alpha = studio.paint.contract.result.word == RESULT_ALPHA;
        code = batch_collect(&batch_files, pool, &batch, err);
    }
    if (!code)
        code = batch_run(&batch, &batch_files, &studio, painter, meter, good, err);
    studio_close(&studio);
    return code;
}

static status run_named(const struct variants *variants, const struct name_file *model, struct studio_settings settings,
                        struct batch_settings files, struct painter *painter, struct pool *pool, struct meter *meter,
                        bool *good, struct error *err) {
    const double start = now();
    settings.model = model->file;
    settings.edge = file_of(&variants->edges, model->name);
    files.output = is_folder(files.image)
                       ? pool_format(pool, "%s/%s", files.output, model->name)
                       : pool_format(pool, "%s/%s.%s", files.output, model->name, files.format ? files.format : "png");
    if (!files.output)
        return fail_memory(err, "the names of files");
    const status code = variant_run(&settings, &files, painter, pool, meter, good, err);
    if (code)
        return fail_prefix(err, "%s", model->name);
    say(stdout, "%s: %.2f s, at most %.0f MB so far\n", model->name, now() - start, peak_rss_mb());
    return STATUS_OK;
}

status variants_run(const struct variants *variants, const struct studio_settings *studio,
                    const struct batch_settings *files, struct pool *pool, struct meter *meter, bool *good,
                    struct error *err) {
    struct painter painter = {.studio = NULL};
    bool passing = false;
    status code = STATUS_OK;
    if (!is_folder(files->output) && mkdir(files->output, 0777) && !is_folder(files->output))
        return fail(err, errno_status(errno), "cannot make the folder %s: %s", files->output, strerror(errno));
    for (int i = 0; !code && i < variants->models.count; i++) {
        bool all = true;
        code = run_named(variants, &variants->models.items[i], *studio, *files, &painter, pool, meter, &all, err);
        *good = *good && all;
        if (code == STATUS_TRY_AGAIN) { /* pictures of a folder: the next variant's may do better */
            meter_complain(meter, "%s", err->message);
            passing = true;
            code = STATUS_OK;
        }
    }
    painter_close(&painter);
    return code || !passing ? code : fail(err, STATUS_TRY_AGAIN, "not all variants are done: try again with --resume");
}

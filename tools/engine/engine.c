#include "tools/engine/engine.h"

#include "base/digest.h"
#include "onnx/load/load.h"
#include "runtime/session/model.h"
#include "tools/cli/output.h"
#include "tools/contract/annotation.h"
#include "tools/engine/image_decoder.h"
#include "tools/engine/node_facts.h"
#include "tools/files/element.h"
#include "tools/files/picture_file.h"
#include "tools/files/stream.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    limner_cpu cpu;
} cpu_levels[] = {{"auto", LIMNER_CPU_AUTO},
                  {"portable", LIMNER_CPU_PORTABLE},
                  {"avx2", LIMNER_CPU_AVX2},
                  {"avx512", LIMNER_CPU_AVX512}};
#define CPU_LEVEL_COUNT (sizeof cpu_levels / sizeof cpu_levels[0])

status set_cpu(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++)
        if (strcmp(text, cpu_levels[i].name) == 0) {
            *(int *)field = (int)cpu_levels[i].cpu;
            return STATUS_OK;
        }
    return fail(err, STATUS_INVALID_ARGUMENT, "wants portable, avx2 or avx512, not '%s'", text);
}

const char *engine_cpu_option(const struct engine_options *options) {
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++)
        if ((int)cpu_levels[i].cpu == options->cpu)
            return cpu_levels[i].name;
    return "auto";
}

status engine_status(limner_status code, const limner_error *from, struct error *err) {
    return code ? fail(err, (status)code, "%s", from->message) : STATUS_OK;
}

status engine_load(const char *path, limner_model **model, struct error *err) {
    struct stream stream;
    const char *real;
    limner_error problem = {0};
    status code = stream_open(path, &stream, &real, err);
    if (!code)
        code = engine_status(limner_model_load(real, NULL, model, &problem), &problem, err);
    if (code)
        stream_name(&stream, path, err);
    stream_close(&stream);
    return code ? fail_path(err, path) : STATUS_OK;
}

status engine_load_onnx(const char *path, struct onnx_model **model, struct error *err) {
    struct stream stream;
    const char *real;
    status code = stream_open(path, &stream, &real, err);
    if (!code)
        code = onnx_load(real, NULL, model, err);
    if (code)
        stream_name(&stream, path, err);
    stream_close(&stream);
    return code ? fail_path(err, path) : STATUS_OK;
}

/* In one folder, models of the same name have files of their own. */
static int name_in_folder(const char *path, const char *folder, char **file) {
    char *whole = realpath(path, NULL);
    const char *slash = strrchr(path, '/'), *place = whole ? whole : path;
    const struct digest digest = digest_make(place, strlen(place), 1, NULL, NULL);
    free(whole);
    return asprintf(file, "%s/%s-%08" PRIx32 ".limner-cache", folder, slash ? slash + 1 : path, (uint32_t)digest.a);
}

/* Where the packed weights of the model are stored; *file is NULL for nowhere, else the caller's to free(). */
static status cache_file(const char *path, const struct engine_options *options, char **file, struct error *err) {
    int length = 0;
    *file = NULL;
    if (options->cache_folder)
        length = name_in_folder(path, options->cache_folder, file);
    else if (options->cache)
        length = asprintf(file, "%s.limner-cache", path);
    if (length >= 0)
        return STATUS_OK;
    *file = NULL;
    return fail_memory(err, "the name of a file");
}

status engine_session(limner_model *model, const char *path, const struct engine_options *options, bool profile,
                      limner_session **session, struct error *err) {
    char *cache;
    if (cache_file(path, options, &cache, err))
        return err->code;
    const limner_options wanted = {.size = sizeof(limner_options),
                                   .threads = options->threads,
                                   .cpu = (limner_cpu)options->cpu,
                                   .exact = options->exact,
                                   .low_memory = options->low_memory,
                                   .profile = profile ? 1 : 0,
                                   .cache = cache,
                                   .image_decoder = decode_image};
    limner_error problem = {0};
    const limner_status code = limner_session_create(model, &wanted, session, &problem);
    free(cache);
    return engine_status(code, &problem, err);
}

void engine_say_cache_note(const limner_session *session) {
    if (limner_session_cache_note(session)[0])
        complain("note: %s; it is made anew", limner_session_cache_note(session));
}

void engine_say_note(const limner_session *session, const char *path) {
    if (limner_session_note(session)[0])
        complain("note: %s: %s", path, limner_session_note(session));
}

void engine_save_cache(limner_session *session) {
    limner_error problem;
    if (limner_session_save_cache(session, &problem))
        complain(ENGINE_CACHE_PROBLEM, problem.message);
}

status engine_open(struct engine *engine, const char *path, const struct engine_options *options, bool profile,
                   struct error *err) {
    *engine = (struct engine){.path = path};
    status code = engine_load(path, &engine->model, err);
    if (!code)
        code = engine_session(engine->model, path, options, profile, &engine->session, err);
    engine_say_cache_note(engine->session);
    return code ? fail_path(err, path) : STATUS_OK;
}

status engine_take(struct engine *engine, struct onnx_model *source, const char *path,
                   const struct engine_options *options, struct error *err) {
    static const struct program_options defaults;
    *engine = (struct engine){.path = path};
    status code = model_create(source, &defaults, &engine->model, err);
    if (!code)
        code = engine_session(engine->model, path, options, false, &engine->session, err);
    engine_say_cache_note(engine->session);
    return code ? fail_path(err, path) : STATUS_OK;
}

void engine_close(struct engine *engine) {
    limner_session_close(engine->session);
    limner_model_close(engine->model);
    *engine = (struct engine){.path = NULL};
}

limner_value engine_input(const struct engine *engine, size_t i) {
    limner_value value = {0};
    limner_model_input(engine->model, i, &value);
    return value;
}

limner_value engine_output(const struct engine *engine, size_t i) {
    limner_value value = {0};
    limner_model_output(engine->model, i, &value);
    return value;
}

typedef limner_value value_at(const struct engine *engine, size_t i);

static status find_value(const struct engine *engine, const char *what, value_at *at, size_t count, const char *name,
                         limner_value *value, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        *value = at(engine, i);
        if (strcmp(value->name, name) == 0)
            return STATUS_OK;
    }
    fail(err, STATUS_INVALID_ARGUMENT, "%s has no %s \"%s\"; it has", engine->path, what, name);
    for (size_t i = 0; i < count && i < 20; i++)
        error_append(err, "%s \"%s\"", i ? "," : "", at(engine, i).name);
    error_append(err, count > 20 ? ", ..." : count ? "" : " none");
    return err->code;
}

status engine_find_input(const struct engine *engine, const char *name, limner_value *value, struct error *err) {
    return find_value(engine, "input", engine_input, limner_model_input_count(engine->model), name, value, err);
}

status engine_find_output(const struct engine *engine, const char *name, limner_value *value, struct error *err) {
    return find_value(engine, "output", engine_output, limner_model_output_count(engine->model), name, value, err);
}

const char *engine_type_text(const limner_value *value, char text[TYPE_TEXT_BYTES]) {
    int used = snprintf(text, TYPE_TEXT_BYTES, "%s ", limner_type_name(value->type));
    if (value->rank <= 0)
        snprintf(text + used, TYPE_TEXT_BYTES - (size_t)used, value->rank ? "of any shape" : "scalar");
    for (int d = 0; d < value->rank && used < TYPE_TEXT_BYTES - 120; d++) {
        char *at = text + used;
        const size_t left = TYPE_TEXT_BYTES - (size_t)used;
        const char *before = d ? "," : "[", *after = d + 1 == value->rank ? "]" : "";
        if (value->dims[d] >= 0)
            used += snprintf(at, left, "%s%lld%s", before, (long long)value->dims[d], after);
        else
            used += snprintf(at, left, "%s%.80s%s", before, value->names[d] ? value->names[d] : "?", after);
    }
    return text;
}

/* ---- pictures ---- */

status engine_agree(struct engine *engine, const struct contract_request *request, struct pool *pool,
                    struct error *err) {
    const status code = contract_collect(request, engine->model->source, pool, &engine->contract, err);
    if (code)
        return fail_prefix(err, "%s", engine->path);
    return output_is_tanh(engine->model->source, 0, &engine->ends_in_tanh, err);
}

status engine_output_form(const struct engine *engine, const char *name, enum dtype dtype, struct picture_form *form,
                          struct error *err) {
    bool is_tanh = false;
    status code = STATUS_OK;
    for (size_t i = 0; !code && i < limner_model_output_count(engine->model); i++)
        if (strcmp(engine_output(engine, i).name, name) == 0)
            code = output_is_tanh(engine->model->source, i, &is_tanh, err);
    *form = contract_output_form(&engine->contract, dtype, is_tanh);
    return code;
}

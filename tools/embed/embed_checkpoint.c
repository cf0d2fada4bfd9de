#include "tools/embed/embed_checkpoint.h"

#include "onnx/save/save.h"
#include "tools/checkpoint/key_list.h"
#include "tools/convert/conversion.h"
#include "tools/embed/embed_error.h"
#include "tools/engine/save_model.h"
#include "tools/files/file.h"

#include <stddef.h>
#include <stdlib.h>

/* ---- keys ---- */

static status list_keys(const char *path, const char *key, bool verify, struct pool *pool, char **json,
                        struct error *err) {
    struct key_list *found = pool_alloc(pool, sizeof *found);
    size_t size = 0;
    if (!found)
        return fail_memory(err, "the keys");
    status code = key_list_read(found, path, key, verify, pool, err);
    FILE *stream = code ? NULL : open_memstream(json, &size);
    if (!code && !stream)
        code = fail_memory(err, "the keys");
    if (!code)
        key_list_json(found, stream);
    if (stream && fclose(stream))
        code = fail_memory(err, "the keys");
    checkpoint_close(found->checkpoint);
    return code;
}

limner_status embed_keys(const char *path, const char *key, int verify, char **json, limner_error *error) {
    struct error err;
    struct pool *pool = pool_create();
    *json = NULL;
    const status code = pool ? list_keys(path, key, verify != 0, pool, json, &err) : fail_memory(&err, "the keys");
    pool_destroy(pool);
    if (code) {
        free(*json);
        *json = NULL;
    }
    return embed_status(code, &err, error);
}

/* ---- conversions ---- */

struct convert_settings {
    struct conversion_request request;
};
static const struct convert_settings defaults;
static const char *const arguments[] = {NULL};
static const struct command_option options[] = {CONVERSION_OPTIONS(struct convert_settings), OPTIONS_END};
static const struct command command = {.name = "convert",
                                       .arguments = arguments,
                                       .options = options,
                                       .defaults = &defaults,
                                       .settings_size = sizeof defaults};

static status read_words(const struct embed_conversion *wanted, struct pool *pool, struct conversion_request *request,
                         struct error *err) {
    struct command_call call;
    const status code = arguments_parse_options(&command, wanted->word_count, wanted->words, pool, &call, err);
    if (code)
        return code;
    *request = ((const struct convert_settings *)call.settings)->request;
    request->checkpoint = wanted->checkpoint;
    return request->template ? STATUS_OK : fail(err, STATUS_INVALID_ARGUMENT, "--template is missing");
}

static status write_report(struct conversion *conversion, char **report, struct error *err) {
    size_t size = 0;
    FILE *stream = open_memstream(report, &size);
    if (!stream)
        return fail_memory(err, "the report");
    report_json(&conversion->plan, &conversion->report, stream);
    return fclose(stream) || conversion->plan.lost ? fail_memory(err, "the report") : STATUS_OK;
}

static status carry_out(struct conversion *conversion, const struct embed_conversion *wanted,
                        struct embed_converted *converted, struct error *err) {
    struct onnx_model model;
    const status code = conversion_pour(conversion, &model, err);
    if (code)
        return code;
    return wanted->output ? model_save(&model, wanted->output, wanted->external != 0, conversion->pool, err)
                          : onnx_save_memory(&model, &converted->model, &converted->bytes, err);
}

static status convert(const struct embed_conversion *wanted, struct conversion *conversion,
                      struct embed_converted *converted, struct error *err) {
    status code = wanted->output ? conversion_check_output(conversion, wanted->output, err) : STATUS_OK;
    if (!code)
        code = conversion_read(conversion, err);
    if (code)
        return code;
    const bool good = conversion->plan.problem_count == 0;
    conversion->report.output = good ? wanted->output : NULL;
    code = write_report(conversion, &converted->report, err);
    return code || !good ? code : carry_out(conversion, wanted, converted, err);
}

static status convert_in(struct pool *pool, const struct embed_conversion *wanted, struct embed_converted *converted,
                         struct error *err) {
    struct conversion_request request;
    struct conversion conversion = {.request = NULL};
    status code = pool ? read_words(wanted, pool, &request, err) : fail_memory(err, "the conversion");
    if (!code && wanted->output)
        code = staging_check(wanted->output, err);
    if (!code)
        code = conversion_open(&conversion, &request, pool, err);
    if (!code)
        code = convert(wanted, &conversion, converted, err);
    conversion_close(&conversion);
    return code;
}

limner_status embed_convert(const struct embed_conversion *wanted, struct embed_converted *converted,
                            limner_error *error) {
    const locale_t before = embed_plain_numbers();
    struct error err;
    struct pool *pool = pool_create();
    *converted = (struct embed_converted){.report = NULL};
    const status code = convert_in(pool, wanted, converted, &err);
    pool_destroy(pool);
    embed_restore(before);
    if (code) {
        free(converted->report);
        free(converted->model);
        *converted = (struct embed_converted){.report = NULL};
    }
    return embed_status(code, &err, error);
}

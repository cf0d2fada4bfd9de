#include "tools/contract/annotation.h"

#include "tools/contract/preset.h"

#include <string.h>

/* "mean" of "limner.mean", or NULL. */
static const char *word_of(const struct metadata *entry) {
    const size_t length = sizeof ANNOTATION_PREFIX - 1;
    return strncmp(entry->key, ANNOTATION_PREFIX, length) == 0 ? entry->key + length : NULL;
}

static status read_own(const struct onnx_model *model, struct pool *pool, struct contract *contract,
                       struct error *err) {
    for (int i = 0; i < model->metadata_count; i++) {
        const char *word = word_of(&model->metadata[i]);
        const status code =
            word ? contract_say(contract, word, model->metadata[i].value, SAID_MODEL, pool, err) : STATUS_OK;
        if (code)
            return fail_prefix(err, "the model's metadata %s", model->metadata[i].key);
    }
    return STATUS_OK;
}

/* What ONNX's own entries mean here, as words of contracts. */
static const struct {
    const char *key, *value, *word, *text;
} known[] = {{"Image.NominalPixelRange", "NominalRange_0_255", "range", "0,255"},
             {"Image.NominalPixelRange", "Normalized_0_1", "range", "0,1"},
             {"Image.NominalPixelRange", "Normalized_1_1", "range", "-1,1"},
             {"Image.NominalPixelRange", "NominalRange_16_235", "range", "16,235"},
             {"Image.BitmapPixelFormat", "Bgr8", "order", "bgr"},
             {"Image.BitmapPixelFormat", "Bgra8", "order", "bgr"},
             {"Image.BitmapPixelFormat", "Rgb8", "order", "rgb"},
             {"Image.BitmapPixelFormat", "Rgba8", "order", "rgb"}};

static status read_standard(const struct onnx_model *model, struct pool *pool, struct contract *contract,
                            struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; !code && i < model->metadata_count; i++)
        for (size_t k = 0; !code && k < sizeof known / sizeof known[0]; k++)
            if (strcmp(model->metadata[i].key, known[k].key) == 0 &&
                strcmp(model->metadata[i].value, known[k].value) == 0)
                code = contract_say(contract, known[k].word, known[k].text, SAID_MODEL, pool, err);
    return code;
}

status contract_collect(const struct contract_request *request, const struct onnx_model *model, struct pool *pool,
                        struct contract *contract, struct error *err) {
    struct contract preset = {.range.said.by = SAID_NOT}, own = preset, standard = preset;
    status code = STATUS_OK;
    if (request->preset)
        code = preset_read(request->preset, request->preset_folder, pool, &preset, err);
    if (!code)
        code = read_own(model, pool, &own, err);
    if (!code)
        code = read_standard(model, pool, &standard, err);
    *contract = request->said;
    const struct contract *const layers[] = {&preset, &own, &standard};
    for (int i = 0; !code && i < 3; i++)
        contract_lay_over(contract, layers[i]);
    return code;
}

status annotation_write(struct onnx_model *model, const struct contract *contract, struct error *err) {
    const size_t most = (size_t)model->metadata_count + (size_t)contract_field_count;
    struct metadata *entries = pool_array(model->pool, most, sizeof *entries);
    int count = 0;
    if (!entries)
        return fail_memory(err, "the model's metadata");
    for (int i = 0; i < model->metadata_count; i++)
        if (!word_of(&model->metadata[i]))
            entries[count++] = model->metadata[i];
    for (int i = 0; i < contract_field_count; i++) {
        const struct said *said = contract_said(contract, i);
        const bool repeats = said != &contract->range.said && said->text == contract->range.said.text;
        if (!said->by || repeats)
            continue;
        const char *key = pool_format(model->pool, ANNOTATION_PREFIX "%s", contract_fields[i].word);
        const char *value = pool_string(model->pool, said->text, strlen(said->text));
        if (!key || !value)
            return fail_memory(err, "the model's metadata");
        entries[count++] = (struct metadata){key, value};
    }
    model->metadata = entries;
    model->metadata_count = count;
    return STATUS_OK;
}

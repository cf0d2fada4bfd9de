#include "tools/contract/contract.h"

#include "tools/files/element.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROW(settings, member, type, word, value, set, help) \
    {word, set, offsetof(struct contract, member), sizeof(struct type)},
const struct contract_field contract_fields[] = {CONTRACT_FIELDS(ROW, )};
#undef ROW
const int contract_field_count = sizeof contract_fields / sizeof contract_fields[0];

static struct said *field_of(struct contract *contract, int i) {
    return (struct said *)(void *)((char *)contract + contract_fields[i].at);
}

const struct said *contract_said(const struct contract *contract, int i) {
    return (const struct said *)(const void *)((const char *)contract + contract_fields[i].at);
}

static int find_field(const char *word) {
    for (int i = 0; i < contract_field_count; i++)
        if (strcmp(contract_fields[i].word, word) == 0)
            return i;
    return -1;
}

static status unknown_word(const char *word, struct error *err) {
    fail(err, STATUS_INVALID_ARGUMENT, "'%s' is no word of contracts; there are", word);
    for (int i = 0; i < contract_field_count; i++)
        error_append(err, "%s %s", i ? "," : "", contract_fields[i].word);
    return err->code;
}

status contract_say(struct contract *contract, const char *word, const char *text, enum said_by by, struct pool *pool,
                    struct error *err) {
    const int i = find_field(word);
    if (i < 0)
        return unknown_word(word, err);
    struct said *said = field_of(contract, i);
    const char *copy = pool_string(pool, text, strlen(text));
    if (!copy)
        return fail_memory(err, "a contract");
    const status code = contract_fields[i].set(pool, said, copy, err);
    if (code)
        return fail_prefix(err, "%s", word);
    said->by = by;
    return STATUS_OK;
}

static void spread_range(struct contract *contract) {
    if (!contract->range.said.by)
        return;
    if (!contract->input_range.said.by)
        contract->input_range = contract->range;
    if (!contract->output_range.said.by)
        contract->output_range = contract->range;
}

void contract_lay_over(struct contract *contract, const struct contract *under) {
    struct contract below = *under;
    spread_range(contract);
    spread_range(&below);
    for (int i = 0; i < contract_field_count; i++)
        if (!field_of(contract, i)->by)
            memcpy(field_of(contract, i), field_of(&below, i), contract_fields[i].size);
}

const char *contract_speaker(const struct contract *contract, const void *field, char text[64]) {
    static const char *const forms[] = {"%s", "--%s", "the preset's %s", "the model's metadata limner.%s"};
    const size_t at = (size_t)((const char *)field - (const char *)contract);
    const char *word = "contract";
    enum said_by by = SAID_NOT;
    for (int i = 0; i < contract_field_count; i++)
        if (contract_fields[i].at == at) {
            word = contract_fields[i].word;
            by = contract_said(contract, i)->by;
        }
    snprintf(text, 64, forms[by], word);
    return text;
}

static const struct said *first_said(const struct said *const *said, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (said[i]->by)
            return said[i];
    return NULL;
}

const struct said *contract_beyond_plain(const struct contract *contract) {
    const struct said *const said[] = {&contract->fit.said,    &contract->size.said,          &contract->result.said,
                                       &contract->inputs.said, &contract->multiple.said,      &contract->curve.said,
                                       &contract->seed.said,   &contract->picture_output.said};
    const struct said *first = first_said(said, sizeof said / sizeof said[0]);
    return !first && contract->output_range.found ? &contract->output_range.said : first;
}

const struct said *contract_about_holes(const struct contract *contract) {
    const struct said *const said[] = {&contract->hole.said, &contract->mask_one.said, &contract->mask_range.said};
    return first_said(said, sizeof said / sizeof said[0]);
}

/* ---- forms ---- */

static bool is_integer(enum dtype dtype) {
    return dtype != DTYPE_UNDEFINED && !element_is_float(dtype) && dtype != DTYPE_BOOL;
}

static double number_of(const struct said_numbers *numbers, int channel, double otherwise) {
    return !numbers->said.by          ? otherwise
           : numbers->count > channel ? numbers->values[channel]
           : numbers->count == 1      ? numbers->values[0]
                                      : otherwise;
}

/* Black and white: as it is said; else bytes for integers, -1..1 behind a Tanh, 0..1. What a model's metadata say of
   floats is not for its integers. */
static void set_range(struct picture_form *form, const struct said_range *said, enum dtype dtype, bool ends_in_tanh) {
    const bool is_whole = is_integer(dtype);
    const bool counts = said->said.by && !(is_whole && said->said.by == SAID_MODEL && said->high - said->low <= 2);
    form->low = counts ? said->low : ends_in_tanh && !is_whole ? -1 : 0;
    form->high = counts ? said->high : is_whole ? 255 : 1;
}

static struct picture_form make_form(const struct contract *contract, const struct said_range *range,
                                     const struct said_numbers *mean, const struct said_numbers *deviation,
                                     enum dtype dtype, bool ends_in_tanh) {
    struct picture_form form = {.blue_first = contract->order.word == ORDER_BGR,
                                .channels_last = contract->layout.word == LAYOUT_NHWC,
                                .normalises = mean->said.by || deviation->said.by};
    set_range(&form, range, dtype, ends_in_tanh);
    for (int c = 0; c < FORM_CHANNELS; c++) {
        form.mean[c] = number_of(mean, c, 0);
        form.deviation[c] = number_of(deviation, c, 1);
    }
    return form;
}

/* Mean and deviation say how light goes in; a Tanh behind them says nothing about that. */
struct picture_form contract_input_form(const struct contract *contract, enum dtype dtype, bool ends_in_tanh) {
    const struct said_range *range = contract->input_range.said.by ? &contract->input_range : &contract->range;
    const bool normalises = contract->mean.said.by || contract->deviation.said.by;
    return make_form(contract, range, &contract->mean, &contract->deviation, dtype, ends_in_tanh && !normalises);
}

struct picture_form contract_output_form(const struct contract *contract, enum dtype dtype, bool ends_in_tanh) {
    const struct said_range *range = contract->output_range.said.by ? &contract->output_range : &contract->range;
    return make_form(contract, range, &contract->output_mean, &contract->output_deviation, dtype, ends_in_tanh);
}

void contract_mask_numbers(const struct contract *contract, enum dtype dtype, double *zero, double *one) {
    const struct said_range *range = &contract->mask_range;
    *zero = range->said.by ? range->low : 0;
    *one = range->said.by ? range->high : is_integer(dtype) ? 255 : 1;
}

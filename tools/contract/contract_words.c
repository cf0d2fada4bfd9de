/* The readers of contracts' words: text to fields. */
#include "tools/contract/contract.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WRONG(err, ...) fail(err, STATUS_INVALID_ARGUMENT, __VA_ARGS__)

static struct said say(const char *text) {
    return (struct said){SAID_OPTION, text};
}

/* ---- numbers ---- */

/* Up to `most` finite numbers with commas between them; how many, or 0 where it is something else. */
static int read_numbers(const char *text, int most, double *values) {
    for (int count = 0; count < most; text++) {
        char *end;
        if (isspace((unsigned char)*text))
            return 0;
        values[count] = strtod(text, &end);
        if (end == text || !isfinite(values[count]))
            return 0;
        count++;
        if (!*end)
            return count;
        if (*end != ',')
            return 0;
        text = end;
    }
    return 0;
}

static status read_range(void *field, const char *text, bool may_be_found, struct error *err) {
    struct said_range range = {.said = say(text)};
    double ends[2];
    range.found = may_be_found && strcmp(text, "found") == 0;
    if (!range.found && (read_numbers(text, 2, ends) != 2 || ends[0] >= ends[1] || !isfinite(ends[1] - ends[0])))
        return WRONG(err, "wants LOW,HIGH such as 0,1 or -1,1 or 0,255%s, not '%s'", may_be_found ? ", or found" : "",
                     text);
    range.low = range.found ? 0 : ends[0];
    range.high = range.found ? 1 : ends[1];
    *(struct said_range *)field = range;
    return STATUS_OK;
}

status set_contract_range(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    return read_range(field, text, false, err);
}

status set_contract_output_range(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    return read_range(field, text, true, err);
}

status set_contract_numbers(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    struct said_numbers numbers = {.said = say(text)};
    numbers.count = read_numbers(text, FORM_CHANNELS, numbers.values);
    if (!numbers.count || numbers.count == 2)
        return WRONG(err, "wants one number, or one for each channel, such as 0.485,0.456,0.406, not '%s'", text);
    *(struct said_numbers *)field = numbers;
    return STATUS_OK;
}

status set_contract_deviation(struct pool *pool, void *field, const char *text, struct error *err) {
    struct said_numbers numbers;
    const status code = set_contract_numbers(pool, &numbers, text, err);
    if (code)
        return code;
    for (int i = 0; i < numbers.count; i++)
        if (!(numbers.values[i] > 1e-30))
            return WRONG(err, "wants numbers above zero, not '%s'", text);
    *(struct said_numbers *)field = numbers;
    return STATUS_OK;
}

static bool read_count(const char **text, size_t *value) {
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    const unsigned long long number = strtoull(*text, &end, 10);
    *value = (size_t)number;
    *text = end;
    return number >= 1 && number <= 1000000;
}

/* "512x384", or "512" for both. */
status set_contract_size(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    struct said_size size = {.said = say(text)};
    const char *at = text;
    bool good = read_count(&at, &size.width);
    size.height = size.width;
    if (good && *at == 'x') {
        at++;
        good = read_count(&at, &size.height);
    }
    if (!good || *at)
        return WRONG(err, "wants a width and a height such as 512x384, not '%s'", text);
    *(struct said_size *)field = size;
    return STATUS_OK;
}

status set_contract_count(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    const char *at = text;
    size_t value;
    if (!read_count(&at, &value) || *at)
        return WRONG(err, "wants a whole number from 1 to 1000000, not '%s'", text);
    *(struct said_count *)field = (struct said_count){say(text), (int)value};
    return STATUS_OK;
}

/* ---- words ---- */

/* words ends with NULL, in the order of the enum. */
static status read_word(void *field, const char *text, const char *const *words, struct error *err) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *(struct said_word *)field = (struct said_word){say(text), i};
            return STATUS_OK;
        }
    WRONG(err, "wants");
    for (int i = 0; words[i]; i++)
        error_append(err, "%s %s", i == 0 ? "" : words[i + 1] ? "," : " or", words[i]);
    error_append(err, ", not '%s'", text);
    return err->code;
}

#define WORD_READER(name, ...)                                                                        \
    status set_contract_##name(struct pool *pool, void *field, const char *text, struct error *err) { \
        (void)pool;                                                                                   \
        static const char *const words[] = {__VA_ARGS__, NULL};                                       \
        return read_word(field, text, words, err);                                                    \
    }
WORD_READER(order, "rgb", "bgr")
WORD_READER(layout, "nchw", "nhwc")
WORD_READER(mask_one, "hole", "known")
WORD_READER(fit, "pad", "resize", "letterbox", "crop")
WORD_READER(result, "picture", "alpha")
WORD_READER(curve, "none", "sigmoid")

status set_contract_text(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    if (!*text)
        return WRONG(err, "needs a name");
    *(struct said_text *)field = (struct said_text){say(text)};
    return STATUS_OK;
}

status set_contract_hole(struct pool *pool, void *field, const char *text, struct error *err) {
    static const char *const words[] = {"white", "black", "gray", "mean", "zero", "noise", "keep"};
    (void)pool;
    struct said_hole hole = {.said = say(text), .kind = HOLE_LIGHT};
    for (int i = 0; i < HOLE_LIGHT; i++)
        if (strcmp(words[i], text) == 0)
            hole.kind = (enum hole_kind)i;
    if (hole.kind == HOLE_LIGHT && (read_numbers(text, 1, &hole.light) != 1 || hole.light < 0 || hole.light > 1))
        return WRONG(err, "wants white, black, gray, mean, zero, noise, keep or a number of 0 to 1, not '%s'", text);
    *(struct said_hole *)field = hole;
    return STATUS_OK;
}

/* ---- inputs ---- */

static bool add_planes(struct plane_group *group, const char *word, size_t length) {
    static const struct {
        const char *word;
        int count;
        enum input_plane planes[3];
    } words[] = {{"rgb", 3, {PLANE_RED, PLANE_GREEN, PLANE_BLUE}},
                 {"gray", 1, {PLANE_GRAY}},
                 {"mask", 1, {PLANE_MASK}},
                 {"ones", 1, {PLANE_ONES}},
                 {"zeros", 1, {PLANE_ZEROS}},
                 {"noise", 1, {PLANE_NOISE}},
                 {"alpha", 1, {PLANE_ALPHA}},
                 {"canny", 1, {PLANE_CANNY}},
                 {"edges", 1, {PLANE_EDGE}}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0) {
            if (group->count + words[i].count > MOST_PLANES)
                return false;
            memcpy(group->planes + group->count, words[i].planes, (size_t)words[i].count * sizeof words[i].planes[0]);
            group->count += words[i].count;
            return true;
        }
    return false;
}

static status wrong_inputs(const char *text, struct error *err) {
    return WRONG(err,
                 "wants rgb, gray, mask, ones, zeros, noise, alpha, canny, edges with commas between them, at most %d "
                 "channels, and / between at most %d inputs, not '%s'",
                 MOST_PLANES, MOST_INPUTS, text);
}

/* "photo=rgb,mask", without the name or with it; whole: the text that it is a part of. */
static status read_group(struct pool *pool, const char *text, size_t length, const char *whole,
                         struct plane_group *group, struct error *err) {
    const char *equals = memchr(text, '=', length), *end = text + length;
    *group = (struct plane_group){.name = NULL};
    if (equals == text)
        return wrong_inputs(whole, err);
    if (equals && !(group->name = pool_string(pool, text, (size_t)(equals - text))))
        return fail_memory(err, "a contract");
    for (text = equals ? equals + 1 : text;; text++) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma ? comma : end;
        if (!add_planes(group, text, (size_t)(stop - text)))
            return wrong_inputs(whole, err);
        if (!comma)
            return STATUS_OK;
        text = comma;
    }
}

status set_contract_inputs(struct pool *pool, void *field, const char *text, struct error *err) {
    struct said_inputs inputs = {.said = say(text)};
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, "/");
        if (inputs.count == MOST_INPUTS)
            return wrong_inputs(text, err);
        const status code = read_group(pool, at, length, text, &inputs.groups[inputs.count++], err);
        if (code)
            return code;
        at += length;
        if (!*at)
            break;
    }
    *(struct said_inputs *)field = inputs;
    return STATUS_OK;
}

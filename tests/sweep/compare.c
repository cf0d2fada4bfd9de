/* Runs a layer through the public interface and compares. */
#include "tests/sweep/compare.h"

#include "tests/support/builder.h"
#include "tests/sweep/network.h"
#include "tests/sweep/plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Some ten times the worst of several thousand layers at all levels: 3e-5 for convolutions, where InstanceNormalization
 * divides by a small deviation or a sum of few numbers is what is compared, 4e-6 for products.
 */
#define CONV_BOUND 3e-4
#define PRODUCT_BOUND 5e-5

double compare_bound(enum kind kind) {
    return kind == KIND_PRODUCT ? PRODUCT_BOUND : CONV_BOUND;
}

struct comparison {
    limner_model *model, *other; /* the other one is what exact results come from */
    const struct tensor *x, *other_x;
    limner_cpu cpu;
    compare_watch *watch;
    void *context;
    struct outcome *outcome;
};

__attribute__((format(printf, 2, 3))) static void *fault(struct outcome *outcome, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->message, sizeof outcome->message, format, arguments);
    va_end(arguments);
    outcome->failed = true;
    return NULL;
}

/* A copy of y, and its size; NULL and a message when something fails. */
static float *run_session(const struct comparison *c, limner_session *session, const struct tensor *x, size_t *bytes) {
    limner_error error;
    const limner_tensor input = as_input("x", x);
    limner_tensor y = {.name = "y"};
    if (limner_session_run(session, &input, 1, &y, 1, &error) != LIMNER_OK)
        return fault(c->outcome, "%s", error.message);
    float *copy = malloc(y.bytes + 1);
    if (!copy)
        return fault(c->outcome, "no memory for a copy of %zu bytes", y.bytes);
    *bytes = y.bytes;
    return memcpy(copy, y.data, y.bytes);
}

static float *run_once(const struct comparison *c, bool exact, int threads, size_t *bytes) {
    const limner_options options = {
        .size = sizeof(limner_options), .threads = threads, .cpu = c->cpu, .exact = exact, .plans = 1};
    limner_session *session = NULL;
    limner_error error;
    if (limner_session_create(exact ? c->other : c->model, &options, &session, &error) != LIMNER_OK)
        return fault(c->outcome, "%s", error.message);
    float *y = run_session(c, session, exact ? c->other_x : c->x, bytes);
    if (y && c->watch && !exact && threads == 1)
        c->watch(session, c->context);
    limner_session_close(session);
    return y;
}

static size_t worst_of(const float *actual, const float *expected, size_t count, double *range, double *difference) {
    size_t worst = 0;
    *range = LEAST_RANGE;
    *difference = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(actual[i]) || !isfinite(expected[i])) {
            if ((isnan(actual[i]) && isnan(expected[i])) || actual[i] == expected[i])
                continue;
            *difference = INFINITY;
            return i;
        }
        *range = fmax(*range, fabs((double)expected[i]));
        const double apart = fabs((double)actual[i] - (double)expected[i]);
        worst = apart > *difference ? i : worst;
        *difference = fmax(*difference, apart);
    }
    return worst;
}

static void compare_exact(const float *actual, const float *expected, size_t count, double bound,
                          struct outcome *outcome) {
    double range, difference;
    const size_t worst = worst_of(actual, expected, count, &range, &difference);
    outcome->error = difference / range;
    if (outcome->error > bound)
        fault(outcome, "element %zu of %zu is %.9g, exact %.9g: off by %.2g of the range %.3g (bound %.1g)", worst,
              count, (double)actual[worst], (double)expected[worst], outcome->error, range, bound);
}

static void compare_threads(const struct comparison *c, const float *expected, size_t expected_bytes) {
    for (int threads = 2; threads <= 3 && !c->outcome->failed; threads++) {
        size_t bytes = 0, at = 0;
        float *y = run_once(c, false, threads, &bytes);
        if (y && (bytes != expected_bytes || memcmp(y, expected, bytes) != 0)) {
            while (bytes == expected_bytes && memcmp(&y[at], &expected[at], sizeof *y) == 0)
                at++;
            fault(c->outcome, "other bits with %d threads: element %zu of %zu is %.9g, with one thread %.9g", threads,
                  at, bytes / sizeof *y, (double)y[at], (double)expected[at]);
        }
        free(y);
    }
}

/*
 * Some kinds have one set of loops, by default and exact; and what stays in channel blocks does so in both. Those are
 * compared with what runs without passes, and so is every other layer of other kinds; lines with pictures of one row.
 */
static bool is_beside_plain(const struct layer *layer) {
    return (layer->kind >= KIND_GROUPED && layer->kind <= KIND_BETWEEN) || layer->seed % 2;
}

/* The layer's model, and the other one; false and a message when something fails. */
static bool load_models(struct comparison *c, const struct layer *layer, const struct proto files[2]) {
    limner_error error;
    if (limner_model_load_memory(files[0].bytes, files[0].size, NULL, NULL, &c->model, &error) != LIMNER_OK)
        return fault(c->outcome, "%s", error.message);
    if (!layer->line && !is_beside_plain(layer))
        c->other = c->model;
    else if (!layer->line)
        c->other = plain_model(&files[0], &error);
    else if (limner_model_load_memory(files[1].bytes, files[1].size, NULL, NULL, &c->other, &error) != LIMNER_OK)
        return fault(c->outcome, "%s", error.message);
    return c->other || fault(c->outcome, "without passes: %s", error.message);
}

/* A line as a picture of one row. */
static struct layer picture_of(const struct layer *layer) {
    struct layer picture = *layer;
    picture.line = false;
    return picture;
}

struct outcome compare_layer(const struct layer *layer, limner_cpu cpu, bool threads, compare_watch *watch,
                             void *context) {
    struct outcome outcome = {0};
    const struct layer picture = picture_of(layer);
    struct proto files[2] = {network_file(layer)};
    struct tensor *x = network_input(layer), *other = network_input(&picture);
    struct comparison c = {
        .x = x, .other_x = other, .cpu = cpu, .watch = watch, .context = context, .outcome = &outcome};
    if (layer->line)
        files[1] = network_file(&picture);
    float *actual = NULL, *expected = NULL;
    size_t bytes = 0, expected_bytes = 0;
    if (load_models(&c, layer, files)) {
        actual = run_once(&c, false, 1, &bytes);
        expected = actual ? run_once(&c, true, 1, &expected_bytes) : NULL;
    }
    if (expected && bytes != expected_bytes)
        fault(&outcome, "%zu bytes, exact %zu", bytes, expected_bytes);
    else if (expected)
        compare_exact(actual, expected, bytes / sizeof *actual, compare_bound(layer->kind), &outcome);
    if (threads && actual && !outcome.failed)
        compare_threads(&c, actual, bytes);
    free(actual);
    free(expected);
    if (c.other != c.model)
        limner_model_close(c.other);
    limner_model_close(c.model);
    test_tensor_free(x);
    test_tensor_free(other);
    proto_free(&files[0]);
    proto_free(&files[1]);
    return outcome;
}

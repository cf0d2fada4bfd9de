/*
 * The functions of ops/kernels/math.h at every level that this processor runs: errors against double precision, the
 * same bits at each level with fused multiply-adds and at each place of an array. `test_math all` looks at all 2^32
 * arguments (make ulp), `test_math all 7` at one chunk of them in seven.
 */
#include "tests/support/support.h"

#include "base/fpu.h"
#include "ops/kernels/cpu.h"
#include "ops/kernels/math.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))
#define CHUNK 65536

/* ---- references ---- */

static double ref_relu(double x) {
    return x < 0 ? 0 : x;
}
static double ref_leaky(double x) {
    return x < 0 ? x * (double)0.01f : x;
}
static double ref_clip(double x) {
    return x < -0.5 ? -0.5 : x > 6 ? 6 : x;
}
static double ref_hard_sigmoid(double x) {
    const double y = 0.25 * x + 0.5;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}
static double ref_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double ref_swish(double x) {
    return x / (1 + exp(-x));
}
static double ref_gelu(double x) {
    return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}
static double ref_gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
static double ref_elu(double x) {
    return x < 0 ? 1.5 * expm1(x) : x;
}
static double ref_selu(double x) {
    return x < 0 ? 0.75 * (1.5 * expm1(x)) : 0.75 * x;
}
static double ref_softplus(double x) {
    return log1p(exp(-fabs(x))) + (x < 0 ? 0 : x);
}
static double ref_mish(double x) {
    return x * tanh(ref_softplus(x));
}

static double ref_celu(double x) {
    return x < 0 ? 1.5 * expm1(x / 1.5) : x;
}

/* What an error is measured in. */
enum unit {
    OF_RESULT,   /* units in the last place of the exact result */
    OF_ARGUMENT, /* units in the last place of the argument: where the result is a difference of parts of that size */
    OF_FACTOR /* of the result, or the argument times the smallest normal number: where a factor of it may be flushed */
};

static const struct function {
    const char *name;
    double (*reference)(double x);
    double bound;
    float alpha, beta;
    enum unit unit;
} functions[MATH_FUNCTIONS] = {
    [MATH_RELU] = {"relu", ref_relu, 0, 0, 0, OF_RESULT},
    [MATH_LEAKY_RELU] = {"leaky relu", ref_leaky, 0.5, 0.01f, 0, OF_RESULT},
    [MATH_CLIP] = {"clip", ref_clip, 0, -0.5f, 6, OF_RESULT},
    [MATH_HARD_SIGMOID] = {"hard sigmoid", ref_hard_sigmoid, 0.5, 0.25f, 0.5f, OF_RESULT},
    [MATH_EXP] = {"exp", exp, 1.2, 0, 0, OF_RESULT},
    [MATH_LOG] = {"log", log, 0.95, 0, 0, OF_RESULT},
    [MATH_TANH] = {"tanh", tanh, 2.5, 0, 0, OF_RESULT},
    [MATH_SIGMOID] = {"sigmoid", ref_sigmoid, 2.5, 0, 0, OF_RESULT},
    [MATH_SWISH] = {"swish", ref_swish, 3.4, 1, 0, OF_FACTOR},
    [MATH_ERF] = {"erf", erf, 2, 0, 0, OF_RESULT},
    [MATH_GELU] = {"gelu", ref_gelu, 1.7, 0, 0, OF_ARGUMENT},
    [MATH_GELU_TANH] = {"gelu by tanh", ref_gelu_tanh, 2.1, 0, 0, OF_ARGUMENT},
    [MATH_ELU] = {"elu", ref_elu, 1.5, 1.5f, 0, OF_RESULT},
    [MATH_SELU] = {"selu", ref_selu, 1.9, 1.5f, 0.75f, OF_RESULT},
    [MATH_SOFTPLUS] = {"softplus", ref_softplus, 2, 0, 0, OF_RESULT},
    [MATH_MISH] = {"mish", ref_mish, 4.7, 0, 0, OF_FACTOR},
    [MATH_CELU] = {"celu", ref_celu, 2, 1.5f, 0, OF_RESULT},
    [MATH_SIN] = {"sin", sin, 1.7, 0, 0, OF_RESULT},
    [MATH_COS] = {"cos", cos, 1.7, 0, 0, OF_RESULT},
    [MATH_ASIN] = {"asin", asin, 2, 0, 0, OF_RESULT},
    [MATH_ACOS] = {"acos", acos, 1.2, 0, 0, OF_RESULT},
    [MATH_ATAN] = {"atan", atan, 1.5, 0, 0, OF_RESULT},
    [MATH_ROUND] = {"round", rint, 0, 0, 0, OF_RESULT},
};

/* ---- errors ---- */

static double unit_in_last_place(double x) {
    const uint64_t exponent_mask = 0x7ffull << 52;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits & exponent_mask) - (23ull << 52); /* the power of two below |x|, by 2^-23 */
    double unit;
    memcpy(&unit, &bits, sizeof unit);
    return fabs(x) < (double)FLT_MIN ? 0x1p-149 : fabs(x) > (double)FLT_MAX ? 0x1p104 : unit;
}

/* Infinity stands for the number after the largest one. */
static double number(double x) {
    return x > 0x1p128 ? 0x1p128 : x < -0x1p128 ? -0x1p128 : x;
}

/* How far the result is off, in the function's units; infinity where only one of the two is NaN. */
static double error_of(const struct function *function, float x, float y, bool flushed) {
    const float argument = flushed && fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
    const double exact = number(function->reference((double)argument)), result = number((double)y);
    if (isnan(exact) || isnan(result))
        return isnan(exact) && isnan(result) ? 0 : (double)INFINITY;
    const double distance = fabs(result - exact);
    if (flushed && distance <= (double)FLT_MIN * fmax(1, (double)function->alpha))
        return 0;
    if (function->unit == OF_FACTOR && distance <= (double)FLT_MIN * fabs((double)x))
        return 0;
    return distance / unit_in_last_place(function->unit == OF_ARGUMENT ? (double)x : exact);
}

/* Which NaN it is does not count, nor whether a number that may be flushed was. */
static bool same(float a, float b, bool flushed) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)) ||
           (flushed && fabsf(a) < FLT_MIN && fabsf(b) < FLT_MIN);
}

struct worst {
    double error;
    float x, y;
};

/* One chunk at every level; the largest error goes to `worst` where it is larger. The levels with fused multiply-adds
   have the same bits. */
static void look(enum math_function which, const float *x, size_t count, bool flushed, struct worst *worst) {
    const struct function *function = &functions[which];
    static _Thread_local float results[2][CHUNK];
    for (int level = CPU_PORTABLE; level <= (int)cpu_best(); level++) {
        float *y = results[level > CPU_AVX2];
        const unsigned mode = flushed ? fpu_enter() : 0;
        kernels_get((enum cpu_level)level)->math->map[which](x, y, count, function->alpha, function->beta);
        if (flushed)
            fpu_leave(mode);
        for (size_t i = 0; level > CPU_AVX2 && i < count; i++)
            if (!same(y[i], results[0][i], flushed))
                *worst = (struct worst){(double)INFINITY, x[i], y[i]};
        for (size_t i = 0; level <= CPU_AVX2 && i < count; i++) {
            const double error = error_of(function, x[i], y[i], flushed);
            if (!(error <= worst->error))
                *worst = (struct worst){error, x[i], y[i]};
        }
    }
}

static void check_bound(enum math_function which, const struct worst *worst) {
    const struct function *function = &functions[which];
    if (isinf(worst->error))
        fail_msg("%s(%.9g) = %.9g: another level differs, or NaN does not give NaN", function->name, (double)worst->x,
                 (double)worst->y);
    if (!(worst->error <= function->bound))
        fail_msg("%s(%.9g) = %.9g is off by %.3f units in the last place, at most %.2f expected (seed %llu)",
                 function->name, (double)worst->x, (double)worst->y, worst->error, function->bound,
                 (unsigned long long)test_seed());
}

/* ---- tests ---- */

/* Any bits, half of them with an exponent between 2^-32 and 2^32, where most of these functions happen. */
static void fill_samples(float *x, size_t count, struct random *random) {
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = random_next(random);
        const uint32_t exponent = bits & 1 ? (uint32_t)(bits >> 32) % 256 : 95 + (uint32_t)(bits >> 32) % 64;
        const uint32_t number = (uint32_t)(bits & 0x80000000u) | exponent << 23 | ((uint32_t)bits & 0x7fffffu);
        memcpy(&x[i], &number, sizeof number);
    }
}

static void check_samples(bool flushed) {
    static float x[CHUNK];
    const int chunks = test_cases(20);
    for (enum math_function which = MATH_NONE + 1; which < MATH_FUNCTIONS; which++) {
        struct random random = random_from(test_seed() + which);
        struct worst worst = {0};
        for (int chunk = 0; chunk < chunks; chunk++) {
            fill_samples(x, CHUNK, &random);
            look(which, x, CHUNK, flushed, &worst);
        }
        check_bound(which, &worst);
    }
}

static void test_samples(void **state) {
    (void)state;
    check_samples(false);
}

static void test_samples_flushed(void **state) {
    (void)state;
    check_samples(true);
}

/* Numbers at which something happens, each with a thousand neighbours on both sides. */
static void test_edges(void **state) {
    static const float edges[] = {0,       FLT_MIN,     1e-20f,      1e-6f,       0x1p-24f,    0.346573591f,
                                  0.5f,    0.625f,      1,           1.03972077f, 2,           4,
                                  3.9192f, 9.01091385f, 16.63553f,   30,          40,          87.3365479f,
                                  88,      88.3762f,    88.7228394f, 89,          103.972084f, 104,
                                  0x1p22f, 0x1p31f,     1e30f,       FLT_MAX,     INFINITY};
    static float x[COUNT(edges) * 4002];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++)
        for (int step = -1000; step <= 1000; step++) {
            uint32_t bits;
            memcpy(&bits, &edges[i], sizeof bits);
            bits += (uint32_t)step;
            for (int sign = 0; sign < 2; sign++, bits ^= 0x80000000u)
                memcpy(&x[count++], &bits, sizeof bits);
        }
    for (enum math_function which = MATH_NONE + 1; which < MATH_FUNCTIONS; which++)
        for (int flushed = 0; flushed < 2; flushed++) {
            struct worst worst = {0};
            for (size_t i = 0; i < count; i += CHUNK)
                look(which, x + i, count - i < CHUNK ? count - i : CHUNK, flushed, &worst);
            check_bound(which, &worst);
        }
}

/* Values that are exact, with the sign of zero. */
static void test_special_values(void **state) {
    static const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY};
    static const struct {
        enum math_function which;
        float y[COUNT(x)];
    } cases[] = {
        {MATH_RELU, {0.0f, -0.0f, INFINITY, 0}},
        {MATH_LEAKY_RELU, {0.0f, -0.0f, INFINITY, -INFINITY}},
        {MATH_CLIP, {0.0f, -0.0f, 6, -0.5f}},
        {MATH_HARD_SIGMOID, {0.5f, 0.5f, 1, 0}},
        {MATH_EXP, {1, 1, INFINITY, 0}},
        {MATH_LOG, {-INFINITY, -INFINITY, INFINITY, NAN}},
        {MATH_TANH, {0.0f, -0.0f, 1, -1}},
        {MATH_SIGMOID, {0.5f, 0.5f, 1, 0}},
        {MATH_SWISH, {0.0f, -0.0f, INFINITY, NAN}},
        {MATH_ERF, {0.0f, -0.0f, 1, -1}},
        {MATH_GELU, {0.0f, -0.0f, INFINITY, NAN}},
        {MATH_GELU_TANH, {0.0f, -0.0f, INFINITY, NAN}},
        {MATH_ELU, {0.0f, -0.0f, INFINITY, -1.5f}},
        {MATH_SELU, {0.0f, -0.0f, INFINITY, -1.125f}},
        {MATH_SOFTPLUS, {0.693147181f, 0.693147181f, INFINITY, 0}},
        {MATH_MISH, {0.0f, -0.0f, INFINITY, NAN}},
        {MATH_CELU, {0.0f, -0.0f, INFINITY, -1.5f}},
        {MATH_SIN, {0.0f, -0.0f, NAN, NAN}},
        {MATH_COS, {1, 1, NAN, NAN}},
        {MATH_ASIN, {0.0f, -0.0f, NAN, NAN}},
        {MATH_ACOS, {1.57079633f, 1.57079633f, NAN, NAN}},
        {MATH_ATAN, {0.0f, -0.0f, 1.57079633f, -1.57079633f}},
        {MATH_ROUND, {0.0f, -0.0f, INFINITY, -INFINITY}},
    };
    (void)state;
    assert_int_equal(COUNT(cases), MATH_FUNCTIONS - 1);
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int level = CPU_PORTABLE; level <= (int)cpu_best(); level++) {
            const struct function *function = &functions[cases[i].which];
            float y[COUNT(x)];
            kernels_get((enum cpu_level)level)
                ->math->map[cases[i].which](x, y, COUNT(x), function->alpha, function->beta);
            for (size_t k = 0; k < COUNT(x); k++)
                if (isnan(cases[i].y[k]) ? !isnan(y[k]) : memcmp(&y[k], &cases[i].y[k], sizeof y[k]) != 0)
                    fail_msg("%s(%g) = %.9g, expected %.9g", function->name, (double)x[k], (double)y[k],
                             (double)cases[i].y[k]);
        }
}

/* Every length and alignment, in place and not: one element's bits do not depend on its neighbours, and nothing beyond
 * the end is written. */
static void test_places(void **state) {
    enum { LONGEST = 70 };
    struct random random = random_from(test_seed());
    (void)state;
    for (enum math_function which = MATH_NONE + 1; which < MATH_FUNCTIONS; which++)
        for (int level = CPU_PORTABLE; level <= (int)cpu_best(); level++)
            for (size_t count = 0; count <= LONGEST; count++) {
                const struct function *function = &functions[which];
                math_map *const map = kernels_get((enum cpu_level)level)->math->map[which];
                const size_t at = (size_t)random_int(&random, 0, 15);
                float in[LONGEST + 17], out[LONGEST + 17], single[LONGEST];
                for (size_t i = 0; i < COUNT(in); i++)
                    in[i] = out[i] = 5 * random_float(&random);
                for (size_t i = 0; i < count; i++)
                    map(&in[at + i], &single[i], 1, function->alpha, function->beta);
                map(in + at, out + at, count, function->alpha, function->beta);
                assert_memory_equal(out + at, single, count * sizeof *out);
                out[at + count] = in[at + count];
                const float after = in[at + count];
                map(in + at, in + at, count, function->alpha, function->beta);
                assert_memory_equal(in + at, single, count * sizeof *in);
                assert_memory_equal(&in[at + count], &after, sizeof after);
            }
}

/* ---- all arguments ---- */

/* One chunk in `every`. */
static struct worst worst_of_all(enum math_function which, uint32_t every) {
    struct worst worst = {0};
#pragma omp parallel
    {
        float *x = malloc(CHUNK * sizeof *x);
        struct worst own = {0};
#pragma omp for schedule(dynamic, 64)
        for (uint32_t chunk = 0; chunk < 1u << 16; chunk += every) {
            for (uint32_t i = 0; x && i < CHUNK; i++) {
                const uint32_t bits = chunk << 16 | i;
                memcpy(&x[i], &bits, sizeof bits);
            }
            look(which, x, x ? CHUNK : 0, false, &own);
        }
#pragma omp critical
        if (!x || own.error > worst.error)
            worst = x ? own : (struct worst){.error = (double)INFINITY};
        free(x);
    }
    return worst;
}

static int look_at_all(uint32_t every) {
    bool is_within = true;
    printf("%-12s %8s %8s   largest error at\n", "function", "error", "bound");
    for (enum math_function which = MATH_NONE + 1; which < MATH_FUNCTIONS; which++) {
        const struct worst worst = worst_of_all(which, every);
        is_within = is_within && worst.error <= functions[which].bound;
        printf("%-12s %8.3f %8.2f   %.9g -> %.9g%s\n", functions[which].name, worst.error, functions[which].bound,
               (double)worst.x, (double)worst.y, worst.error <= functions[which].bound ? "" : "   ABOVE THE BOUND");
        fflush(stdout);
    }
    return is_within ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),        cmocka_unit_test(test_samples_flushed), cmocka_unit_test(test_edges),
        cmocka_unit_test(test_special_values), cmocka_unit_test(test_places),
    };
    if (argc >= 2 && strcmp(argv[1], "all") == 0)
        return look_at_all(argc > 2 ? (uint32_t)atoi(argv[2]) : 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

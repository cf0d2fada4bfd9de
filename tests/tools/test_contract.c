/* tools/contract: words, who goes before whom, numbers; and noise. */
#include "tests/support/support.h"

#include "tools/contract/annotation.h"
#include "tools/inpaint/noise.h"

#include <math.h>
#include <string.h>

static const struct contract nothing;

static status say(struct contract *contract, const char *word, const char *text, struct pool *pool) {
    struct error err;
    return contract_say(contract, word, text, SAID_OPTION, pool, &err);
}

static const struct {
    const char *word, *text;
    bool good;
} said[] = {
    {"range", "0,1", true},
    {"range", "-1.5e0,+2", true},
    {"range", "1,1", false},
    {"range", "0", false},
    {"range", "0,1,2", false},
    {"range", "0, 1", false},
    {"range", "nan,1", false},
    {"range", "0,inf", false},
    {"range", "-1e308,1e308", false},
    {"range", "found", false},
    {"output-range", "found", true},
    {"input-range", "found", false},
    {"mean", "0.5", true},
    {"mean", "1,2,3", true},
    {"mean", "1,2,3,4", true},
    {"mean", "1,2", false},
    {"mean", "1,2,3,4,5", false},
    {"mean", "", false},
    {"mean", "1,,2", false},
    {"deviation", "0", false},
    {"deviation", "-1", false},
    {"deviation", "1,1,0", false},
    {"deviation", "0.225", true},
    {"size", "512", true},
    {"size", "512x384", true},
    {"size", "0x3", false},
    {"size", "3x", false},
    {"size", "x3", false},
    {"size", "99999999999999999999x1", false},
    {"multiple", "8", true},
    {"multiple", "0", false},
    {"multiple", "8 ", false},
    {"order", "bgr", true},
    {"order", "RGB", false},
    {"hole", "mean", true},
    {"hole", "0.5", true},
    {"hole", "1.5", false},
    {"hole", "", false},
    {"inputs", "rgb,mask", true},
    {"inputs", "a=rgb/b=mask/noise", true},
    {"inputs", "rgb,", false},
    {"inputs", "/", false},
    {"inputs", "=rgb", false},
    {"inputs", "rgb/rgb/rgb/rgb/rgb", false},
    {"inputs", "rgb,rgb,rgb", false},
    {"fit", "letterbox", true},
    {"fit", "stretch", false},
    {"picture-output", "", false},
    {"about", "x", false},
    {"", "x", false},
};

static void words_are_read_or_refused(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct contract contract = nothing;
        if ((say(&contract, said[i].word, said[i].text, pool) == STATUS_OK) != said[i].good)
            fail_msg("%s %s", said[i].word, said[i].text);
    }
    pool_destroy(pool);
}

/* Every field survives being said again in its own words, and nothing that is refused changes one. */
static void words_of_every_field(void **state) {
    (void)state;
    static const char *const texts[] = {"0,1",    "0.5", "bgr",   "nhwc",    "rgb,mask", "known", "zero",
                                        "resize", "8",   "alpha", "sigmoid", "last",     "none"};
    struct pool *pool = pool_create();
    for (int i = 0; i < contract_field_count; i++) {
        int taken = 0;
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            struct contract contract = nothing;
            if (say(&contract, contract_fields[i].word, texts[k], pool)) {
                assert_memory_equal(&contract, &nothing, sizeof contract);
                continue;
            }
            assert_string_equal(contract_said(&contract, i)->text, texts[k]);
            char text[64];
            assert_non_null(
                strstr(contract_speaker(&contract, contract_said(&contract, i), text), contract_fields[i].word));
            taken++;
        }
        assert_true(taken > 0);
    }
    pool_destroy(pool);
}

static void upper_layers_go_before_lower_ones(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct contract upper = nothing, lower = nothing;
    assert_int_equal(say(&upper, "range", "-1,1", pool), STATUS_OK);
    assert_int_equal(say(&lower, "input-range", "0,255", pool), STATUS_OK);
    assert_int_equal(say(&lower, "order", "bgr", pool), STATUS_OK);
    contract_lay_over(&upper, &lower);
    assert_true(upper.input_range.low == -1 && upper.output_range.low == -1 && upper.order.word == ORDER_BGR);
    upper = nothing;
    lower = nothing;
    assert_int_equal(say(&upper, "output-range", "0,255", pool), STATUS_OK);
    assert_int_equal(say(&lower, "range", "-1,1", pool), STATUS_OK);
    contract_lay_over(&upper, &lower);
    assert_true(upper.input_range.low == -1 && upper.output_range.high == 255);
    pool_destroy(pool);
}

static void numbers_go_there_and_back(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct random random = random_from(test_seed());
    struct contract contract = nothing;
    assert_int_equal(say(&contract, "range", "0,255", pool), STATUS_OK);
    assert_int_equal(say(&contract, "mean", "104,117,123", pool), STATUS_OK);
    assert_int_equal(say(&contract, "deviation", "2", pool), STATUS_OK);
    assert_int_equal(say(&contract, "order", "bgr", pool), STATUS_OK);
    const struct picture_form form = contract_input_form(&contract, DTYPE_FLOAT, true);
    assert_int_equal(form_colour(&form, 0), 2);
    assert_int_equal(form_colour(&form, 3), 3);
    assert_true(fabs(form_number(&form, 1, 1) - (255 - 117) / 2.0) < 1e-12);
    for (int i = 0; i < 100; i++) {
        const double light = (double)random_float(&random);
        for (int c = 0; c < 3; c++)
            assert_true(fabs(form_light(&form, c, form_number(&form, c, light)) - light) < 1e-12);
    }
    /* a Tanh says nothing about normalised inputs, and nothing about integers */
    contract = nothing;
    assert_true(contract_output_form(&contract, DTYPE_FLOAT, true).low == -1);
    assert_true(contract_output_form(&contract, DTYPE_UINT8, true).high == 255);
    assert_int_equal(say(&contract, "mean", "0.5", pool), STATUS_OK);
    assert_true(contract_input_form(&contract, DTYPE_FLOAT, true).low == 0);
    pool_destroy(pool);
}

static void noise_is_even_and_repeats(void **state) {
    (void)state;
    double sum = 0, squares = 0, normal = 0, normal_squares = 0;
    enum { COUNT = 100000 };
    for (size_t i = 0; i < COUNT; i++) {
        const double u = noise_uniform(3, i), n = noise_normal(3, i);
        assert_true(u >= 0 && u < 1 && isfinite(n) && u == noise_uniform(3, i) && n == noise_normal(3, i));
        sum += u;
        squares += u * u;
        normal += n;
        normal_squares += n * n;
    }
    assert_true(fabs(sum / COUNT - 0.5) < 0.01 && fabs(squares / COUNT - 1 / 3.0) < 0.01);
    assert_true(fabs(normal / COUNT) < 0.02 && fabs(normal_squares / COUNT - 1) < 0.02);
    assert_true(noise_uniform(3, 1) != noise_uniform(4, 1) && noise_uniform(0, 0) != noise_uniform(1, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read_or_refused),         cmocka_unit_test(words_of_every_field),
        cmocka_unit_test(upper_layers_go_before_lower_ones), cmocka_unit_test(numbers_go_there_and_back),
        cmocka_unit_test(noise_is_even_and_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Messages: cut where they are too long, prefixed, free of control characters. */
#include "tests/support/support.h"

#include "base/status.h"

#include <string.h>

static void test_prefix(void **unused) {
    (void)unused;
    struct error err;
    assert_int_equal(fail(&err, STATUS_SHAPE, "input %d is %s", 1, "[2]"), STATUS_SHAPE);
    assert_int_equal(fail_prefix(&err, "Conv \"%s\"", "enc.0"), STATUS_SHAPE);
    error_append(&err, ", expected %d", 3);
    assert_string_equal(err.message, "Conv \"enc.0\": input 1 is [2], expected 3");
}

static void test_overlong(void **unused) {
    (void)unused;
    static char text[2 * ERROR_MESSAGE_BYTES];
    struct error err;
    memset(text, 'x', sizeof text - 1);
    fail(&err, STATUS_LIMIT, "%s", text);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 1);
    assert_string_equal(err.message + ERROR_MESSAGE_BYTES - 4, "...");
    fail_prefix(&err, "place");
    assert_memory_equal(err.message, "place: xxx", 10);
    assert_string_equal(err.message + strlen(err.message) - 3, "...");
    error_append(&err, "%s", text);
    assert_true(strlen(err.message) < ERROR_MESSAGE_BYTES);
}

static void test_controls(void **unused) {
    (void)unused;
    struct error err;
    fail(&err, STATUS_IO, "a%sb", "\033[31m\r\x7f\nlimner: ");
    assert_string_equal(err.message, "a?[31m???limner: b");
    error_append(&err, "\n  c%s", "\n");
    fail_prefix(&err, "n%s", "\a\n");
    error_append(&err, "%s", "\n\t");
    assert_string_equal(err.message, "n??: a?[31m???limner: b\n  c???");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prefix), cmocka_unit_test(test_overlong),
                                       cmocka_unit_test(test_controls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

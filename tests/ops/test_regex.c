/* Regular expressions beside what RE2 answers (written down from it), and patterns made to be slow. */
#include "tests/support/support.h"

#include "ops/text/regex.h"
#include "ops/text/regex_match.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct compiled {
    struct pool *pool;
    struct regex *regex;
    void *workspace;
};

static status compile(const char *pattern, struct compiled *c, struct error *err) {
    c->pool = pool_create();
    assert_non_null(c->pool);
    const status code = regex_compile(pattern, strlen(pattern), c->pool, &c->regex, err);
    c->workspace = code == STATUS_OK ? malloc(regex_workspace(c->regex)) : NULL;
    return code;
}

static void drop(struct compiled *c) {
    free(c->workspace);
    pool_destroy(c->pool);
}

static void whole_texts_match(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        const char *matching, *other; /* texts, ended by '|' each */
    } cases[] = {
        {"a*", "|a|aaa|", "b|ab|"},
        {"(a|b)*c", "c|abac|", "ab|cc|"},
        {"a{2,3}", "aa|aaa|", "a|aaaa|"},
        {"a{,2}", "a{,2}|", "a|aa||"},
        {"[^a-c\\d]+", "x-y|", "a|x1|"},
        {"(?i)abc[d-f]", "ABCd|abcF|", "ABCg|"},
        {"(?i:a)B", "aB|AB|", "ab|"},
        {"[[:alpha:]_]+", "a_B|", "a1||"},
        {"[]a-]+", "]-a|", "b|"},
        {"\\w+@\\w+\\.(com|net)", "me@here.com|", "me@here.org|@here.com|"},
        {"a.c",
         "abc|a\xc3\xa4"
         "c|",
         "a\nc|ac|a\xff"
         "c|"},
        {"(?s)a.c", "a\nc|", "ac|"},
        {"\\bab\\b", "ab|", "aab|"},
        {"(?m)a$\n^b", "a\nb|", "ab|"},
        {"\\x41\\x{e4}", "A\xc3\xa4|", "a\xc3\xa4|"},
        {"\\Qa.b\\E+", "a.b|a.bb|", "axb|"},
        {"(|a)+", "|a|aa|", "b|"},
        {"(?P<name>x)+?", "x|xx|", "|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c;
        struct error err = {STATUS_OK, ""};
        if (compile(cases[i].pattern, &c, &err) != STATUS_OK)
            fail_msg("%s: %s", cases[i].pattern, err.message);
        for (int side = 0; side < 2; side++)
            for (const char *text = side ? cases[i].other : cases[i].matching, *end; (end = strchr(text, '|'));
                 text = end + 1)
                if (regex_match(c.regex, text, (size_t)(end - text), c.workspace) != !side)
                    fail_msg("%s: %.*s", cases[i].pattern, (int)(end - text), text);
        drop(&c);
    }
}

static void bad_patterns_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        status code;
        const char *message;
    } cases[] = {
        {"(a", STATUS_INVALID_MODEL, "a group is not ended"},
        {"a)", STATUS_INVALID_MODEL, "a group ends that did not begin"},
        {"a**", STATUS_INVALID_MODEL, "a repetition of a repetition"},
        {"*a", STATUS_INVALID_MODEL, "nothing to repeat"},
        {"[b-a]", STATUS_INVALID_MODEL, "a range ends before it begins"},
        {"[a", STATUS_INVALID_MODEL, "it ends too early"},
        {"[[:foo:]]", STATUS_INVALID_MODEL, "no such class"},
        {"\\1", STATUS_INVALID_MODEL, "no such escape"},
        {"(?=a)", STATUS_INVALID_MODEL, "no such group"},
        {"\\", STATUS_INVALID_MODEL, "it ends in a backslash"},
        {"a{1001}", STATUS_INVALID_MODEL, "no such number of repetitions"},
        {"\xff", STATUS_INVALID_MODEL, "it is no UTF-8"},
        {"\\pL", STATUS_UNSUPPORTED, "a class of Unicode"},
        {"((a{1000}){1000}){1000}", STATUS_LIMIT, "more than 10000 states"},
        {"((((){1000}){1000}){1000}){1000}", STATUS_LIMIT, "more than 10000 states"},
        {"([aceg]{1000}|[bdfh]{1000}){1000}", STATUS_LIMIT, "more than 10000 states"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c;
        struct error err = {STATUS_OK, ""};
        const status code = compile(cases[i].pattern, &c, &err);
        if (code != cases[i].code || !strstr(err.message, cases[i].message))
            fail_msg("%s: %d \"%s\"", cases[i].pattern, (int)code, err.message);
        drop(&c);
    }
}

/* Groups as deep as a stranger likes. */
static void deep_groups_are_refused(void **state) {
    (void)state;
    char pattern[60000];
    struct compiled c;
    struct error err;
    memset(pattern, '(', sizeof pattern);
    pattern[sizeof pattern - 1] = 0;
    assert_int_equal(compile(pattern, &c, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.message, "groups within each other"));
    drop(&c);
}

/* What takes a backtracking matcher the age of the world. */
static void hostile_patterns_take_no_time(void **state) {
    (void)state;
    static const char *const patterns[] = {"(a*)*b", "(a|a)*b", "(a|aa)+b", "((a+)+)+b", "(a?){30}a{30}b"};
    char text[5001];
    memset(text, 'a', sizeof text);
    text[5000] = 0;
    const clock_t start = clock();
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct compiled c;
        struct error err;
        assert_int_equal(compile(patterns[i], &c, &err), STATUS_OK);
        assert_false(regex_match(c.regex, text, 5000, c.workspace));
        drop(&c);
    }
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts_match),
        cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(deep_groups_are_refused),
        cmocka_unit_test(hostile_patterns_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
    c->workspace = code == STATUS_OK ? malloc(regex_find_workspace(c->regex)) : NULL;
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

/* The first place from which a part matches whole, and the longest such part: each is tried. */
static bool find_slowly(const struct compiled *c, const char *text, size_t length, size_t from, size_t *begin,
                        size_t *end) {
    for (*begin = from; *begin <= length; ++*begin)
        for (*end = length + 1; (*end)-- > *begin;)
            if (regex_match(c->regex, text + *begin, *end - *begin, c->workspace))
                return true;
    return false;
}

/* A random pattern of letters, sets, alternatives and repetitions. */
static void make_pattern(struct random *random, char *pattern) {
    static const char *const pieces[] = {"a", "b", "[ab]", "(a|ab)", "(b|bb|ab)", "c", ".", "(ab|c)", "[^a]"};
    static const char *const times[] = {"", "", "", "*", "+", "?", "{2}", "*?"};
    pattern[0] = 0;
    for (int i = random_int(random, 1, 4); i > 0; i--) {
        strcat(pattern, pieces[random_int(random, 0, 8)]);
        strcat(pattern, times[random_int(random, 0, 7)]);
        if (i > 1 && random_int(random, 0, 4) == 0)
            strcat(pattern, "|");
    }
}

static void finds_the_first_and_longest(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(400); round++) {
        char pattern[64], text[24];
        struct compiled c;
        struct error err;
        make_pattern(&random, pattern);
        assert_int_equal(compile(pattern, &c, &err), STATUS_OK);
        const int length = random_int(&random, 0, 20);
        for (int i = 0; i < length; i++)
            text[i] = (char)('a' + random_int(&random, 0, 3));
        for (size_t from = 0; from <= (size_t)length; from++) {
            size_t begin = 0, end = 0, first = 0, last = 0;
            const bool found = regex_find(c.regex, text, (size_t)length, from, &begin, &end, c.workspace);
            assert_true(found == find_slowly(&c, text, (size_t)length, from, &first, &last));
            if (found && (begin != first || end != last))
                fail_msg("%s in %.*s from %zu: %zu..%zu, expected %zu..%zu", pattern, length, text, from, begin, end,
                         first, last);
        }
        drop(&c);
    }
}

static void what_is_before_counts(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        size_t from, begin, end; /* end 0: there is none */
    } cases[] = {
        {"^b", "ab", 1, 0, 0}, {"(?m)^b", "a\nb", 1, 2, 3}, {"\\bb", "ab b", 1, 3, 4},      {"\\Bb", "ab b", 1, 1, 2},
        {"a$", "aa", 0, 1, 2}, {".", "\xc3\xa4x", 0, 0, 2}, {"\\bx", "\xc3\xa4x", 2, 2, 3}, {"x*", "abx", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c;
        struct error err;
        size_t begin = 0, end = 0;
        assert_int_equal(compile(cases[i].pattern, &c, &err), STATUS_OK);
        const bool found =
            regex_find(c.regex, cases[i].text, strlen(cases[i].text), cases[i].from, &begin, &end, c.workspace);
        if ((!found && cases[i].end) || begin != cases[i].begin || end != cases[i].end)
            fail_msg("%s in %s: %d %zu..%zu", cases[i].pattern, cases[i].text, found, begin, end);
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
        cmocka_unit_test(whole_texts_match),       cmocka_unit_test(finds_the_first_and_longest),
        cmocka_unit_test(what_is_before_counts),   cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(deep_groups_are_refused), cmocka_unit_test(hostile_patterns_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ops/text/regex.h"

#include "ops/text/regex_class.h"
#include "ops/text/utf8.h"

#include <string.h>

#define MOST_REPEATS 1000 /* as in RE2 */
#define MOST_BYTES 65536
#define MOST_RANGES 100000
#define MOST_DEEP 200 /* groups within each other */

enum regex_flags { FOLDS_CASE = 1, DOT_TAKES_LINES = 2, MANY_LINES = 4 };

struct parser {
    const char *pattern;
    size_t at, length;
    struct pool *pool;
    struct regex *regex;
    int capacity;
    unsigned flags;
    bool quoted;       /* behind \\Q */
    int depth, ranges; /* ranges: of all classes so far */
    struct error *err;
};

/* A piece of the automaton: it begins at a state and ends at one, REGEX_ON, whose way on is still open. */
struct piece {
    int begin, end;
};

static status parse_choice(struct parser *p, struct piece *out);

static status refuse(const struct parser *p, const char *what) {
    return fail(p->err, STATUS_INVALID_MODEL, "the pattern is not good at byte %zu: %s", p->at, what);
}

static bool sees(const struct parser *p, const char *text) {
    const size_t length = strlen(text);
    return length <= p->length - p->at && memcmp(p->pattern + p->at, text, length) == 0;
}

static bool take(struct parser *p, const char *text) {
    if (!sees(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

/* ---- states ---- */

static status add_state(struct parser *p, struct regex_state state, int *index) {
    struct regex *regex = p->regex;
    if (regex->count == REGEX_MOST_STATES)
        return fail(p->err, STATUS_LIMIT, "the pattern has more than %d states, its repetitions written out",
                    REGEX_MOST_STATES);
    if (regex->count == p->capacity) {
        const int capacity = p->capacity ? 2 * p->capacity : 64;
        struct regex_state *grown = pool_array(p->pool, (size_t)capacity, sizeof *grown);
        if (!grown)
            return fail_memory(p->err, "a pattern");
        if (regex->count > 0)
            memcpy(grown, regex->states, (size_t)regex->count * sizeof *grown);
        regex->states = grown;
        p->capacity = capacity;
    }
    *index = regex->count;
    regex->states[regex->count++] = state;
    return STATUS_OK;
}

/* The state, and an open end behind it. */
static status add_piece(struct parser *p, struct regex_state state, struct piece *out) {
    if (add_state(p, state, &out->begin) != STATUS_OK ||
        add_state(p, (struct regex_state){.step = REGEX_ON}, &out->end) != STATUS_OK)
        return p->err->code;
    p->regex->states[out->begin].x = out->end;
    return STATUS_OK;
}

static void join(struct parser *p, int end, int to) {
    p->regex->states[end].x = to;
}

static status add_set(struct parser *p, struct regex_set *set, bool opposite, struct piece *out) {
    if (p->flags & FOLDS_CASE)
        set_fold_case(set);
    if (set->failed)
        return fail_memory(p->err, "a pattern");
    p->ranges += set->count;
    if (p->ranges > MOST_RANGES)
        return fail(p->err, STATUS_LIMIT, "the pattern's classes have more than %d ranges, repetitions written out",
                    MOST_RANGES);
    return add_piece(p,
                     (struct regex_state){
                         .step = REGEX_CLASS, .ranges = set->ranges, .range_count = set->count, .opposite = opposite},
                     out);
}

static status add_code(struct parser *p, int32_t code, struct piece *out) {
    struct regex_set set = {.pool = p->pool};
    if ((p->flags & FOLDS_CASE) && code > 0x7f)
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern ignores the case of characters beyond ASCII");
    set_add(&set, code, code);
    return add_set(p, &set, false, out);
}

static status add_assertion(struct parser *p, enum regex_assertion assertion, struct piece *out) {
    return add_piece(p, (struct regex_state){.step = REGEX_ASSERT, .assertion = assertion}, out);
}

/* ---- code points and escapes ---- */

static status read_code(struct parser *p, int32_t *code) {
    if (p->at >= p->length)
        return refuse(p, "it ends too early");
    *code = utf8_read(p->pattern, p->length, &p->at);
    return *code < 0 ? refuse(p, "it is no UTF-8") : STATUS_OK;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* At most so many digits to a base; false without one, or beyond Unicode. */
static bool read_digits(struct parser *p, int base, int most, int32_t *code) {
    int count = 0;
    for (*code = 0; count < most && p->at < p->length && digit_of(p->pattern[p->at]) < base; count++) {
        *code = *code * base + digit_of(p->pattern[p->at++]);
        if (*code > 0x10ffff)
            return false;
    }
    return count > 0;
}

/* \x41 or \x{1F600}, behind the x. */
static status read_hex(struct parser *p, int32_t *code) {
    const bool braced = take(p, "{");
    const size_t before = p->at;
    if (!read_digits(p, 16, braced ? 8 : 2, code) || (braced ? !take(p, "}") : p->at - before != 2))
        return refuse(p, "\\x wants two digits, or {digits}");
    return STATUS_OK;
}

/* The code point that an escape stands for, behind its backslash. */
static status read_escape(struct parser *p, int32_t *code) {
    static const char letters[] = "aftnrv", meant[] = "\a\f\t\n\r\v";
    if (p->at >= p->length)
        return refuse(p, "it ends in a backslash");
    const char c = p->pattern[p->at];
    const char *letter = memchr(letters, c, sizeof letters - 1);
    if (letter) {
        p->at++;
        *code = meant[letter - letters];
        return STATUS_OK;
    }
    if (take(p, "x"))
        return read_hex(p, code);
    if (c == '0' && read_digits(p, 8, 3, code))
        return STATUS_OK;
    if (c == 'p' || c == 'P')
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern has a class of Unicode (\\%c)", c);
    if (digit_of(c) < 36 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return refuse(p, "no such escape");
    return read_code(p, code);
}

/* ---- classes in brackets ---- */

static status read_end(struct parser *p, int32_t *code) {
    return take(p, "\\") ? read_escape(p, code) : read_code(p, code);
}

static status read_range(struct parser *p, struct regex_set *set) {
    int32_t low, high;
    if (read_end(p, &low) != STATUS_OK)
        return p->err->code;
    high = low;
    if (sees(p, "-") && p->at + 1 < p->length && p->pattern[p->at + 1] != ']') {
        p->at++;
        if (read_end(p, &high) != STATUS_OK)
            return p->err->code;
    }
    if (high < low)
        return refuse(p, "a range ends before it begins");
    if ((p->flags & FOLDS_CASE) && high > 0x7f)
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern ignores the case of characters beyond ASCII");
    set_add(set, low, high);
    return STATUS_OK;
}

static status read_member(struct parser *p, struct regex_set *set) {
    if (take(p, "[:")) {
        const size_t length = set_add_name(set, p->pattern + p->at, p->length - p->at);
        p->at += length;
        return length ? STATUS_OK : refuse(p, "no such class");
    }
    if (sees(p, "\\") && p->at + 1 < p->length && set_add_letter(set, p->pattern[p->at + 1])) {
        p->at += 2;
        return STATUS_OK;
    }
    return read_range(p, set);
}

static status parse_class(struct parser *p, struct piece *out) {
    struct regex_set set = {.pool = p->pool};
    const bool opposite = take(p, "^");
    bool first = true;
    for (; first || !sees(p, "]"); first = false)
        if (read_member(p, &set) != STATUS_OK)
            return p->err->code;
    p->at++;
    return add_set(p, &set, opposite, out);
}

/* ---- atoms ---- */

static status parse_dot(struct parser *p, struct piece *out) {
    static const struct regex_range line = {'\n', '\n'};
    return add_piece(
        p,
        (struct regex_state){
            .step = REGEX_CLASS, .ranges = &line, .range_count = p->flags & DOT_TAKES_LINES ? 0 : 1, .opposite = true},
        out);
}

static status parse_escape(struct parser *p, struct piece *out) {
    static const char letters[] = "AzbB";
    static const enum regex_assertion meant[] = {AT_TEXT_START, AT_TEXT_END, AT_WORD_EDGE, AT_NO_WORD_EDGE};
    struct regex_set set = {.pool = p->pool};
    const char c = p->at < p->length ? p->pattern[p->at] : 0;
    const char *letter = c ? memchr(letters, c, sizeof letters - 1) : NULL;
    int32_t code;
    if (letter || set_add_letter(&set, c)) {
        p->at++;
        return letter ? add_assertion(p, meant[letter - letters], out) : add_set(p, &set, false, out);
    }
    return read_escape(p, &code) == STATUS_OK ? add_code(p, code, out) : p->err->code;
}

/* (?P<name> or (?<name>, behind the ?; the name means nothing here. */
static status skip_name(struct parser *p) {
    const char *close = memchr(p->pattern + p->at, '>', p->length - p->at);
    if (!close || close == p->pattern + p->at)
        return refuse(p, "a group's name is not ended");
    p->at = (size_t)(close - p->pattern) + 1;
    return STATUS_OK;
}

/* The flags of (?i) or (?i-s:, behind the ?. *alone: they hold for the rest of the group around. */
static status read_flags(struct parser *p, bool *alone) {
    bool off = false;
    for (; p->at < p->length; p->at++) {
        const char c = p->pattern[p->at];
        const unsigned flag = c == 'i' ? FOLDS_CASE : c == 's' ? DOT_TAKES_LINES : c == 'm' ? MANY_LINES : 0;
        if (c == ':' || c == ')') {
            p->at++;
            *alone = c == ')';
            return STATUS_OK;
        }
        if (c == '-' && !off)
            off = true;
        else if (flag)
            p->flags = off ? p->flags & ~flag : p->flags | flag;
        else if (c != 'U') /* which asks for shorter matches: whether the whole text matches is the same */
            break;
    }
    return refuse(p, "no such group");
}

static status parse_group(struct parser *p, struct piece *out) {
    const unsigned before = p->flags;
    bool alone = false;
    if (take(p, "?P<") || take(p, "?<")) {
        if (skip_name(p) != STATUS_OK)
            return p->err->code;
    } else if (take(p, "?") && read_flags(p, &alone) != STATUS_OK) {
        return p->err->code;
    }
    if (alone)
        return add_piece(p, (struct regex_state){.step = REGEX_ON}, out);
    if (++p->depth > MOST_DEEP)
        return fail(p->err, STATUS_LIMIT, "the pattern has more than %d groups within each other", MOST_DEEP);
    if (parse_choice(p, out) != STATUS_OK)
        return p->err->code;
    p->depth--;
    p->flags = before;
    return take(p, ")") ? STATUS_OK : refuse(p, "a group is not ended");
}

static status parse_atom(struct parser *p, struct piece *out) {
    int32_t code;
    if (p->quoted)
        return read_code(p, &code) == STATUS_OK ? add_code(p, code, out) : p->err->code;
    if (take(p, "("))
        return parse_group(p, out);
    if (take(p, "["))
        return parse_class(p, out);
    if (take(p, "."))
        return parse_dot(p, out);
    if (take(p, "^"))
        return add_assertion(p, p->flags & MANY_LINES ? AT_LINE_START : AT_TEXT_START, out);
    if (take(p, "$"))
        return add_assertion(p, p->flags & MANY_LINES ? AT_LINE_END : AT_TEXT_END, out);
    if (take(p, "\\"))
        return parse_escape(p, out);
    if (sees(p, "*") || sees(p, "+") || sees(p, "?"))
        return refuse(p, "nothing to repeat");
    return read_code(p, &code) == STATUS_OK ? add_code(p, code, out) : p->err->code;
}

/* ---- repetitions ---- */

struct repeat {
    int least, most; /* most -1: any number */
};

/* {n}, {n,} or {n,m}; what only looks like it is text. */
static bool read_counts(struct parser *p, struct repeat *repeat) {
    const size_t before = p->at;
    int32_t low = 0, high = 0;
    bool good = take(p, "{") && read_digits(p, 10, 6, &low);
    *repeat = (struct repeat){low, low};
    if (good && take(p, ","))
        repeat->most = read_digits(p, 10, 6, &high) ? high : -1;
    good = good && take(p, "}");
    if (!good)
        p->at = before;
    return good;
}

static bool read_repeat(struct parser *p, struct repeat *repeat) {
    if (take(p, "*"))
        *repeat = (struct repeat){0, -1};
    else if (take(p, "+"))
        *repeat = (struct repeat){1, -1};
    else if (take(p, "?"))
        *repeat = (struct repeat){0, 1};
    else
        return read_counts(p, repeat);
    return true;
}

/* x? of the piece, or x* where it goes back. */
static status make_optional(struct parser *p, struct piece piece, bool back, struct piece *out) {
    struct regex_state split = {.step = REGEX_SPLIT, .x = piece.begin};
    if (add_state(p, split, &out->begin) != STATUS_OK ||
        add_state(p, (struct regex_state){.step = REGEX_ON}, &out->end) != STATUS_OK)
        return p->err->code;
    p->regex->states[out->begin].y = out->end;
    join(p, piece.end, back ? out->begin : out->end);
    return STATUS_OK;
}

/* The atom at `from` once more: as often as it must be, and then as often as it may. */
static status add_copy(struct parser *p, size_t from, bool quoted, int number, const struct repeat *repeat,
                       struct piece *out) {
    const size_t behind = p->at;
    const unsigned flags = p->flags;
    struct piece piece;
    p->at = from;
    p->quoted = quoted;
    if (parse_atom(p, &piece) != STATUS_OK)
        return p->err->code;
    p->at = behind;
    p->flags = flags;
    p->quoted = false;
    if (number < repeat->least)
        *out = piece;
    else
        return make_optional(p, piece, repeat->most < 0, out);
    return STATUS_OK;
}

static status repeat_atom(struct parser *p, size_t from, bool quoted, const struct repeat *repeat, struct piece *out) {
    const int copies = repeat->most < 0 ? repeat->least + 1 : repeat->most;
    if (add_piece(p, (struct regex_state){.step = REGEX_ON}, out) != STATUS_OK)
        return p->err->code;
    for (int i = 0; i < copies; i++) {
        struct piece next;
        if (add_copy(p, from, quoted, i, repeat, &next) != STATUS_OK)
            return p->err->code;
        join(p, out->end, next.begin);
        out->end = next.end;
    }
    return STATUS_OK;
}

/* An atom is read first where it stands, and then once for each repetition: every reading adds states, whose number
 * bounds the time. */
static status parse_repeated(struct parser *p, struct piece *out) {
    const size_t from = p->at;
    const bool quoted = p->quoted;
    struct repeat repeat;
    if (parse_atom(p, out) != STATUS_OK)
        return p->err->code;
    if (p->quoted && take(p, "\\E"))
        p->quoted = false;
    if (p->quoted || !read_repeat(p, &repeat))
        return STATUS_OK;
    if (repeat.least > MOST_REPEATS || repeat.most > MOST_REPEATS || (repeat.most >= 0 && repeat.most < repeat.least))
        return refuse(p, "no such number of repetitions");
    take(p, "?"); /* lazy: the same texts match */
    if (sees(p, "*") || sees(p, "+") || sees(p, "?"))
        return refuse(p, "a repetition of a repetition");
    return repeat_atom(p, from, quoted, &repeat, out);
}

/* ---- one after the other, and one or the other ---- */

static status parse_row(struct parser *p, struct piece *out) {
    if (add_piece(p, (struct regex_state){.step = REGEX_ON}, out) != STATUS_OK)
        return p->err->code;
    while (p->at < p->length && (p->quoted || (!sees(p, "|") && !sees(p, ")")))) {
        struct piece next;
        if (take(p, p->quoted ? "\\E" : "\\Q")) {
            p->quoted = !p->quoted;
            continue;
        }
        if (parse_repeated(p, &next) != STATUS_OK)
            return p->err->code;
        join(p, out->end, next.begin);
        out->end = next.end;
    }
    return STATUS_OK;
}

static status parse_choice(struct parser *p, struct piece *out) {
    if (parse_row(p, out) != STATUS_OK)
        return p->err->code;
    while (take(p, "|")) {
        struct piece other;
        struct regex_state split = {.step = REGEX_SPLIT, .x = out->begin};
        if (parse_row(p, &other) != STATUS_OK)
            return p->err->code;
        split.y = other.begin;
        join(p, other.end, out->end);
        if (add_state(p, split, &out->begin) != STATUS_OK)
            return p->err->code;
    }
    return STATUS_OK;
}

status regex_compile(const char *pattern, size_t length, struct pool *pool, struct regex **out, struct error *err) {
    struct parser p = {.pattern = pattern, .length = length, .pool = pool, .err = err};
    struct piece all;
    int start, match;
    if (length > MOST_BYTES)
        return fail(err, STATUS_LIMIT, "the pattern has %zu bytes, at most %d are possible", length, MOST_BYTES);
    *out = p.regex = pool_alloc(pool, sizeof *p.regex);
    if (!p.regex)
        return fail_memory(err, "a pattern");
    if (add_state(&p, (struct regex_state){.step = REGEX_ON}, &start) != STATUS_OK ||
        parse_choice(&p, &all) != STATUS_OK)
        return err->code;
    if (p.at < length)
        return refuse(&p, "a group ends that did not begin");
    if (add_state(&p, (struct regex_state){.step = REGEX_MATCH}, &match) != STATUS_OK)
        return err->code;
    join(&p, start, all.begin);
    join(&p, all.end, match);
    return STATUS_OK;
}

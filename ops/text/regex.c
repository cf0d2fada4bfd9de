#include "ops/text/regex.h"

#include "ops/text/regex_escape.h"

#include <string.h>

#define MOST_REPEATS 1000 /* as in RE2 */
#define MOST_BYTES 65536
#define MOST_DEEP 200 /* groups within each other */

static status parse_choice(struct regex_parser *p, struct regex_piece *out);

/* ---- atoms ---- */

static status parse_dot(struct regex_parser *p, struct regex_piece *out) {
    static const struct regex_range line = {'\n', '\n'};
    return regex_add_piece(
        p,
        (struct regex_state){
            .step = REGEX_CLASS, .ranges = &line, .range_count = p->flags & DOT_TAKES_LINES ? 0 : 1, .opposite = true},
        out);
}

static status parse_escape(struct regex_parser *p, struct regex_piece *out) {
    static const char letters[] = "AzbB";
    static const enum regex_assertion meant[] = {AT_TEXT_START, AT_TEXT_END, AT_WORD_EDGE, AT_NO_WORD_EDGE};
    struct regex_set set = {.pool = p->pool};
    const char c = p->at < p->length ? p->pattern[p->at] : 0;
    const char *letter = c ? memchr(letters, c, sizeof letters - 1) : NULL;
    int32_t code;
    if (letter || set_add_letter(&set, c)) {
        p->at++;
        return letter ? regex_add_assertion(p, meant[letter - letters], out) : regex_add_set(p, &set, false, out);
    }
    return regex_read_escape(p, &code) == STATUS_OK ? regex_add_code(p, code, out) : p->err->code;
}

/* (?P<name> or (?<name>, behind the ?; the name means nothing here. */
static status skip_name(struct regex_parser *p) {
    const char *close = memchr(p->pattern + p->at, '>', p->length - p->at);
    if (!close || close == p->pattern + p->at)
        return regex_refuse(p, "a group's name is not ended");
    p->at = (size_t)(close - p->pattern) + 1;
    return STATUS_OK;
}

/* The flags of (?i) or (?i-s:, behind the ?. *alone: they hold for the rest of the group around. */
static status read_flags(struct regex_parser *p, bool *alone) {
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
    return regex_refuse(p, "no such group");
}

static status parse_group(struct regex_parser *p, struct regex_piece *out) {
    const unsigned before = p->flags;
    bool alone = false;
    if (regex_take(p, "?P<") || regex_take(p, "?<")) {
        if (skip_name(p) != STATUS_OK)
            return p->err->code;
    } else if (regex_take(p, "?") && read_flags(p, &alone) != STATUS_OK) {
        return p->err->code;
    }
    if (alone)
        return regex_add_piece(p, (struct regex_state){.step = REGEX_ON}, out);
    if (++p->depth > MOST_DEEP)
        return fail(p->err, STATUS_LIMIT, "the pattern has more than %d groups within each other", MOST_DEEP);
    if (parse_choice(p, out) != STATUS_OK)
        return p->err->code;
    p->depth--;
    p->flags = before;
    return regex_take(p, ")") ? STATUS_OK : regex_refuse(p, "a group is not ended");
}

static status parse_atom(struct regex_parser *p, struct regex_piece *out) {
    int32_t code;
    if (p->quoted)
        return regex_read_code(p, &code) == STATUS_OK ? regex_add_code(p, code, out) : p->err->code;
    if (regex_take(p, "("))
        return parse_group(p, out);
    if (regex_take(p, "["))
        return regex_parse_class(p, out);
    if (regex_take(p, "."))
        return parse_dot(p, out);
    if (regex_take(p, "^"))
        return regex_add_assertion(p, p->flags & MANY_LINES ? AT_LINE_START : AT_TEXT_START, out);
    if (regex_take(p, "$"))
        return regex_add_assertion(p, p->flags & MANY_LINES ? AT_LINE_END : AT_TEXT_END, out);
    if (regex_take(p, "\\"))
        return parse_escape(p, out);
    if (regex_sees(p, "*") || regex_sees(p, "+") || regex_sees(p, "?"))
        return regex_refuse(p, "nothing to repeat");
    return regex_read_code(p, &code) == STATUS_OK ? regex_add_code(p, code, out) : p->err->code;
}

/* ---- repetitions ---- */

struct repeat {
    int least, most; /* most -1: any number */
};

/* {n}, {n,} or {n,m}; what only looks like it is text. */
static bool read_counts(struct regex_parser *p, struct repeat *repeat) {
    const size_t before = p->at;
    int32_t low = 0, high = 0;
    bool good = regex_take(p, "{") && regex_read_digits(p, 10, 6, &low);
    *repeat = (struct repeat){low, low};
    if (good && regex_take(p, ","))
        repeat->most = regex_read_digits(p, 10, 6, &high) ? high : -1;
    good = good && regex_take(p, "}");
    if (!good)
        p->at = before;
    return good;
}

static bool read_repeat(struct regex_parser *p, struct repeat *repeat) {
    if (regex_take(p, "*"))
        *repeat = (struct repeat){0, -1};
    else if (regex_take(p, "+"))
        *repeat = (struct repeat){1, -1};
    else if (regex_take(p, "?"))
        *repeat = (struct repeat){0, 1};
    else
        return read_counts(p, repeat);
    return true;
}

/* x? of the piece, or x* where it goes back. */
static status make_optional(struct regex_parser *p, struct regex_piece piece, bool back, struct regex_piece *out) {
    struct regex_state split = {.step = REGEX_SPLIT, .x = piece.begin};
    if (regex_add_state(p, split, &out->begin) != STATUS_OK ||
        regex_add_state(p, (struct regex_state){.step = REGEX_ON}, &out->end) != STATUS_OK)
        return p->err->code;
    p->regex->states[out->begin].y = out->end;
    regex_join(p, piece.end, back ? out->begin : out->end);
    return STATUS_OK;
}

/* The atom at `from` once more: as often as it must be, and then as often as it may. */
static status add_copy(struct regex_parser *p, size_t from, bool quoted, int number, const struct repeat *repeat,
                       struct regex_piece *out) {
    const size_t behind = p->at;
    const unsigned flags = p->flags;
    struct regex_piece piece;
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

static status repeat_atom(struct regex_parser *p, size_t from, bool quoted, const struct repeat *repeat,
                          struct regex_piece *out) {
    const int copies = repeat->most < 0 ? repeat->least + 1 : repeat->most;
    if (regex_add_piece(p, (struct regex_state){.step = REGEX_ON}, out) != STATUS_OK)
        return p->err->code;
    for (int i = 0; i < copies; i++) {
        struct regex_piece next;
        if (add_copy(p, from, quoted, i, repeat, &next) != STATUS_OK)
            return p->err->code;
        regex_join(p, out->end, next.begin);
        out->end = next.end;
    }
    return STATUS_OK;
}

/* An atom is read first where it stands, and then once for each repetition: every reading adds states, whose number
 * bounds the time. */
static status parse_repeated(struct regex_parser *p, struct regex_piece *out) {
    const size_t from = p->at;
    const bool quoted = p->quoted;
    struct repeat repeat;
    if (parse_atom(p, out) != STATUS_OK)
        return p->err->code;
    if (p->quoted && regex_take(p, "\\E"))
        p->quoted = false;
    if (p->quoted || !read_repeat(p, &repeat))
        return STATUS_OK;
    if (repeat.least > MOST_REPEATS || repeat.most > MOST_REPEATS || (repeat.most >= 0 && repeat.most < repeat.least))
        return regex_refuse(p, "no such number of repetitions");
    regex_take(p, "?"); /* lazy: the same texts match */
    if (regex_sees(p, "*") || regex_sees(p, "+") || regex_sees(p, "?"))
        return regex_refuse(p, "a repetition of a repetition");
    return repeat_atom(p, from, quoted, &repeat, out);
}

/* ---- one after the other, and one or the other ---- */

static status parse_row(struct regex_parser *p, struct regex_piece *out) {
    if (regex_add_piece(p, (struct regex_state){.step = REGEX_ON}, out) != STATUS_OK)
        return p->err->code;
    while (p->at < p->length && (p->quoted || (!regex_sees(p, "|") && !regex_sees(p, ")")))) {
        struct regex_piece next = {0, 0};
        if (regex_take(p, p->quoted ? "\\E" : "\\Q")) {
            p->quoted = !p->quoted;
            continue;
        }
        if (parse_repeated(p, &next) != STATUS_OK)
            return p->err->code;
        regex_join(p, out->end, next.begin);
        out->end = next.end;
    }
    return STATUS_OK;
}

static status parse_choice(struct regex_parser *p, struct regex_piece *out) {
    if (parse_row(p, out) != STATUS_OK)
        return p->err->code;
    while (regex_take(p, "|")) {
        struct regex_piece other;
        struct regex_state split = {.step = REGEX_SPLIT, .x = out->begin};
        if (parse_row(p, &other) != STATUS_OK)
            return p->err->code;
        split.y = other.begin;
        regex_join(p, other.end, out->end);
        if (regex_add_state(p, split, &out->begin) != STATUS_OK)
            return p->err->code;
    }
    return STATUS_OK;
}

status regex_compile(const char *pattern, size_t length, struct pool *pool, struct regex **out, struct error *err) {
    struct regex_parser p = {.pattern = pattern, .length = length, .pool = pool, .err = err};
    struct regex_piece all;
    int start, match;
    if (length > MOST_BYTES)
        return fail(err, STATUS_LIMIT, "the pattern has %zu bytes, at most %d are possible", length, MOST_BYTES);
    *out = p.regex = pool_alloc(pool, sizeof *p.regex);
    if (!p.regex)
        return fail_memory(err, "a pattern");
    if (regex_add_state(&p, (struct regex_state){.step = REGEX_ON}, &start) != STATUS_OK ||
        parse_choice(&p, &all) != STATUS_OK)
        return err->code;
    if (p.at < length)
        return regex_refuse(&p, "a group ends that did not begin");
    if (regex_add_state(&p, (struct regex_state){.step = REGEX_MATCH}, &match) != STATUS_OK)
        return err->code;
    regex_join(&p, start, all.begin);
    regex_join(&p, all.end, match);
    return STATUS_OK;
}

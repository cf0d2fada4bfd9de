#include "ops/text/regex_states.h"

#include <string.h>

#define MOST_RANGES 100000

status regex_refuse(const struct regex_parser *p, const char *what) {
    return fail(p->err, STATUS_INVALID_MODEL, "the pattern is not good at byte %zu: %s", p->at, what);
}

bool regex_sees(const struct regex_parser *p, const char *text) {
    const size_t length = strlen(text);
    return length <= p->length - p->at && memcmp(p->pattern + p->at, text, length) == 0;
}

bool regex_take(struct regex_parser *p, const char *text) {
    if (!regex_sees(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

/* ---- states ---- */

status regex_add_state(struct regex_parser *p, struct regex_state state, int *index) {
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

status regex_add_piece(struct regex_parser *p, struct regex_state state, struct regex_piece *out) {
    if (regex_add_state(p, state, &out->begin) != STATUS_OK ||
        regex_add_state(p, (struct regex_state){.step = REGEX_ON}, &out->end) != STATUS_OK)
        return p->err->code;
    p->regex->states[out->begin].x = out->end;
    return STATUS_OK;
}

void regex_join(struct regex_parser *p, int end, int to) {
    p->regex->states[end].x = to;
}

status regex_add_set(struct regex_parser *p, struct regex_set *set, bool opposite, struct regex_piece *out) {
    if (p->flags & FOLDS_CASE)
        set_fold_case(set);
    if (set->failed)
        return fail_memory(p->err, "a pattern");
    p->ranges += set->count;
    if (p->ranges > MOST_RANGES)
        return fail(p->err, STATUS_LIMIT, "the pattern's classes have more than %d ranges, repetitions written out",
                    MOST_RANGES);
    return regex_add_piece(
        p,
        (struct regex_state){
            .step = REGEX_CLASS, .ranges = set->ranges, .range_count = set->count, .opposite = opposite},
        out);
}

status regex_add_code(struct regex_parser *p, int32_t code, struct regex_piece *out) {
    struct regex_set set = {.pool = p->pool};
    if ((p->flags & FOLDS_CASE) && code > 0x7f)
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern ignores the case of characters beyond ASCII");
    set_add(&set, code, code);
    return regex_add_set(p, &set, false, out);
}

status regex_add_assertion(struct regex_parser *p, enum regex_assertion assertion, struct regex_piece *out) {
    return regex_add_piece(p, (struct regex_state){.step = REGEX_ASSERT, .assertion = assertion}, out);
}

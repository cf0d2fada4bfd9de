#include "ops/text/regex_match.h"

#include "ops/text/regex_program.h"
#include "ops/text/utf8.h"

#include <string.h>

/* States that are followed: a list, where the way to each began (NULL: nobody asks), and for each state whether it is
 * in the list. */
struct followed {
    int *list;
    int count;
    size_t *begins;
    bool *in;
};

struct matcher {
    const struct regex *regex;
    int *stack;
    int32_t before, after; /* code points around this place; -1 at the ends, -2 for bytes that are none */
    struct followed now, next;
};

size_t regex_workspace(const struct regex *regex) {
    /* two lists, the stack, on which every state lies at most twice, and two sets */
    return (size_t)regex->count * (4 * sizeof(int) + 2 * sizeof(bool)) + 16;
}

size_t regex_find_workspace(const struct regex *regex) {
    return regex_workspace(regex) + 2 * (size_t)regex->count * sizeof(size_t);
}

static bool is_word(int32_t code) {
    return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') || code == '_';
}

static bool holds(const struct matcher *m, enum regex_assertion assertion) {
    switch (assertion) {
    case AT_TEXT_START:
        return m->before == -1;
    case AT_TEXT_END:
        return m->after == -1;
    case AT_LINE_START:
        return m->before == -1 || m->before == '\n';
    case AT_LINE_END:
        return m->after == -1 || m->after == '\n';
    default:
        return (is_word(m->before) != is_word(m->after)) == (assertion == AT_WORD_EDGE);
    }
}

static void push(struct matcher *m, struct followed *to, int *height, int state) {
    if (!to->in[state]) {
        to->in[state] = true;
        m->stack[(*height)++] = state;
    }
}

/* The state, and those that it leads to without a code point, by a way that began there. */
static void follow(struct matcher *m, struct followed *to, int state, size_t begin) {
    int height = 0;
    push(m, to, &height, state);
    while (height > 0) {
        const int at = m->stack[--height];
        const struct regex_state *s = &m->regex->states[at];
        if (s->step == REGEX_SPLIT)
            push(m, to, &height, s->y);
        if (s->step == REGEX_SPLIT || s->step == REGEX_ON || (s->step == REGEX_ASSERT && holds(m, s->assertion)))
            push(m, to, &height, s->x);
        else if (s->step == REGEX_CLASS || s->step == REGEX_MATCH) {
            if (to->begins)
                to->begins[to->count] = begin;
            to->list[to->count++] = at;
        }
    }
}

static bool takes(const struct regex_state *state, int32_t code) {
    for (int i = 0; i < state->range_count; i++)
        if (code >= state->ranges[i].low && code <= state->ranges[i].high)
            return !state->opposite;
    return state->opposite;
}

static void clear(const struct matcher *m, struct followed *followed) {
    followed->count = 0;
    memset(followed->in, 0, (size_t)m->regex->count * sizeof *followed->in);
}

static int32_t code_at(const char *text, size_t length, size_t *at) {
    if (*at >= length)
        return -1;
    const int32_t code = utf8_read(text, length, at);
    return code < 0 ? -2 : code;
}

/* Over one code point: from the states of now to those of next. */
static void advance(struct matcher *m, int32_t code) {
    clear(m, &m->next);
    for (int i = 0; i < m->now.count; i++) {
        const struct regex_state *state = &m->regex->states[m->now.list[i]];
        if (state->step == REGEX_CLASS && code >= 0 && takes(state, code))
            follow(m, &m->next, state->x, m->now.begins ? m->now.begins[i] : 0);
    }
    const struct followed swapped = m->now;
    m->now = m->next;
    m->next = swapped;
}

static struct matcher matcher_in(const struct regex *regex, void *workspace) {
    const size_t count = (size_t)regex->count;
    int *lists = workspace;
    bool *sets = (bool *)(lists + 4 * count);
    return (struct matcher){.regex = regex,
                            .stack = lists + 2 * count,
                            .before = -1,
                            .now = {.list = lists, .in = sets},
                            .next = {.list = lists + count, .in = sets + count}};
}

bool regex_match(const struct regex *regex, const char *text, size_t length, void *workspace) {
    struct matcher m = matcher_in(regex, workspace);
    size_t at = 0;
    m.after = code_at(text, length, &at);
    clear(&m, &m.now);
    follow(&m, &m.now, 0, 0);
    while (m.after != -1 && m.now.count > 0) {
        const int32_t code = m.after;
        m.before = code;
        m.after = code_at(text, length, &at);
        advance(&m, code);
    }
    for (int i = 0; i < m.now.count && m.after == -1; i++)
        if (regex->states[m.now.list[i]].step == REGEX_MATCH)
            return true;
    return false;
}

/* The earliest way that is a match here, if it begins no later than the best one so far: this is longer. Ways are in
 * the order of their beginnings; those that begin later than the best one are over. */
static bool keep_best(struct followed *now, const struct regex *regex, size_t here, size_t *begin, size_t *end,
                      bool found) {
    for (int i = 0; i < now->count; i++) {
        if (found && now->begins[i] > *begin) {
            now->count = i;
            break;
        }
        if (regex->states[now->list[i]].step == REGEX_MATCH && (!found || now->begins[i] <= *begin)) {
            *begin = now->begins[i];
            *end = here;
            found = true;
        }
    }
    return found;
}

/* The place of the code point in front of `from`; `from` itself at the beginning. */
static size_t last_before(const char *text, size_t from) {
    size_t at = from;
    for (int i = 0; i < 4 && at > 0; i++)
        if ((text[--at] & 0xc0) != 0x80)
            break;
    return at;
}

bool regex_find(const struct regex *regex, const char *text, size_t length, size_t from, size_t *begin, size_t *end,
                void *workspace) {
    size_t *begins = workspace, here = from, at = 0;
    struct matcher m = matcher_in(regex, begins + 2 * (size_t)regex->count);
    bool found = false;
    m.now.begins = begins;
    m.next.begins = begins + regex->count;
    at = last_before(text, from);
    if (at < from)
        m.before = code_at(text, length, &at);
    at = from; /* bytes before it may be no UTF-8 */
    m.after = code_at(text, length, &at);
    clear(&m, &m.now);
    for (;;) {
        if (!found)
            follow(&m, &m.now, 0, here);
        found = keep_best(&m.now, regex, here, begin, end, found);
        if (m.after == -1 || (found && m.now.count == 0))
            return found;
        const int32_t code = m.after;
        m.before = code;
        here = at;
        m.after = code_at(text, length, &at);
        advance(&m, code);
    }
}

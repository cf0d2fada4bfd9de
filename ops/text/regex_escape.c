#include "ops/text/regex_escape.h"

#include "ops/text/utf8.h"

#include <string.h>

/* ---- code points and escapes ---- */

status regex_read_code(struct regex_parser *p, int32_t *code) {
    if (p->at >= p->length)
        return regex_refuse(p, "it ends too early");
    *code = utf8_read(p->pattern, p->length, &p->at);
    return *code < 0 ? regex_refuse(p, "it is no UTF-8") : STATUS_OK;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

bool regex_read_digits(struct regex_parser *p, int base, int most, int32_t *code) {
    int count = 0;
    for (*code = 0; count < most && p->at < p->length && digit_of(p->pattern[p->at]) < base; count++) {
        *code = *code * base + digit_of(p->pattern[p->at++]);
        if (*code > 0x10ffff)
            return false;
    }
    return count > 0;
}

/* \x41 or \x{1F600}, behind the x. */
static status read_hex(struct regex_parser *p, int32_t *code) {
    const bool braced = regex_take(p, "{");
    const size_t before = p->at;
    if (!regex_read_digits(p, 16, braced ? 8 : 2, code) || (braced ? !regex_take(p, "}") : p->at - before != 2))
        return regex_refuse(p, "\\x wants two digits, or {digits}");
    return STATUS_OK;
}

status regex_read_escape(struct regex_parser *p, int32_t *code) {
    static const char letters[] = "aftnrv";
    static const unsigned char meant[] = "\a\f\t\n\r\v";
    if (p->at >= p->length)
        return regex_refuse(p, "it ends in a backslash");
    const char c = p->pattern[p->at];
    const char *letter = memchr(letters, c, sizeof letters - 1);
    if (letter) {
        p->at++;
        *code = meant[letter - letters];
        return STATUS_OK;
    }
    if (regex_take(p, "x"))
        return read_hex(p, code);
    if (c == '0' && regex_read_digits(p, 8, 3, code))
        return STATUS_OK;
    if (c == 'p' || c == 'P')
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern has a class of Unicode (\\%c)", c);
    if (digit_of(c) < 36 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return regex_refuse(p, "no such escape");
    return regex_read_code(p, code);
}

/* ---- classes in brackets ---- */

static status read_end(struct regex_parser *p, int32_t *code) {
    return regex_take(p, "\\") ? regex_read_escape(p, code) : regex_read_code(p, code);
}

static status read_range(struct regex_parser *p, struct regex_set *set) {
    int32_t low, high;
    if (read_end(p, &low) != STATUS_OK)
        return p->err->code;
    high = low;
    if (regex_sees(p, "-") && p->at + 1 < p->length && p->pattern[p->at + 1] != ']') {
        p->at++;
        if (read_end(p, &high) != STATUS_OK)
            return p->err->code;
    }
    if (high < low)
        return regex_refuse(p, "a range ends before it begins");
    if ((p->flags & FOLDS_CASE) && high > 0x7f)
        return fail(p->err, STATUS_UNSUPPORTED, "the pattern ignores the case of characters beyond ASCII");
    set_add(set, low, high);
    return STATUS_OK;
}

static status read_member(struct regex_parser *p, struct regex_set *set) {
    if (regex_take(p, "[:")) {
        const size_t length = set_add_name(set, p->pattern + p->at, p->length - p->at);
        p->at += length;
        return length ? STATUS_OK : regex_refuse(p, "no such class");
    }
    if (regex_sees(p, "\\") && p->at + 1 < p->length && set_add_letter(set, p->pattern[p->at + 1])) {
        p->at += 2;
        return STATUS_OK;
    }
    return read_range(p, set);
}

status regex_parse_class(struct regex_parser *p, struct regex_piece *out) {
    struct regex_set set = {.pool = p->pool};
    const bool opposite = regex_take(p, "^");
    bool first = true;
    for (; first || !regex_sees(p, "]"); first = false)
        if (read_member(p, &set) != STATUS_OK)
            return p->err->code;
    p->at++;
    return regex_add_set(p, &set, opposite, out);
}

#include "tools/checkpoint/json_scan.h"

#include "base/checked.h"
#include "tools/checkpoint/reader.h"

#include <string.h>

status json_scan_fail(struct json_scan *scan, const char *expected) {
    return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: the header is damaged: %s expected", scan->base + scan->at,
                expected);
}

static void skip_spaces(struct json_scan *scan) {
    while (scan->at < scan->bytes && scan->text[scan->at] && strchr(" \t\n\r", scan->text[scan->at]))
        scan->at++;
}

bool json_scan_accept(struct json_scan *scan, char wanted) {
    skip_spaces(scan);
    if (scan->at >= scan->bytes || scan->text[scan->at] != wanted)
        return false;
    scan->at++;
    return true;
}

status json_scan_expect(struct json_scan *scan, char wanted) {
    const char text[] = {'"', wanted, '"', 0};
    return json_scan_accept(scan, wanted) ? STATUS_OK : json_scan_fail(scan, text);
}

bool json_scan_word(struct json_scan *scan, const char *word) {
    const size_t length = strlen(word);
    skip_spaces(scan);
    if (scan->bytes - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

/* Where decoded text goes; NULL: nowhere. */
struct sink {
    char *buffer;
    size_t used, capacity;
};

static status put(struct json_scan *scan, struct sink *sink, const char *bytes, size_t count) {
    if (!sink->buffer)
        return STATUS_OK;
    if (count >= sink->capacity - sink->used)
        return fail(scan->err, STATUS_LIMIT, "byte %zu: a text of the header has more than %zu bytes",
                    scan->base + scan->at, sink->capacity - 1);
    memcpy(sink->buffer + sink->used, bytes, count);
    sink->used += count;
    return STATUS_OK;
}

/* Four hexadecimal digits. */
static bool read_hex(struct json_scan *scan, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        const char c = scan->at < scan->bytes ? scan->text[scan->at] : 0;
        const int digit = c >= '0' && c <= '9'                     ? c - '0'
                          : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                   : -1;
        if (digit < 0)
            return false;
        *code = *code << 4 | (unsigned)digit;
    }
    return true;
}

static size_t encode(unsigned code, char bytes[4]) {
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    const size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(first[count] | code);
    return count;
}

/* After "\u": one code point, two escapes for those above 16 bits. */
static status read_unicode(struct json_scan *scan, struct sink *sink) {
    unsigned code, low;
    if (!read_hex(scan, &code))
        return json_scan_fail(scan, "four hexadecimal digits");
    if (code >= 0xd800 && code < 0xdc00) {
        if (scan->bytes - scan->at < 6 || memcmp(scan->text + scan->at, "\\u", 2) != 0)
            return json_scan_fail(scan, "the second half of a surrogate pair");
        scan->at += 2;
        if (!read_hex(scan, &low) || low < 0xdc00 || low > 0xdfff)
            return json_scan_fail(scan, "the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code == 0 || (code >= 0xdc00 && code < 0xe000)) {
        return json_scan_fail(scan, "a character that may stand in texts");
    }
    char bytes[4];
    const size_t count = encode(code, bytes);
    return put(scan, sink, bytes, count);
}

static status read_escape(struct json_scan *scan, struct sink *sink) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    scan->at++;
    const char c = scan->at < scan->bytes ? scan->text[scan->at] : 0;
    const char *name = c ? strchr(names, c) : NULL;
    scan->at++;
    if (c == 'u')
        return read_unicode(scan, sink);
    return name ? put(scan, sink, &meanings[name - names], 1) : json_scan_fail(scan, "a known escape after \"\\\"");
}

static status read_text(struct json_scan *scan, struct sink *sink) {
    const status open = json_scan_expect(scan, '"');
    if (open)
        return open;
    for (;;) {
        const size_t start = scan->at;
        while (scan->at < scan->bytes && scan->text[scan->at] != '"' && scan->text[scan->at] != '\\' &&
               (unsigned char)scan->text[scan->at] >= 0x20)
            scan->at++;
        if (!is_clean_text(scan->text + start, scan->at - start))
            return json_scan_fail(scan, "text in UTF-8");
        status code = put(scan, sink, scan->text + start, scan->at - start);
        if (code)
            return code;
        const char c = scan->at < scan->bytes ? scan->text[scan->at] : 0;
        if (c == '"')
            break;
        if (c != '\\')
            return json_scan_fail(scan, "'\"' at the end of a text");
        code = read_escape(scan, sink);
        if (code)
            return code;
    }
    scan->at++;
    if (sink->buffer)
        sink->buffer[sink->used] = 0;
    return STATUS_OK;
}

status json_scan_text(struct json_scan *scan, char *buffer, size_t capacity) {
    struct sink sink = {buffer, 0, capacity};
    return read_text(scan, &sink);
}

status json_scan_skip_text(struct json_scan *scan) {
    struct sink sink = {NULL, 0, 0};
    return read_text(scan, &sink);
}

status json_scan_number(struct json_scan *scan, int64_t *number) {
    skip_spaces(scan);
    const size_t start = scan->at;
    *number = 0;
    for (; scan->at < scan->bytes && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9'; scan->at++)
        if (!int64_mul(*number, 10, number) || !int64_add(*number, scan->text[scan->at] - '0', number))
            return json_scan_fail(scan, "a number of less than 64 bits");
    const size_t digits = scan->at - start;
    const char next = scan->at < scan->bytes ? scan->text[scan->at] : 0;
    if (digits == 0 || (digits > 1 && scan->text[start] == '0') || (next && strchr(".eE", next)))
        return json_scan_fail(scan, "a whole number from 0 up");
    return STATUS_OK;
}

static status skip_members(struct json_scan *scan, char close, int depth) {
    if (depth == 0)
        return fail(scan->err, STATUS_LIMIT, "byte %zu: the header is nested too deeply", scan->base + scan->at);
    if (json_scan_accept(scan, close))
        return STATUS_OK;
    do {
        status code = close == '}' ? json_scan_skip_text(scan) : STATUS_OK;
        if (!code && close == '}')
            code = json_scan_expect(scan, ':');
        if (!code)
            code = json_scan_skip(scan, depth - 1);
        if (code)
            return code;
    } while (json_scan_accept(scan, ','));
    return json_scan_expect(scan, close);
}

/* A number of any form. */
static status skip_number(struct json_scan *scan) {
    const size_t start = scan->at;
    while (scan->at < scan->bytes && scan->text[scan->at] && strchr("+-.0123456789eE", scan->text[scan->at]))
        scan->at++;
    return scan->at > start ? STATUS_OK : json_scan_fail(scan, "a value");
}

status json_scan_skip(struct json_scan *scan, int depth) {
    skip_spaces(scan);
    if (scan->at < scan->bytes && scan->text[scan->at] == '"')
        return json_scan_skip_text(scan);
    if (json_scan_accept(scan, '{'))
        return skip_members(scan, '}', depth);
    if (json_scan_accept(scan, '['))
        return skip_members(scan, ']', depth);
    if (json_scan_word(scan, "null") || json_scan_word(scan, "true") || json_scan_word(scan, "false"))
        return STATUS_OK;
    return skip_number(scan);
}

status json_scan_end(struct json_scan *scan) {
    skip_spaces(scan);
    return scan->at == scan->bytes ? STATUS_OK : json_scan_fail(scan, "nothing more");
}

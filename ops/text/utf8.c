#include "ops/text/utf8.h"

/* Bytes of a sequence that begins so; 0: none does. */
static size_t sequence_length(unsigned char first) {
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

int32_t utf8_read(const char *bytes, size_t length, size_t *at) {
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char first = (unsigned char)bytes[*at];
    const size_t count = sequence_length(first);
    int32_t code = count < 2 ? first : first & (0x7f >> count);
    if (count == 0 || count > length - *at) {
        ++*at;
        return -1;
    }
    for (size_t i = 1; i < count; i++) {
        const unsigned char byte = (unsigned char)bytes[*at + i];
        if ((byte & 0xc0) != 0x80) {
            ++*at;
            return -1;
        }
        code = code << 6 | (byte & 0x3f);
    }
    if (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        ++*at;
        return -1;
    }
    *at += count;
    return code;
}

size_t utf8_write(int32_t code, char to[4]) {
    const size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(marks[count] | code);
    return count;
}

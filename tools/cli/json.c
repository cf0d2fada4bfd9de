#include "tools/cli/json.h"

#include <math.h>
#include <string.h>

/* Bytes of the UTF-8 character at text, or 0 when there is none (overlong forms and surrogates included). */
static int utf8_length(const unsigned char *text) {
    static const unsigned char least[] = {0xa0, 0x90}; /* the second byte after 0xe0 and 0xf0 */
    const int length = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (text[0] > 0xf4 || (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f) ||
        (text[0] == 0xe0 && text[1] < least[0]) || (text[0] == 0xf0 && text[1] < least[1]))
        return 0;
    for (int i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void put_string(FILE *stream, const char *text) {
    fputc('"', stream);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const int length = utf8_length(p);
        if (*p == '"' || *p == '\\')
            fprintf(stream, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(stream, "\\u%04x", *p);
        else if (length)
            fwrite(p, 1, (size_t)length, stream);
        else
            fputs("\\ufffd", stream);
        p += length ? length : 1;
    }
    fputc('"', stream);
}

static void start(struct json *json, const char *key) {
    if (json->comma)
        fputs(", ", json->stream);
    if (key) {
        put_string(json->stream, key);
        fputs(": ", json->stream);
    }
    json->comma = true;
}

void json_object(struct json *json, const char *key) {
    start(json, key);
    fputc('{', json->stream);
    json->comma = false;
}

void json_array(struct json *json, const char *key) {
    start(json, key);
    fputc('[', json->stream);
    json->comma = false;
}

void json_close(struct json *json, char close) {
    fputc(close, json->stream);
    json->comma = true;
}

void json_text(struct json *json, const char *key, const char *text) {
    start(json, key);
    if (text)
        put_string(json->stream, text);
    else
        fputs("null", json->stream);
}

void json_integer(struct json *json, const char *key, int64_t value) {
    start(json, key);
    fprintf(json->stream, "%lld", (long long)value);
}

void json_number(struct json *json, const char *key, double value, int digits) {
    start(json, key);
    if (isfinite(value))
        fprintf(json->stream, "%.*f", digits, value);
    else
        fputs("null", json->stream);
}

void json_bool(struct json *json, const char *key, bool value) {
    start(json, key);
    fputs(value ? "true" : "false", json->stream);
}

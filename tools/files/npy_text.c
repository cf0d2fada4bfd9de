#include "tools/files/npy_text.h"

#include "base/checked.h"
#include "ops/text/utf8.h"

#include <stdlib.h>
#include <string.h>

#define UNIT_BYTES(type) ((type)->kind == 'U' ? (size_t)4 : (size_t)1)
#define MOST_UTF8 4 /* bytes of a code point */

bool npy_text_bytes(const struct npy_text *type, size_t *bytes) {
    return size_mul(type->units, UNIT_BYTES(type), bytes);
}

static uint32_t unit_at(const struct npy_text *type, const unsigned char *source, size_t i) {
    if (type->kind == 'S')
        return source[i];
    uint32_t unit = 0;
    for (size_t k = 0; k < 4; k++)
        unit |= (uint32_t)source[4 * i + k] << (type->big_endian ? 24 - 8 * k : 8 * k);
    return unit;
}

/* Units without the zeros at the end. */
static size_t used_units(const struct npy_text *type, const unsigned char *source) {
    size_t units = type->units;
    while (units > 0 && unit_at(type, source, units - 1) == 0)
        units--;
    return units;
}

static bool put_unit(const struct npy_text *type, uint32_t unit, char *to, size_t *length) {
    if (type->kind == 'S') {
        to[(*length)++] = (char)unit;
        return true;
    }
    if (unit > 0x10ffff || (unit >= 0xd800 && unit < 0xe000))
        return false;
    *length += utf8_write((int32_t)unit, to + *length);
    return true;
}

/* Room for the strings, and behind them for as many bytes as their characters may take. */
static status allocate(const struct npy_text *type, struct tensor *out, char **characters, struct error *err) {
    size_t each, all, bytes;
    if (!size_mul(type->units, MOST_UTF8, &each) || !size_mul(each, (size_t)tensor_elements(out), &all) ||
        !size_add(all, out->bytes, &bytes) || !size_add(bytes, 1, &bytes))
        return fail(err, STATUS_LIMIT, "its strings have no valid size");
    out->data = malloc(bytes);
    if (!out->data)
        return fail_memory(err, "a .npy array");
    *characters = (char *)out->data + out->bytes;
    return STATUS_OK;
}

status npy_text_read(const struct npy_text *type, const unsigned char *source, struct tensor *out, struct error *err) {
    char *characters = NULL;
    size_t step = 0;
    if (allocate(type, out, &characters, err) != STATUS_OK)
        return err->code;
    npy_text_bytes(type, &step);
    for (int64_t i = 0; i < tensor_elements(out); i++, source += step) {
        struct text *text = (struct text *)out->data + i;
        *text = (struct text){characters, 0};
        for (size_t k = 0, units = used_units(type, source); k < units; k++)
            if (!put_unit(type, unit_at(type, source, k), characters, &text->length)) {
                free(out->data);
                out->data = NULL;
                return fail(err, STATUS_INVALID_ARGUMENT, "its string %lld has a character that Unicode lacks",
                            (long long)i);
            }
        characters += text->length;
    }
    return STATUS_OK;
}

status npy_text_type(const struct tensor *tensor, struct npy_text *type, struct error *err) {
    *type = (struct npy_text){.kind = 'U', .units = 1};
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        const struct text text = ((const struct text *)tensor->data)[i];
        size_t units = 0;
        bool good = text.length == 0 || text.bytes[text.length - 1] != 0;
        for (size_t at = 0; good && at < text.length; units++)
            good = utf8_read(text.bytes, text.length, &at) >= 0;
        if (!good)
            return fail(err, STATUS_UNSUPPORTED,
                        "a .npy file cannot hold string %lld, which is no UTF-8 or ends in a zero; write a .pb file",
                        (long long)i);
        type->units = units > type->units ? units : type->units;
    }
    return STATUS_OK;
}

void npy_text_write(const struct tensor *tensor, const struct npy_text *type, unsigned char *to) {
    for (int64_t i = 0; i < tensor_elements(tensor); i++, to += 4 * type->units) {
        const struct text text = ((const struct text *)tensor->data)[i];
        size_t unit = 0;
        for (size_t at = 0; at < text.length; unit++) {
            const uint32_t code = (uint32_t)utf8_read(text.bytes, text.length, &at);
            for (size_t k = 0; k < 4; k++)
                to[4 * unit + k] = (unsigned char)(code >> (8 * k));
        }
    }
}

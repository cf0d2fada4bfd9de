#include "tools/files/picture_pnm.h"

#include "base/checked.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const unsigned char *bytes;
    size_t size, at;
};

static status damaged(struct error *err) {
    return fail(err, STATUS_INVALID_ARGUMENT, "the PNM picture is damaged or ends too early");
}

static void skip_space(struct reader *reader) {
    while (reader->at < reader->size && (isspace(reader->bytes[reader->at]) || reader->bytes[reader->at] == '#'))
        if (reader->bytes[reader->at++] == '#')
            while (reader->at < reader->size && reader->bytes[reader->at] != '\n')
                reader->at++;
}

/* A number of at most nine digits. */
static bool read_number(struct reader *reader, unsigned *number) {
    skip_space(reader);
    size_t digits = 0;
    for (*number = 0; reader->at < reader->size && isdigit(reader->bytes[reader->at]) && digits < 9; digits++)
        *number = *number * 10 + (unsigned)(reader->bytes[reader->at++] - '0');
    return digits > 0 && !(reader->at < reader->size && isdigit(reader->bytes[reader->at]));
}

/* A digit of a plain bitmap, which may stand without space between. */
static bool read_bit(struct reader *reader, unsigned *bit) {
    skip_space(reader);
    if (reader->at == reader->size || (reader->bytes[reader->at] != '0' && reader->bytes[reader->at] != '1'))
        return false;
    *bit = reader->bytes[reader->at++] == '1';
    return true;
}

static bool read_raw(struct reader *reader, bool wide, unsigned *sample) {
    if (reader->size - reader->at < 1 + (size_t)wide)
        return false;
    *sample = reader->bytes[reader->at++];
    if (wide)
        *sample = *sample << 8 | reader->bytes[reader->at++];
    return true;
}

/* Samples at most `most` become 0 to the picture's peak. */
static bool read_samples(struct reader *reader, struct picture *picture, bool raw, unsigned most) {
    const size_t count = picture->width * picture->height * (size_t)picture->channels;
    const unsigned peak = picture_peak(picture);
    for (size_t i = 0; i < count; i++) {
        unsigned sample;
        if (!(raw ? read_raw(reader, most > 255, &sample) : read_number(reader, &sample)) || sample > most)
            return false;
        picture_set_sample(picture, i, (unsigned)(((uint64_t)sample * peak + most / 2) / most));
    }
    return true;
}

/* 1 is black. */
static bool read_plain_bits(struct reader *reader, struct picture *picture) {
    unsigned bit;
    for (size_t i = 0; i < picture->width * picture->height; i++) {
        if (!read_bit(reader, &bit))
            return false;
        picture_set_sample(picture, i, bit ? 0 : 255);
    }
    return true;
}

static bool read_raw_bits(struct reader *reader, struct picture *picture) {
    const size_t row = (picture->width + 7) / 8;
    if ((reader->size - reader->at) / row < picture->height)
        return false;
    for (size_t y = 0; y < picture->height; y++)
        for (size_t x = 0; x < picture->width; x++) {
            const unsigned byte = reader->bytes[reader->at + y * row + x / 8];
            picture_set_sample(picture, y * picture->width + x, byte >> (7 - x % 8) & 1 ? 0 : 255);
        }
    return true;
}

/* The fewest bytes that so many samples take: checked before memory is asked for. */
static bool is_long_enough(const struct reader *reader, const struct picture *picture, int kind, unsigned most) {
    size_t samples;
    if (!size_mul(picture->width, picture->height, &samples) || !size_mul(samples, (size_t)picture->channels, &samples))
        return false;
    const size_t left = reader->size - reader->at;
    return kind == 4 ? samples / 8 <= left : kind < 4 ? samples <= left : samples <= left / (most > 255 ? 2 : 1);
}

status pnm_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct reader reader = {bytes, size, 2};
    const int kind = reader.bytes[1] - '0';
    unsigned width, height, most = 1;
    if (!read_number(&reader, &width) || !read_number(&reader, &height) ||
        (kind != 1 && kind != 4 && !read_number(&reader, &most)) || !width || !height || !most || most > 65535 ||
        reader.at == reader.size || !isspace(reader.bytes[reader.at]))
        return damaged(err);
    reader.at++;
    *picture = (struct picture){width, height, kind % 3 == 0 ? 3 : 1, most > 255 ? 16 : 8, NULL, NULL};
    if ((uint64_t)width * height <= max_pixels && !is_long_enough(&reader, picture, kind, most))
        return damaged(err);
    const status code = picture_allocate(picture, max_pixels, err);
    if (code)
        return code;
    const bool good = kind == 1   ? read_plain_bits(&reader, picture)
                      : kind == 4 ? read_raw_bits(&reader, picture)
                                  : read_samples(&reader, picture, kind > 3, most);
    if (!good)
        picture_free(picture);
    return good ? STATUS_OK : damaged(err);
}

status pnm_encode(const struct picture *picture, struct byte_buffer *out, struct error *err) {
    char head[64];
    const size_t samples = picture->width * picture->height * (size_t)picture->channels;
    const size_t bytes = (size_t)picture->depth / 8;
    const int length = snprintf(head, sizeof head, "P%d\n%zu %zu\n%u\n", picture->channels >= 3 ? 6 : 5, picture->width,
                                picture->height, picture_peak(picture));
    out->size = (size_t)length + samples * bytes;
    out->data = malloc(out->size);
    if (!out->data)
        return fail_memory(err, "a PNM picture");
    memcpy(out->data, head, (size_t)length);
    unsigned char *to = out->data + length;
    for (size_t i = 0; i < samples; i++) {
        const unsigned sample = picture_sample(picture, i);
        if (bytes == 2)
            *to++ = (unsigned char)(sample >> 8);
        *to++ = (unsigned char)sample;
    }
    return STATUS_OK;
}

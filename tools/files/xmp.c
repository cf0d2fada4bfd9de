#include "tools/files/xmp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PLACES 64 /* of one property; those beyond make the packet one that is not kept */

static const char thumbnails_start[] = "<xmp:Thumbnails", thumbnails_end[] = "</xmp:Thumbnails>";

static const char *find(const struct byte_buffer *xmp, size_t from, const char *word) {
    return from < xmp->size ? memmem(xmp->data + from, xmp->size - from, word, strlen(word)) : NULL;
}

static void drop(struct byte_buffer *xmp) {
    free(xmp->data);
    *xmp = (struct byte_buffer){NULL, 0};
}

/* Bytes first..end-1 become `text`. */
static status replace(struct byte_buffer *xmp, size_t first, size_t end, const char *text, struct error *err) {
    const size_t length = strlen(text), size = xmp->size - (end - first) + length;
    unsigned char *data = malloc(size ? size : 1);
    if (!data)
        return fail_memory(err, "what a picture says of itself");
    memcpy(data, xmp->data, first);
    memcpy(data + first, text, length);
    memcpy(data + first + length, xmp->data + end, xmp->size - end);
    free(xmp->data);
    xmp->data = data;
    xmp->size = size;
    return STATUS_OK;
}

static size_t skip_spaces(const struct byte_buffer *xmp, size_t at) {
    while (at < xmp->size && isspace(xmp->data[at]))
        at++;
    return at;
}

/* The number behind a property's name, name="6" or <name>6<; false where there is none. */
static bool find_number(const struct byte_buffer *xmp, size_t at, size_t *first, size_t *end) {
    at = skip_spaces(xmp, at);
    if (at >= xmp->size || (xmp->data[at] != '=' && xmp->data[at] != '>'))
        return false;
    const bool attribute = xmp->data[at] == '=';
    at = skip_spaces(xmp, at + 1);
    if (attribute && (at >= xmp->size || !strchr("\"'", xmp->data[at])))
        return false;
    *first = skip_spaces(xmp, at + attribute);
    *end = *first;
    while (*end < xmp->size && isdigit(xmp->data[*end]))
        ++*end;
    return *end > *first;
}

static status set_property(struct byte_buffer *xmp, const char *name, size_t value, struct error *err) {
    char text[32];
    size_t at = 0;
    snprintf(text, sizeof text, "%zu", value);
    for (int places = 0;; places++) {
        const char *found = find(xmp, at, name);
        size_t first, end;
        if (!found)
            return STATUS_OK;
        at = (size_t)(found - (const char *)xmp->data) + strlen(name);
        if (places == MOST_PLACES) {
            drop(xmp);
            return STATUS_OK;
        }
        if (find_number(xmp, at, &first, &end) && replace(xmp, first, end, text, err))
            return err->code;
    }
}

static status cut_thumbnails(struct byte_buffer *xmp, struct error *err) {
    for (int places = 0; places < MOST_PLACES; places++) {
        const char *start = find(xmp, 0, thumbnails_start);
        const char *end = start ? find(xmp, (size_t)(start - (const char *)xmp->data), thumbnails_end) : NULL;
        if (!end)
            return STATUS_OK;
        const status code = replace(xmp, (size_t)(start - (const char *)xmp->data),
                                    (size_t)(end - (const char *)xmp->data) + sizeof thumbnails_end - 1, "", err);
        if (code)
            return code;
    }
    return STATUS_OK;
}

/* A picture in the packet, in whatever element. */
static bool shows_picture(const struct byte_buffer *xmp) {
    return find(xmp, 0, "xmpGImg:image") || find(xmp, 0, "Thumbnails");
}

/* It continues elsewhere, by a name that is not the usual one. */
static bool continues(const struct byte_buffer *xmp) {
    return find(xmp, 0, "HasExtendedXMP");
}

/* The name of the segments in which a packet continues: name="..." or <name>...</name>. */
static status cut_continuation(struct byte_buffer *xmp, struct error *err) {
    static const char name[] = "xmpNote:HasExtendedXMP", close[] = "</xmpNote:HasExtendedXMP>";
    for (int places = 0; places < MOST_PLACES; places++) {
        const char *found = find(xmp, 0, name);
        if (!found)
            return STATUS_OK;
        size_t first = (size_t)(found - (const char *)xmp->data), end = skip_spaces(xmp, first + sizeof name - 1);
        const bool attribute = end < xmp->size && xmp->data[end] == '=';
        const size_t quote = attribute ? skip_spaces(xmp, end + 1) : end;
        const char mark[2] = {quote < xmp->size ? (char)xmp->data[quote] : 0};
        const char *last = attribute ? find(xmp, quote + 1, mark) : find(xmp, end, close);
        if (!last || (attribute && mark[0] != '"' && mark[0] != '\'') ||
            (!attribute && (!first || xmp->data[first - 1] != '<')))
            break;
        end = (size_t)(last - (const char *)xmp->data) + (attribute ? 1 : sizeof close - 1);
        const status code = replace(xmp, attribute ? first : first - 1, end, "", err);
        if (code)
            return code;
    }
    drop(xmp);
    return STATUS_OK;
}

status xmp_correct(struct byte_buffer *xmp, int orientation, size_t width, size_t height, struct error *err) {
    const struct {
        const char *name;
        size_t value;
    } properties[] = {{"tiff:Orientation", (size_t)orientation},
                      {"tiff:ImageWidth", width},
                      {"tiff:ImageLength", height},
                      {"exif:PixelXDimension", width},
                      {"exif:PixelYDimension", height}};
    if (xmp->size && memchr(xmp->data, 0, xmp->size))
        drop(xmp);
    status code = cut_thumbnails(xmp, err);
    if (!code)
        code = cut_continuation(xmp, err);
    if (!code && (shows_picture(xmp) || continues(xmp)))
        drop(xmp);
    for (size_t i = 0; !code && i < sizeof properties / sizeof properties[0]; i++)
        code = set_property(xmp, properties[i].name, properties[i].value, err);
    return code;
}

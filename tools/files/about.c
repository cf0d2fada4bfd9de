#include "tools/files/about.h"

#include "tools/files/byte_order.h"
#include "tools/files/exif.h"
#include "tools/files/xmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 1000

/* What a JPEG's segments hold, without the names before the data. */
enum { MOST_EXIF = 65533 - 6, MOST_XMP = 65533 - 29, MOST_PROFILE = 255 * 65519 };

void about_free(struct picture_about *about) {
    if (!about)
        return;
    for (size_t i = 0; i < about->chunk_count; i++)
        free(about->chunks[i].data.data);
    free(about->chunks);
    free(about->profile.data);
    free(about->exif.data);
    free(about->xmp.data);
    free(about);
}

status about_set(struct byte_buffer *to, const void *data, size_t size, struct error *err) {
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        return fail_memory(err, "what a picture says of itself");
    if (size)
        memcpy(copy, data, size);
    free(to->data);
    to->data = copy;
    to->size = size;
    return STATUS_OK;
}

status about_copy_look(const struct picture_about *about, struct picture_about **copy, struct error *err) {
    *copy = calloc(1, sizeof **copy);
    if (!*copy)
        return fail_memory(err, "what a picture says of itself");
    (*copy)->orientation = ORIENTATION_UPRIGHT;
    (*copy)->density_unit = about->density_unit;
    (*copy)->density_x = about->density_x;
    (*copy)->density_y = about->density_y;
    return about->profile.size ? about_set(&(*copy)->profile, about->profile.data, about->profile.size, err)
                               : STATUS_OK;
}

status about_add_chunk(struct picture_about *about, const char *type, bool is_text, const void *data, size_t size,
                       struct error *err) {
    if (about->chunk_count == MAX_CHUNKS)
        return STATUS_OK;
    if (about->chunk_count % 16 == 0) {
        struct about_chunk *chunks = realloc(about->chunks, (about->chunk_count + 16) * sizeof *chunks);
        if (!chunks)
            return fail_memory(err, "what a picture says of itself");
        about->chunks = chunks;
    }
    struct about_chunk *chunk = &about->chunks[about->chunk_count];
    *chunk = (struct about_chunk){.is_text = is_text};
    memcpy(chunk->type, type, 4);
    const status code = about_set(&chunk->data, data, size, err);
    about->chunk_count += !code;
    return code;
}

const struct about_chunk *about_find_chunk(const struct picture_about *about, const char *type) {
    for (size_t i = 0; i < about->chunk_count; i++)
        if (memcmp(about->chunks[i].type, type, 4) == 0)
            return &about->chunks[i];
    return NULL;
}

void about_read_exif(struct picture_about *about) {
    struct exif_facts facts;
    exif_read(about->exif.data, about->exif.size, &facts);
    about->orientation = facts.orientation;
    if (about->density_unit == DENSITY_METRE || facts.per_metre_x <= 0 || facts.per_metre_y <= 0)
        return;
    about->density_unit = DENSITY_METRE;
    about->density_x = facts.per_metre_x;
    about->density_y = facts.per_metre_y;
}

int about_profile_colours(const struct picture_about *about) {
    static const struct {
        const char *space;
        int colours;
    } spaces[] = {{"GRAY", 1}, {"RGB ", 3}, {"CMYK", 4}};
    for (size_t i = 0; about->profile.size >= 132 && i < sizeof spaces / sizeof spaces[0]; i++)
        if (memcmp(about->profile.data + 16, spaces[i].space, 4) == 0 &&
            memcmp(about->profile.data + 36, "acsp", 4) == 0)
            return spaces[i].colours;
    return 0;
}

/* ---- what a result takes over ---- */

static bool has_place(const struct about_wish *wish, unsigned takes, size_t size, size_t most) {
    return wish->takes & takes && (size <= most || !(wish->takes & TAKES_SHORT));
}

static bool keeps_profile(const struct picture_about *about, const struct about_wish *wish) {
    return has_place(wish, TAKES_PROFILE, about->profile.size, MOST_PROFILE) &&
           about_profile_colours(about) == wish->colours;
}

static bool keeps_exif(const struct picture_about *about, const struct about_wish *wish) {
    return wish->keep_metadata && has_place(wish, TAKES_EXIF, about->exif.size, MOST_EXIF);
}

static bool keeps_chunk(const struct about_chunk *chunk, const struct about_wish *wish) {
    const char first = chunk->type[0]; /* COM, TIFF and TEXT are no names of PNG's */
    const unsigned place = first == 'C' ? TAKES_COMMENTS : first == 'T' ? 0 : TAKES_CHUNKS;
    return wish->takes & place && (!chunk->is_text || wish->keep_metadata);
}

/* It gives samples another meaning than sRGB, which readers take for granted. */
static bool is_unusual(const struct about_chunk *chunk) {
    static const uint32_t primaries[] = {31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000};
    if (memcmp(chunk->type, "gAMA", 4) == 0)
        return big_endian_32(chunk->data.data) != 45455;
    for (size_t i = 0; memcmp(chunk->type, "cHRM", 4) == 0 && i < 8; i++)
        if (big_endian_32(chunk->data.data + 4 * i) != primaries[i])
            return true;
    return memcmp(chunk->type, "cICP", 4) == 0;
}

int about_orientation(const struct picture_about *about, const struct about_wish *wish) {
    const bool keeps = about && wish->keep_orientation && wish->takes & TAKES_ORIENTATION;
    return keeps ? about->orientation : ORIENTATION_UPRIGHT;
}

static status derive_exif(const struct picture_about *about, const struct about_wish *wish, struct picture_about *to,
                          struct error *err) {
    const int orientation = about_orientation(about, wish);
    status code = STATUS_OK;
    to->orientation = orientation;
    if (keeps_exif(about, wish) && about->exif.size) {
        code = about_set(&to->exif, about->exif.data, about->exif.size, err);
        if (!code && exif_correct(to->exif.data, to->exif.size, orientation, wish->width, wish->height))
            return STATUS_OK;
    }
    if (code || orientation == ORIENTATION_UPRIGHT || !(wish->takes & TAKES_EXIF))
        return code;
    unsigned char least[EXIF_LEAST_BYTES];
    exif_write_orientation(least, orientation);
    return about_set(&to->exif, least, sizeof least, err);
}

static status derive_xmp(const struct picture_about *about, const struct about_wish *wish, struct picture_about *to,
                         struct error *err) {
    if (!wish->keep_metadata || !about->xmp.size)
        return STATUS_OK;
    status code = about_set(&to->xmp, about->xmp.data, about->xmp.size, err);
    if (!code)
        code = xmp_correct(&to->xmp, to->orientation, wish->width, wish->height, err);
    if (!code && !has_place(wish, TAKES_XMP, to->xmp.size, MOST_XMP)) {
        free(to->xmp.data);
        to->xmp = (struct byte_buffer){NULL, 0};
    }
    return code;
}

static void derive_density(const struct picture_about *about, struct picture_about *to) {
    const bool on_its_side = to->orientation > 4;
    to->density_unit = about->density_unit;
    to->density_x = on_its_side ? about->density_y : about->density_x;
    to->density_y = on_its_side ? about->density_x : about->density_y;
}

status about_derive(const struct picture_about *about, const struct about_wish *wish, struct picture_about **out,
                    struct error *err) {
    *out = NULL;
    if (!about)
        return STATUS_OK;
    struct picture_about *to = calloc(1, sizeof *to);
    if (!to)
        return fail_memory(err, "what a picture says of itself");
    status code = derive_exif(about, wish, to, err);
    derive_density(about, to);
    if (!code)
        code = derive_xmp(about, wish, to, err);
    if (!code && keeps_profile(about, wish))
        code = about_set(&to->profile, about->profile.data, about->profile.size, err);
    for (size_t i = 0; !code && i < about->chunk_count; i++) {
        const struct about_chunk *chunk = &about->chunks[i];
        if (keeps_chunk(chunk, wish))
            code = about_add_chunk(to, chunk->type, chunk->is_text, chunk->data.data, chunk->data.size, err);
    }
    *out = to;
    if (code) {
        about_free(to);
        *out = NULL;
    }
    return code;
}

static void list_word(char text[ABOUT_LOST_BYTES], const char *word) {
    const size_t length = strlen(text);
    snprintf(text + length, ABOUT_LOST_BYTES - length, "%s%s", length ? ", " : "", word);
}

const char *about_lost(const struct picture_about *about, const struct about_wish *wish, char text[ABOUT_LOST_BYTES]) {
    bool text_lost = false, colour_lost = false;
    text[0] = 0;
    if (!about)
        return text;
    for (size_t i = 0; i < about->chunk_count; i++) {
        const bool lost = !keeps_chunk(&about->chunks[i], wish);
        text_lost = text_lost || (lost && about->chunks[i].is_text);
        colour_lost = colour_lost || (lost && !about->chunks[i].is_text && is_unusual(&about->chunks[i]));
    }
    if (about->profile.size && !keeps_profile(about, wish))
        list_word(text, "the colour profile");
    else if (colour_lost && !about->profile.size && !about_find_chunk(about, "sRGB"))
        list_word(text, "gamma and primaries of the colours");
    if (!keeps_exif(about, wish) && exif_has_notes(about->exif.data, about->exif.size))
        list_word(text, "EXIF");
    if (text_lost)
        list_word(text, "text");
    struct picture_about kept = {.orientation = about_orientation(about, wish)};
    struct error ignored;
    if (about->xmp.size && (derive_xmp(about, wish, &kept, &ignored) || !kept.xmp.size))
        list_word(text, "XMP");
    else if (about->xmp_continues)
        list_word(text, "the XMP that continues in further segments");
    free(kept.xmp.data);
    return text;
}

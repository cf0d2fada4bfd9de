#include "tools/files/picture_file.h"

#include "base/recognise.h"
#include "tools/files/about_jpeg.h"
#include "tools/files/about_png.h"
#include "tools/files/about_webp.h"
#include "tools/files/orientation.h"
#include "tools/files/picture_bmp.h"
#include "tools/files/picture_gif.h"
#include "tools/files/picture_jp2.h"
#include "tools/files/picture_jpeg.h"
#include "tools/files/picture_png.h"
#include "tools/files/picture_pnm.h"
#include "tools/files/picture_tiff.h"
#include "tools/files/picture_webp.h"

#include <stdlib.h>
#include <string.h>

typedef status decode_function(const void *, size_t, size_t, struct picture *, struct error *);

/* A TIFF says all in its own tags, which its decoder reads. */
typedef status read_about_function(struct picture_about *, const void *, size_t, struct error *);

static const struct {
    decode_function *decode;
    read_about_function *read_about;
} readers[] = {
    [PICTURE_PNG] = {png_decode, about_read_png},
    [PICTURE_JPEG] = {jpeg_decode, about_read_jpeg},
    [PICTURE_WEBP] = {webp_decode, about_read_webp},
    [PICTURE_TIFF] = {tiff_decode, NULL},
    [PICTURE_BMP] = {bmp_decode, NULL},
    [PICTURE_PNM] = {pnm_decode, NULL},
    [PICTURE_GIF] = {gif_decode, NULL},
    [PICTURE_JP2] = {jp2_decode, NULL},
};

static status read_about(struct picture *picture, enum picture_type type, const void *bytes, size_t size,
                         struct error *err) {
    if (!readers[type].read_about)
        return STATUS_OK;
    picture->about = calloc(1, sizeof *picture->about);
    if (!picture->about)
        return fail_memory(err, "what a picture says of itself");
    picture->about->orientation = ORIENTATION_UPRIGHT;
    const status code = readers[type].read_about(picture->about, bytes, size, err);
    if (!code)
        about_read_exif(picture->about);
    return code;
}

static void turn_density(struct picture_about *about) {
    const double x = about->density_x;
    about->density_x = about->density_y;
    about->density_y = x;
}

static status turn_upright(struct picture *picture, struct error *err) {
    if (!picture->about)
        return STATUS_OK;
    if (picture->about->orientation > 4)
        turn_density(picture->about);
    return picture_turn_upright(picture, picture->about->orientation, err);
}

status picture_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    *picture = (struct picture){.samples = NULL};
    const enum picture_type type = picture_recognise(bytes, size);
    const struct file_kind *kind = type == PICTURE_NONE ? file_recognise(bytes, size) : NULL;
    if (kind && kind->stand_in)
        return fail_other_file(err, STATUS_INVALID_ARGUMENT, kind, "a picture");
    if (type == PICTURE_NONE || type == PICTURE_FOREIGN || !picture_kind(type)->is_read)
        return picture_refuse(bytes, size, err);
    status code = readers[type].decode(bytes, size, max_pixels, picture, err);
    if (!code)
        code = read_about(picture, type, bytes, size, err);
    if (!code)
        code = turn_upright(picture, err);
    if (code)
        picture_free(picture);
    return code;
}

/* ---- writing ---- */

static status encode(const struct picture *picture, enum picture_type type, int quality, struct byte_buffer *out,
                     struct error *err) {
    *out = (struct byte_buffer){NULL, 0};
    switch (type) {
    case PICTURE_PNG:
        return png_encode(picture, out, err);
    case PICTURE_JPEG:
        return jpeg_encode(picture, quality ? quality : PICTURE_JPEG_QUALITY, out, err);
    case PICTURE_WEBP:
        return webp_encode(picture, quality, out, err);
    case PICTURE_TIFF:
        return tiff_encode(picture, out, err);
    case PICTURE_BMP:
        return bmp_encode(picture, out, err);
    case PICTURE_PNM:
        return pnm_encode(picture, out, err);
    default:
        return fail(err, STATUS_INVALID_ARGUMENT, "pictures are written as %s", picture_endings_written());
    }
}

/* Samples as the format can hold them; *reduced is allocated when they differ. */
static status reduce(const struct picture *picture, const struct picture_kind *kind, struct picture *reduced,
                     struct error *err) {
    const bool drops_alpha = picture_has_alpha(picture) && !kind->has_alpha;
    const size_t from = (size_t)picture->channels, to = from - drops_alpha;
    *reduced = *picture;
    reduced->channels = (int)to;
    reduced->depth = kind->has_16_bits ? picture->depth : 8;
    const status code = picture_allocate(reduced, SIZE_MAX, err);
    for (size_t i = 0; !code && i < picture->width * picture->height; i++)
        for (size_t c = 0; c < to; c++) {
            const unsigned sample = picture_sample(picture, i * from + c);
            picture_set_sample(reduced, i * to + c, picture->depth > reduced->depth ? (sample + 128) / 257 : sample);
        }
    return code;
}

static status encode_as_held(const struct picture *picture, enum picture_type type, int quality,
                             struct byte_buffer *out, struct error *err) {
    const struct picture_kind *kind = picture_kind(type);
    struct picture reduced;
    if (type == PICTURE_NONE || type == PICTURE_FOREIGN ||
        ((picture->depth == 8 || kind->has_16_bits) && (!picture_has_alpha(picture) || kind->has_alpha)))
        return encode(picture, type, quality, out, err);
    status code = reduce(picture, kind, &reduced, err);
    if (!code)
        code = encode(&reduced, type, quality, out, err);
    free(reduced.samples);
    return code;
}

status picture_encode(const struct picture *picture, enum picture_type type, struct byte_buffer *out,
                      struct error *err) {
    struct picture bare = *picture;
    bare.about = NULL;
    *out = (struct byte_buffer){NULL, 0};
    return encode_as_held(&bare, type, 0, out, err);
}

static struct about_wish make_wish(const struct picture *picture, enum picture_type type,
                                   const struct picture_saving *saving) {
    return (struct about_wish){.keep_orientation = saving->keep_orientation,
                               .keep_metadata = saving->keep_metadata,
                               .colours = picture->channels >= 3 || type == PICTURE_WEBP ? 3 : 1,
                               .width = picture->width,
                               .height = picture->height,
                               .takes = picture_kind(type)->takes};
}

static status copy_samples(const struct picture *from, struct picture *to, struct error *err) {
    *to = *from;
    to->about = NULL;
    const status code = picture_allocate(to, SIZE_MAX, err);
    if (!code)
        memcpy(to->samples, from->samples, from->width * from->height * (size_t)(from->channels * from->depth / 8));
    return code;
}

/* As the tag wants it, so that who obeys the tag sees what was given. */
static status save_turned(const struct picture *picture, const struct picture_about *about, enum picture_type type,
                          const struct picture_saving *saving, int orientation, struct byte_buffer *out,
                          struct error *err) {
    struct picture turned;
    status code = copy_samples(picture, &turned, err);
    if (!code)
        code = picture_turn_back(&turned, orientation, err);
    struct about_wish wish = make_wish(&turned, type, saving);
    if (!code)
        code = about_derive(about, &wish, &turned.about, err);
    if (!code)
        code = encode_as_held(&turned, type, saving->quality, out, err);
    picture_free(&turned);
    return code;
}

status picture_save(const struct picture *picture, const struct picture_about *about, enum picture_type type,
                    const struct picture_saving *saving, struct byte_buffer *out, struct error *err) {
    *out = (struct byte_buffer){NULL, 0};
    const struct about_wish wish = make_wish(picture, type, saving);
    const int orientation = about_orientation(about, &wish);
    if (orientation != ORIENTATION_UPRIGHT)
        return save_turned(picture, about, type, saving, orientation, out, err);
    struct picture with = *picture;
    status code = about_derive(about, &wish, &with.about, err);
    if (!code)
        code = encode_as_held(&with, type, saving->quality, out, err);
    about_free(with.about);
    return code;
}

const char *picture_lost(const struct picture *picture, const struct picture_about *about, enum picture_type type,
                         const struct picture_saving *saving, char text[ABOUT_LOST_BYTES]) {
    const struct about_wish wish = make_wish(picture, type, saving);
    return about_lost(about, &wish, text);
}

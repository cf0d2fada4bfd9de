#include "tools/files/picture_tiff.h"

#include "picture_parts.h"

#if HAVE_TIFF

#include "tools/files/tiff_memory.h"

#include <stdlib.h>
#include <string.h>

#define MOST_EXTRA_BYTES ((size_t)64 << 20) /* what libtiff may ask for beside the picture's own size */

static status problem(const struct tiff_memory *memory, const char *what, struct error *err) {
    if (memory->no_memory || strstr(memory->problem, "out of memory") || strstr(memory->problem, "No space for"))
        return fail_memory(err, "a TIFF picture");
    return fail(err, STATUS_INVALID_ARGUMENT, "the TIFF picture cannot be %s: %s", what,
                memory->problem[0] ? memory->problem : "it is damaged");
}

/* ---- reading ---- */

struct layout {
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, format, extra_count;
    const uint16_t *extra;
    bool gray, white_is_zero;
    bool has_alpha, premultiplied;
};

static void read_layout(TIFF *tiff, struct layout *layout) {
    uint16_t *extra = NULL;
    *layout = (struct layout){.photometric = PHOTOMETRIC_MINISBLACK};
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &layout->extra_count, &extra);
    layout->extra = extra;
    layout->white_is_zero = layout->photometric == PHOTOMETRIC_MINISWHITE;
    layout->gray = layout->white_is_zero || layout->photometric == PHOTOMETRIC_MINISBLACK;
    layout->has_alpha = layout->extra_count > 0 && extra && extra[0] != EXTRASAMPLE_UNSPECIFIED;
    layout->premultiplied = layout->has_alpha && extra[0] == EXTRASAMPLE_ASSOCALPHA;
}

/* Rows of whole samples that need no conversion but for order. */
static bool is_plain(TIFF *tiff, const struct layout *layout) {
    const unsigned colours = layout->gray ? 1 : 3;
    return !TIFFIsTiled(tiff) && layout->planar == PLANARCONFIG_CONTIG && (layout->bits == 8 || layout->bits == 16) &&
           layout->format == SAMPLEFORMAT_UINT && (layout->gray || layout->photometric == PHOTOMETRIC_RGB) &&
           layout->samples >= colours + layout->has_alpha;
}

static unsigned without_alpha(unsigned sample, unsigned alpha, unsigned peak) {
    const uint64_t whole = alpha ? ((uint64_t)sample * peak + alpha / 2) / alpha : 0;
    return whole < peak ? (unsigned)whole : peak;
}

static void put_row(const struct layout *layout, const void *row, struct picture *picture, size_t y) {
    const struct picture source = {picture->width, 1, layout->samples, picture->depth, (void *)row, NULL};
    const size_t channels = (size_t)picture->channels, colours = layout->gray ? 1 : 3;
    const unsigned peak = picture_peak(picture);
    for (size_t x = 0; x < picture->width; x++) {
        const size_t from = x * layout->samples, to = (y * picture->width + x) * channels;
        const unsigned alpha = layout->has_alpha ? picture_sample(&source, from + colours) : peak;
        for (size_t c = 0; c < colours; c++) {
            const unsigned sample = picture_sample(&source, from + c);
            const unsigned light = layout->white_is_zero ? peak - sample : sample;
            picture_set_sample(picture, to + c, layout->premultiplied ? without_alpha(light, alpha, peak) : light);
        }
        if (layout->has_alpha)
            picture_set_sample(picture, to + colours, alpha);
    }
}

static bool read_plain(TIFF *tiff, const struct layout *layout, struct picture *picture, bool *no_memory) {
    const tmsize_t bytes = TIFFScanlineSize(tiff);
    const size_t needed = picture->width * layout->samples * (layout->bits / 8);
    if (bytes <= 0 || (size_t)bytes < needed)
        return false;
    void *row = malloc((size_t)bytes);
    *no_memory = !row;
    bool good = row != NULL;
    for (size_t y = 0; good && y < picture->height; y++) {
        good = TIFFReadScanline(tiff, row, (uint32_t)y, 0) >= 0;
        if (good)
            put_row(layout, row, picture, y);
    }
    free(row);
    return good;
}

/* libtiff's own conversion, which gives premultiplied 8 bits. */
static bool read_converted(TIFF *tiff, const struct layout *layout, struct picture *picture,
                           struct tiff_memory *memory) {
    const size_t pixels = picture->width * picture->height, channels = (size_t)picture->channels;
    char text[1024] = "";
    TIFFRGBAImage image;
    uint32_t *raster = malloc(pixels * sizeof *raster);
    memory->no_memory = !raster;
    bool good = raster && TIFFRGBAImageBegin(&image, tiff, 1, text);
    if (good) {
        image.req_orientation = ORIENTATION_TOPLEFT;
        good = TIFFRGBAImageGet(&image, raster, layout->width, layout->height);
        TIFFRGBAImageEnd(&image);
    } else if (raster && !memory->problem[0]) {
        memcpy(memory->problem, text, sizeof memory->problem - 1);
    }
    unsigned char *to = picture->samples;
    for (size_t i = 0; good && i < pixels; i++, to += channels) {
        const unsigned alpha = layout->has_alpha ? TIFFGetA(raster[i]) : 255;
        const unsigned light[] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i])};
        for (size_t c = 0; c < (layout->gray ? 1 : 3); c++)
            to[c] = (unsigned char)(alpha < 255 ? without_alpha(light[c], alpha, 255) : light[c]);
        if (layout->has_alpha)
            to[channels - 1] = (unsigned char)alpha;
    }
    free(raster);
    return good;
}

static void read_density(TIFF *tiff, struct picture_about *about) {
    float x = 0, y = 0;
    uint16_t unit = RESUNIT_INCH;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
    if (!TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &x) || !TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &y) || !(x > 0) ||
        !(y > 0) || x > 1e9f || y > 1e9f)
        return;
    const double metre = unit == RESUNIT_INCH ? 1 / 0.0254 : unit == RESUNIT_CENTIMETER ? 100 : 1;
    about->density_unit = unit == RESUNIT_NONE ? DENSITY_ASPECT : DENSITY_METRE;
    about->density_x = (double)x * metre;
    about->density_y = (double)y * metre;
}

static bool has_notes(TIFF *tiff) {
    static const uint32_t texts[] = {TIFFTAG_IMAGEDESCRIPTION, TIFFTAG_MAKE,   TIFFTAG_MODEL,
                                     TIFFTAG_DATETIME,         TIFFTAG_ARTIST, TIFFTAG_COPYRIGHT};
    const char *text;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (TIFFGetField(tiff, texts[i], &text))
            return true;
    return false;
}

static status read_about(TIFF *tiff, struct picture *picture, struct error *err) {
    struct picture_about *about = calloc(1, sizeof *about);
    uint16_t orientation = ORIENTATION_UPRIGHT;
    uint32_t size = 0;
    void *data = NULL;
    if (!about)
        return fail_memory(err, "what a picture says of itself");
    picture->about = about;
    TIFFGetField(tiff, TIFFTAG_ORIENTATION, &orientation);
    about->orientation = orientation >= 1 && orientation <= 8 ? orientation : ORIENTATION_UPRIGHT;
    read_density(tiff, about);
    status code = has_notes(tiff) ? about_add_chunk(about, "TIFF", true, "", 0, err) : STATUS_OK;
    if (!code && TIFFGetField(tiff, TIFFTAG_XMLPACKET, &size, &data) && data)
        code = about_set(&about->xmp, data, size, err);
    if (!code && TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &size, &data) && data)
        code = about_set(&about->profile, data, size, err);
    return code;
}

static status decode(TIFF *tiff, struct tiff_memory *memory, size_t max_pixels, struct picture *picture,
                     struct error *err) {
    struct layout layout;
    read_layout(tiff, &layout);
    if (!layout.width || !layout.height)
        return problem(memory, "read", err);
    const bool plain = is_plain(tiff, &layout);
    const int channels = (layout.gray ? 1 : 3) + layout.has_alpha;
    *picture = (struct picture){layout.width, layout.height, channels, plain ? layout.bits : 8, NULL, NULL};
    status code = picture_allocate(picture, max_pixels, err);
    if (!code)
        code = read_about(tiff, picture, err);
    if (code)
        return code;
    /* libtiff would mirror by itself, but never turn */
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    const bool good =
        plain ? read_plain(tiff, &layout, picture, &memory->no_memory) : read_converted(tiff, &layout, picture, memory);
    return good ? STATUS_OK : problem(memory, "read", err);
}

status tiff_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct tiff_memory memory = {.data = bytes, .size = size};
    const size_t pixels = max_pixels < SIZE_MAX / 32 ? max_pixels : SIZE_MAX / 32;
    TIFF *tiff = tiff_memory_open(&memory, false, MOST_EXTRA_BYTES + 8 * pixels);
    if (!tiff)
        return problem(&memory, "read", err);
    const status code = decode(tiff, &memory, max_pixels, picture, err);
    TIFFClose(tiff);
    if (code)
        picture_free(picture);
    return code;
}

/* ---- writing ---- */

static void set_about(TIFF *tiff, const struct picture_about *about) {
    if (!about)
        return;
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, about->orientation);
    if (about->profile.size && about->profile.size <= UINT32_MAX)
        TIFFSetField(tiff, TIFFTAG_ICCPROFILE, (uint32_t)about->profile.size, about->profile.data);
    if (about->xmp.size && about->xmp.size <= UINT32_MAX)
        TIFFSetField(tiff, TIFFTAG_XMLPACKET, (uint32_t)about->xmp.size, about->xmp.data);
    if (about->density_unit == DENSITY_NONE)
        return;
    const double inch = about->density_unit == DENSITY_METRE ? 0.0254 : 1;
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, about->density_unit == DENSITY_METRE ? RESUNIT_INCH : RESUNIT_NONE);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, about->density_x * inch);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, about->density_y * inch);
}

static void set_layout(TIFF *tiff, const struct picture *picture) {
    const uint16_t alpha = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)picture->width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)picture->height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, picture->depth);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, picture->channels);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, picture->channels >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    if (picture_has_alpha(picture))
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &alpha);
    if (TIFFIsCODECConfigured(COMPRESSION_ADOBE_DEFLATE)) {
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
        TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
    }
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
}

/* libtiff changes the rows that it is given. */
static bool write_rows(TIFF *tiff, const struct picture *picture, bool *no_memory) {
    const size_t bytes = picture->width * (size_t)(picture->channels * picture->depth / 8);
    void *row = malloc(bytes);
    bool good = row != NULL;
    *no_memory = !row;
    for (size_t y = 0; good && y < picture->height; y++) {
        memcpy(row, (const unsigned char *)picture->samples + y * bytes, bytes);
        good = TIFFWriteScanline(tiff, row, (uint32_t)y, 0) >= 0;
    }
    free(row);
    return good;
}

status tiff_encode(const struct picture *picture, struct byte_buffer *out, struct error *err) {
    struct tiff_memory memory = {.data = NULL};
    if (!picture->width || !picture->height || picture->width > INT32_MAX || picture->height > INT32_MAX)
        return fail(err, STATUS_INVALID_ARGUMENT, "a TIFF picture cannot be %zux%zu pixels", picture->width,
                    picture->height);
    TIFF *tiff = tiff_memory_open(&memory, true, SIZE_MAX);
    bool good = tiff != NULL, no_memory = false;
    if (tiff) {
        set_layout(tiff, picture);
        set_about(tiff, picture->about);
        good = write_rows(tiff, picture, &no_memory) && TIFFWriteDirectory(tiff);
        TIFFClose(tiff);
    }
    memory.no_memory = memory.no_memory || no_memory;
    if (good && !memory.problem[0] && !memory.no_memory) {
        *out = (struct byte_buffer){memory.written, memory.size};
        return STATUS_OK;
    }
    free(memory.written);
    return problem(&memory, "written", err);
}

#else

#include "tools/files/picture_kinds.h"

status tiff_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    (void)max_pixels, (void)picture;
    return picture_refuse(bytes, size, err);
}

status tiff_encode(const struct picture *picture, struct byte_buffer *out, struct error *err) {
    (void)picture, (void)out;
    return fail(err, STATUS_UNSUPPORTED, "this limner was built without TIFF");
}

#endif

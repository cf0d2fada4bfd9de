#include "tools/files/picture_kinds.h"

#include "picture_parts.h"

#include <string.h>

#define PNG_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF | TAKES_CHUNKS)
#define JPEG_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF | TAKES_COMMENTS)
#define WEBP_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF)

static const struct picture_kind kinds[] = {
    {PICTURE_PNG, "PNG", {"png", "apng"}, true, true, true, true, PNG_TAKES},
    {PICTURE_JPEG, "JPEG", {"jpg", "jpeg", "jpe", "jfif"}, true, true, false, false, JPEG_TAKES},
    {PICTURE_WEBP, "WebP", {"webp"}, HAVE_WEBP, HAVE_WEBP, false, true, WEBP_TAKES},
    {PICTURE_TIFF, "TIFF", {"tif", "tiff"}, HAVE_TIFF, HAVE_TIFF, true, true, TAKES_PROFILE | TAKES_ORIENTATION},
    {PICTURE_BMP, "BMP", {"bmp", "dib"}, true, true, false, false, 0},
    {PICTURE_PNM, "PNM", {"pnm", "ppm", "pgm", "pbm"}, true, true, true, false, 0},
    {PICTURE_GIF, "GIF", {"gif"}, HAVE_GIF, false, false, true, 0},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* Formats that are known by name only. */
static const char *const foreign_endings[] = {"heic", "heif", "avif", "jxl", "jp2", "j2k", "psd", "psb", "exr",
                                              "hdr",  "ico",  "svg",  "tga", "dds", "raw", "dng", "cr2", "cr3",
                                              "nef",  "arw",  "orf",  "rw2", "qoi", "xcf", "pcx", "gifv"};

struct signature {
    size_t at;
    const char *bytes;
    size_t size;
    enum picture_type type;
    const char *name;
};
#define SIGNATURE(at, bytes, type, name) \
    { at, bytes, sizeof(bytes) - 1, type, name }

static const struct signature signatures[] = {
    SIGNATURE(0, "\x89PNG\r\n\x1a\n", PICTURE_PNG, "a PNG picture"),
    SIGNATURE(0, "\xff\xd8\xff", PICTURE_JPEG, "a JPEG picture"),
    SIGNATURE(8, "WEBP", PICTURE_WEBP, "a WebP picture"),
    SIGNATURE(0, "II*\0", PICTURE_TIFF, "a TIFF picture"),
    SIGNATURE(0, "MM\0*", PICTURE_TIFF, "a TIFF picture"),
    SIGNATURE(0, "II+\0", PICTURE_TIFF, "a BigTIFF picture"),
    SIGNATURE(0, "MM\0+", PICTURE_TIFF, "a BigTIFF picture"),
    SIGNATURE(0, "GIF87a", PICTURE_GIF, "a GIF picture"),
    SIGNATURE(0, "GIF89a", PICTURE_GIF, "a GIF picture"),
    SIGNATURE(4, "ftypheic", PICTURE_FOREIGN, "a HEIC picture"),
    SIGNATURE(4, "ftypheix", PICTURE_FOREIGN, "a HEIC picture"),
    SIGNATURE(4, "ftyphevc", PICTURE_FOREIGN, "a HEIC sequence"),
    SIGNATURE(4, "ftypheim", PICTURE_FOREIGN, "a HEIC picture"),
    SIGNATURE(4, "ftypheis", PICTURE_FOREIGN, "a HEIC picture"),
    SIGNATURE(4, "ftypmif1", PICTURE_FOREIGN, "a HEIF picture"),
    SIGNATURE(4, "ftypmsf1", PICTURE_FOREIGN, "a HEIF sequence"),
    SIGNATURE(4, "ftypavif", PICTURE_FOREIGN, "an AVIF picture"),
    SIGNATURE(4, "ftypavis", PICTURE_FOREIGN, "an AVIF sequence"),
    SIGNATURE(4, "ftypcrx ", PICTURE_FOREIGN, "a CR3 raw picture"),
    SIGNATURE(0, "\0\0\0\x0cJXL ", PICTURE_FOREIGN, "a JPEG XL picture"),
    SIGNATURE(0, "\xff\x0a", PICTURE_FOREIGN, "a JPEG XL picture"),
    SIGNATURE(0, "\0\0\0\x0cjP  ", PICTURE_FOREIGN, "a JPEG 2000 picture"),
    SIGNATURE(0, "\xff\x4f\xff\x51", PICTURE_FOREIGN, "a JPEG 2000 picture"),
    SIGNATURE(0, "8BPS", PICTURE_FOREIGN, "a Photoshop (PSD) picture"),
    SIGNATURE(0, "\x76\x2f\x31\x01", PICTURE_FOREIGN, "an OpenEXR picture"),
    SIGNATURE(0, "#?RADIANCE", PICTURE_FOREIGN, "a Radiance HDR picture"),
    SIGNATURE(0, "DDS |", PICTURE_FOREIGN, "a DDS picture"),
    SIGNATURE(0, "qoif", PICTURE_FOREIGN, "a QOI picture"),
    SIGNATURE(0, "gimp xcf", PICTURE_FOREIGN, "a GIMP (XCF) picture"),
    SIGNATURE(0, "\0\0\1\0", PICTURE_FOREIGN, "an ICO picture"),
    SIGNATURE(0, "P7\nWIDTH", PICTURE_FOREIGN, "a PAM picture"),
    SIGNATURE(0, "<svg", PICTURE_FOREIGN, "an SVG drawing"),
};

/* "P1" to "P6", then white space and a digit, or a comment. */
static bool is_pnm(const unsigned char *bytes, size_t size) {
    return size >= 4 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' && strchr("\n\r\t ", bytes[2]) &&
           bytes[2] && strchr("0123456789# \n\r\t", bytes[3]) && bytes[3];
}

/* The header's own size tells it from text. */
static bool is_bmp(const unsigned char *bytes, size_t size) {
    return size >= 18 && bytes[0] == 'B' && bytes[1] == 'M' && !bytes[15] && !bytes[16] && !bytes[17] &&
           (bytes[14] == 12 || bytes[14] == 16 || (bytes[14] >= 40 && bytes[14] <= 124));
}

static const struct signature *find_signature(const void *bytes, size_t size) {
    static const struct signature pnm = {0, "", 0, PICTURE_PNM, "a PNM picture"};
    static const struct signature bmp = {0, "", 0, PICTURE_BMP, "a BMP picture"};
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const struct signature *known = &signatures[i];
        if (size >= known->at + known->size &&
            memcmp((const unsigned char *)bytes + known->at, known->bytes, known->size) == 0 &&
            (known->at != 8 || memcmp(bytes, "RIFF", 4) == 0))
            return known;
    }
    return is_pnm(bytes, size) ? &pnm : is_bmp(bytes, size) ? &bmp : NULL;
}

enum picture_type picture_recognise(const void *bytes, size_t size) {
    const struct signature *found = find_signature(bytes, size);
    return found ? found->type : PICTURE_NONE;
}

const char *picture_name_of_bytes(const void *bytes, size_t size) {
    const struct signature *found = find_signature(bytes, size);
    return found ? found->name : NULL;
}

status picture_refuse(const void *bytes, size_t size, struct error *err) {
    const struct signature *found = find_signature(bytes, size);
    if (!size || !found)
        return fail(err, STATUS_INVALID_ARGUMENT, size ? "it is no picture of a known kind (%s)" : "it is empty",
                    picture_types_read());
    if (found->type == PICTURE_FOREIGN)
        return fail(err, STATUS_UNSUPPORTED, "it is %s, which is not read; convert it to PNG or JPEG (read are %s)",
                    found->name, picture_types_read());
    return fail(err, STATUS_UNSUPPORTED, "it is %s, but this limner was built without %s; convert it to PNG or JPEG",
                found->name, picture_kind(found->type)->name);
}

/* ---- names ---- */

static bool ends_in(const char *path, const char *ending) {
    const char *dot = strrchr(path, '.');
    return dot && dot != path && dot[-1] != '/' && !strchr(dot, '/') && file_ends(dot, ending) &&
           strlen(dot + 1) == strlen(ending);
}

enum picture_type picture_type_of_name(const char *path) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        for (size_t k = 0; k < 4 && kinds[i].endings[k]; k++)
            if (ends_in(path, kinds[i].endings[k]))
                return kinds[i].is_read ? kinds[i].type : PICTURE_FOREIGN;
    for (size_t i = 0; i < sizeof foreign_endings / sizeof foreign_endings[0]; i++)
        if (ends_in(path, foreign_endings[i]))
            return PICTURE_FOREIGN;
    return PICTURE_NONE;
}

enum picture_type picture_written_of_name(const char *path) {
    const enum picture_type type = picture_type_of_name(path);
    return type != PICTURE_NONE && type != PICTURE_FOREIGN && picture_kind(type)->is_written ? type : PICTURE_NONE;
}

const struct picture_kind *picture_kind(enum picture_type type) {
    return &kinds[type - PICTURE_PNG];
}

const char *picture_types_read(void) {
    return "PNG, JPEG" LIST_WEBP LIST_TIFF LIST_GIF ", BMP, PNM";
}

const char *picture_endings_written(void) {
    return ".png, .jpg" ENDING_WEBP ENDING_TIFF ", .bmp or .pnm";
}

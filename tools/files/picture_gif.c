#include "tools/files/picture_gif.h"

#include "picture_parts.h"

#if HAVE_GIF

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

struct source {
    const unsigned char *bytes;
    size_t size, at;
};

static int on_read(GifFileType *gif, GifByteType *to, int count) {
    struct source *source = gif->UserData;
    const size_t left = source->size - source->at, wanted = count < 0 ? 0 : (size_t)count;
    const size_t given = wanted < left ? wanted : left;
    memcpy(to, source->bytes + source->at, given);
    source->at += given;
    return (int)given;
}

static status damaged(const GifFileType *gif, struct error *err) {
    const char *text = GifErrorString(gif->Error);
    if (gif->Error == D_GIF_ERR_NOT_ENOUGH_MEM)
        return fail_memory(err, "a GIF picture");
    return fail(err, STATUS_INVALID_ARGUMENT, "the GIF picture is damaged: %s", text ? text : "it has no picture");
}

/* Goes to the first picture; *see_through is the index that is, or -1. */
static bool find_picture(GifFileType *gif, int *see_through) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    GifByteType *extension;
    int code;
    *see_through = NO_TRANSPARENT_COLOR;
    while (DGifGetRecordType(gif, &type) == GIF_OK && type == EXTENSION_RECORD_TYPE) {
        if (DGifGetExtension(gif, &code, &extension) != GIF_OK)
            return false;
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && extension &&
            DGifExtensionToGCB(extension[0], extension + 1, &control) == GIF_OK)
            *see_through = control.TransparentColor;
        while (extension)
            if (DGifGetExtensionNext(gif, &extension) != GIF_OK)
                return false;
    }
    return type == IMAGE_DESC_RECORD_TYPE && DGifGetImageDesc(gif) == GIF_OK;
}

static void put_row(const GifFileType *gif, const ColorMapObject *map, int see_through, size_t y,
                    const GifPixelType *row, struct picture *picture) {
    const size_t top = (size_t)gif->Image.Top + y, left = (size_t)gif->Image.Left, channels = (size_t)picture->channels;
    for (size_t x = 0; x < (size_t)gif->Image.Width && left + x < picture->width && top < picture->height; x++) {
        unsigned char *to = (unsigned char *)picture->samples + (top * picture->width + left + x) * channels;
        const bool shown = row[x] != see_through && row[x] < map->ColorCount;
        const GifColorType colour = shown ? map->Colors[row[x]] : (GifColorType){0, 0, 0};
        to[0] = colour.Red;
        to[1] = colour.Green;
        to[2] = colour.Blue;
        if (channels == 4)
            to[3] = shown ? 255 : 0;
    }
}

static bool read_rows(GifFileType *gif, const ColorMapObject *map, int see_through, GifPixelType *row,
                      struct picture *picture) {
    static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    for (int pass = 0; pass < (gif->Image.Interlace ? 4 : 1); pass++) {
        const int step = gif->Image.Interlace ? steps[pass] : 1;
        for (int y = gif->Image.Interlace ? starts[pass] : 0; y < gif->Image.Height; y += step) {
            if (DGifGetLine(gif, row, gif->Image.Width) != GIF_OK)
                return false;
            put_row(gif, map, see_through, (size_t)y, row, picture);
        }
    }
    return true;
}

/* What the first picture leaves of the screen is see-through. */
static status decode(GifFileType *gif, size_t max_pixels, struct picture *picture, struct error *err) {
    int see_through;
    if (!find_picture(gif, &see_through))
        return damaged(gif, err);
    const GifImageDesc *image = &gif->Image;
    const ColorMapObject *map = image->ColorMap ? image->ColorMap : gif->SColorMap;
    const bool covers =
        image->Left <= 0 && image->Top <= 0 && image->Width >= gif->SWidth && image->Height >= gif->SHeight;
    if (!map || gif->SWidth <= 0 || gif->SHeight <= 0 || image->Width <= 0 || image->Height <= 0 || image->Left < 0 ||
        image->Top < 0)
        return damaged(gif, err);
    *picture =
        (struct picture){(size_t)gif->SWidth, (size_t)gif->SHeight, covers && see_through < 0 ? 3 : 4, 8, NULL, NULL};
    if ((size_t)image->Width * (size_t)image->Height > max_pixels)
        return fail(err, STATUS_LIMIT, "its first picture is larger than its screen and the limit (--max-pixels)");
    const status code = picture_allocate(picture, max_pixels, err);
    GifPixelType *row = code ? NULL : malloc((size_t)image->Width);
    if (code || !row)
        return code ? code : fail_memory(err, "a GIF picture");
    const bool good = read_rows(gif, map, see_through, row, picture);
    free(row);
    return good ? STATUS_OK : damaged(gif, err);
}

status gif_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct source source = {bytes, size, 0};
    int problem = 0;
    GifFileType *gif = DGifOpen(&source, on_read, &problem);
    if (!gif)
        return problem == D_GIF_ERR_NOT_ENOUGH_MEM ? fail_memory(err, "a GIF picture")
                                                   : fail(err, STATUS_INVALID_ARGUMENT, "the GIF picture is damaged");
    const status code = decode(gif, max_pixels, picture, err);
    DGifCloseFile(gif, &problem);
    if (code)
        picture_free(picture);
    return code;
}

#else

#include "tools/files/picture_kinds.h"

status gif_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    (void)max_pixels, (void)picture;
    return picture_refuse(bytes, size, err);
}

#endif

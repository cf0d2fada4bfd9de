#include "tools/files/picture_jp2.h"

#include "picture_parts.h"

#if HAVE_JP2

#include <openjpeg.h>
#include <string.h>

struct source {
    const unsigned char *bytes;
    size_t size, at;
};

static OPJ_SIZE_T on_read(void *to, OPJ_SIZE_T wanted, void *user) {
    struct source *source = user;
    const size_t left = source->size - source->at, given = wanted < left ? wanted : left;
    if (given == 0)
        return (OPJ_SIZE_T)-1;
    memcpy(to, source->bytes + source->at, given);
    source->at += given;
    return given;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T count, void *user) {
    struct source *source = user;
    const size_t left = source->size - source->at;
    if (count < 0 || (OPJ_UINT64)count > left)
        return -1;
    source->at += (size_t)count;
    return count;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user) {
    struct source *source = user;
    if (to < 0 || (OPJ_UINT64)to > source->size)
        return OPJ_FALSE;
    source->at = (size_t)to;
    return OPJ_TRUE;
}

/* The decoder at work; all three are NULL at first. */
struct decoder {
    opj_codec_t *codec;
    opj_stream_t *stream;
    opj_image_t *image;
};

static void close_decoder(struct decoder *d) {
    opj_image_destroy(d->image);
    opj_stream_destroy(d->stream);
    opj_destroy_codec(d->codec);
}

static status damaged(struct error *err) {
    return fail(err, STATUS_INVALID_ARGUMENT, "the JPEG 2000 picture is damaged");
}

static status open_decoder(struct decoder *d, struct source *source, struct error *err) {
    const bool bare = source->size > 0 && source->bytes[0] == 0xff;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    d->codec = opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    d->stream = opj_stream_default_create(OPJ_TRUE);
    if (!d->codec || !d->stream)
        return fail_memory(err, "a JPEG 2000 picture");
    opj_stream_set_read_function(d->stream, on_read);
    opj_stream_set_skip_function(d->stream, on_skip);
    opj_stream_set_seek_function(d->stream, on_seek);
    opj_stream_set_user_data(d->stream, source, NULL);
    opj_stream_set_user_data_length(d->stream, source->size);
    if (!opj_setup_decoder(d->codec, &parameters) || !opj_read_header(d->stream, d->codec, &d->image))
        return damaged(err);
    return STATUS_OK;
}

/* What the header promises, before memory is taken for it. */
static status check_header(const opj_image_t *image, size_t max_pixels, struct error *err) {
    const OPJ_UINT32 width = image->x1 - image->x0, height = image->y1 - image->y0;
    if (image->x1 <= image->x0 || image->y1 <= image->y0)
        return damaged(err);
    if ((size_t)width > max_pixels / height)
        return fail(err, STATUS_LIMIT, "it has %u x %u pixels, at most %zu are read", width, height, max_pixels);
    if (image->numcomps < 1 || image->numcomps > 4)
        return fail(err, STATUS_UNSUPPORTED, "it is a JPEG 2000 picture of %u components, expected 1 to 4",
                    image->numcomps);
    return STATUS_OK;
}

static status check_components(const opj_image_t *image, struct error *err) {
    const opj_image_comp_t *first = &image->comps[0];
    if (image->color_space == OPJ_CLRSPC_SYCC || image->color_space == OPJ_CLRSPC_EYCC ||
        image->color_space == OPJ_CLRSPC_CMYK)
        return fail(err, STATUS_UNSUPPORTED, "it is a JPEG 2000 picture that is neither gray nor RGB");
    if (image->numcomps < 1 || image->numcomps > 4)
        return damaged(err);
    for (OPJ_UINT32 i = 0; i < image->numcomps; i++) {
        const opj_image_comp_t *comp = &image->comps[i];
        if (!comp->data || comp->prec < 1 || comp->prec > 16)
            return fail(err, STATUS_UNSUPPORTED, "it is a JPEG 2000 picture of %u bits a sample, at most 16 are read",
                        comp->prec);
        if (comp->w != first->w || comp->h != first->h || comp->w == 0 || comp->h == 0)
            return fail(err, STATUS_UNSUPPORTED, "it is a JPEG 2000 picture whose components differ in size");
    }
    return STATUS_OK;
}

/* Samples of any number of bits as 8 or 16. */
static void fill(const opj_image_t *image, struct picture *picture) {
    const size_t pixels = picture->width * picture->height;
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *comp = &image->comps[c];
        const unsigned most = (1u << comp->prec) - 1, peak = picture_peak(picture);
        const OPJ_INT32 shift = comp->sgnd ? (OPJ_INT32)1 << (comp->prec - 1) : 0;
        for (size_t i = 0; i < pixels; i++) {
            const OPJ_INT64 value = (OPJ_INT64)comp->data[i] + shift;
            const unsigned in = value < 0 ? 0 : value > (OPJ_INT64)most ? most : (unsigned)value;
            picture_set_sample(picture, i * image->numcomps + c,
                               most == peak ? in : (unsigned)(((size_t)in * peak + most / 2) / most));
        }
    }
}

static status take_image(const opj_image_t *image, size_t max_pixels, struct picture *picture, struct error *err) {
    if (check_components(image, err) != STATUS_OK)
        return err->code;
    picture->width = image->comps[0].w;
    picture->height = image->comps[0].h;
    picture->channels = (int)image->numcomps;
    picture->depth = image->comps[0].prec > 8 ? 16 : 8;
    if (picture_allocate(picture, max_pixels, err) != STATUS_OK)
        return err->code;
    fill(image, picture);
    return STATUS_OK;
}

status jp2_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct source source = {bytes, size, 0};
    struct decoder decoder = {NULL, NULL, NULL};
    status code = open_decoder(&decoder, &source, err);
    if (code == STATUS_OK)
        code = check_header(decoder.image, max_pixels, err);
    if (code == STATUS_OK && (!opj_decode(decoder.codec, decoder.stream, decoder.image) ||
                              !opj_end_decompress(decoder.codec, decoder.stream)))
        code = damaged(err);
    if (code == STATUS_OK)
        code = take_image(decoder.image, max_pixels, picture, err);
    close_decoder(&decoder);
    return code;
}

#else

#include "tools/files/picture_kinds.h"

status jp2_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    (void)max_pixels, (void)picture;
    return picture_refuse(bytes, size, err);
}

#endif

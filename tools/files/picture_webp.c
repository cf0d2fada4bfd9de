#include "tools/files/picture_webp.h"

#include "picture_parts.h"

#if HAVE_WEBP

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

static status damaged(VP8StatusCode code, struct error *err) {
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return fail_memory(err, "a WebP picture");
    return fail(err, STATUS_INVALID_ARGUMENT, "the WebP picture is damaged or ends too early");
}

/* The whole canvas, with alpha. */
static status decode_animation(const WebPData *data, struct picture *picture, struct error *err) {
    WebPAnimDecoderOptions options;
    uint8_t *frame;
    int time;
    if (!WebPAnimDecoderOptionsInit(&options))
        return fail(err, STATUS_UNSUPPORTED, "another version of libwebp was built against");
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, &options);
    if (!decoder)
        return damaged(VP8_STATUS_BITSTREAM_ERROR, err);
    const bool good = WebPAnimDecoderGetNext(decoder, &frame, &time);
    if (good)
        memcpy(picture->samples, frame, picture->width * picture->height * 4);
    WebPAnimDecoderDelete(decoder);
    return good ? STATUS_OK : damaged(VP8_STATUS_BITSTREAM_ERROR, err);
}

static status decode_still(const WebPData *data, struct picture *picture, struct error *err) {
    const size_t row = picture->width * (size_t)picture->channels, bytes = row * picture->height;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(err, STATUS_UNSUPPORTED, "another version of libwebp was built against");
    config.output.colorspace = picture->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){picture->samples, (int)row, bytes};
    const VP8StatusCode code = WebPDecode(data->bytes, data->size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? STATUS_OK : damaged(code, err);
}

status webp_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    const WebPData data = {bytes, size};
    WebPBitstreamFeatures features;
    const VP8StatusCode problem = WebPGetFeatures(bytes, size, &features);
    if (problem != VP8_STATUS_OK)
        return damaged(problem, err);
    const bool alpha = features.has_alpha || features.has_animation;
    *picture = (struct picture){(size_t)features.width, (size_t)features.height, alpha ? 4 : 3, 8, NULL, NULL};
    status code = picture_allocate(picture, max_pixels, err);
    if (!code)
        code = features.has_animation ? decode_animation(&data, picture, err) : decode_still(&data, picture, err);
    if (code)
        picture_free(picture);
    return code;
}

/* ---- writing ---- */

static bool import(WebPPicture *to, const struct picture *picture, unsigned char *rgba) {
    const size_t channels = (size_t)picture->channels;
    for (size_t i = 0; i < picture->width * picture->height; i++) {
        for (size_t c = 0; c < 3; c++)
            rgba[4 * i + c] = (unsigned char)picture_sample(picture, i * channels + (channels >= 3 ? c : 0));
        rgba[4 * i + 3] =
            picture_has_alpha(picture) ? (unsigned char)picture_sample(picture, i * channels + channels - 1) : 255;
    }
    return WebPPictureImportRGBA(to, rgba, (int)picture->width * 4);
}

/* Without loss every sample stays, those of see-through pixels as well. */
static bool configure(WebPConfig *config, int quality) {
    if (!WebPConfigInit(config))
        return false;
    config->lossless = quality == 0;
    config->exact = 1;
    config->quality = quality ? (float)quality : 50;
    config->method = quality ? 4 : 2;
    return WebPValidateConfig(config);
}

static status encode_picture(const struct picture *picture, int quality, WebPMemoryWriter *writer, struct error *err) {
    WebPConfig config;
    WebPPicture to;
    if (!configure(&config, quality) || !WebPPictureInit(&to))
        return fail(err, STATUS_UNSUPPORTED, "another version of libwebp was built against");
    unsigned char *rgba = malloc(picture->width * picture->height * 4);
    if (!rgba)
        return fail_memory(err, "a WebP picture");
    to.width = (int)picture->width;
    to.height = (int)picture->height;
    to.use_argb = config.lossless;
    to.writer = WebPMemoryWrite;
    to.custom_ptr = writer;
    const bool good = import(&to, picture, rgba) && WebPEncode(&config, &to);
    const WebPEncodingError problem = to.error_code;
    WebPPictureFree(&to);
    free(rgba);
    if (good)
        return STATUS_OK;
    return problem == VP8_ENC_ERROR_OUT_OF_MEMORY || problem == VP8_ENC_OK
               ? fail_memory(err, "a WebP picture")
               : fail(err, STATUS_INVALID_ARGUMENT, "the WebP picture cannot be written (error %d)", (int)problem);
}

static bool set_chunk(WebPMux *mux, const char *name, const struct byte_buffer *data) {
    const WebPData chunk = {data->data, data->size};
    return !data->size || WebPMuxSetChunk(mux, name, &chunk, 0) == WEBP_MUX_OK;
}

/* The file with profile and EXIF round the picture. */
static bool assemble(const WebPMemoryWriter *writer, const struct picture_about *about, struct byte_buffer *out) {
    const WebPData picture = {writer->mem, writer->size};
    WebPData file = {NULL, 0};
    WebPMux *mux = WebPMuxNew();
    bool good = mux && WebPMuxSetImage(mux, &picture, 0) == WEBP_MUX_OK;
    if (good && about)
        good = set_chunk(mux, "ICCP", &about->profile) && set_chunk(mux, "EXIF", &about->exif) &&
               set_chunk(mux, "XMP ", &about->xmp);
    good = good && WebPMuxAssemble(mux, &file) == WEBP_MUX_OK;
    WebPMuxDelete(mux);
    out->data = good ? malloc(file.size) : NULL;
    if (out->data) {
        out->size = file.size;
        memcpy(out->data, file.bytes, file.size);
    }
    WebPDataClear(&file);
    return out->data;
}

status webp_encode(const struct picture *picture, int quality, struct byte_buffer *out, struct error *err) {
    if (!picture->width || !picture->height || picture->width > WEBP_MAX_DIMENSION ||
        picture->height > WEBP_MAX_DIMENSION)
        return fail(err, STATUS_INVALID_ARGUMENT, "a WebP picture cannot be %zux%zu pixels (1 to %d each way)",
                    picture->width, picture->height, WEBP_MAX_DIMENSION);
    WebPMemoryWriter writer;
    WebPMemoryWriterInit(&writer);
    status code = encode_picture(picture, quality, &writer, err);
    if (!code && !assemble(&writer, picture->about, out))
        code = fail_memory(err, "a WebP picture");
    WebPMemoryWriterClear(&writer);
    return code;
}

#else

#include "tools/files/picture_kinds.h"

status webp_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    (void)max_pixels, (void)picture;
    return picture_refuse(bytes, size, err);
}

status webp_encode(const struct picture *picture, int quality, struct byte_buffer *out, struct error *err) {
    (void)picture, (void)quality, (void)out;
    return fail(err, STATUS_UNSUPPORTED, "this limner was built without WebP");
}

#endif

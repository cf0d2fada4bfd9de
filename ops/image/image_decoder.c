/* ImageDecoder (ONNX 20): the bytes of a picture's file become samples. The decoder is the caller's (image_hook). */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <stdlib.h>

static const struct op_facts facts = {.varies = true, .reach = op_reach_unknown};

enum pixel_format { FORMAT_RGB, FORMAT_BGR, FORMAT_GRAY };

struct decoder {
    enum pixel_format format;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const formats[] = {"RGB", "BGR", "Grayscale", NULL};
    (void)call, (void)err;
    ((struct decoder *)params)->format =
        (enum pixel_format)attribute_choice(attributes, "pixel_format", formats, FORMAT_RGB);
    return STATUS_OK;
}

/* What cannot be decoded is an empty picture, as the specification wants it; but where there is no decoder, or no
 * memory, or it does not know the kind of file, that is said. */
static status decode(const struct op_call *call, struct image *image, struct error *err) {
    const struct tensor *bytes = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    *image = (struct image){0};
    if (bytes->shape.rank != 1)
        return fail(err, STATUS_SHAPE, "input 0 (encoded_stream) is %s, expected a list of bytes",
                    shape_text(&bytes->shape, text));
    if (!call->images || !call->images->decode)
        return fail(err, STATUS_UNSUPPORTED,
                    "pictures are decoded by what limner_options.image_decoder names, and it "
                    "names nothing");
    const status code = call->images->decode(call->images->context, bytes->data, bytes->bytes, image, err);
    const bool said = code == STATUS_UNSUPPORTED || code == STATUS_NO_MEMORY || code == STATUS_LIMIT;
    if (code != STATUS_OK)
        *image = (struct image){0};
    return said ? code : STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct decoder *decoder = call->params;
    struct image image;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    if (decode(call, &image, err) != STATUS_OK)
        return err->code;
    free(image.samples);
    const struct shape shape = {.rank = 3, .dims = {image.height, image.width, decoder->format == FORMAT_GRAY ? 1 : 3}};
    return tensor_describe(call->outputs[0], DTYPE_UINT8, &shape, err);
}

/* The weights of ITU-R BT.601, in 1/65536. */
static unsigned char gray_of(const unsigned char *rgb) {
    return (unsigned char)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

static void convert(const struct image *image, enum pixel_format format, unsigned char *to) {
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < pixels; i++) {
        const unsigned char *rgb = image->samples + 3 * i;
        if (format == FORMAT_GRAY)
            to[i] = gray_of(rgb);
        for (size_t c = 0; format != FORMAT_GRAY && c < 3; c++)
            to[3 * i + c] = rgb[format == FORMAT_BGR ? 2 - c : c];
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct decoder *decoder = call->params;
    struct tensor *output = call->outputs[0];
    struct image image;
    if (decode(call, &image, err) != STATUS_OK)
        return err->code;
    const bool same = image.height == output->shape.dims[0] && image.width == output->shape.dims[1];
    if (same && output->bytes > 0)
        convert(&image, decoder->format, output->data);
    free(image.samples);
    return same ? STATUS_OK : fail(err, STATUS_SHAPE, "the decoder gave another size the second time");
}

const struct op ops_image_decoder[] = {
    {.name = "ImageDecoder",
     .domain = "",
     .since = 20,
     .inputs = (const struct op_arg[]){{"encoded_stream", TYPE(DTYPE_UINT8), 0}, {0}},
     .outputs = (const struct op_arg[]){{"image", TYPE(DTYPE_UINT8), 0}, {0}},
     .params_size = sizeof(struct decoder),
     .facts = &facts,
     .parse = parse,
     .infer = infer,
     .run = run},
    {0}};

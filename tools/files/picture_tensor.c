#include "tools/files/picture_tensor.h"

#include "tools/files/element.h"

#include <math.h>
#include <stdlib.h>

/* ---- pictures to tensors ---- */

static bool channels_fit(int64_t channels) {
    return channels == 1 || channels == 3 || channels == 4;
}

static bool may_be_channels(int64_t size, int planes) {
    return planes > 0 ? size == planes : channels_fit(size);
}

bool picture_find_axes(int rank, const int64_t *dims, int planes, bool channels_last, struct picture_axes *axes,
                       bool *certain) {
    const int first = rank == -1 || rank == 4 ? 1 : 0, last = first + 2;
    if (rank != -1 && rank != 3 && rank != 4)
        return false;
    const bool front = rank > 0 && may_be_channels(dims[first], planes);
    const bool back = rank > 0 && may_be_channels(dims[last], planes);
    *certain = front != back;
    const bool is_last = *certain ? back : channels_last;
    *axes = is_last ? (struct picture_axes){last, first, first + 1} : (struct picture_axes){first, first + 1, last};
    return true;
}

static status not_for_pictures(const struct picture_place *place, struct error *err) {
    fail(err, STATUS_SHAPE, "%s \"%s\" is no place for a picture: it is %s ", place->what, place->name,
         dtype_name(place->dtype));
    for (int d = 0; d < place->rank; d++)
        error_append(err, place->dims[d] < 0 ? "%s?" : "%s%lld", d ? "," : "[", (long long)place->dims[d]);
    error_append(err, "%s, a picture needs N,C,H,W or N,H,W,C with 1, 3 or 4 channels; give a .npy or .pb file",
                 place->rank ? "]" : "a scalar");
    return err->code;
}

static status check_size(const struct picture *picture, const struct picture_place *place,
                         const struct picture_axes *axes, struct error *err) {
    if (place->rank < 0)
        return STATUS_OK;
    if (place->rank == 4 && place->dims[0] >= 0 && place->dims[0] != 1)
        return fail(err, STATUS_SHAPE, "%s \"%s\" is %lld pictures at once; give a .npy or .pb file", place->what,
                    place->name, (long long)place->dims[0]);
    const int64_t height = place->dims[axes->height], width = place->dims[axes->width];
    if ((height >= 0 && (size_t)height != picture->height) || (width >= 0 && (size_t)width != picture->width)) {
        fail(err, STATUS_SHAPE, "the picture is %zu wide and %zu high, but %s \"%s\"", picture->width, picture->height,
             place->what, place->name);
        error_append(err, width < 0 ? " takes any width" : " is %lld wide", (long long)width);
        error_append(err, height < 0 ? " and takes any height" : " and %lld high", (long long)height);
        error_append(
            err, ": resize the picture (limner run --fit resize does), or export the model with free height and width");
        return err->code;
    }
    return STATUS_OK;
}

static status describe(const struct picture *picture, const struct picture_place *place,
                       const struct picture_form *form, struct picture_axes *axes, struct tensor *tensor,
                       struct error *err) {
    bool certain;
    if (!picture_find_axes(place->rank, place->dims, 0, form->channels_last, axes, &certain))
        return not_for_pictures(place, err);
    const int64_t declared = place->rank < 0 ? -1 : place->dims[axes->channels];
    const bool batch_as_channels = place->rank == 3 && declared < 0; /* [N,H,W]: who knows what it is */
    if (batch_as_channels || (declared >= 0 && !channels_fit(declared)))
        return not_for_pictures(place, err);
    const status code = check_size(picture, place, axes, err);
    if (code)
        return code;
    struct shape shape = {place->rank < 0 ? 4 : place->rank, {1}};
    shape.dims[axes->channels] = declared < 0 ? 3 : declared;
    shape.dims[axes->height] = (int64_t)picture->height;
    shape.dims[axes->width] = (int64_t)picture->width;
    return tensor_describe(tensor, place->dtype, &shape, err);
}

/* Where a pixel's channels lie in a tensor. */
struct sample_steps {
    size_t pixel, channel;
};

static struct sample_steps steps_of(const struct picture_axes *axes, size_t pixels, size_t channels) {
    return axes->channels > axes->width ? (struct sample_steps){channels, 1} : (struct sample_steps){1, pixels};
}

/* Light in 0..1 of a pixel in one of the model's channels. */
static double light(const struct picture *picture, size_t pixel, int64_t channels, int channel,
                    const struct picture_form *form) {
    const size_t at = pixel * (size_t)picture->channels;
    const double peak = picture_peak(picture);
    const bool colour = picture->channels >= 3;
    if (channel == 3)
        return picture_has_alpha(picture) ? picture_sample(picture, at + (size_t)picture->channels - 1) / peak : 1;
    if (!colour)
        return picture_sample(picture, at) / peak;
    if (channels > 1)
        return picture_sample(picture, at + (size_t)form_colour(form, channel)) / peak;
    return (0.299 * picture_sample(picture, at) + 0.587 * picture_sample(picture, at + 1) +
            0.114 * picture_sample(picture, at + 2)) /
           peak;
}

status picture_to_tensor(const struct picture *picture, const struct picture_place *place,
                         const struct picture_form *form, struct tensor *tensor, struct error *err) {
    struct picture_axes axes;
    const status code = describe(picture, place, form, &axes, tensor, err);
    if (code)
        return code;
    tensor->data = malloc(tensor->bytes ? tensor->bytes : 1);
    if (!tensor->data)
        return fail_memory(err, "a picture");
    const size_t pixels = picture->width * picture->height;
    const int64_t channels = tensor->shape.dims[axes.channels];
    const struct sample_steps steps = steps_of(&axes, pixels, (size_t)channels);
    for (int c = 0; c < (int)channels; c++)
        for (size_t i = 0; i < pixels; i++) {
            const double value = form_number(form, c, light(picture, i, channels, c, form));
            if (!element_set(tensor->dtype, tensor->data, (size_t)c * steps.channel + i * steps.pixel, value)) {
                free(tensor->data);
                tensor->data = NULL;
                return fail(err, STATUS_UNSUPPORTED, "%s \"%s\" is %s, which cannot be made from a picture",
                            place->what, place->name, dtype_name(place->dtype));
            }
        }
    return STATUS_OK;
}

/* ---- tensors to pictures ---- */

static status describe_picture(const struct tensor *tensor, const struct picture_form *form, int depth,
                               struct picture *picture, struct picture_axes *axes, struct error *err) {
    const struct shape *shape = &tensor->shape;
    char text[SHAPE_TEXT_BYTES];
    bool certain;
    if ((shape->rank != 3 && shape->rank != 4) ||
        !picture_find_axes(shape->rank, shape->dims, 0, form->channels_last, axes, &certain) ||
        (shape->rank == 4 && shape->dims[0] != 1) || !channels_fit(shape->dims[axes->channels]) ||
        !shape->dims[axes->height] || !shape->dims[axes->width])
        return fail(err, STATUS_SHAPE,
                    "%s %s is no picture: that needs 1,C,H,W or 1,H,W,C with 1, 3 or 4 channels; write a .npy or .pb "
                    "file",
                    dtype_name(tensor->dtype), shape_text(shape, text));
    if (!element_is_number(tensor->dtype) || element_is_complex(tensor->dtype))
        return fail(err, STATUS_UNSUPPORTED, "%s cannot be made a picture; write a .pb file",
                    dtype_name(tensor->dtype));
    *picture = (struct picture){(size_t)shape->dims[axes->width],
                                (size_t)shape->dims[axes->height],
                                (int)shape->dims[axes->channels],
                                depth,
                                NULL,
                                NULL};
    return picture_allocate(picture, SIZE_MAX, err);
}

static unsigned quantise(double part, unsigned peak, size_t *nan) {
    if (isnan(part)) {
        ++*nan;
        return 0;
    }
    return part <= 0 ? 0 : part >= 1 ? peak : (unsigned)(part * peak + 0.5);
}

status tensor_to_picture(const struct tensor *tensor, const struct picture_form *form, int depth,
                         struct picture *picture, size_t *nan, struct error *err) {
    struct picture_axes axes;
    *nan = 0;
    const status code = describe_picture(tensor, form, depth, picture, &axes, err);
    if (code)
        return code;
    const size_t pixels = picture->width * picture->height, channels = (size_t)picture->channels;
    const struct sample_steps steps = steps_of(&axes, pixels, channels);
    const unsigned peak = picture_peak(picture);
    for (size_t c = 0; c < channels; c++) {
        const size_t target = channels >= 3 ? (size_t)form_colour(form, (int)c) : c;
        for (size_t i = 0; i < pixels; i++) {
            const double number = element_get(tensor->dtype, tensor->data, c * steps.channel + i * steps.pixel);
            picture_set_sample(picture, i * channels + target, quantise(form_light(form, (int)c, number), peak, nan));
        }
    }
    return STATUS_OK;
}

/* ---- alpha ---- */

/* The two neighbours of target sample `at` among `from` samples that `to` samples are stretched over. */
struct neighbours {
    size_t first, second;
    double weight; /* of the second */
};

static struct neighbours find_neighbours(size_t at, size_t from, size_t to) {
    const double centre = ((double)at + 0.5) * (double)from / (double)to - 0.5;
    const double inside = centre < 0 ? 0 : centre > (double)(from - 1) ? (double)(from - 1) : centre;
    const size_t first = (size_t)inside;
    return (struct neighbours){first, first + 1 < from ? first + 1 : first, inside - (double)first};
}

static double alpha_at(const struct picture *picture, size_t x, size_t y) {
    const size_t channels = (size_t)picture->channels;
    return (double)picture_sample(picture, (y * picture->width + x) * channels + channels - 1) / picture_peak(picture);
}

static double interpolate_alpha(const struct picture *source, const struct neighbours *x, const struct neighbours *y) {
    const double above =
        alpha_at(source, x->first, y->first) * (1 - x->weight) + alpha_at(source, x->second, y->first) * x->weight;
    const double below =
        alpha_at(source, x->first, y->second) * (1 - x->weight) + alpha_at(source, x->second, y->second) * x->weight;
    return above * (1 - y->weight) + below * y->weight;
}

status picture_copy_alpha(struct picture *picture, const struct picture *source, struct error *err) {
    if (picture_has_alpha(picture) || !picture_has_alpha(source))
        return STATUS_OK;
    struct picture target = *picture;
    target.channels++;
    const status code = picture_allocate(&target, SIZE_MAX, err);
    if (code)
        return code;
    const size_t channels = (size_t)picture->channels;
    for (size_t y = 0; y < target.height; y++) {
        const struct neighbours rows = find_neighbours(y, source->height, target.height);
        for (size_t x = 0; x < target.width; x++) {
            const struct neighbours columns = find_neighbours(x, source->width, target.width);
            const size_t pixel = y * target.width + x;
            for (size_t c = 0; c < channels; c++)
                picture_set_sample(&target, pixel * (channels + 1) + c, picture_sample(picture, pixel * channels + c));
            picture_set_sample(&target, pixel * (channels + 1) + channels,
                               (unsigned)(interpolate_alpha(source, &columns, &rows) * picture_peak(&target) + 0.5));
        }
    }
    free(picture->samples);
    *picture = target;
    return STATUS_OK;
}

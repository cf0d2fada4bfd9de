/* Pictures to tensors and back: N,C,H,W or N,H,W,C, or without the N, with 1, 3 or 4 channels. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_TENSOR_H
#define LIMNER_TOOLS_FILES_PICTURE_TENSOR_H

#include "base/tensor.h"
#include "tools/files/picture.h"
#include "tools/files/picture_form.h"

/* What a model declares for a picture, as far as it matters here. */
struct picture_place {
    const char *what, *name; /* "input", "picture" */
    enum dtype dtype;
    int rank;            /* -1: not declared, taken as rank 4 */
    const int64_t *dims; /* -1: any; a free number of channels is taken as 3 */
};

/* Where a picture's dimensions stand. */
struct picture_axes {
    int channels, height, width;
};

/*
 * By the sizes that are known: channels are 1, 3 or 4 (or `planes`, where that is above 0). Where both orders or
 * neither would do, channels_last says which; *certain is false then. Ranks 3 and 4; false for others.
 */
bool picture_find_axes(int rank, const int64_t *dims, int planes, bool channels_last, struct picture_axes *axes,
                       bool *certain);

/*
 * tensor gets one picture as the place wants it; tensor->data is the caller's to free(). Channels: 1 is luminance
 * (0.299 R + 0.587 G + 0.114 B), 3 leaves alpha out, 4 is RGB and alpha (opaque when the picture has none). Gray
 * pictures serve as RGB. The order of dimensions is what the declared sizes say, else form's. STATUS_SHAPE when the
 * sizes do not agree: nothing is resized.
 */
status picture_to_tensor(const struct picture *picture, const struct picture_place *place,
                         const struct picture_form *form, struct tensor *tensor, struct error *err);

/*
 * Rounded to the nearest sample and clamped to black and white; *nan counts the elements that are not a number and
 * became black. The caller frees the picture.
 */
status tensor_to_picture(const struct tensor *tensor, const struct picture_form *form, int depth,
                         struct picture *picture, size_t *nan, struct error *err);

/*
 * Gives a picture without alpha that of source, interpolated linearly where the sizes differ; nothing happens when
 * source has none.
 */
status picture_copy_alpha(struct picture *picture, const struct picture *source, struct error *err);

#endif

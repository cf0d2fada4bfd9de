/* Pictures to tensors and back: N,C,H,W or C,H,W with 1, 3 or 4 channels. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_TENSOR_H
#define LIMNER_TOOLS_FILES_PICTURE_TENSOR_H

#include "base/tensor.h"
#include "tools/files/picture.h"

/* How a model counts light and orders colours. */
struct picture_form {
    double low, high; /* black and white */
    bool blue_first;  /* B, G, R */
};

/* What a model declares for a picture, as far as it matters here. */
struct picture_place {
    const char *what, *name; /* "input", "picture" */
    enum dtype dtype;
    int rank;            /* -1: not declared, taken as N,C,H,W */
    const int64_t *dims; /* -1: any; a free number of channels is taken as 3 */
};

/*
 * tensor gets one picture as the place wants it; tensor->data is the caller's to free(). Channels: 1 is luminance
 * (0.299 R + 0.587 G + 0.114 B), 3 leaves alpha out, 4 is RGB and alpha (opaque when the picture has none). Gray
 * pictures serve as RGB. STATUS_SHAPE when the sizes do not agree: nothing is resized.
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

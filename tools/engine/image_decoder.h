/* limner's pictures, for models that decode pictures themselves (limner_options.image_decoder). */
#ifndef LIMNER_TOOLS_ENGINE_IMAGE_DECODER_H
#define LIMNER_TOOLS_ENGINE_IMAGE_DECODER_H

#include "runtime/limner.h"

/* A limner_image_decoder of all kinds of pictures that this build reads. context is not looked at. */
limner_status decode_image(void *context, const void *data, size_t bytes, limner_image *image, limner_error *error);

#endif

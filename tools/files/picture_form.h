/* How a model counts light: from the light of a picture's channel to the model's number, and back. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_FORM_H
#define LIMNER_TOOLS_FILES_PICTURE_FORM_H

#include <stdbool.h>

#define FORM_CHANNELS 4

/*
 * A light of 0..1 becomes (low + light (high - low) - mean) / deviation, the last two for each of the model's channels.
 * {low, high} alone is a form without mean and deviation.
 */
struct picture_form {
    double low, high; /* black and white */
    bool blue_first;  /* B, G, R */
    bool channels_last;
    bool normalises; /* mean and deviation count */
    double mean[FORM_CHANNELS], deviation[FORM_CHANNELS];
};

static inline double form_number(const struct picture_form *form, int channel, double light) {
    const double value = form->low + light * (form->high - form->low);
    return form->normalises ? (value - form->mean[channel]) / form->deviation[channel] : value;
}
static inline double form_light(const struct picture_form *form, int channel, double number) {
    const double value = form->normalises ? number * form->deviation[channel] + form->mean[channel] : number;
    return (value - form->low) / (form->high - form->low);
}
/* The colour of R, G, B that the model's channel is. */
static inline int form_colour(const struct picture_form *form, int channel) {
    return form->blue_first && channel < 3 ? 2 - channel : channel;
}

#endif

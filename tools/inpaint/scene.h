/* A picture with its holes and edges, or without holes, as the models see it. */
#ifndef LIMNER_TOOLS_INPAINT_SCENE_H
#define LIMNER_TOOLS_INPAINT_SCENE_H

#include "tools/files/picture.h"
#include "tools/inpaint/canny.h"
#include "tools/inpaint/regions.h"

#include <stdbool.h>

struct scene {
    struct picture picture;  /* as the models see it */
    struct picture original; /* as the file has it, where its colours were converted; else without samples */
    uint8_t *hole;           /* width * height: 1 is to be painted; NULL: there is no mask, all of it is */
    uint8_t *edges;          /* the same size, 0 or 1; NULL until scene_find_edges */
    double mean[3];          /* light of what is no hole; 0 until scene_find_mean */
};

/* How a mask picture is read. */
struct mask_options {
    bool white_is_known; /* else white is the hole */
    int threshold;       /* light above this, in 0..255, counts as white; compared without rounding */
};

/* What the mask's reader noticed. */
struct mask_notes {
    size_t from_width, from_height; /* the mask's own size when it was resized, else 0 */
    size_t faint;                   /* pixels of a mask that is not quite black nor white */
};

/* A file; or a picture in memory, which stays the caller's and is upright, and what messages call it. */
struct picture_source {
    const char *name;
    const struct picture *given; /* NULL: the file is read */
};

/* What is read, and how. */
struct scene_request {
    struct picture_source image, mask; /* mask.name is NULL where there is none */
    const struct mask_options *options;
    size_t max_pixels;
    bool to_srgb; /* the picture's colours, by its profile */
};

/* The picture and its mask; the messages name the file. Closed with scene_close, after errors too. */
status scene_read(const struct scene_request *request, struct scene *scene, struct mask_notes *notes,
                  struct error *err);
void scene_close(struct scene *scene);

/* Canny's edges of the picture outside its holes. */
status scene_find_edges(struct scene *scene, const struct canny_options *options, struct error *err);

/* The mean of what is known; of a picture that is all hole one half. */
void scene_find_mean(struct scene *scene);

/* The rectangle in another size: what holds a hole or an edge is one. The caller closes scaled. */
status scene_resize(const struct scene *scene, const struct rect *rect, size_t height, size_t width,
                    struct scene *scaled, struct error *err);

/* All pixels where there is no mask. */
size_t scene_hole_pixels(const struct scene *scene);
/* In the mask; without one, nothing is. */
static inline bool scene_is_hole(const struct scene *scene, size_t pixel) {
    return scene->hole && scene->hole[pixel];
}
/* What is painted: holes, or everything. */
static inline bool scene_is_wanted(const struct scene *scene, size_t pixel) {
    return !scene->hole || scene->hole[pixel];
}

/* Light of a pixel, 0..1, in colour channel 0..2. */
static inline float scene_light(const struct scene *scene, size_t pixel, int channel) {
    const struct picture *picture = &scene->picture;
    const size_t at = pixel * (size_t)picture->channels + (picture->channels >= 3 ? (size_t)channel : 0);
    return (float)picture_sample(picture, at) / (float)picture_peak(picture);
}
/* 1 where the picture has none. */
static inline double scene_alpha(const struct scene *scene, size_t pixel) {
    const struct picture *picture = &scene->picture;
    const size_t channels = (size_t)picture->channels;
    return picture_has_alpha(picture)
               ? (double)picture_sample(picture, pixel * channels + channels - 1) / picture_peak(picture)
               : 1;
}
/* 0.2125 R + 0.7154 G + 0.0721 B */
double picture_gray_of(const double light[3]);
double picture_gray(const struct picture *picture, size_t pixel);

#endif

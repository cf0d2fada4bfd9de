/*
 * What a network expects of pictures and masks, and what it gives: the contract under options, presets and a model's
 * metadata. All three are words of one table (CONTRACT_FIELDS), read by the same functions. What the graph itself says
 * (shapes, types, strides) is not here: it goes before what is said, where it is known.
 */
#ifndef LIMNER_TOOLS_CONTRACT_CONTRACT_H
#define LIMNER_TOOLS_CONTRACT_CONTRACT_H

#include "base/tensor.h"
#include "tools/cli/arguments.h"
#include "tools/files/picture_form.h"

enum said_by { SAID_NOT, SAID_OPTION, SAID_PRESET, SAID_MODEL };

/* Who has said a field, and in which words. Every field begins with one; zeroes: nobody. */
struct said {
    enum said_by by;
    const char *text;
};

struct said_range {
    struct said said;
    bool found; /* output-range: from the least to the largest number of each result */
    double low, high;
};
struct said_numbers { /* one for all channels, or one for each */
    struct said said;
    int count;
    double values[FORM_CHANNELS];
};
struct said_word { /* one of the enums below */
    struct said said;
    int word;
};
struct said_text {
    struct said said;
};
struct said_count {
    struct said said;
    int count;
};
struct said_size {
    struct said said;
    size_t width, height;
};

enum hole_kind { HOLE_WHITE, HOLE_BLACK, HOLE_GRAY, HOLE_MEAN, HOLE_ZERO, HOLE_NOISE, HOLE_KEEP, HOLE_LIGHT };
struct said_hole {
    struct said said;
    enum hole_kind kind;
    double light; /* of HOLE_LIGHT */
};

/* One channel of an input. Colours, gray and edges know of holes; the others are the same everywhere. */
enum input_plane {
    PLANE_RED,
    PLANE_GREEN,
    PLANE_BLUE,
    PLANE_GRAY,
    PLANE_ALPHA,
    PLANE_CANNY,
    PLANE_EDGE,
    PLANE_MASK,
    PLANE_ONES,
    PLANE_ZEROS,
    PLANE_NOISE
};
#define MOST_PLANES 8
#define MOST_INPUTS 4

/* What one input is filled with. */
struct plane_group {
    const char *name; /* of the input, or NULL: the next one that it fits */
    int count;
    enum input_plane planes[MOST_PLANES]; /* "rgb" is three of them */
};
struct said_inputs {
    struct said said;
    int count;
    struct plane_group groups[MOST_INPUTS];
};

enum channel_order { ORDER_RGB, ORDER_BGR };
enum layout_word { LAYOUT_NCHW, LAYOUT_NHWC };
enum mask_one { MASK_ONE_IS_HOLE, MASK_ONE_IS_KNOWN };
enum fit_word { FIT_PAD, FIT_RESIZE, FIT_LETTERBOX, FIT_CROP };
enum result_word { RESULT_PICTURE, RESULT_ALPHA };
enum curve_word { CURVE_NONE, CURVE_SIGMOID };

option_set set_contract_range, set_contract_output_range, set_contract_numbers, set_contract_deviation,
    set_contract_inputs, set_contract_hole, set_contract_size, set_contract_count, set_contract_order,
    set_contract_layout, set_contract_mask_one, set_contract_fit, set_contract_result, set_contract_curve,
    set_contract_text;

/*
 * X(settings, member of struct contract, its type, word, what stands for the value, reader, help). The words are those
 * of options (--word), of presets and of metadata (limner.word).
 */
#define CONTRACT_FIELDS(X, settings)                                                                                  \
    X(settings, range, said_range, "range", "LOW,HIGH", set_contract_range,                                           \
      "the numbers that are black and white for the model, in and out: 0,1 or -1,1 or 0,255 (default: -1,1 when the " \
      "model ends in a Tanh, 0,255 for integers, else 0,1)")                                                          \
    X(settings, input_range, said_range, "input-range", "LOW,HIGH", set_contract_range, "the same, going in")         \
    X(settings, output_range, said_range, "output-range", "LOW,HIGH", set_contract_output_range,                      \
      "the same, coming out; found: from the least to the largest number of the result")                              \
    X(settings, mean, said_numbers, "mean", "A,B,C", set_contract_numbers,                                            \
      "is taken from the numbers going in: one for all colours, or one for each in the model's order")                \
    X(settings, deviation, said_numbers, "deviation", "A,B,C", set_contract_deviation,                                \
      "the numbers going in are divided by it, behind --mean")                                                        \
    X(settings, output_mean, said_numbers, "output-mean", "A,B,C", set_contract_numbers,                              \
      "is added to the numbers coming out")                                                                           \
    X(settings, output_deviation, said_numbers, "output-deviation", "A,B,C", set_contract_deviation,                  \
      "the numbers coming out are multiplied by it, before --output-mean")                                            \
    X(settings, curve, said_word, "output-curve", "WHAT", set_contract_curve,                                         \
      "none, or sigmoid: numbers coming out go through it first")                                                     \
    X(settings, order, said_word, "order", "WHAT", set_contract_order, "of colours: rgb or bgr (default: rgb)")       \
    X(settings, layout, said_word, "layout", "WHAT", set_contract_layout,                                             \
      "of pictures, where the model's sizes do not tell: nchw or nhwc (default: nchw)")                               \
    X(settings, inputs, said_inputs, "inputs", "LIST", set_contract_inputs,                                           \
      "what the channels of the model's inputs are: rgb, gray, mask, ones, zeros, noise, alpha, canny, edges with "   \
      "commas between them, and / between inputs; NAME= before an input's list names it (rgb,mask or "                \
      "photo=rgb/hole=mask; default: by the numbers of channels)")                                                    \
    X(settings, mask_one, said_word, "mask-one", "WHAT", set_contract_mask_one,                                       \
      "what one means in the mask that the model gets: hole or known (default: hole)")                                \
    X(settings, mask_range, said_range, "mask-range", "LOW,HIGH", set_contract_range,                                 \
      "the numbers that the model gets for zero and one of a mask (default: 0,1; 0,255 for bytes)")                   \
    X(settings, hole, said_hole, "hole", "WHAT", set_contract_hole,                                                   \
      "what the model's picture has in its holes: white, black, gray, mean (of what is known), zero (the number, "    \
      "behind --mean), noise, keep (the picture itself) or a light of 0 to 1 (default: white)")                       \
    X(settings, seed, said_count, "seed", "N", set_contract_count,                                                    \
      "of noise that the model gets; the same seed gives the same (default: 1)")                                      \
    X(settings, fit, said_word, "fit", "WHAT", set_contract_fit,                                                      \
      "pictures of another size than the model's: pad (by reflection), resize (there and back), letterbox (resize "   \
      "with sides in proportion, and pad) or crop (a rectangle of that size round each hole) (default: pad)")         \
    X(settings, size, said_size, "size", "WxH", set_contract_size,                                                    \
      "the size that a model of free sizes gets; with --fit resize, if nothing else is said")                         \
    X(settings, multiple, said_count, "multiple", "N", set_contract_count,                                            \
      "pad sides to multiples of N by reflection (default: what the model's strides want)")                           \
    X(settings, result, said_word, "result", "WHAT", set_contract_result,                                             \
      "what the model gives: picture, or alpha (the picture's, as background removal does) (default: picture)")       \
    X(settings, picture_output, said_text, "picture-output", "NAME", set_contract_text,                               \
      "the output that is the result: a name, or its number from 1 (default: the first)")

struct contract {
#define CONTRACT_MEMBER(settings, member, type, word, value, set, help) struct type member;
    CONTRACT_FIELDS(CONTRACT_MEMBER, )
#undef CONTRACT_MEMBER
};

/* Rows of an option table for a settings type with a struct contract_request `wish`. */
#define CONTRACT_OPTION(settings, member, type, word, value, set, help) \
    {word, 0, value, help, set, offsetof(settings, wish.said.member)},
#define CONTRACT_OPTIONS(settings)                                                                                \
    CONTRACT_FIELDS(CONTRACT_OPTION, settings){                                                                   \
        "preset",                                                                                                 \
        0,                                                                                                        \
        "NAME",                                                                                                   \
        "what a known network expects (limner help presets lists them), or a file of your own; other options go " \
        "before it",                                                                                              \
        set_file,                                                                                                 \
        offsetof(settings, wish.preset)},                                                                         \
    {                                                                                                             \
        "preset-dir", 0, "DIR", "look for presets in DIR first", set_file, offsetof(settings, wish.preset_folder) \
    }

/* What the command line says. */
struct contract_request {
    struct contract said;
    const char *preset, *preset_folder;
};

/* A row of the table. */
struct contract_field {
    const char *word;
    option_set *set;
    size_t at, size; /* of the field in struct contract */
};
extern const struct contract_field contract_fields[];
extern const int contract_field_count;

/* One field from its word and text, both kept. STATUS_INVALID_ARGUMENT for words that are not known. */
status contract_say(struct contract *contract, const char *word, const char *text, enum said_by by, struct pool *pool,
                    struct error *err);
/* What is not said is as `under` says; a range is said for in and out, where these are not said beside it. */
void contract_lay_over(struct contract *contract, const struct contract *under);
/* Of row i: who says it, and the text. */
const struct said *contract_said(const struct contract *contract, int i);
/* "--mean", "the preset's mean", "the model's metadata limner.mean": for messages about the field at `said`. */
const char *contract_speaker(const struct contract *contract, const void *field, char text[64]);

/*
 * What a plain run does not do, which gives a picture to the model as it is and takes what comes: a field about sizes,
 * inputs or results that is said, or NULL. And a field about holes and masks, or NULL.
 */
const struct said *contract_beyond_plain(const struct contract *contract);
const struct said *contract_about_holes(const struct contract *contract);

/* How pictures go in and come out, for elements of this type. ends_in_tanh: of the model. */
struct picture_form contract_input_form(const struct contract *contract, enum dtype dtype, bool ends_in_tanh);
struct picture_form contract_output_form(const struct contract *contract, enum dtype dtype, bool ends_in_tanh);
/* The numbers of a mask's zero and one. */
void contract_mask_numbers(const struct contract *contract, enum dtype dtype, double *zero, double *one);

#endif

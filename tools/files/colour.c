#include "tools/files/colour.h"

#include "picture_parts.h"

#include "tools/files/byte_order.h"

#include <stdlib.h>
#include <string.h>

bool colour_is_known(void) {
    return HAVE_LCMS2;
}

/* A profile goes before gamma and primaries, which count only when PNG's sRGB is not said. */
static bool has_gamma(const struct picture_about *about) {
    const struct about_chunk *gamma = about_find_chunk(about, "gAMA");
    return !about->profile.size && gamma && big_endian_32(gamma->data.data) && !about_find_chunk(about, "sRGB") &&
           !about_find_chunk(about, "cICP");
}

bool colour_differs(const struct picture *picture) {
    const struct picture_about *about = picture->about;
    if (!about)
        return false;
    return about_profile_colours(about) == (picture->channels >= 3 ? 3 : 1) ||
           (picture->channels >= 3 && has_gamma(about));
}

#if HAVE_LCMS2

#include <lcms2.h>

static double thousandths(const unsigned char *p) {
    return big_endian_32(p) / 100000.0;
}

/* What gAMA and cHRM mean, as a profile. */
static cmsHPROFILE profile_of_gamma(cmsContext context, const struct picture_about *about) {
    const struct about_chunk *gamma = about_find_chunk(about, "gAMA"), *primaries = about_find_chunk(about, "cHRM");
    cmsCIExyY white = {0.3127, 0.329, 1};
    cmsCIExyYTRIPLE rgb = {{0.64, 0.33, 1}, {0.3, 0.6, 1}, {0.15, 0.06, 1}};
    if (primaries) {
        const unsigned char *p = primaries->data.data;
        white = (cmsCIExyY){thousandths(p), thousandths(p + 4), 1};
        rgb = (cmsCIExyYTRIPLE){{thousandths(p + 8), thousandths(p + 12), 1},
                                {thousandths(p + 16), thousandths(p + 20), 1},
                                {thousandths(p + 24), thousandths(p + 28), 1}};
    }
    cmsToneCurve *curve = cmsBuildGamma(context, 1 / thousandths(gamma->data.data));
    cmsToneCurve *curves[] = {curve, curve, curve};
    cmsHPROFILE profile = curve ? cmsCreateRGBProfileTHR(context, &white, &rgb, curves) : NULL;
    cmsFreeToneCurve(curve);
    return profile;
}

static cmsHPROFILE open_profile(cmsContext context, const struct picture_about *about) {
    return about->profile.size
               ? cmsOpenProfileFromMemTHR(context, about->profile.data, (cmsUInt32Number)about->profile.size)
               : profile_of_gamma(context, about);
}

static cmsUInt32Number sample_format(int channels, int depth) {
    const cmsUInt32Number colours = channels >= 3 ? 3 : 1, extra = channels % 2 == 0;
    return COLORSPACE_SH(colours == 3 ? PT_RGB : PT_GRAY) | EXTRA_SH(extra) | CHANNELS_SH(colours) |
           BYTES_SH((cmsUInt32Number)depth / 8);
}

/* Row by row from one picture to another of the same size; they may be the same. */
static bool convert(cmsContext context, const struct picture_about *about, const struct picture *from,
                    struct picture *to, bool back) {
    cmsHPROFILE own = open_profile(context, about), srgb = cmsCreate_sRGBProfileTHR(context);
    cmsHTRANSFORM transform = NULL;
    if (own && srgb)
        transform =
            cmsCreateTransformTHR(context, back ? srgb : own, sample_format(from->channels, from->depth),
                                  back ? own : srgb, sample_format(to->channels, to->depth),
                                  INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_COPY_ALPHA | cmsFLAGS_BLACKPOINTCOMPENSATION);
    const size_t row = from->width * (size_t)(from->channels * from->depth / 8);
    const size_t target = to->width * (size_t)(to->channels * to->depth / 8);
    for (size_t y = 0; transform && y < from->height; y++)
        cmsDoTransform(transform, (const unsigned char *)from->samples + y * row,
                       (unsigned char *)to->samples + y * target, (cmsUInt32Number)from->width);
    if (transform)
        cmsDeleteTransform(transform);
    if (own)
        cmsCloseProfile(own);
    if (srgb)
        cmsCloseProfile(srgb);
    return transform;
}

static status convert_picture(struct picture *picture, const struct picture_about *about, int channels, bool back,
                              struct error *err) {
    struct picture to = *picture;
    cmsContext context = cmsCreateContext(NULL, NULL);
    if (!context)
        return fail_memory(err, "a colour profile");
    to.channels = channels;
    status code = picture_allocate(&to, SIZE_MAX, err);
    const bool good = !code && convert(context, about, picture, &to, back);
    cmsDeleteContext(context);
    if (good) {
        free(picture->samples);
        *picture = to;
        return STATUS_OK;
    }
    if (!code)
        free(to.samples);
    return code ? code
                : fail(err, STATUS_INVALID_ARGUMENT,
                       "its colour profile cannot be used; --colour-profile keep leaves the colours as they are");
}

#else

static status convert_picture(struct picture *picture, const struct picture_about *about, int channels, bool back,
                              struct error *err) {
    (void)picture, (void)about, (void)channels, (void)back;
    return fail(err, STATUS_UNSUPPORTED, "this limner was built without colour profiles (Little CMS)");
}

#endif

status colour_to_srgb(struct picture *picture, struct error *err) {
    const int alpha = picture_has_alpha(picture);
    return colour_differs(picture) ? convert_picture(picture, picture->about, 3 + alpha, false, err) : STATUS_OK;
}

status colour_from_srgb(struct picture *picture, const struct picture_about *about, struct error *err) {
    if (!about || picture->channels < 3 || !(about_profile_colours(about) == 3 || has_gamma(about)))
        return STATUS_OK;
    return convert_picture(picture, about, picture->channels, true, err);
}

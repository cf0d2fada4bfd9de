#include "tools/inpaint/tiles.h"

struct tiling tiling_make(size_t length, size_t size, size_t overlap) {
    if (size >= length)
        return (struct tiling){length, length, length, 0, 1};
    const size_t step = size - overlap;
    return (struct tiling){length, size, step, overlap, (length - size + step - 1) / step + 1};
}

size_t tiling_start(const struct tiling *tiling, size_t tile) {
    return tile * tiling->step;
}

size_t tiling_length(const struct tiling *tiling, size_t tile) {
    const size_t left = tiling->length - tiling_start(tiling, tile);
    return left < tiling->size ? left : tiling->size;
}

static size_t fade(size_t overlap) {
    return overlap / 8 ? overlap / 8 : 1;
}

/* From 0 to 1 over the middle of an overlap. */
static float ramp(size_t at, size_t overlap) {
    const size_t width = fade(overlap), before = (overlap - width) / 2;
    return at < before ? 0 : at >= before + width ? 1 : ((float)(at - before) + 0.5f) / (float)width;
}

float tiling_weight(const struct tiling *tiling, size_t tile, size_t at) {
    if (!tiling->overlap)
        return 1;
    const float in = tile > 0 && at < tiling->overlap ? ramp(at, tiling->overlap) : 1;
    const float out = tile + 1 < tiling->count && at >= tiling->step ? 1 - ramp(at - tiling->step, tiling->overlap) : 1;
    return in * out;
}

size_t tiling_reach(size_t overlap) {
    return overlap ? (overlap - fade(overlap)) / 2 : 0;
}

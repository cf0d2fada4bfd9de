#include "base/small_types.h"

#include "base/scalar.h"

#include <math.h>
#include <string.h>

/* Bits of the fraction, the exponent's bias, the largest finite code, and what else there is. */
struct small_format {
    int fraction, bias;
    uint8_t largest;
    uint8_t infinity; /* 0: there is none */
    uint8_t nan;      /* 0: there is none */
    uint8_t sign;     /* the sign's bit */
    bool unsigned_zero;
};

static const struct small_format *format_of(enum dtype dtype) {
    static const struct small_format e4m3fn = {3, 7, 0x7e, 0, 0x7f, 0x80, false};
    static const struct small_format e4m3fnuz = {3, 8, 0x7f, 0, 0x80, 0x80, true};
    static const struct small_format e5m2 = {2, 15, 0x7b, 0x7c, 0x7e, 0x80, false};
    static const struct small_format e5m2fnuz = {2, 16, 0x7f, 0, 0x80, 0x80, true};
    static const struct small_format e2m1 = {1, 1, 0x7, 0, 0, 0x8, false};
    switch (dtype) {
    case DTYPE_FLOAT8E4M3FN:
        return &e4m3fn;
    case DTYPE_FLOAT8E4M3FNUZ:
        return &e4m3fnuz;
    case DTYPE_FLOAT8E5M2:
        return &e5m2;
    case DTYPE_FLOAT8E5M2FNUZ:
        return &e5m2fnuz;
    case DTYPE_FLOAT4E2M1:
        return &e2m1;
    default:
        return NULL;
    }
}

bool dtype_is_small_float(enum dtype dtype) {
    return format_of(dtype) || dtype == DTYPE_FLOAT8E8M0;
}

/* ---- packing ---- */

void small_unpack(enum dtype dtype, const void *in, size_t first, uint8_t *codes, size_t count) {
    const unsigned bits = dtype_bits(dtype);
    const size_t per_byte = 8 / bits;
    const uint8_t *bytes = in, mask = (uint8_t)((1u << bits) - 1);
    if (bits == 8) {
        memcpy(codes, bytes + first, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t at = first + i;
        codes[i] = bytes[at / per_byte] >> at % per_byte * bits & mask;
    }
}

void small_pack(enum dtype dtype, const uint8_t *codes, size_t first, void *out, size_t count) {
    const unsigned bits = dtype_bits(dtype);
    const size_t per_byte = 8 / bits;
    const uint8_t mask = (uint8_t)((1u << bits) - 1);
    uint8_t *bytes = (uint8_t *)out + first / per_byte;
    if (bits == 8) {
        memcpy(bytes, codes, count);
        return;
    }
    for (size_t i = 0; i < count; i += per_byte) {
        unsigned byte = 0;
        for (size_t k = 0; k < per_byte && i + k < count; k++)
            byte |= (unsigned)(codes[i + k] & mask) << k * bits;
        bytes[i / per_byte] = (uint8_t)byte;
    }
}

int small_integer(enum dtype dtype, uint8_t code) {
    const int half = 1 << (dtype_bits(dtype) - 1), value = code & (2 * half - 1);
    const bool is_signed = dtype == DTYPE_INT4 || dtype == DTYPE_INT2;
    return is_signed && value >= half ? value - 2 * half : value;
}

/* ---- floating point ---- */

float small_float_decode(enum dtype dtype, uint8_t code) {
    const struct small_format *format = format_of(dtype);
    if (!format) /* FLOAT8E8M0: an exponent alone */
        return code == 0xff ? NAN : ldexpf(1, code - 127);
    const bool negative = code & format->sign;
    const uint8_t magnitude = code & (uint8_t)(format->sign - 1);
    if (format->nan && (code == format->nan ||
                        (!format->unsigned_zero && magnitude > format->largest && magnitude != format->infinity)))
        return NAN;
    if (format->infinity && magnitude == format->infinity)
        return negative ? -INFINITY : INFINITY;
    const int exponent = magnitude >> format->fraction, fraction = magnitude & ((1 << format->fraction) - 1);
    const int whole = exponent ? fraction | 1 << format->fraction : fraction;
    const float value = ldexpf((float)whole, (exponent ? exponent : 1) - format->bias - format->fraction);
    return negative ? -value : value;
}

/* x >= 0 and finite, to nearest even; may be above the largest code. */
static unsigned round_magnitude(const struct small_format *format, double x) {
    int exponent;
    if (x >= ldexp(1, 20)) /* above all of them */
        return 0x100;
    frexp(x, &exponent); /* x = m 2^exponent, 0.5 <= m < 1 */
    const int least = 1 - format->bias;
    exponent = x == 0 || exponent - 1 < least ? least : exponent - 1;
    const double steps = rint(ldexp(x, format->fraction - exponent));
    return ((unsigned)(exponent - least) << format->fraction) + (unsigned)steps;
}

/* As onnx's specification of Cast-24 says: the sign goes, what is not finite becomes NaN. */
static uint8_t e8m0_encode(double x, const struct small_rounding *rounding) {
    const uint32_t bits = float_bits((float)x);
    const uint32_t exponent = bits >> 23 & 0xff, rest = bits & 0x7fffff;
    const bool nearest = rest > 0x400000 || (rest == 0x400000 && exponent > 0);
    const bool up = rounding->e8m0 == E8M0_UP ? rest > 0 : rounding->e8m0 == E8M0_NEAREST ? nearest : false;
    if (exponent == 0xff)
        return 0xff;
    if (!up)
        return (uint8_t)exponent;
    return (uint8_t)(exponent == 0xfe && rounding->saturate ? exponent : exponent + 1);
}

uint8_t small_float_encode(enum dtype dtype, double x, const struct small_rounding *rounding) {
    const struct small_format *format = format_of(dtype);
    if (!format)
        return e8m0_encode(x, rounding);
    const uint8_t sign = signbit(x) ? format->sign : 0;
    if (isnan(x))
        return format->nan == 0 ? format->sign : format->unsigned_zero ? format->nan : (uint8_t)(format->nan | sign);
    const unsigned magnitude = isinf(x) ? 0x100 : round_magnitude(format, fabs(x));
    if (magnitude <= format->largest)
        return magnitude == 0 && format->unsigned_zero ? 0 : (uint8_t)(magnitude | sign);
    if (rounding->saturate || format->nan == 0)
        return format->largest | sign;
    if (format->unsigned_zero)
        return format->nan;
    return (format->infinity ? format->infinity : format->nan) | sign;
}

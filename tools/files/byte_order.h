/* Numbers as files have them, whatever the machine's byte order and wherever they lie. */
#ifndef LIMNER_TOOLS_FILES_BYTE_ORDER_H
#define LIMNER_TOOLS_FILES_BYTE_ORDER_H

#include <stdint.h>

static inline uint32_t big_endian_32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline unsigned big_endian_16(const unsigned char *p) {
    return (unsigned)p[0] << 8 | p[1];
}
static inline void put_big_endian_32(unsigned char *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (24 - 8 * i));
}
static inline uint32_t little_endian_32(const unsigned char *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
static inline unsigned little_endian_16(const unsigned char *p) {
    return (unsigned)p[1] << 8 | p[0];
}
static inline void put_little_endian_32(unsigned char *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (8 * i));
}

#endif

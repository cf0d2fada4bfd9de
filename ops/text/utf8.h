/* UTF-8, code point by code point. */
#ifndef LIMNER_OPS_TEXT_UTF8_H
#define LIMNER_OPS_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The code point at *at, which is moved behind it; -1 and one byte on where the bytes are no UTF-8. *at < length. */
int32_t utf8_read(const char *bytes, size_t length, size_t *at);
/* Bytes of the code point, at most 4, into `to`; returns how many. */
size_t utf8_write(int32_t code, char to[4]);

#endif

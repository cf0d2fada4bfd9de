/* Lists of element types for loops that are written once: X(C type, suffix of DTYPE_). */
#ifndef LIMNER_OPS_CORE_TYPE_ROWS_H
#define LIMNER_OPS_CORE_TYPE_ROWS_H

#include <stdint.h>

#define ROWS_REAL(X) X(float, FLOAT) X(double, DOUBLE)
#define ROWS_INTEGER(X) \
    X(int8_t, INT8)     \
    X(int16_t, INT16)   \
    X(int32_t, INT32)   \
    X(int64_t, INT64) X(uint8_t, UINT8) X(uint16_t, UINT16) X(uint32_t, UINT32) X(uint64_t, UINT64)
#define ROWS_NUMBER(X) ROWS_REAL(X) ROWS_INTEGER(X)

#endif

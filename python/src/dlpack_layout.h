/* The structures that DLPack's capsules hold, as its specification lays them out. */
#ifndef LIMNER_PYTHON_DLPACK_LAYOUT_H
#define LIMNER_PYTHON_DLPACK_LAYOUT_H

#include <stdint.h>

#define DLPACK_NAME "dltensor"
#define DLPACK_NAME_VERSIONED "dltensor_versioned"
#define DLPACK_CPU 1
#define DLPACK_READ_ONLY ((uint64_t)1)
#define DLPACK_COPIED ((uint64_t)2)

struct dlpack_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t rank;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: dense */
    uint64_t byte_offset;
};

/* What a capsule called DLPACK_NAME points to. */
struct dlpack_managed {
    struct dlpack_tensor tensor;
    void *context;
    void (*deleter)(struct dlpack_managed *self);
};

/* What a capsule called DLPACK_NAME_VERSIONED points to. */
struct dlpack_versioned {
    uint32_t major, minor;
    void *context;
    void (*deleter)(struct dlpack_versioned *self);
    uint64_t flags;
    struct dlpack_tensor tensor;
};

#endif

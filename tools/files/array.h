/* Values as files: .npy, .pb (TensorProto, SequenceProto, OptionalProto, MapProto), and pictures. */
#ifndef LIMNER_TOOLS_FILES_ARRAY_H
#define LIMNER_TOOLS_FILES_ARRAY_H

#include "tools/files/picture_file.h"
#include "tools/files/picture_tensor.h"

struct loaded_value; /* onnx/loaded_value.h */

struct file_array {
    struct tensor tensor;
    const char *name;           /* what a TensorProto calls itself; "" else */
    struct picture picture;     /* where it came from; no samples when it was no picture */
    struct loaded_value *value; /* where it is no plain tensor: tensor has its kind alone; in the pool */
    void *memory;               /* what holds the data: the heap or a pool */
    struct pool *pool;
};

/* How a picture becomes a tensor. */
struct picture_request {
    const struct picture_place *place; /* NULL: pictures are refused */
    struct picture_form form;
    size_t max_pixels;
    enum dtype kind; /* of value that is wanted: DTYPE_SEQUENCE, OPTIONAL or MAP; a tensor for all else */
    bool to_srgb;    /* colours by the picture's profile; array->picture is that, too */
};

/* What the file holds is told by its content. Messages name the file. Closed with array_close, after errors too. */
status array_read(const char *path, const struct picture_request *request, struct file_array *array, struct error *err);
void array_close(struct file_array *array);

enum array_type { ARRAY_UNKNOWN, ARRAY_NPY, ARRAY_PROTO, ARRAY_PICTURE };
/* By the name's ending; for writing. */
enum array_type array_type_of_name(const char *path);

/* What a written picture takes over from the one that was read. */
struct picture_wish {
    struct picture_form form;
    const struct picture *source; /* depth and alpha come from it; NULL: 8 bits, no alpha */
    bool keep_alpha;              /* false: the model made alpha itself, or saw it */
    struct picture_saving saving;
};

/*
 * The file's bytes in the type that its name ends in; the caller frees out->data. *nan as in tensor_to_picture; lost:
 * what a picture's file said and the new one does not (about_lost).
 */
status array_encode(const struct tensor *tensor, const char *name, const char *path, const struct picture_wish *wish,
                    struct byte_buffer *out, size_t *nan, char lost[ABOUT_LOST_BYTES], struct error *err);

#endif

#include "tools/files/picture_png.h"

#include "base/checked.h"
#include "tools/files/byte_order.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK_BYTES 8000000 /* memory that one ancillary chunk may take */
#define CHUNK_COUNT 1000
#define MOST_BYTES 32000000 /* of one allocation of libpng's: a row, a chunk. Samples are not its business */
#define MAX_SIDE 1000000

struct png_job {
    jmp_buf jump;
    struct error *err;
    png_structp png;
    png_infop info;
    const unsigned char *data; /* decoding */
    size_t size, at;
    size_t max_pixels;
    struct picture *picture;
    struct byte_buffer *out; /* encoding */
    size_t capacity;
    unsigned char *profile;
    unsigned char *xmp; /* compressed */
};

static void on_error(png_structp png, png_const_charp message) {
    struct png_job *job = png_get_error_ptr(png);
    if (!job->err->code)
        fail(job->err, STATUS_INVALID_ARGUMENT, "the PNG picture is damaged: %s", message);
    longjmp(job->jump, 1);
}

/* libpng's memory: its messages alone do not tell a lack of it from damage. It asks for as much as an eXIf chunk says
   that it has, before it looks for the chunk's end. */
static png_voidp on_allocate(png_structp png, png_alloc_size_t bytes) {
    struct png_job *job = png_get_mem_ptr(png);
    if (bytes > MOST_BYTES) {
        fail(job->err, STATUS_INVALID_ARGUMENT,
             "the PNG picture is damaged: a part of it has %zu bytes by its own words", (size_t)bytes);
        return NULL;
    }
    void *memory = malloc(bytes);
    if (!memory)
        fail_memory(job->err, "a PNG picture");
    return memory;
}

static void on_free(png_structp png, png_voidp memory) {
    (void)png;
    free(memory);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png, (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t count) {
    struct png_job *job = png_get_io_ptr(png);
    if (count > job->size - job->at)
        png_error(png, "it ends too early");
    memcpy(to, job->data + job->at, count);
    job->at += count;
}

static size_t row_bytes(const struct picture *picture) {
    return picture->width * (size_t)picture->channels * (size_t)picture->depth / 8;
}

/* 16-bit PNG samples are big-endian. */
static void set_byte_order(png_structp png, int depth) {
    const uint16_t one = 1;
    if (depth == 16 && *(const unsigned char *)&one)
        png_set_swap(png);
}

static void set_limits(struct png_job *job) {
    const size_t side = job->max_pixels < MAX_SIDE ? job->max_pixels : MAX_SIDE;
    png_set_user_limits(job->png, (png_uint_32)side, (png_uint_32)side);
    png_set_chunk_malloc_max(job->png, CHUNK_BYTES);
    png_set_chunk_cache_max(job->png, CHUNK_COUNT);
}

/* Every kind of PNG becomes 8 or 16 bits of gray or RGB, with or without alpha. */
static void decode_header(struct png_job *job) {
    png_read_info(job->png, job->info);
    png_set_expand(job->png);
    const int depth = png_get_bit_depth(job->png, job->info);
    set_byte_order(job->png, depth);
    job->picture->width = png_get_image_width(job->png, job->info);
    job->picture->height = png_get_image_height(job->png, job->info);
}

static void decode_rows(struct png_job *job) {
    struct picture *picture = job->picture;
    const int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    picture->channels = png_get_channels(job->png, job->info);
    picture->depth = png_get_bit_depth(job->png, job->info);
    if (picture_allocate(picture, job->max_pixels, job->err))
        longjmp(job->jump, 1);
    if (png_get_rowbytes(job->png, job->info) != row_bytes(picture))
        png_error(job->png, "its rows have an unexpected size");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < picture->height; y++)
            png_read_row(job->png, (unsigned char *)picture->samples + y * row_bytes(picture), NULL);
    png_read_end(job->png, NULL);
}

static void decode(struct png_job *job) {
    if (setjmp(job->jump))
        return;
    job->info = png_create_info_struct(job->png);
    if (!job->info)
        png_error(job->png, "no memory");
    set_limits(job);
    png_set_read_fn(job->png, job, on_read);
    decode_header(job);
    decode_rows(job);
}

status png_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct png_job *job = calloc(1, sizeof *job);
    if (!job)
        return fail_memory(err, "a PNG picture");
    err->code = STATUS_OK;
    job->err = err;
    job->data = bytes;
    job->size = size;
    job->max_pixels = max_pixels;
    job->picture = picture;
    job->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, on_allocate, on_free);
    if (job->png)
        decode(job);
    else
        fail_memory(err, "a PNG picture");
    png_destroy_read_struct(&job->png, &job->info, NULL);
    free(job);
    if (err->code)
        picture_free(picture);
    return err->code;
}

static void on_write(png_structp png, png_bytep from, size_t count) {
    struct png_job *job = png_get_io_ptr(png);
    struct byte_buffer *out = job->out;
    size_t needed;
    if (!size_add(out->size, count, &needed))
        png_error(png, "it is too large");
    if (needed > job->capacity) {
        const size_t capacity = needed < 65536 ? 65536 : needed + needed / 2;
        unsigned char *data = realloc(out->data, capacity);
        if (!data) {
            fail_memory(job->err, "a PNG picture");
            longjmp(job->jump, 1);
        }
        out->data = data;
        job->capacity = capacity;
    }
    memcpy(out->data + out->size, from, count);
    out->size = needed;
}

static void on_flush(png_structp png) {
    (void)png;
}

static void write_chunk(struct png_job *job, const char *type, const struct byte_buffer *data) {
    if (data->size)
        png_write_chunk(job->png, (png_const_bytep)type, data->data, data->size);
}

static void write_profile(struct png_job *job, const struct byte_buffer *profile) {
    static const char head[] = "ICC profile\0"; /* and the method, which is the string's own zero */
    uLongf length = compressBound((uLong)profile->size);
    job->profile = malloc(sizeof head + length);
    if (!job->profile || compress(job->profile + sizeof head, &length, profile->data, (uLong)profile->size) != Z_OK) {
        fail_memory(job->err, "a colour profile");
        longjmp(job->jump, 1);
    }
    memcpy(job->profile, head, sizeof head);
    write_chunk(job, "iCCP", &(struct byte_buffer){job->profile, sizeof head + length});
}

static void write_density(struct png_job *job, const struct picture_about *about) {
    unsigned char data[9] = {0};
    if (about->density_x + 0.5 >= 2147483648.0 || about->density_y + 0.5 >= 2147483648.0)
        return;
    put_big_endian_32(data, (uint32_t)(about->density_x + 0.5));
    put_big_endian_32(data + 4, (uint32_t)(about->density_y + 0.5));
    data[8] = about->density_unit == DENSITY_METRE;
    write_chunk(job, "pHYs", &(struct byte_buffer){data, sizeof data});
}

/* A text chunk of that keyword, without compression, language and translation. */
static void write_xmp(struct png_job *job, const struct byte_buffer *xmp) {
    static const char head[] = "XML:com.adobe.xmp\0\0\0\0"; /* and the string's own zero */
    job->xmp = malloc(sizeof head + xmp->size);
    if (!job->xmp) {
        fail_memory(job->err, "what a picture says of itself");
        longjmp(job->jump, 1);
    }
    memcpy(job->xmp, head, sizeof head);
    memcpy(job->xmp + sizeof head, xmp->data, xmp->size);
    write_chunk(job, "iTXt", &(struct byte_buffer){job->xmp, sizeof head + xmp->size});
}

/* Behind IHDR and before all samples, where each of these chunks may stand. A profile takes the place of PNG's sRGB. */
static void write_about(struct png_job *job) {
    const struct picture_about *about = job->picture->about;
    if (!about)
        return;
    if (about->profile.size)
        write_profile(job, &about->profile);
    for (size_t i = 0; i < about->chunk_count; i++)
        if (!about->profile.size || strcmp(about->chunks[i].type, "sRGB") != 0)
            write_chunk(job, about->chunks[i].type, &about->chunks[i].data);
    if (about->density_unit != DENSITY_NONE)
        write_density(job, about);
    write_chunk(job, "eXIf", &about->exif);
    if (about->xmp.size)
        write_xmp(job, &about->xmp);
}

static void encode(struct png_job *job) {
    static const int colours[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA};
    const struct picture *picture = job->picture;
    if (setjmp(job->jump))
        return;
    job->info = png_create_info_struct(job->png);
    if (!job->info)
        png_error(job->png, "no memory");
    png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_write_fn(job->png, job, on_write, on_flush);
    png_set_IHDR(job->png, job->info, (png_uint_32)picture->width, (png_uint_32)picture->height, picture->depth,
                 colours[picture->channels], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    write_about(job);
    set_byte_order(job->png, picture->depth);
    for (size_t y = 0; y < picture->height; y++)
        png_write_row(job->png, (unsigned char *)picture->samples + y * row_bytes(picture));
    png_write_end(job->png, NULL);
}

status png_encode(const struct picture *picture, struct byte_buffer *out, struct error *err) {
    if (!picture->width || !picture->height || picture->width > PNG_UINT_31_MAX || picture->height > PNG_UINT_31_MAX)
        return fail(err, STATUS_INVALID_ARGUMENT, "a PNG picture cannot be %zux%zu pixels", picture->width,
                    picture->height);
    struct png_job *job = calloc(1, sizeof *job);
    if (!job)
        return fail_memory(err, "a PNG picture");
    struct picture copy = *picture;
    err->code = STATUS_OK;
    job->err = err;
    job->picture = &copy;
    job->out = out;
    job->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, on_allocate, on_free);
    if (job->png)
        encode(job);
    else
        fail_memory(err, "a PNG picture");
    png_destroy_write_struct(&job->png, &job->info);
    free(job->profile);
    free(job->xmp);
    free(job);
    if (err->code) {
        free(out->data);
        *out = (struct byte_buffer){NULL, 0};
    }
    return err->code;
}

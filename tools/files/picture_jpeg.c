#include "tools/files/picture_jpeg.h"

/* jpeglib.h wants it before it. */
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCANS 200 /* a progressive file of a few bytes a scan could ask for hours of work */

struct jpeg_job {
    struct jpeg_error_mgr errors; /* first: libjpeg hands it back */
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct error *err;
    struct picture *picture;
    size_t max_pixels;
    unsigned char *row; /* one row of CMYK, or one row to be written */
    unsigned long written;
    int quality;
};

static _Noreturn void leave(struct jpeg_job *job) {
    longjmp(job->jump, 1);
}

static void on_error(j_common_ptr common) {
    struct jpeg_job *job = (struct jpeg_job *)common->err;
    char text[JMSG_LENGTH_MAX];
    if (common->err->msg_code == JERR_OUT_OF_MEMORY) {
        fail_memory(job->err, "a JPEG picture");
        leave(job);
    }
    job->errors.format_message(common, text);
    fail(job->err, STATUS_INVALID_ARGUMENT, "the JPEG picture cannot be %s: %s",
         common->is_decompressor ? "read" : "written", text);
    leave(job);
}

/* What libjpeg would repair with gray is an error here; harmless oddities are not. */
static void on_message(j_common_ptr common, int level) {
    const int code = common->err->msg_code;
    if (level < 0 &&
        (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        on_error(common);
}

static void on_progress(j_common_ptr common) {
    struct jpeg_job *job = (struct jpeg_job *)common->err;
    if (common->is_decompressor && ((j_decompress_ptr)common)->input_scan_number > MAX_SCANS) {
        fail(job->err, STATUS_LIMIT, "the JPEG picture has more than %d scans", MAX_SCANS);
        leave(job);
    }
}

static void job_init(struct jpeg_job *job, struct picture *picture, struct error *err) {
    jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->progress.progress_monitor = on_progress;
    job->picture = picture;
    job->err = err;
    err->code = STATUS_OK;
}

static void start_decoding(struct jpeg_decompress_struct *jpeg, struct jpeg_job *job) {
    struct picture *picture = job->picture;
    jpeg_read_header(jpeg, TRUE);
    const bool ink = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    const bool gray = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    jpeg->out_color_space = ink ? JCS_CMYK : gray ? JCS_GRAYSCALE : JCS_RGB;
    *picture = (struct picture){jpeg->image_width, jpeg->image_height, gray ? 1 : 3, 8, NULL, NULL};
    if (picture_allocate(picture, job->max_pixels, job->err))
        leave(job);
    jpeg_start_decompress(jpeg);
    if (ink && !(job->row = malloc((size_t)jpeg->output_width * 4))) {
        fail_memory(job->err, "a JPEG picture");
        leave(job);
    }
}

/* Ink to light, without a colour profile. What is stored is the complement of the ink: Adobe's mark says so, and
 * viewers take it for granted without one, too. */
static void cmyk_to_rgb(const unsigned char *from, unsigned char *to, size_t pixels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            to[3 * i + c] = (unsigned char)((from[4 * i + c] * from[4 * i + 3] + 127) / 255);
}

static void decode(struct jpeg_decompress_struct *jpeg, struct jpeg_job *job, const void *bytes, size_t size) {
    if (setjmp(job->jump))
        return;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &job->progress;
    jpeg_mem_src(jpeg, bytes, size);
    start_decoding(jpeg, job);
    const size_t stride = (size_t)jpeg->output_width * (size_t)job->picture->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        unsigned char *target = (unsigned char *)job->picture->samples + jpeg->output_scanline * stride;
        unsigned char *row = job->row ? job->row : target;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (job->row)
            cmyk_to_rgb(job->row, target, jpeg->output_width);
    }
    jpeg_finish_decompress(jpeg);
}

status jpeg_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct jpeg_job *job = calloc(1, sizeof *job);
    struct jpeg_decompress_struct *jpeg = calloc(1, sizeof *jpeg);
    status code;
    if (!job || !jpeg) {
        code = fail_memory(err, "a JPEG picture");
    } else {
        job_init(job, picture, err);
        job->max_pixels = max_pixels;
        jpeg->err = &job->errors;
        decode(jpeg, job, bytes, size);
        jpeg_destroy_decompress(jpeg);
        free(job->row);
        code = err->code;
    }
    free(jpeg);
    free(job);
    if (code)
        picture_free(picture);
    return code;
}

/* One row as 8-bit samples without alpha. */
static void fill_row(struct jpeg_job *job, size_t y) {
    const struct picture *picture = job->picture;
    const size_t channels = (size_t)picture->channels, kept = channels >= 3 ? 3 : 1;
    for (size_t x = 0; x < picture->width; x++)
        for (size_t c = 0; c < kept; c++) {
            const unsigned sample = picture_sample(picture, (y * picture->width + x) * channels + c);
            job->row[x * kept + c] = (unsigned char)(picture->depth == 16 ? (sample + 128) / 257 : sample);
        }
}

static void set_density(struct jpeg_compress_struct *jpeg, const struct picture_about *about) {
    if (!about || about->density_unit == DENSITY_NONE)
        return;
    const double part = about->density_unit == DENSITY_METRE ? 0.0254 : 1;
    const double x = about->density_x * part + 0.5, y = about->density_y * part + 0.5;
    if (x < 1 || y < 1 || x >= 65536 || y >= 65536)
        return;
    jpeg->density_unit = about->density_unit == DENSITY_METRE ? 1 : 0;
    jpeg->X_density = (UINT16)x;
    jpeg->Y_density = (UINT16)y;
}

#define MOST_SEGMENT 65533

/* A marker with a name before its data; data that are too long for one are left out. */
static void write_named(struct jpeg_compress_struct *jpeg, const char *name, size_t length,
                        const struct byte_buffer *data) {
    if (!data->size || data->size > MOST_SEGMENT - length)
        return;
    jpeg_write_m_header(jpeg, JPEG_APP0 + 1, (unsigned)(data->size + length));
    for (size_t i = 0; i < length; i++)
        jpeg_write_m_byte(jpeg, name[i]);
    for (size_t i = 0; i < data->size; i++)
        jpeg_write_m_byte(jpeg, data->data[i]);
}

static void write_about(struct jpeg_compress_struct *jpeg, const struct picture_about *about) {
    if (!about)
        return;
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/"; /* with the strings' own zeros */
    write_named(jpeg, exif, sizeof exif, &about->exif);
    write_named(jpeg, xmp, sizeof xmp, &about->xmp);
    if (about->profile.size && about->profile.size <= 255 * (size_t)65519)
        jpeg_write_icc_profile(jpeg, about->profile.data, (unsigned)about->profile.size);
    for (size_t i = 0; i < about->chunk_count; i++)
        if (about->chunks[i].data.size <= MOST_SEGMENT)
            jpeg_write_marker(jpeg, JPEG_COM, about->chunks[i].data.data, (unsigned)about->chunks[i].data.size);
}

static void encode(struct jpeg_compress_struct *jpeg, struct jpeg_job *job, struct byte_buffer *out) {
    if (setjmp(job->jump))
        return;
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &out->data, &job->written);
    jpeg->image_width = (JDIMENSION)job->picture->width;
    jpeg->image_height = (JDIMENSION)job->picture->height;
    jpeg->input_components = job->picture->channels >= 3 ? 3 : 1;
    jpeg->in_color_space = job->picture->channels >= 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, job->quality, TRUE);
    set_density(jpeg, job->picture->about);
    jpeg_start_compress(jpeg, TRUE);
    write_about(jpeg, job->picture->about);
    while (jpeg->next_scanline < jpeg->image_height) {
        fill_row(job, jpeg->next_scanline);
        jpeg_write_scanlines(jpeg, &job->row, 1);
    }
    jpeg_finish_compress(jpeg);
}

status jpeg_encode(const struct picture *picture, int quality, struct byte_buffer *out, struct error *err) {
    if (!picture->width || !picture->height || picture->width > JPEG_MAX_DIMENSION ||
        picture->height > JPEG_MAX_DIMENSION)
        return fail(err, STATUS_INVALID_ARGUMENT, "a JPEG picture cannot be %zux%zu pixels (1 to %ld each way)",
                    picture->width, picture->height, JPEG_MAX_DIMENSION);
    struct jpeg_job *job = calloc(1, sizeof *job);
    struct jpeg_compress_struct *jpeg = calloc(1, sizeof *jpeg);
    struct picture copy = *picture;
    status code;
    if (!job || !jpeg || !(job->row = malloc(picture->width * 3))) {
        code = fail_memory(err, "a JPEG picture");
    } else {
        job_init(job, &copy, err);
        job->quality = quality;
        jpeg->err = &job->errors;
        encode(jpeg, job, out);
        if (err->code && jpeg->dest) /* until then out->data may be a buffer that libjpeg has outgrown and freed */
            jpeg->dest->term_destination(jpeg);
        jpeg_destroy_compress(jpeg);
        out->size = job->written;
        code = err->code;
    }
    if (job)
        free(job->row);
    free(jpeg);
    free(job);
    if (code) {
        free(out->data);
        *out = (struct byte_buffer){NULL, 0};
    }
    return code;
}

#include "base/recognise.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LOOKED_AT 4096

struct head {
    const uint8_t *data;
    size_t bytes;
    size_t text; /* where text begins: behind a byte order mark and spaces */
};

/* ---- how a kind is told ---- */

static bool has_at(const struct head *head, size_t at, const char *magic, size_t length) {
    return head->bytes >= at + length && memcmp(head->data + at, magic, length) == 0;
}

/* Text that begins so, whatever its case. */
static bool begins(const struct head *head, const char *word) {
    const size_t length = strlen(word);
    return head->bytes - head->text >= length && strncasecmp((const char *)head->data + head->text, word, length) == 0;
}

static bool holds(const struct head *head, const char *word) {
    return memmem(head->data, head->bytes, word, strlen(word)) != NULL;
}

static bool is_lfs(const struct head *head) {
    return has_at(head, 0, "version https://git-lfs", 23) || has_at(head, 0, "version https://hawser", 22) ||
           has_at(head, 0, "# xet version", 13);
}

static bool is_page(const struct head *head) {
    static const char *const words[] = {"<!doctype html", "<html", "<head", "<body", "<script", "<meta", "<title"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (begins(head, words[i]))
            return true;
    return begins(head, "<?xml") && holds(head, "<html");
}

static bool is_xml(const struct head *head) {
    return begins(head, "<?xml");
}

static bool is_storage_error(const struct head *head) {
    return begins(head, "<Error>") || (is_xml(head) && holds(head, "<Error>"));
}

static bool is_openvino(const struct head *head) {
    return begins(head, "<net ") || (is_xml(head) && holds(head, "<net "));
}

static bool is_drawing(const struct head *head) {
    return begins(head, "<svg") || (is_xml(head) && holds(head, "<svg"));
}

static bool is_json(const struct head *head) {
    const char first = head->text < head->bytes ? (char)head->data[head->text] : 0;
    size_t next = head->text + 1;
    while (next < head->bytes && isspace(head->data[next]))
        next++;
    const char second = next < head->bytes ? (char)head->data[next] : 0;
    return first == '{' ? second == '"' || second == '}' : first == '[' && second && strchr("[{\"]0123456789-", second);
}

/* The first key of a short answer: {"error":"Repository not found"}, {"detail": ...}. */
static bool is_json_error(const struct head *head) {
    static const char *const keys[] = {"error", "errors", "detail", "message", "status", "statusCode", "code"};
    const char *quote = is_json(head) && head->data[head->text] == '{' ? memchr(head->data, '"', head->bytes) : NULL;
    const size_t left = quote ? head->bytes - (size_t)(quote + 1 - (const char *)head->data) : 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const size_t length = strlen(keys[i]);
        if (left > length && memcmp(quote + 1, keys[i], length) == 0 && quote[1 + length] == '"')
            return true;
    }
    return false;
}

static bool is_shard_index(const struct head *head) {
    return is_json(head) && holds(head, "\"weight_map\"");
}

static bool is_onnx_text(const struct head *head) {
    return begins(head, "<") && holds(head, "ir_version:");
}

static bool is_safetensors(const struct head *head) {
    return head->bytes > 9 && head->data[8] == '{' && head->data[6] == 0 && head->data[7] == 0 &&
           (head->data[9] == '"' || head->data[9] == '}' || isspace(head->data[9]));
}

static bool is_pickle(const struct head *head) {
    return head->bytes >= 2 && head->data[0] == 0x80 && head->data[1] >= 1 && head->data[1] <= 5;
}

static bool is_webp(const struct head *head) {
    return has_at(head, 0, "RIFF", 4) && has_at(head, 8, "WEBP", 4);
}

/* The header's own size tells it from text. */
static bool is_bitmap(const struct head *head) {
    const uint8_t *data = head->data;
    return has_at(head, 0, "BM", 2) && head->bytes >= 18 && !data[15] && !data[16] && !data[17] &&
           (data[14] == 12 || data[14] == 16 || (data[14] >= 40 && data[14] <= 124));
}

/* "P1" to "P6", then white space and a digit, or a comment. */
static bool is_pnm(const struct head *head) {
    const uint8_t *data = head->data;
    return head->bytes >= 4 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && data[2] &&
           strchr("\n\r\t ", data[2]) && data[3] && strchr("0123456789# \n\r\t", data[3]);
}

/* ---- messages of protobuf, which have no magic ---- */

/* A length-delimited field of this number (below 16) at *at, which is moved to its content. */
static bool enters(const struct head *head, size_t *at, unsigned field, size_t *length) {
    *length = 0;
    if (*at >= head->bytes || head->data[(*at)++] != (field << 3 | 2))
        return false;
    for (unsigned shift = 0; *at < head->bytes && shift < 35; shift += 7) {
        const uint8_t byte = head->data[(*at)++];
        *length |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* A short text as field 1 at *at, which is moved behind it. */
static bool passes_name(const struct head *head, size_t *at) {
    size_t length;
    if (!enters(head, at, 1, &length) || length == 0 || length > 1000 || length > head->bytes - *at)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isprint(head->data[*at + i]))
            return false;
    *at += length;
    return true;
}

/* GraphDef: nodes (field 1) of name (1) and operator (2). */
static bool is_frozen_graph(const struct head *head) {
    size_t at = 0, length;
    return enters(head, &at, 1, &length) && passes_name(head, &at) && enters(head, &at, 2, &length) && length > 1 &&
           at < head->bytes && isupper(head->data[at]);
}

/* A version (field 1), then a message (field 2) whose first field is a message, too; at: of that one's content. */
static bool is_versioned(const struct head *head, unsigned *version, size_t *at) {
    size_t length;
    *at = 2;
    if (head->bytes < 4 || head->data[0] != 0x08 || head->data[1] > 20)
        return false;
    *version = head->data[1];
    return enters(head, at, 2, &length) && enters(head, at, 1, &length);
}

/* Model: specificationVersion, description with an input with a name. */
static bool is_core_ml(const struct head *head) {
    unsigned version;
    size_t at;
    return is_versioned(head, &version, &at) && passes_name(head, &at);
}

/* SavedModel: the schema's version 1, MetaGraphDef with MetaInfoDef. */
static bool is_saved_model(const struct head *head) {
    unsigned version;
    size_t at;
    return is_versioned(head, &version, &at) && version == 1 && !is_core_ml(head);
}

static bool is_onnx(const struct head *head) {
    size_t at = 2, length;
    return head->bytes > 4 && head->data[0] == 0x08 && head->data[1] >= 1 && head->data[1] < 32 &&
           enters(head, &at, 2, &length) && length < 200 && at < head->bytes && isprint(head->data[at]);
}

static bool is_text(const struct head *head) {
    const size_t most = head->bytes < 64 ? head->bytes : 64;
    for (size_t i = 0; i < most; i++)
        if (!isprint(head->data[i]) && !isspace(head->data[i]))
            return false;
    return most > 4;
}

/* ---- the table ---- */

#define MAGIC(AT, TEXT) .at = AT, .magic = TEXT, .length = sizeof(TEXT) - 1
#define PICTURE(TYPE, WHAT, AT, TEXT) \
    { {WHAT, NULL, false, false, PICTURE_##TYPE}, NULL, MAGIC(AT, TEXT) }
#define CONVERT "limner convert pours its weights into an ONNX model"
#define EXPORT "export the network to ONNX (tf2onnx)"
#define UNPACK "unpack it first"
#define DOWNLOAD "the download went wrong; look into the file"

/* The first one that fits counts. */
static const struct entry {
    struct file_kind kind;
    bool (*is)(const struct head *head); /* or NULL, and the magic tells */
    size_t at;
    const char *magic;
    size_t length;
} entries[] = {
    {{"a Git LFS note", "fetch the file itself with: git lfs pull", true, false, PICTURE_NONE}, is_lfs, 0, NULL, 0},
    {{"a web page", DOWNLOAD, true, false, PICTURE_NONE}, is_page, 0, NULL, 0},
    {{"a storage server's error message (XML)", DOWNLOAD, true, false, PICTURE_NONE}, is_storage_error, 0, NULL, 0},
    {{"an OpenVINO IR", "give the ONNX model that it was made from", false, false, PICTURE_NONE},
     is_openvino,
     0,
     NULL,
     0},
    {{"an SVG drawing", NULL, false, false, PICTURE_FOREIGN}, is_drawing, 0, NULL, 0},
    {{"XML", NULL, false, false, PICTURE_NONE}, is_xml, 0, NULL, 0},
    {{"a server's error message (JSON)", DOWNLOAD, true, false, PICTURE_NONE}, is_json_error, 0, NULL, 0},
    {{"the index of a checkpoint in several safetensors files",
      "join the files that it names first (in Python: safetensors.torch.load_file, save_file)", false, false,
      PICTURE_NONE},
     is_shard_index,
     0,
     NULL,
     0},
    {{"JSON", NULL, false, false, PICTURE_NONE}, is_json, 0, NULL, 0},
    {{"ONNX's text form", "make a binary one: onnx.save(onnx.parser.parse_model(TEXT), NEW)", false, false,
      PICTURE_NONE},
     is_onnx_text,
     0,
     NULL,
     0},
    {{"an ncnn network (.param)", "give the ONNX model that it was made from", false, false, PICTURE_NONE},
     NULL,
     MAGIC(0, "7767517")},
    {{"ncnn's weights (.bin)", "give the ONNX model that they were made from", false, false, PICTURE_NONE},
     NULL,
     MAGIC(0, "\x47\x6b\x30\x01")},
    {{"a tar archive, PyTorch's format of before 0.1.10", "load it with PyTorch and save it again", false, false,
      PICTURE_NONE},
     NULL,
     MAGIC(257, "ustar")},
    {{"compressed with gzip", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "\x1f\x8b")},
    {{"compressed with bzip2", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "BZh")},
    {{"compressed with xz", UNPACK, false, false, PICTURE_NONE},
     NULL,
     MAGIC(0, "\xfd"
              "7zXZ")},
    {{"compressed with zstd", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "\x28\xb5\x2f\xfd")},
    {{"compressed with lz4", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "\x04\x22\x4d\x18")},
    {{"a 7z archive", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "7z\xbc\xaf")},
    {{"a RAR archive", UNPACK, false, false, PICTURE_NONE}, NULL, MAGIC(0, "Rar!")},
    {{"a zip archive (a PyTorch checkpoint?)", CONVERT, false, false, PICTURE_NONE}, NULL, MAGIC(0, "PK\3\4")},
    {{"a pickle (an older PyTorch checkpoint?)", CONVERT, false, false, PICTURE_NONE}, is_pickle, 0, NULL, 0},
    {{"a safetensors file", CONVERT, false, false, PICTURE_NONE}, is_safetensors, 0, NULL, 0},
    {{"an HDF5 file (Keras)", EXPORT, false, false, PICTURE_NONE}, NULL, MAGIC(0, "\x89HDF")},
    {{"a GGUF file", NULL, false, false, PICTURE_NONE}, NULL, MAGIC(0, "GGUF")},
    {{"a GGML file", NULL, false, false, PICTURE_NONE}, NULL, MAGIC(0, "lmgg")},
    {{"a GGML file", NULL, false, false, PICTURE_NONE}, NULL, MAGIC(0, "tjgg")},
    {{"a .npy array", NULL, false, false, PICTURE_NONE}, NULL, MAGIC(0, "\x93NUMPY")},
    {{"onnxruntime's own format (.ort)", "give the .onnx model that it was made from", false, false, PICTURE_NONE},
     NULL,
     MAGIC(4, "ORTM")},
    {{"a TFLite model", EXPORT, false, false, PICTURE_NONE}, NULL, MAGIC(4, "TFL3")},
    {{"a TensorRT engine", "give the ONNX model that it was made from", false, false, PICTURE_NONE},
     NULL,
     MAGIC(0, "ftrt")},
    {{"a TensorFlow frozen graph", EXPORT, false, false, PICTURE_NONE}, is_frozen_graph, 0, NULL, 0},
    {{"a Core ML model", "export the network to ONNX", false, false, PICTURE_NONE}, is_core_ml, 0, NULL, 0},
    {{"a TensorFlow SavedModel", EXPORT, false, false, PICTURE_NONE}, is_saved_model, 0, NULL, 0},
    PICTURE(PNG, "a PNG picture", 0, "\x89PNG\r\n\x1a\n"),
    PICTURE(JPEG, "a JPEG picture", 0, "\xff\xd8\xff"),
    PICTURE(TIFF, "a TIFF picture", 0, "II*\0"),
    PICTURE(TIFF, "a TIFF picture", 0, "MM\0*"),
    PICTURE(TIFF, "a BigTIFF picture", 0, "II+\0"),
    PICTURE(TIFF, "a BigTIFF picture", 0, "MM\0+"),
    PICTURE(GIF, "a GIF picture", 0, "GIF87a"),
    PICTURE(GIF, "a GIF picture", 0, "GIF89a"),
    {{"a WebP picture", NULL, false, false, PICTURE_WEBP}, is_webp, 0, NULL, 0},
    {{"a BMP picture", NULL, false, false, PICTURE_BMP}, is_bitmap, 0, NULL, 0},
    {{"a PNM picture", NULL, false, false, PICTURE_PNM}, is_pnm, 0, NULL, 0},
    PICTURE(FOREIGN, "a HEIC picture", 4, "ftypheic"),
    PICTURE(FOREIGN, "a HEIC picture", 4, "ftypheix"),
    PICTURE(FOREIGN, "a HEIC sequence", 4, "ftyphevc"),
    PICTURE(FOREIGN, "a HEIC picture", 4, "ftypheim"),
    PICTURE(FOREIGN, "a HEIC picture", 4, "ftypheis"),
    PICTURE(FOREIGN, "a HEIF picture", 4, "ftypmif1"),
    PICTURE(FOREIGN, "a HEIF sequence", 4, "ftypmsf1"),
    PICTURE(FOREIGN, "an AVIF picture", 4, "ftypavif"),
    PICTURE(FOREIGN, "an AVIF sequence", 4, "ftypavis"),
    PICTURE(FOREIGN, "a CR3 raw picture", 4, "ftypcrx "),
    PICTURE(FOREIGN, "a JPEG XL picture", 0, "\0\0\0\x0cJXL "),
    PICTURE(FOREIGN, "a JPEG XL picture", 0, "\xff\x0a"),
    PICTURE(JP2, "a JPEG 2000 picture", 0, "\0\0\0\x0cjP  "),
    PICTURE(JP2, "a JPEG 2000 picture", 0, "\xff\x4f\xff\x51"),
    PICTURE(FOREIGN, "a Photoshop (PSD) picture", 0, "8BPS"),
    PICTURE(FOREIGN, "an OpenEXR picture", 0, "\x76\x2f\x31\x01"),
    PICTURE(FOREIGN, "a Radiance HDR picture", 0, "#?RADIANCE"),
    PICTURE(FOREIGN, "a DDS picture", 0, "DDS |"),
    PICTURE(FOREIGN, "a QOI picture", 0, "qoif"),
    PICTURE(FOREIGN, "a GIMP (XCF) picture", 0, "gimp xcf"),
    PICTURE(FOREIGN, "an ICO picture", 0, "\0\0\1\0"),
    PICTURE(FOREIGN, "a PAM picture", 0, "P7\nWIDTH"),
    {{"a PDF document", NULL, false, false, PICTURE_NONE}, NULL, MAGIC(0, "%PDF")},
    {{"a program", NULL, false, false, PICTURE_NONE},
     NULL,
     MAGIC(0, "\x7f"
              "ELF")},
    {{"an ONNX model", NULL, false, false, PICTURE_NONE}, is_onnx, 0, NULL, 0},
    {{"text", NULL, false, true, PICTURE_NONE}, is_text, 0, NULL, 0},
};

const struct file_kind *file_recognise(const void *data, size_t bytes) {
    struct head head = {data, bytes < LOOKED_AT ? bytes : LOOKED_AT, 0};
    if (has_at(&head, 0, "\xef\xbb\xbf", 3))
        head.text = 3;
    while (head.text < head.bytes && isspace(head.data[head.text]))
        head.text++;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (entries[i].is ? entries[i].is(&head) : has_at(&head, entries[i].at, entries[i].magic, entries[i].length))
            return &entries[i].kind;
    return NULL;
}

status fail_other_file(struct error *err, status code, const struct file_kind *kind, const char *wanted) {
    return fail(err, code, "this is %s, not %s%s%s", kind->what, wanted, kind->advice ? "; " : "",
                kind->advice ? kind->advice : "");
}

#include "tools/files/exif.h"

#include <stdint.h>
#include <string.h>

enum {
    TAG_WIDTH = 0x100,
    TAG_HEIGHT = 0x101,
    TAG_ORIENTATION = 0x112,
    TAG_DENSITY_X = 0x11a,
    TAG_DENSITY_Y = 0x11b,
    TAG_DENSITY_UNIT = 0x128,
    TAG_CHROMA_PLACE = 0x213,
    TAG_THUMBNAIL = 0x201,
    TAG_THUMBNAIL_BYTES = 0x202,
    TAG_EXIF = 0x8769,
    TAG_PIXELS_X = 0xa002,
    TAG_PIXELS_Y = 0xa003
};
enum { TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_RATIONAL = 5 };
#define ENTRY_BYTES 12
#define HEADER_BYTES 8

struct exif {
    const unsigned char *data;
    size_t size;
    bool big_endian;
};

/* One entry of a directory: `value` is where its value lies, checked to be inside. */
struct entry {
    unsigned tag, type;
    uint32_t count;
    size_t value;
};

/* A directory whose entries are all inside. */
struct directory {
    size_t at; /* of the first entry */
    unsigned count;
};

static unsigned get16(const struct exif *exif, size_t at) {
    const unsigned char *p = exif->data + at;
    return exif->big_endian ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static uint32_t get32(const struct exif *exif, size_t at) {
    const uint32_t first = get16(exif, at), second = get16(exif, at + 2);
    return exif->big_endian ? first << 16 | second : second << 16 | first;
}

static bool inside(const struct exif *exif, size_t at, size_t bytes) {
    return at <= exif->size && bytes <= exif->size - at;
}

static bool open_exif(struct exif *exif, const unsigned char *data, size_t size) {
    *exif = (struct exif){data, size, false};
    if (size < HEADER_BYTES || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
        return false;
    exif->big_endian = data[0] == 'M';
    return true;
}

static bool open_directory(const struct exif *exif, uint32_t at, struct directory *directory) {
    if (at < HEADER_BYTES || !inside(exif, at, 2))
        return false;
    *directory = (struct directory){(size_t)at + 2, get16(exif, at)};
    return inside(exif, directory->at, (size_t)directory->count * ENTRY_BYTES);
}

static bool read_entry(const struct exif *exif, const struct directory *directory, unsigned i, struct entry *entry) {
    static const unsigned char sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    const size_t at = directory->at + (size_t)i * ENTRY_BYTES;
    *entry = (struct entry){get16(exif, at), get16(exif, at + 2), get32(exif, at + 4), at + 8};
    const unsigned each = entry->type < sizeof sizes ? sizes[entry->type] : 0;
    if (!each || entry->count > exif->size / each)
        return false;
    const size_t bytes = each * (size_t)entry->count;
    if (bytes > 4)
        entry->value = get32(exif, at + 8);
    return inside(exif, entry->value, bytes);
}

static bool find(const struct exif *exif, const struct directory *directory, unsigned tag, struct entry *entry) {
    for (unsigned i = 0; i < directory->count; i++)
        if (read_entry(exif, directory, i, entry) && entry->tag == tag && entry->count == 1)
            return true;
    return false;
}

/* The number of an entry of one SHORT or LONG, or 0. */
static uint32_t find_number(const struct exif *exif, const struct directory *directory, unsigned tag) {
    struct entry entry;
    if (!find(exif, directory, tag, &entry))
        return 0;
    return entry.type == TYPE_SHORT ? get16(exif, entry.value) : entry.type == TYPE_LONG ? get32(exif, entry.value) : 0;
}

static double find_ratio(const struct exif *exif, const struct directory *directory, unsigned tag) {
    struct entry entry;
    if (!find(exif, directory, tag, &entry) || entry.type != TYPE_RATIONAL)
        return 0;
    const uint32_t below = get32(exif, entry.value + 4);
    return below ? get32(exif, entry.value) / (double)below : 0;
}

void exif_read(const unsigned char *data, size_t size, struct exif_facts *facts) {
    struct exif exif;
    struct directory first;
    *facts = (struct exif_facts){1, 0, 0};
    if (!open_exif(&exif, data, size) || !open_directory(&exif, get32(&exif, 4), &first))
        return;
    const uint32_t orientation = find_number(&exif, &first, TAG_ORIENTATION);
    if (orientation >= 1 && orientation <= 8)
        facts->orientation = (int)orientation;
    const uint32_t unit = find_number(&exif, &first, TAG_DENSITY_UNIT);
    const double metre = unit == 2 ? 1 / 0.0254 : unit == 3 ? 100 : 0;
    facts->per_metre_x = find_ratio(&exif, &first, TAG_DENSITY_X) * metre;
    facts->per_metre_y = find_ratio(&exif, &first, TAG_DENSITY_Y) * metre;
}

static bool is_layout(unsigned tag) {
    return tag == TAG_ORIENTATION || tag == TAG_DENSITY_X || tag == TAG_DENSITY_Y || tag == TAG_DENSITY_UNIT ||
           tag == TAG_WIDTH || tag == TAG_HEIGHT || tag == TAG_CHROMA_PLACE;
}

bool exif_has_notes(const unsigned char *data, size_t size) {
    struct exif exif;
    struct directory first;
    if (!open_exif(&exif, data, size) || !open_directory(&exif, get32(&exif, 4), &first))
        return false;
    for (unsigned i = 0; i < first.count; i++) {
        const unsigned tag = get16(&exif, first.at + (size_t)i * ENTRY_BYTES);
        if (!is_layout(tag))
            return true;
    }
    return false;
}

/* ---- making it true ---- */

static void put16(const struct exif *exif, unsigned char *data, size_t at, unsigned value) {
    data[at + (exif->big_endian ? 1 : 0)] = (unsigned char)value;
    data[at + (exif->big_endian ? 0 : 1)] = (unsigned char)(value >> 8);
}

static void put32(const struct exif *exif, unsigned char *data, size_t at, uint32_t value) {
    put16(exif, data, at, exif->big_endian ? value >> 16 : value & 0xffff);
    put16(exif, data, at + 2, exif->big_endian ? value & 0xffff : value >> 16);
}

/* False when the entry is there and cannot hold the value. */
static bool replace(const struct exif *exif, unsigned char *data, const struct directory *directory, unsigned tag,
                    size_t value) {
    struct entry entry;
    if (!find(exif, directory, tag, &entry))
        return true;
    if (entry.type == TYPE_SHORT && value <= 65535)
        put16(exif, data, entry.value, (unsigned)value);
    else if (entry.type == TYPE_LONG && value <= UINT32_MAX)
        put32(exif, data, entry.value, (uint32_t)value);
    else
        return false;
    return true;
}

/* The directory behind the first one, and what it points at, become zeroes. */
static void drop_thumbnail(const struct exif *exif, unsigned char *data, const struct directory *first) {
    const size_t link = first->at + (size_t)first->count * ENTRY_BYTES;
    struct directory second;
    if (!inside(exif, link, 4))
        return;
    if (open_directory(exif, get32(exif, link), &second)) {
        const size_t at = find_number(exif, &second, TAG_THUMBNAIL);
        const size_t bytes = find_number(exif, &second, TAG_THUMBNAIL_BYTES);
        if (at > link + 4 && inside(exif, at, bytes))
            memset(data + at, 0, bytes);
    }
    put32(exif, data, link, 0);
}

static bool correct_inner(const struct exif *exif, unsigned char *data, const struct directory *first, size_t width,
                          size_t height) {
    const uint32_t at = find_number(exif, first, TAG_EXIF);
    struct directory inner;
    return !at || !open_directory(exif, at, &inner) ||
           (replace(exif, data, &inner, TAG_PIXELS_X, width) && replace(exif, data, &inner, TAG_PIXELS_Y, height));
}

bool exif_correct(unsigned char *data, size_t size, int orientation, size_t width, size_t height) {
    struct exif exif;
    struct exif_facts facts;
    struct directory first;
    if (!open_exif(&exif, data, size) || !open_directory(&exif, get32(&exif, 4), &first))
        return false;
    drop_thumbnail(&exif, data, &first);
    if (!replace(&exif, data, &first, TAG_ORIENTATION, (size_t)orientation) ||
        !replace(&exif, data, &first, TAG_WIDTH, width) || !replace(&exif, data, &first, TAG_HEIGHT, height) ||
        !correct_inner(&exif, data, &first, width, height))
        return false;
    /* directories that lie over each other may have spoilt it again, and the tag may not have been there */
    exif_read(data, size, &facts);
    return facts.orientation == orientation;
}

void exif_write_orientation(unsigned char data[EXIF_LEAST_BYTES], int orientation) {
    static const unsigned char least[EXIF_LEAST_BYTES] = {
        'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, TAG_ORIENTATION >> 8, 0x12, 0, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0};
    memcpy(data, least, EXIF_LEAST_BYTES);
    data[19] = (unsigned char)orientation;
}

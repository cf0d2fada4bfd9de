#include "tools/checkpoint/torch_legacy.h"

#include "tools/checkpoint/collect_tensors.h"
#include "tools/checkpoint/pickle.h"

#include <string.h>

#define PROTOCOL 1001

/* 0x1950a86a20f9469cfc6c as a pickle has it. */
static const unsigned char magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool torch_legacy_recognise(const struct file_map *map) {
    return map->bytes >= 2 && map->data[0] == 0x80 && map->data[1] >= 1 && map->data[1] <= 5;
}

/* The next pickle; what: for messages. */
static status read_next(struct pickle *pickle, const char *what, struct pickle_value **out) {
    const status code = pickle_read(pickle, out);
    return code ? fail_prefix(pickle->err, "%s", what) : STATUS_OK;
}

static status read_header(struct pickle *pickle) {
    struct pickle_value *value;
    status code = read_next(pickle, "the pickle of the magic number", &value);
    if (code)
        return code;
    if (value->kind != VALUE_BIG || value->text.length != sizeof magic ||
        memcmp(value->text.bytes, magic, sizeof magic) != 0)
        return fail(pickle->err, STATUS_INVALID_MODEL,
                    "is a pickle, but not of torch.save: it does not begin with PyTorch's magic number");
    code = read_next(pickle, "the pickle of the protocol's version", &value);
    if (code)
        return code;
    if (value->kind != VALUE_INT || value->integer != PROTOCOL)
        return fail(pickle->err, STATUS_UNSUPPORTED, "the protocol's version is not %d", PROTOCOL);
    code = read_next(pickle, "the pickle of the machine's facts", &value);
    if (code)
        return code;
    const struct pickle_value *little = value_get(value, "little_endian");
    if (!little || little->kind != VALUE_BOOL)
        return fail(pickle->err, STATUS_INVALID_MODEL, "the file does not say whether it is little-endian");
    if (!little->truth)
        return fail(pickle->err, STATUS_UNSUPPORTED,
                    "was written by a big-endian machine; load it with PyTorch and save it again on another");
    return STATUS_OK;
}

static uint64_t read_count(const uint8_t *at) {
    uint64_t count = 0;
    for (int i = 8; i-- > 0;)
        count = count << 8 | at[i];
    return count;
}

/* The storage of this key at *at, which is moved behind it. */
static status read_storage(const struct file_map *map, size_t *at, const struct pickle_value *key,
                           struct storages *storages, struct error *err) {
    char name[128];
    if (key->kind != VALUE_TEXT || key->text.length >= sizeof name || memchr(key->text.bytes, 0, key->text.length))
        return fail(err, STATUS_INVALID_MODEL, "the list of storages before byte %zu is damaged", *at);
    memcpy(name, key->text.bytes, key->text.length);
    name[key->text.length] = 0;
    const int index = names_find(&storages->keys, name);
    if (index == NAME_ABSENT)
        return fail(err, STATUS_INVALID_MODEL,
                    "no tensor uses storage \"%s\" at byte %zu, so that its type is not known", name, *at);
    struct tensor_storage *storage = &storages->items[index];
    if (storage->data)
        return fail(err, STATUS_INVALID_MODEL, "storage \"%s\" stands in the file twice, again at byte %zu", name, *at);
    if (map->bytes - *at < 8)
        return fail(err, STATUS_INVALID_MODEL, "the file ends at byte %zu before storage \"%s\"", map->bytes, name);
    const uint64_t count = read_count(map->data + *at);
    *at += 8;
    if (count != storage->bytes / storage->size)
        return fail(err, STATUS_INVALID_MODEL, "storage \"%s\" has %llu elements at byte %zu, the pickle expects %zu",
                    name, (unsigned long long)count, *at - 8, storage->bytes / storage->size);
    if (map->bytes - *at < storage->bytes)
        return fail(err, STATUS_INVALID_MODEL,
                    "the file ends early: storage \"%s\" has %zu bytes from byte %zu on, and %zu are there", name,
                    storage->bytes, *at, map->bytes - *at);
    storage->data = map->data + *at;
    *at += storage->bytes;
    return STATUS_OK;
}

static status read_storages(const struct file_map *map, size_t at, const struct pickle_value *keys,
                            struct storages *storages, struct error *err) {
    if (keys->kind != VALUE_LIST)
        return fail(err, STATUS_INVALID_MODEL, "there is no list of storages before byte %zu", at);
    for (uint32_t i = 0; i < keys->items.count; i++) {
        const status code = read_storage(map, &at, keys->items.at[i], storages, err);
        if (code)
            return code;
    }
    for (size_t i = 0; i < storages->count; i++)
        if (!storages->items[i].data)
            return fail(err, STATUS_INVALID_MODEL, "storage \"%s\" is not in the file", storages->items[i].key);
    if (at != map->bytes)
        return fail(err, STATUS_INVALID_MODEL, "there are %zu bytes behind the last storage, from byte %zu on",
                    map->bytes - at, at);
    return STATUS_OK;
}

static status read_file(struct checkpoint *checkpoint, struct storages *storages, struct error *err) {
    const struct file_map *map = &checkpoint->map;
    const size_t limit = checkpoint->limits.pickle_bytes;
    size_t objects = checkpoint->limits.objects;
    struct pickle pickle = {.data = map->data,
                            .bytes = map->bytes < limit ? map->bytes : limit,
                            .cut = map->bytes > limit,
                            .objects = &objects,
                            .pool = checkpoint->scratch,
                            .err = err};
    struct pickle_value *top, *keys;
    status code = read_header(&pickle);
    if (code)
        return code;
    pickle.storages = storages;
    code = read_next(&pickle, "the pickle of the checkpoint", &top);
    if (code)
        return code;
    pickle.storages = NULL;
    code = read_next(&pickle, "the pickle of the storages' keys", &keys);
    if (!code)
        code = read_storages(map, pickle.at, keys, storages, err);
    return code ? code : collect_tensors(checkpoint, top, storages, err);
}

/* ---- pickles of others ---- */

/* torch.save's first pickle is the magic number, behind the protocol and perhaps a frame. */
static bool begins_with_magic(const struct file_map *map) {
    const size_t most = map->bytes < 32 ? map->bytes : 32;
    return memmem(map->data, most, magic, sizeof magic) != NULL;
}

/* One pickle of NumPy arrays, as pickle.dump writes it. */
static status read_plain(struct checkpoint *checkpoint, struct error *err) {
    const struct storages none = {0};
    size_t objects = checkpoint->limits.objects;
    struct pickle pickle = {.data = checkpoint->map.data,
                            .bytes = checkpoint->map.bytes,
                            .objects = &objects,
                            .pool = checkpoint->scratch,
                            .err = err};
    struct pickle_value *top;
    status code = pickle_read(&pickle, &top);
    checkpoint->format = "pickle";
    if (!code)
        code = collect_tensors(checkpoint, top, &none, err);
    if (code || checkpoint->tensor_count)
        return code ? fail_prefix(err, "is a pickle, but not of torch.save") : STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL,
                "is a pickle, but not of torch.save: it does not begin with PyTorch's magic number, and holds no NumPy "
                "arrays%s%s",
                checkpoint->opaque_count ? ", but a " : "",
                checkpoint->opaque_count ? checkpoint->opaques[0].what : "");
}

status torch_legacy_read(struct checkpoint *checkpoint, struct error *err) {
    struct storages storages = {.limit = checkpoint->limits.entries, .views = true};
    if (!begins_with_magic(&checkpoint->map))
        return read_plain(checkpoint, err);
    const status code = read_file(checkpoint, &storages, err);
    storages_close(&storages);
    return code;
}

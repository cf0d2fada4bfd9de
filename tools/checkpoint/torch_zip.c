#include "tools/checkpoint/torch_zip.h"

#include "tools/checkpoint/archive.h"
#include "tools/checkpoint/collect_tensors.h"
#include "tools/checkpoint/npz.h"
#include "tools/checkpoint/pickle.h"
#include "tools/checkpoint/torch_export.h"
#include "tools/checkpoint/unpack.h"

#include <stdio.h>
#include <string.h>

/* Of "<archive>/data/<key>". */
#define NAME_BYTES 1024

struct torch_zip {
    struct checkpoint *checkpoint;
    struct archive archive;
    const char *root; /* the folder that everything is in */
    size_t root_length;
};

bool torch_zip_recognise(const struct file_map *map) {
    return map->bytes >= 4 && (memcmp(map->data, "PK\3\4", 4) == 0 || memcmp(map->data, "PK\5\6", 4) == 0);
}

static struct archive_entry *find_in_root(const struct torch_zip *zip, const char *folder, const char *name) {
    char path[NAME_BYTES];
    const int length = snprintf(path, sizeof path, "%.*s/%s%s", (int)zip->root_length, zip->root, folder, name);
    return length < 0 || (size_t)length >= sizeof path ? NULL : archive_find(&zip->archive, path);
}

/* Archives of others, by the end of an entry's name. */
static status fail_other(const struct archive *archive, struct error *err) {
    static const struct {
        const char *end, *what;
    } others[] = {
        {"/archive_format", "an archive of torch.export without its weights as plain numbers; in Python: "
                            "torch.save(torch.export.load(FILE).state_dict, NEW)"},
        {"serialized_exported_program.json", "an archive of torch.export of before PyTorch 2.8; in Python: "
                                             "torch.save(torch.export.load(FILE).state_dict, NEW)"},
        {"/models/model.json",
         "an archive of torch.export; in Python: torch.save(torch.export.load(FILE).state_dict, NEW)"},
        {"model.weights.h5", "a Keras model, not a PyTorch checkpoint"},
        {"Manifest.json", "a Core ML package, not a PyTorch checkpoint"},
    };
    for (size_t i = 0; i < archive->count; i++)
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
            const char *name = archive->entries[i].name;
            const size_t length = strlen(name), end = strlen(others[k].end);
            if (length >= end && strcmp(name + length - end, others[k].end) == 0)
                return fail(err, STATUS_UNSUPPORTED, "is %s", others[k].what);
        }
    return fail(err, STATUS_INVALID_MODEL,
                "is a zip archive without an entry \"<name>/data.pkl\": not a PyTorch checkpoint");
}

/* The folder of the one entry "<archive>/data.pkl". */
static status find_root(struct torch_zip *zip, struct error *err) {
    static const char wanted[] = "/data.pkl";
    for (size_t i = 0; i < zip->archive.count; i++) {
        const char *name = zip->archive.entries[i].name, *slash = strchr(name, '/');
        if (!slash || strcmp(slash, wanted) != 0)
            continue;
        if (zip->root)
            return fail(err, STATUS_INVALID_MODEL, "the zip archive holds two checkpoints: \"%.*s%s\" and \"%.200s\"",
                        zip->root_length > 200 ? 200 : (int)zip->root_length, zip->root, wanted, name);
        zip->root = name;
        zip->root_length = (size_t)(slash - name);
    }
    if (!zip->root)
        return fail_other(&zip->archive, err);
    if (zip->root_length > NAME_BYTES / 2)
        return fail(err, STATUS_LIMIT, "the folder in the zip archive has a name of %zu bytes", zip->root_length);
    return STATUS_OK;
}

static status check_byte_order(const struct torch_zip *zip, struct error *err) {
    struct archive_entry *order = find_in_root(zip, "", "byteorder");
    if (!order)
        return STATUS_OK; /* before PyTorch 2.1 */
    const status code = unpack_entry(zip->checkpoint, order, true, err);
    if (code)
        return code;
    if (order->bytes == 6 && memcmp(order->data, "little", 6) == 0)
        return STATUS_OK;
    if (order->bytes == 3 && memcmp(order->data, "big", 3) == 0)
        return fail(err, STATUS_UNSUPPORTED,
                    "was written by a big-endian machine; load it with PyTorch and save it again on another");
    return fail(err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" is neither \"little\" nor \"big\"", order->name);
}

static status find_storage(void *context, struct tensor_storage *storage, struct error *err) {
    const struct torch_zip *zip = context;
    struct archive_entry *entry = find_in_root(zip, "data/", storage->key);
    if (!entry)
        return fail(err, STATUS_INVALID_MODEL, "storage \"%s\" is not in the archive: no entry \"%.*s/data/%s\"",
                    storage->key, zip->root_length > 200 ? 200 : (int)zip->root_length, zip->root, storage->key);
    if (entry->bytes != storage->bytes)
        return fail(err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" has %zu bytes, the pickle expects %zu",
                    entry->name, entry->bytes, storage->bytes);
    const status code = unpack_entry(zip->checkpoint, entry, !zip->checkpoint->limits.skip_checksums, err);
    storage->data = entry->data;
    return code;
}

static status read_pickle(struct torch_zip *zip, struct archive_entry *entry, struct error *err) {
    struct checkpoint *checkpoint = zip->checkpoint;
    size_t objects = checkpoint->limits.objects;
    struct storages storages = {.limit = checkpoint->limits.entries, .find = find_storage, .context = zip};
    struct pickle pickle = {.data = entry->data,
                            .bytes = entry->bytes,
                            .objects = &objects,
                            .pool = checkpoint->scratch,
                            .storages = &storages,
                            .err = err};
    struct pickle_value *top;
    status code = pickle_read(&pickle, &top);
    if (code)
        fail_prefix(err, "%.200s", entry->name);
    else
        code = collect_tensors(checkpoint, top, &storages, err);
    storages_close(&storages);
    return code;
}

static status fail_frozen(struct error *err) {
    return fail(err, STATUS_UNSUPPORTED,
                "is a TorchScript program without parameters: frozen ones hold their weights as constants without "
                "names; save it without torch.jit.freeze");
}

static status read_archive(struct torch_zip *zip, struct error *err) {
    struct checkpoint *checkpoint = zip->checkpoint;
    status code = archive_open(checkpoint->map.data, checkpoint->map.bytes, checkpoint->limits.entries,
                               checkpoint->scratch, &zip->archive, err);
    if (!code && npz_recognise(&zip->archive))
        return npz_read(checkpoint, &zip->archive, err);
    struct archive_entry *exported = code ? NULL : torch_export_find(&zip->archive);
    if (exported)
        return torch_export_read(checkpoint, &zip->archive, exported, err);
    if (!code)
        code = find_root(zip, err);
    if (code)
        return code;
    const bool program = find_in_root(zip, "", "constants.pkl") != NULL;
    if (program)
        checkpoint->format = "torchscript";
    struct archive_entry *entry = find_in_root(zip, "", "data.pkl");
    if (entry->bytes > checkpoint->limits.pickle_bytes)
        return fail(err, STATUS_LIMIT, "zip entry \"%.200s\" has %zu bytes, more than the limit of %zu", entry->name,
                    entry->bytes, checkpoint->limits.pickle_bytes);
    code = unpack_entry(checkpoint, entry, true, err);
    if (!code)
        code = check_byte_order(zip, err);
    if (!code)
        code = read_pickle(zip, entry, err);
    return !code && program && !checkpoint->tensor_count ? fail_frozen(err) : code;
}

status torch_zip_read(struct checkpoint *checkpoint, struct error *err) {
    struct torch_zip zip = {.checkpoint = checkpoint};
    const status code = read_archive(&zip, err);
    archive_close(&zip.archive);
    return code;
}

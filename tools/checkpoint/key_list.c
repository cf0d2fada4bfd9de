#include "tools/checkpoint/key_list.h"

#include "tools/cli/json.h"
#include "tools/files/stream.h"

#include <string.h>

size_t key_list_bytes(const struct checkpoint_tensor *tensor) {
    size_t bytes = 0;
    tensor_size(tensor->dtype, &tensor->shape, &bytes);
    return bytes;
}

static status load(struct key_list *found, bool verify, struct error *err) {
    const struct checkpoint_limits limits = {.skip_checksums = !verify};
    struct stream stream;
    const char *real;
    status code = stream_open(found->path, &stream, &real, err);
    if (!code)
        code = checkpoint_load(real, &limits, &found->checkpoint, err);
    if (code)
        stream_name(&stream, found->path, err);
    stream_close(&stream);
    return code;
}

status key_list_read(struct key_list *found, const char *path, const char *key, bool verify, struct pool *pool,
                     struct error *err) {
    *found = (struct key_list){.path = path};
    status code = load(found, verify, err);
    if (code)
        return code;
    if (!key && !checkpoint_choose(found->checkpoint, NULL, &found->refusal)) {
        const char *chosen = checkpoint_chosen(found->checkpoint);
        found->usual = pool_string(pool, chosen, strlen(chosen));
        if (!found->usual)
            return fail_memory(err, "the keys");
    }
    if (found->refusal.code == STATUS_NO_MEMORY)
        return fail(err, STATUS_NO_MEMORY, "%s: %s", found->path, found->refusal.message);
    code = checkpoint_choose(found->checkpoint, key ? key : "", err);
    if (code)
        return fail_prefix(err, "%s", found->path);
    for (size_t i = 0; i < checkpoint_count(found->checkpoint); i++) {
        const struct checkpoint_tensor *tensor = checkpoint_at(found->checkpoint, i);
        found->elements += (uint64_t)shape_elements(&tensor->shape);
        found->bytes += key_list_bytes(tensor);
    }
    return STATUS_OK;
}

/* ---- for programs ---- */

static void json_tensor(struct json *json, const struct checkpoint_tensor *tensor) {
    json_object(json, NULL);
    json_text(json, "path", tensor->path);
    json_text(json, "key", tensor->key);
    json_text(json, "type", dtype_name(tensor->dtype));
    json_array(json, "shape");
    for (int d = 0; d < tensor->shape.rank; d++)
        json_integer(json, NULL, tensor->shape.dims[d]);
    json_close(json, ']');
    json_integer(json, "bytes", (int64_t)key_list_bytes(tensor));
    json_close(json, '}');
}

static void json_opaque(struct json *json, const struct checkpoint *checkpoint) {
    json_array(json, "opaque");
    for (size_t i = 0; i < checkpoint_opaque_count(checkpoint); i++) {
        json_object(json, NULL);
        json_text(json, "path", checkpoint_opaque_at(checkpoint, i)->path);
        json_text(json, "what", checkpoint_opaque_at(checkpoint, i)->what);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void key_list_json(const struct key_list *found, FILE *stream) {
    struct json json = {stream, false};
    json_object(&json, NULL);
    json_text(&json, "file", found->path);
    json_text(&json, "format", checkpoint_format(found->checkpoint));
    json_text(&json, "dictionary", checkpoint_chosen(found->checkpoint));
    if (!checkpoint_chosen(found->checkpoint)[0])
        json_text(&json, "model", found->usual);
    json_array(&json, "tensors");
    for (size_t i = 0; i < checkpoint_count(found->checkpoint); i++)
        json_tensor(&json, checkpoint_at(found->checkpoint, i));
    json_close(&json, ']');
    json_opaque(&json, found->checkpoint);
    json_integer(&json, "elements", (int64_t)found->elements);
    json_integer(&json, "bytes", (int64_t)found->bytes);
    json_close(&json, '}');
    fputc('\n', stream);
}

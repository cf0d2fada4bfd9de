/*
 * Conversions: whatever the template, the checkpoint and the map are, working them out ends with a status or with
 * problems, within the limits; and what is written loads again. The bytes are: two lengths of three bytes each, a map,
 * a safetensors file, an ONNX model.
 */
#include "onnx/load/load.h"
#include "onnx/save/save.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/convert/convert.h"
#include "tools/convert/pour.h"
#include "tools/convert/pour_half.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TENSOR ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

/* A piece of the input in memory of its own, so that reading past its end is seen. */
struct piece {
    uint8_t *data;
    size_t size;
};

static struct piece take(const uint8_t **data, size_t *size, size_t wanted) {
    struct piece piece = {NULL, wanted < *size ? wanted : *size};
    piece.data = malloc(piece.size + 1);
    require(piece.data != NULL);
    memcpy(piece.data, *data, piece.size);
    *data += piece.size;
    *size -= piece.size;
    return piece;
}

static size_t length(const uint8_t *bytes) {
    return (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
}

static void check_saved(const struct onnx_model *model) {
    struct onnx_model *again;
    struct error err;
    void *bytes;
    size_t size;
    if (onnx_save_memory(model, &bytes, &size, &err))
        return;
    if (onnx_load_memory(bytes, size, NULL, NULL, &again, &err) == STATUS_OK)
        onnx_close(again);
    free(bytes);
}

static void convert(const struct onnx_model *template, struct checkpoint *checkpoint, const struct map *map,
                    struct pool *pool, unsigned choice) {
    const struct convert_options options = {.map = map, .by_order = choice & 1};
    struct conversion_plan plan;
    struct onnx_model model;
    struct error err = {STATUS_OK, ""};
    const status code = convert_plan(template, checkpoint, &options, pool, &plan, &err);
    require(!code == !err.message[0]);
    if (!code && !plan.problem_count && !pour(&plan, &model, &err) && (!(choice & 2) || !pour_half(&plan, &err)))
        check_saved(&model);
    convert_close(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct load_limits limits = {
        .tensor_bytes = MOST_TENSOR, .expanded_bytes = MOST_TENSOR, .nodes = 1000, .values = 4000, .tensors = 1000};
    const struct checkpoint_limits checkpoint_limits = {.entries = 1000};
    struct onnx_model *template = NULL;
    struct checkpoint *checkpoint = NULL;
    struct map map;
    struct error err;
    if (size < 6)
        return 0;
    const size_t map_size = length(data), file_size = length(data + 3);
    const unsigned choice = data[2] >> 6;
    const uint8_t *rest = data + 6;
    size -= 6;
    const struct piece text = take(&rest, &size, map_size & 0xffff), file = take(&rest, &size, file_size);
    const struct piece model = take(&rest, &size, size);
    struct pool *pool = pool_create();
    require(pool != NULL);
    if (!map_parse((const char *)text.data, text.size, "map", pool, &map, &err) &&
        !checkpoint_load_memory(file.data, file.size, "file", &checkpoint_limits, &checkpoint, &err) &&
        !checkpoint_choose(checkpoint, NULL, &err) &&
        !onnx_load_memory(model.data, model.size, NULL, &limits, &template, &err))
        convert(template, checkpoint, &map, pool, choice);
    checkpoint_close(checkpoint);
    onnx_close(template);
    pool_destroy(pool);
    free(text.data);
    free(file.data);
    free(model.data);
    return 0;
}

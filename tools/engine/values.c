#include "tools/engine/values.h"

#include "onnx/loaded_value.h"
#include "tools/cli/output.h"
#include "tools/files/element.h"

#include <stdio.h>
#include <string.h>

enum dtype value_kind(limner_type type) {
    return type == LIMNER_SEQUENCE   ? DTYPE_SEQUENCE
           : type == LIMNER_OPTIONAL ? DTYPE_OPTIONAL
           : type == LIMNER_MAP      ? DTYPE_MAP
                                     : DTYPE_UNDEFINED;
}

struct tensor engine_view(const limner_tensor *tensor) {
    struct tensor view = {.dtype = (enum dtype)tensor->type, .data = tensor->data, .bytes = tensor->bytes};
    view.shape.rank = tensor->rank;
    for (int d = 0; d < tensor->rank; d++)
        view.shape.dims[d] = tensor->dims[d];
    return view;
}

/* ---- given ---- */

static void fill_plain(const struct tensor *from, limner_tensor *to) {
    *to = (limner_tensor){
        .type = (limner_type)from->dtype, .rank = from->shape.rank, .data = from->data, .bytes = from->bytes};
    memcpy(to->dims, from->shape.dims, sizeof to->dims);
}

static status fill(struct pool *pool, const struct loaded_value *value, limner_tensor *to, struct error *err) {
    if (!dtype_is_boxed(value->tensor.dtype)) {
        fill_plain(&value->tensor, to);
        return STATUS_OK;
    }
    limner_tensor *items = pool_array(pool, value->count + 1, sizeof *items);
    if (!items)
        return fail_memory(err, "a value");
    for (size_t i = 0; i < value->count; i++)
        if (fill(pool, &value->items[i], &items[i], err) != STATUS_OK)
            return err->code;
    const enum dtype kind = value->tensor.dtype;
    *to = (limner_tensor){.type = kind == DTYPE_SEQUENCE   ? LIMNER_SEQUENCE
                                  : kind == DTYPE_OPTIONAL ? LIMNER_OPTIONAL
                                                           : LIMNER_MAP,
                          .rank = 1,
                          .dims = {(int64_t)value->count},
                          .data = items,
                          .bytes = value->count * sizeof *items};
    return STATUS_OK;
}

status value_tensor(const struct file_array *array, limner_tensor *tensor, struct error *err) {
    if (array->value)
        return fill(array->pool, array->value, tensor, err);
    fill_plain(&array->tensor, tensor);
    return STATUS_OK;
}

/* ---- printed ---- */

#define SHOWN_STRINGS 8
#define SHOWN_ITEMS 16

static void print_numbers(const struct tensor *tensor) {
    const struct number_summary summary = tensor_summary(tensor);
    printf("  min %.6g  max %.6g  mean %.6g", summary.low, summary.high, summary.mean);
    if (summary.nan)
        printf("  (%zu not a number)", summary.nan);
}

static void print_strings(const struct tensor *tensor) {
    const size_t count = (size_t)tensor_elements(tensor);
    char text[ELEMENT_TEXT_BYTES];
    for (size_t i = 0; i < count && i < SHOWN_STRINGS; i++)
        say(stdout, "%s %s", i ? "," : " ", element_text(tensor, i, text));
    if (count > SHOWN_STRINGS)
        printf(", ...");
}

static void print_tensor(const limner_tensor *value) {
    const struct tensor tensor = engine_view(value);
    char text[SHAPE_TEXT_BYTES];
    say(stdout, "  %s %s", dtype_name(tensor.dtype), shape_text(&tensor.shape, text));
    if (element_is_number(tensor.dtype))
        print_numbers(&tensor);
    else if (tensor.dtype == DTYPE_STRING)
        print_strings(&tensor);
    putchar('\n');
}

static void print_at(const limner_tensor *value, int depth);

static void print_items(const limner_tensor *value, int depth) {
    const limner_tensor *items = value->data;
    const size_t count = (size_t)value->dims[0];
    if (value->type == LIMNER_OPTIONAL)
        printf(count ? "  optional with\n" : "  optional with nothing\n");
    else
        say(stdout, "  %s of %zu\n", limner_type_name(value->type),
            value->type == LIMNER_MAP ? (size_t)items[0].dims[0] : count);
    for (size_t i = 0; i < count && i < SHOWN_ITEMS; i++) {
        static const char *const parts[] = {"keys", "values"};
        printf("%*s", 2 * depth + 2, "");
        if (value->type == LIMNER_MAP)
            fputs(parts[i != 0], stdout);
        else
            printf("[%zu]", i);
        print_at(&items[i], depth + 1);
    }
    if (count > SHOWN_ITEMS)
        printf("%*s...\n", 2 * depth + 2, "");
}

static void print_at(const limner_tensor *value, int depth) {
    if (value_kind(value->type) != DTYPE_UNDEFINED)
        print_items(value, depth);
    else
        print_tensor(value);
}

void value_print(const char *name, const limner_tensor *value) {
    say(stdout, "%s", name);
    print_at(value, 0);
}

#include "ops/ml/labels.h"

status labels_read(struct attributes *attributes, const char *numbers, const char *texts, struct labels *labels,
                   struct error *err) {
    size_t number_count, text_count;
    labels->numbers = attribute_int_list(attributes, numbers, &number_count);
    labels->texts = attribute_texts(attributes, texts, &text_count);
    if (attributes->code != STATUS_OK)
        return attributes->code;
    if ((number_count > 0) == (text_count > 0))
        return fail(err, STATUS_INVALID_MODEL, "expected either attribute \"%s\" or \"%s\"", numbers, texts);
    labels->count = (int64_t)(number_count + text_count);
    if (text_count == 0)
        labels->texts = NULL;
    return STATUS_OK;
}

enum dtype labels_type(const struct labels *labels) {
    return labels->texts ? DTYPE_STRING : DTYPE_INT64;
}

void labels_write(const struct labels *labels, int64_t i, struct tensor *output, int64_t at) {
    const bool known = i >= 0 && i < labels->count;
    if (labels->texts)
        ((struct text *)output->data)[at] = known ? labels->texts[i] : (struct text){"", 0};
    else
        ((int64_t *)output->data)[at] = known ? labels->numbers[i] : 0;
}

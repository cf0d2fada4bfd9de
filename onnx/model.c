#include "onnx/model.h"

#include <string.h>

int64_t onnx_opset(const struct onnx_model *model, const char *domain) {
    domain = domain_canonical(domain);
    for (int i = 0; i < model->opset_count; i++)
        if (strcmp(model->opsets[i].domain, domain) == 0)
            return model->opsets[i].version;
    return 0;
}

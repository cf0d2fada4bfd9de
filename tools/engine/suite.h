/* ONNX's test folders: a model.onnx with test_data_set_N/input_K.pb and output_K.pb. */
#ifndef LIMNER_TOOLS_ENGINE_SUITE_H
#define LIMNER_TOOLS_ENGINE_SUITE_H

#include "base/pool.h"
#include "base/status.h"

struct folder_list {
    const char **paths; /* in the pool */
    int count, capacity;
};

/* Adds path when it is a test folder, else all test folders beneath it, in the order of their names. */
status suite_find(struct pool *pool, const char *path, struct folder_list *list, struct error *err);

/* The names of the folder's data sets ("test_data_set_0"), in order. */
status suite_data_sets(struct pool *pool, const char *folder, struct folder_list *list, struct error *err);

#endif

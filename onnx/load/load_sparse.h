/* Sparse tensors are made dense when they are loaded. */
#ifndef LIMNER_ONNX_LOAD_LOAD_SPARSE_H
#define LIMNER_ONNX_LOAD_LOAD_SPARSE_H

#include "onnx/load/loader.h"

status load_sparse(struct loader *loader, const Onnx__SparseTensorProto *proto, struct tensor *out);

#endif

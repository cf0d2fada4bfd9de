/* Contracts in a model's metadata, as limner.WORD, so that the model is used rightly without a word. */
#ifndef LIMNER_TOOLS_CONTRACT_ANNOTATION_H
#define LIMNER_TOOLS_CONTRACT_ANNOTATION_H

#include "onnx/model.h"
#include "tools/contract/contract.h"

#define ANNOTATION_PREFIX "limner."

/*
 * All that is said about a model: by options, else by the preset, else by its metadata (limner.*, then the entries
 * that ONNX defines for models of pictures). Texts live in the pool.
 */
status contract_collect(const struct contract_request *request, const struct onnx_model *model, struct pool *pool,
                        struct contract *contract, struct error *err);

/* The model with what the contract says as its metadata, and nothing else said before; its own pool holds it. */
status annotation_write(struct onnx_model *model, const struct contract *contract, struct error *err);

#endif

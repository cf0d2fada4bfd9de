/*
 * choose_operators OPERATOR|MODEL...: prints the list of definitions (ops/operator_files.h) of a build that has these
 * operators alone, or those that these model files use (`make OPERATORS=...`). An operator of another domain is written
 * as domain:Name. What comes with an operator is the rest of its file, and the internal domain where a pass may put an
 * operator of it in its place.
 */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "ops/core/op_facts.h"
#include "ops/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAMILIES 256

struct choice {
    const char *families[MAX_FAMILIES];
    int count;
    bool internal;
    bool groups; /* a convolution may have groups */
};

static void add_family(struct choice *choice, const char *family) {
    for (int i = 0; i < choice->count; i++)
        if (strcmp(choice->families[i], family) == 0)
            return;
    if (choice->count < MAX_FAMILIES)
        choice->families[choice->count++] = family;
}

static bool add_operator(struct choice *choice, const char *domain, const char *name);

/* What operators stand for: "Add Mul com.microsoft:BiasGelu". */
static bool add_list(struct choice *choice, const char *list) {
    char word[64], domain[64];
    bool good = true;
    for (int length; good && sscanf(list, " %63[^ ]%n", word, &length) == 1; list += length) {
        const char *colon = strrchr(word, ':');
        sscanf(word, "%63[^:]", domain);
        good = add_operator(choice, colon ? domain : "", colon ? colon + 1 : word);
    }
    return good;
}

/* Every version of it. False: there is no such operator. */
static bool add_operator(struct choice *choice, const char *domain, const char *name) {
    const struct op *op;
    const char *list = NULL;
    bool found = false;
    for (size_t i = 0; (op = op_at(i)); i++)
        if (strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0) {
            add_family(choice, op_family_at(i));
            choice->internal |= op->facts && op->facts->fused;
            list = op->facts && op->facts->expands_to ? op->facts->expands_to : list;
            found = true;
        }
    return found && (!list || (add_operator(choice, "", "Constant") && add_list(choice, list)));
}

static bool add_nodes(struct choice *choice, const struct graph *graph) {
    bool good = true;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!add_operator(choice, node->domain, node->op_type)) {
            fprintf(stderr, "choose_operators: limner has no operator %s%s%s\n", node->domain,
                    node->domain[0] ? ":" : "", node->op_type);
            good = false;
        }
        choice->groups |= node_int(node, "group", 1) > 1;
        for (int k = 0; k < node->attribute_count; k++) {
            const struct attribute *attribute = &node->attributes[k];
            if (attribute->type == ATTRIBUTE_GRAPH)
                good &= add_nodes(choice, attribute->graph);
        }
    }
    return good;
}

static bool add_model(struct choice *choice, const char *path) {
    struct onnx_model *model;
    struct error err;
    if (onnx_load(path, NULL, &model, &err)) {
        fprintf(stderr, "choose_operators: no operator, and no model: %s\n", err.message);
        return false;
    }
    const bool good = add_nodes(choice, model->graph);
    onnx_close(model);
    return good;
}

static bool add_word(struct choice *choice, char *word) {
    char *colon = strrchr(word, ':');
    if (add_operator(choice, "", word)) {
        choice->groups = true;
        return true;
    }
    if (!colon)
        return add_model(choice, word);
    *colon = 0;
    const bool good = add_operator(choice, word, colon + 1);
    choice->groups = true;
    if (!good)
        fprintf(stderr, "choose_operators: limner has no operator %s in the domain %s\n", colon + 1, word);
    return good;
}

/* Whether all of the family's operators are of the internal domain: no model names them. */
static bool is_internal(const char *family) {
    const struct op *op;
    for (size_t i = 0; (op = op_at(i)); i++)
        if (strcmp(op_family_at(i), family) == 0 && strcmp(op->domain, INTERNAL_DOMAIN) != 0)
            return false;
    return true;
}

static void add_internal(struct choice *choice) {
    for (size_t i = 0; choice->internal && op_at(i); i++)
        if (is_internal(op_family_at(i)))
            add_family(choice, op_family_at(i));
}

int main(int argc, char **argv) {
    struct choice choice = {.count = 0};
    bool good = argc > 1;
    for (int i = 1; i < argc; i++)
        good &= add_word(&choice, argv[i]);
    if (!good || !add_operator(&choice, INTERNAL_DOMAIN, OP_WIDEN)) /* which types of 16 bits take */
        return EXIT_FAILURE;
    add_internal(&choice);
    if (!choice.groups)
        printf("#define NO_GROUPS\n");
    for (int i = 0; i < choice.count; i++)
        printf("X(%s)\n", choice.families[i]);
    return EXIT_SUCCESS;
}

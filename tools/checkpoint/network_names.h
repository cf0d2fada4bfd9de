/* What people call the dictionary of the network that is used in the end, and which of several they mean. */
#ifndef LIMNER_TOOLS_CHECKPOINT_NETWORK_NAMES_H
#define LIMNER_TOOLS_CHECKPOINT_NETWORK_NAMES_H

#include <stdbool.h>

/* generator, state_dict, params, G, model, netG, ... and each of them with averaged weights: G_ema, ema_model, ... */
bool network_name_is_usual(const char *name);

/* Usual names that stand beside each other. */
struct network_names {
    int count, averaged; /* the index of the averaged one, or -1 */
    int averaged_count;
    unsigned families; /* whose names there are, apart from averages of anything */
};

/* Begins as {.averaged = -1}. */
void network_names_add(struct network_names *names, const char *name, int index);
/* The index of the one whose weights are averages of the others', or -1. */
int network_names_prefer(const struct network_names *names);

#endif

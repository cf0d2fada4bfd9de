/* Opening a model for pictures. */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_OPEN_H
#define LIMNER_TOOLS_INPAINT_NETWORK_OPEN_H

#include "tools/inpaint/meter.h"
#include "tools/inpaint/network.h"

/* What a network is opened for. */
struct network_request {
    const char *path;
    limner_model *loaded; /* the model, which becomes the network's; or NULL, and it is loaded from path */
    enum network_role role;
    const struct contract_request *wish; /* options and preset; not for ROLE_EDGE */
    struct pool *pool;                   /* texts live here */
    struct meter *meter;                 /* where notes go */
};

/*
 * What the model's graph says goes before the contract: differences are said on the meter, or an error where nothing
 * sensible can be done. Messages name the path. Closed with network_close, after errors too.
 */
status network_open(struct network *network, const struct network_request *request, struct error *err);
void network_close(struct network *network);

#endif

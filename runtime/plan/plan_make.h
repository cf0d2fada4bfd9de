/* From a program and input shapes to a plan: the stages of planning in their order. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_MAKE_H
#define LIMNER_RUNTIME_PLAN_PLAN_MAKE_H

#include "runtime/plan/plan.h"

/*
 * Plans the program for these inputs (one request per port; port_values are their values in the graph). An input that
 * is not given has its default value. Copies what it needs of requests and settings; the program must outlive the plan.
 */
status plan_create(const struct program *program, const int *port_values, const struct port_request *ports,
                   int port_count, const struct plan_settings *settings, struct plan **out, struct error *err);

#endif

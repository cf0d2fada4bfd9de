/* How many processors this process may use. */
#ifndef LIMNER_BASE_PROCESSORS_H
#define LIMNER_BASE_PROCESSORS_H

/* As its affinity mask (cpusets narrow it) and the processor quota of its control group say; at least 1. */
int processors_available(void);
/* The affinity mask alone, and what the machine has; at least 1. */
int processors_affinity(void);
int processors_machine(void);

/*
 * The quota alone, rounded up, of the control group and those above it, versions 2 and 1; 0: there is none. /proc and
 * /sys are looked up below root, "" for the system's own.
 */
int processors_quota(const char *root);

#endif

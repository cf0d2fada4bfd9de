/* What the process has used. */
#ifndef LIMNER_TOOLS_CLI_USAGE_H
#define LIMNER_TOOLS_CLI_USAGE_H

/* The most memory that it ever held, in megabytes. */
double peak_rss_mb(void);

#endif

#include "tools/cli/usage.h"

#include <stdio.h>
#include <sys/resource.h>

double peak_rss_mb(void) {
    char line[256];
    long long kilobytes = 0;
    FILE *about = fopen("/proc/self/status", "r");
    while (about && fgets(line, sizeof line, about) && sscanf(line, "VmHWM: %lld", &kilobytes) != 1) {
    }
    if (about)
        fclose(about);
    struct rusage usage;
    if (!kilobytes && getrusage(RUSAGE_SELF, &usage) == 0)
        kilobytes = usage.ru_maxrss;
    return (double)kilobytes / 1024;
}

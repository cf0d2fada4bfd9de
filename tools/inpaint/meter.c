#include "tools/inpaint/meter.h"

#include "tools/cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BAR 24

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void meter_init(struct meter *meter) {
    *meter = (struct meter){.what = "", .total = 0};
    pthread_mutex_init(&meter->lock, NULL);
}

void meter_init_listened(struct meter *meter, meter_listener *listener, void *context) {
    meter_init(meter);
    meter->listener = listener;
    meter->context = context;
}

void meter_destroy(struct meter *meter) {
    pthread_mutex_destroy(&meter->lock);
}

const char *meter_text(const char *what, size_t done, size_t total, double seconds, char text[METER_TEXT_BYTES]) {
    char bar[BAR + 1];
    const size_t filled = total ? done * BAR / total : 0;
    memset(bar, '.', BAR);
    memset(bar, '#', filled);
    bar[BAR] = '\0';
    int used = snprintf(text, METER_TEXT_BYTES, "[%s] %zu of %zu %s", bar, done, total, what);
    if (done && seconds > 0 && used < METER_TEXT_BYTES) {
        const double rate = (double)done / seconds;
        const unsigned long left = (unsigned long)((double)(total - done) / rate + 0.5);
        snprintf(text + used, METER_TEXT_BYTES - (size_t)used, ", %.3g a second, %lu:%02lu:%02lu left", rate,
                 left / 3600, left / 60 % 60, left % 60);
    }
    return text;
}

/* The lock is held. */
static void draw(const struct meter *meter) {
    char text[METER_TEXT_BYTES];
    if (meter->total && !meter->listener)
        progress("%s", meter_text(meter->what, meter->done, meter->total, now() - meter->start, text));
}

void meter_start(struct meter *meter, const char *what, size_t total) {
    pthread_mutex_lock(&meter->lock);
    meter->what = what;
    meter->total = total;
    meter->done = 0;
    meter->start = now();
    draw(meter);
    pthread_mutex_unlock(&meter->lock);
}

void meter_advance(struct meter *meter) {
    pthread_mutex_lock(&meter->lock);
    meter->done++;
    draw(meter);
    pthread_mutex_unlock(&meter->lock);
}

/* A message that is longer than an error's is cut. */
static void tell(const struct meter *meter, const char *format, va_list list) {
    char text[ERROR_MESSAGE_BYTES];
    vsnprintf(text, sizeof text, format, list);
    meter->listener(meter->context, text);
}

void meter_complain(struct meter *meter, const char *format, ...) {
    va_list list;
    va_start(list, format);
    pthread_mutex_lock(&meter->lock);
    if (meter->listener)
        tell(meter, format, list);
    else
        complain_list(format, list);
    draw(meter);
    pthread_mutex_unlock(&meter->lock);
    va_end(list);
}

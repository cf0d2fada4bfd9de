#include "tools/engine/machine.h"

#include "base/memory_limits.h"
#include "base/processors.h"
#include "ops/kernels/cpu.h"
#include "tools/cli/json.h"
#include "tools/cli/output.h"

struct machine {
    int processors, affinity, quota, threads; /* quota: 0 for none */
    struct memory_limits memory;
    const char *level;
};

static void read_machine(struct machine *machine) {
    *machine = (struct machine){.processors = processors_machine(),
                                .affinity = processors_affinity(),
                                .quota = processors_quota(""),
                                .threads = processors_available(),
                                .level = kernels_get(cpu_best())->name};
    memory_limits_read("", &machine->memory);
}

static void print_bytes(const char *title, size_t bytes) {
    char text[SIZE_TEXT_BYTES];
    printf("  %-16s %s\n", title, bytes == SIZE_MAX ? "no limit" : size_text(bytes, text));
}

static void print_people(const struct machine *machine) {
    const struct memory_limits *memory = &machine->memory;
    printf("processors\n  %-16s %d\n  %-16s %d\n  %-16s ", "machine", machine->processors, "affinity",
           machine->affinity, "quota");
    if (machine->quota)
        printf("%d (of the control group, rounded up)\n", machine->quota);
    else
        printf("no limit\n");
    printf("  %-16s %d\nmemory\n", "default threads", machine->threads);
    print_bytes("machine", memory->machine);
    print_bytes("rlimit", memory->process);
    print_bytes("cgroup", memory->group);
    print_bytes("room", memory->room);
    print_bytes("available", memory->available);
    printf("instruction set\n  %s\n", machine->level);
}

static void json_bytes(struct json *json, const char *key, size_t bytes) {
    if (bytes == SIZE_MAX)
        json_text(json, key, NULL);
    else
        json_integer(json, key, (int64_t)bytes);
}

static void print_json(const struct machine *machine) {
    struct json json = {stdout, false};
    json_object(&json, NULL);
    json_object(&json, "processors");
    json_integer(&json, "machine", machine->processors);
    json_integer(&json, "affinity", machine->affinity);
    if (machine->quota)
        json_integer(&json, "quota", machine->quota);
    else
        json_text(&json, "quota", NULL);
    json_integer(&json, "default_threads", machine->threads);
    json_close(&json, '}');
    json_object(&json, "memory");
    json_bytes(&json, "machine", machine->memory.machine);
    json_bytes(&json, "rlimit", machine->memory.process);
    json_bytes(&json, "cgroup", machine->memory.group);
    json_bytes(&json, "room", machine->memory.room);
    json_bytes(&json, "available", machine->memory.available);
    json_close(&json, '}');
    json_text(&json, "instruction_set", machine->level);
    json_close(&json, '}');
    putchar('\n');
}

void print_machine(bool as_json) {
    struct machine machine;
    read_machine(&machine);
    (as_json ? print_json : print_people)(&machine);
}

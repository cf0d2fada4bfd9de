#include "tools/commands/commands.h"

int main(int argc, char **argv) {
    return limner_command(argc, argv);
}

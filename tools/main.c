#include "tools/commands.h"

int main(int argc, char **argv) {
    return limner_command(argc, argv);
}

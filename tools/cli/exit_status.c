#include "tools/cli/exit_status.h"

int exit_status(status code) {
    switch (code) {
    case STATUS_OK:
        return EXIT_OK;
    case STATUS_NO_MEMORY:
    case STATUS_CANCELLED:
    case STATUS_TRY_AGAIN:
        return EXIT_AGAIN;
    default:
        return EXIT_FAILED;
    }
}

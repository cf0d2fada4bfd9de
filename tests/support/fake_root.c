#include "tests/support/fake_root.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

char *fake_root;

void fake_file(const char *path, const char *text) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", fake_root, path);
    for (char *slash = whole + strlen(fake_root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(whole, 0777);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

int fake_root_make(void **state) {
    (void)state;
    fake_root = test_folder();
    return fake_root ? 0 : -1;
}

int fake_root_remove(void **state) {
    (void)state;
    test_folder_remove(fake_root);
    return 0;
}

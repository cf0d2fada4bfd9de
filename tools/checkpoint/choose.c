#include "tools/checkpoint/choose.h"

#include "tools/checkpoint/network_names.h"
#include "tools/checkpoint/reader.h"

#include <stdlib.h>
#include <string.h>

/* ---- taking a dictionary ---- */

/* The rest of a path below `prefix` ("" is everything), or NULL when it is not below. */
static const char *below(const char *path, const char *prefix, size_t length) {
    if (length == 0)
        return path;
    return strncmp(path, prefix, length) == 0 && path[length] == '.' ? path + length + 1 : NULL;
}

/* The tensors below this path in place of those chosen so far; none: nothing changes and *found is false. */
static status take(struct checkpoint *checkpoint, const char *prefix, bool *found, struct error *err) {
    const size_t length = strlen(prefix);
    *found = false;
    struct names keys = {0};
    size_t count = 0;
    struct checkpoint_tensor *chosen = calloc(checkpoint->tensor_count + 1, sizeof *chosen);
    const char *path = pool_string(checkpoint->pool, prefix, length);
    if (!chosen || !path)
        goto fail;
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const char *key = below(checkpoint->tensors[i].path, prefix, length);
        if (!key)
            continue;
        chosen[count] = checkpoint->tensors[i];
        chosen[count].key = key;
        if (!names_put(&keys, key, (int)count))
            goto fail;
        count++;
    }
    *found = count > 0 || length == 0;
    if (*found) {
        free(checkpoint->chosen);
        names_free(&checkpoint->keys);
        checkpoint->chosen = chosen;
        checkpoint->chosen_count = count;
        checkpoint->chosen_path = path;
        checkpoint->keys = keys;
        return STATUS_OK;
    }
    free(chosen);
    return STATUS_OK;

fail:
    free(chosen);
    names_free(&keys);
    return fail_memory(err, "the list of tensors");
}

/* ---- searching one ---- */

/* Parts of names of what stands beside a generator and is none. */
static const char *const other_names[] = {"optim", "schedul", "discriminator", "scaler", "rng_", "_rng"};

static bool is_other(const char *name) {
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++)
        if (strcasestr(name, other_names[i]))
            return true;
    return false;
}

static const char *name_in(const struct checkpoint *checkpoint, const struct tensor_group *child, int parent) {
    const char *path = checkpoint->groups[parent].path;
    const char *name = below(child->path, path, strlen(path));
    return name ? name : child->path;
}

/* What stands below a group. */
struct group_survey {
    int usual, usual_count; /* the last one and how many */
    int likely, likely_count;
    int any, any_count;
    struct network_names names; /* of the usual ones */
};

/* Children stand behind their parent, and the tensors of one are together. */
static struct group_survey look_below(const struct checkpoint *checkpoint, int parent) {
    struct group_survey survey = {.names = {.averaged = -1}};
    for (size_t i = (size_t)parent + 1; i < checkpoint->group_count; i++) {
        const struct tensor_group *group = &checkpoint->groups[i];
        if (group->parent != parent)
            continue;
        const char *name = name_in(checkpoint, group, parent);
        survey.any = (int)i;
        survey.any_count++;
        if (network_name_is_usual(name)) {
            survey.usual = (int)i;
            survey.usual_count++;
            network_names_add(&survey.names, name, (int)i);
        }
        if (!is_other(name)) {
            survey.likely = (int)i;
            survey.likely_count++;
        }
    }
    return survey;
}

#define LISTED 20

/* Appends the groups within `parent` (-1: all there are) to the message. */
static status list_groups(const struct checkpoint *checkpoint, int parent, bool usual, struct error *err) {
    int listed = 0;
    for (size_t i = 0; i < checkpoint->group_count && listed <= LISTED; i++) {
        const struct tensor_group *group = &checkpoint->groups[i];
        if (parent >= 0 &&
            (group->parent != parent || (usual && !network_name_is_usual(name_in(checkpoint, group, parent)))))
            continue;
        if (listed++ == LISTED)
            error_append(err, ", ...");
        else
            error_append(err, "%s \"%.100s\" (%zu tensor%s)", listed > 1 ? "," : "", group->path,
                         group->end - group->begin, group->end - group->begin == 1 ? "" : "s");
    }
    return err->code;
}

static status fail_ambiguous(const struct checkpoint *checkpoint, int parent, bool usual, struct error *err) {
    fail(err, STATUS_INVALID_ARGUMENT, "several dictionaries hold tensors; choose one with --key:");
    return list_groups(checkpoint, parent, usual, err);
}

/* The usual dictionaries within `parent` but for one. */
static status name_beside(struct checkpoint *checkpoint, int parent, int taken, struct error *err) {
    for (size_t i = 0; i < checkpoint->group_count; i++) {
        const struct tensor_group *group = &checkpoint->groups[i];
        if (group->parent != parent || (int)i == taken || !network_name_is_usual(name_in(checkpoint, group, parent)))
            continue;
        checkpoint->beside = pool_format(checkpoint->pool, "%s%s\"%.100s\"", checkpoint->beside,
                                         *checkpoint->beside ? ", " : "", group->path);
        if (!checkpoint->beside)
            return fail_memory(err, "the list of dictionaries");
    }
    return STATUS_OK;
}

static status search(struct checkpoint *checkpoint, const char **path, struct error *err) {
    *path = "";
    if (checkpoint->tensor_count == 0)
        return fail(err, STATUS_INVALID_MODEL, "there are no tensors in the file");
    int at = 0;
    if (checkpoint->group_count == 0)
        return STATUS_OK;
    for (;;) {
        const struct group_survey survey = look_below(checkpoint, at);
        *path = checkpoint->groups[at].path;
        if (checkpoint->groups[at].module)
            return STATUS_OK;
        const int preferred = network_names_prefer(&survey.names);
        if (survey.usual_count > 1 && preferred < 0)
            return fail_ambiguous(checkpoint, at, true, err);
        if (survey.usual_count > 1) {
            if (name_beside(checkpoint, at, preferred, err))
                return err->code;
            at = preferred;
        } else if (survey.usual_count == 1)
            at = survey.usual;
        else if (checkpoint->groups[at].direct > 0 || survey.any_count == 0)
            return STATUS_OK;
        else if (survey.likely_count == 1)
            at = survey.likely;
        else if (survey.any_count == 1)
            at = survey.any;
        else
            return fail_ambiguous(checkpoint, at, false, err);
    }
}

/* ---- the interface ---- */

static status fail_wanted(const struct checkpoint *checkpoint, const char *wanted, struct error *err) {
    fail(err, STATUS_INVALID_ARGUMENT,
         "there are no tensors below the key \"%.200s\"; dictionaries with tensors are:", wanted);
    return list_groups(checkpoint, -1, false, err);
}

status checkpoint_choose(struct checkpoint *checkpoint, const char *wanted, struct error *err) {
    const char *path = wanted;
    checkpoint->beside = "";
    if (!wanted) {
        const status code = search(checkpoint, &path, err);
        if (code)
            return code;
    } else if (strcmp(wanted, ".") == 0) {
        path = "";
    }
    bool found = false;
    const status code = take(checkpoint, path, &found, err);
    return code || found ? code : fail_wanted(checkpoint, wanted, err);
}

const char *checkpoint_chosen(const struct checkpoint *checkpoint) {
    return checkpoint->chosen_path;
}

const char *checkpoint_beside(const struct checkpoint *checkpoint) {
    return checkpoint->beside;
}

size_t checkpoint_count(const struct checkpoint *checkpoint) {
    return checkpoint->chosen_count;
}

const struct checkpoint_tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t i) {
    return i < checkpoint->chosen_count ? &checkpoint->chosen[i] : NULL;
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *key) {
    const int i = names_find(&checkpoint->keys, key);
    return i == NAME_ABSENT ? NULL : &checkpoint->chosen[i];
}

bool checkpoint_all_begin(const struct checkpoint *checkpoint, const char *prefix) {
    const size_t length = strlen(prefix);
    for (size_t i = 0; i < checkpoint->chosen_count; i++)
        if (strncmp(checkpoint->chosen[i].key, prefix, length) != 0 || !checkpoint->chosen[i].key[length])
            return false;
    return checkpoint->chosen_count > 0;
}

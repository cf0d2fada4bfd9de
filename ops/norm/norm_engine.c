#include "ops/norm/norm_engine.h"

#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/norm/norm_columns.h"
#include "ops/norm/norm_groups.h"

#define EVEN 0.85          /* of the threads' time, where whole groups are shared out */
#define TEAM_ELEMENTS 8192 /* below so many a team does not pay */

void norm_layout_broadcast(struct norm_layout *layout, enum norm_array array, const struct shape *shape) {
    int64_t stride = 1;
    for (int d = shape->rank - 1, to = layout->dims.rank - 1; d >= 0; d--, to--) {
        layout->dims.strides[to][array] = shape->dims[d] == 1 ? 0 : stride;
        stride *= shape->dims[d];
    }
}

struct norm_layout norm_layout_of(const struct shape *shape, int reduced) {
    struct norm_layout layout = {.dims.rank = shape->rank};
    for (int d = 0; d < shape->rank; d++) {
        layout.dims.size[d] = shape->dims[d];
        layout.reduced[d] = d >= shape->rank - reduced;
    }
    return layout;
}

static int64_t chunks_of(const struct norm_view *view) {
    return view->columns ? 1 : divide_up(norm_group_size(view), NORM_CHUNK);
}

size_t norm_workspace_bytes(const struct norm_layout *layout) {
    const struct norm_view view = norm_view(layout, false);
    const int64_t chunks = view.inner > 0 && view.positions > 0 ? chunks_of(&view) : 1;
    return chunks > 1 ? (size_t)(view.groups * chunks) * sizeof(struct norm_moments) : 0;
}

void norm_run(const struct op_call *call, const struct norm_job *job) {
    struct norm_work work = {.job = job,
                             .kernels = call->kernels,
                             .stats = norm_view(&job->layout, false),
                             .apply = norm_view(&job->layout, true),
                             .moments = call->workspace};
    const int64_t elements = norm_group_count(&work.stats) * norm_group_size(&work.stats);
    const int threads = elements > TEAM_ELEMENTS ? call->threads : 1;
    if (elements == 0)
        return;
    work.chunks = chunks_of(&work.stats);
    if (work.stats.columns) { /* whose scale is looked at along with them */
        work.stats = work.apply;
        team_for(threads, norm_column_tiles(&work), norm_run_columns, &work);
    } else if (work.chunks == 1) {
        team_for(threads, work.stats.groups, norm_is_rows(&work) ? norm_whole_rows : norm_whole_groups, &work);
    } else if (balance(work.stats.groups, threads) > EVEN) {
        team_for(threads, work.stats.groups, norm_chunked_groups, &work);
    } else {
        team_for(threads, work.stats.groups * work.chunks, norm_measure_chunks, &work);
        team_for(threads, work.stats.groups * work.chunks, norm_finish_chunks, &work);
    }
}

// Processes beside ours: the peer, and our own program when its start is timed.
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"
#include "bench.h"

extern char **environ;

static void close_both(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

enum rv_status bench_process_begin(struct bench_process *process, char *const *arguments,
                                   bool input) {
    int to[2] = {-1, -1}, from[2] = {-1, -1}, failure = 0;
    *process = (struct bench_process){0};
    if ((input && pipe(to) != 0) || pipe(from) != 0) {
        close_both(to);
        return rv_fail(RV_ERR_NO_MEMORY, "no pipe to %s", arguments[0]);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (input) {
        posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
        posix_spawn_file_actions_addclose(&actions, to[1]);
    }
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, from[0]);
    failure = posix_spawn(&process->pid, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure) {
        close_both(to);
        close_both(from);
        process->pid = 0;
        return rv_fail(RV_ERR_IO, "%s: cannot be run: %s", arguments[0], strerror(failure));
    }
    close(from[1]);
    process->from = fdopen(from[0], "r");
    if (input) {
        close(to[0]);
        process->to = fdopen(to[1], "w");
    }
    if (!process->from || (input && !process->to))
        return rv_fail(RV_ERR_NO_MEMORY, "no stream to %s", arguments[0]);
    return RV_OK;
}

enum rv_status bench_process_ask(struct bench_process *process, const json_t *request,
                                 json_t **answer) {
    char *line = NULL;
    size_t capacity = 0;
    *answer = NULL;
    if (request) {
        json_dumpf(request, process->to, JSON_COMPACT);
        fputc('\n', process->to);
        fflush(process->to);
    }
    if (getline(&line, &capacity, process->from) > 0)
        *answer = json_loads(line, 0, NULL);
    free(line);
    if (!*answer)
        return rv_fail(RV_ERR_IO, "a process beside the benchmark gave no answer: see above");
    return RV_OK;
}

enum rv_status bench_process_end(struct bench_process *process, const char *name) {
    int result = 0;
    if (process->to)
        fclose(process->to);
    if (process->from)
        fclose(process->from);
    bool ran = process->pid > 0;
    if (ran)
        waitpid(process->pid, &result, 0);
    *process = (struct bench_process){0};
    if (ran && result != 0)
        return rv_fail(RV_ERR_IO, "%s failed: see above", name);
    return RV_OK;
}

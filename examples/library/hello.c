/* SPDX-License-Identifier: Apache-2.0 */
/* hello.c - libipvm in a program: runs a workflow and prints what came.
 *
 *     cc hello.c -o hello $(pkg-config --cflags --libs ipvm)
 *     ./hello words.yaml
 *
 * Valid C11 and C++. */
#include <ipvm.h>

#include <signal.h>
#include <stdio.h>

static ipvm *vm;

static void stop(int number)
{
    (void)number;
    ipvm_interrupt(vm); /* safe in a signal handler */
}

static void on_event(void *context, const ipvm_event *event)
{
    unsigned *ran = (unsigned *)context;
    if (event->kind == IPVM_TASK_LOG)
        fprintf(stderr, "%s: %s\n", event->label, event->text);
    if (event->kind == IPVM_TASK_FINISHED && event->ran)
        ++*ran;
}

static void print_outputs(ipvm_run *run)
{
    for (uint32_t index = 0; index < ipvm_run_output_count(run); index++) {
        ipvm_output output;
        ipvm_error error;
        if (ipvm_run_output(run, index, &output, &error) != IPVM_OK)
            fprintf(stderr, "hello: %s\n", error.message);
        else if (output.end[0])
            printf("%s ended: %s (%s)\n", output.label, output.end,
                   output.message);
        else
            printf("%s %s %s\n", output.label,
                   output.is_ok ? "is" : "failed with",
                   output.is_bytes ? output.cid : output.json);
    }
}

static int run_it(ipvm_workflow *workflow)
{
    unsigned ran = 0;
    ipvm_run *run;
    ipvm_error error;
    ipvm_run_options options = {0};
    options.on_event = on_event;
    options.context = &ran;
    if (ipvm_run_workflow(vm, workflow, &options, &run, &error) != IPVM_OK) {
        fprintf(stderr, "hello: %s\n", error.message);
        return 1;
    }
    print_outputs(run);
    printf("%u tasks ran, the memo had the rest\n", ran);
    int code = ipvm_run_succeeded(run) ? 0 : 1;
    ipvm_run_free(run);
    return code;
}

int main(int count, char **arguments)
{
    ipvm_error error;
    ipvm_options options = {0};
    ipvm_workflow *workflow;

    if (count != 2) {
        fprintf(stderr, "usage: hello WORKFLOW\n");
        return 2;
    }
    options.in_process = true; /* no helper program needed */
    if (ipvm_open(&options, &vm, &error) != IPVM_OK) {
        fprintf(stderr, "hello: %s\n", error.message);
        return 1;
    }
    signal(SIGINT, stop);
    int code = 1;
    if (ipvm_workflow_load(vm, arguments[1], &workflow, &error) == IPVM_OK) {
        code = run_it(workflow);
        ipvm_workflow_free(workflow);
    } else {
        fprintf(stderr, "hello: %s\n", error.message);
    }
    ipvm_close(vm);
    return code;
}

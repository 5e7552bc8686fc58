/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_worker.c - whether guests run: a module of 39 bytes is compiled and
 * called in a worker, on a store of its own that is gone afterwards. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "ipvm.h"

/* (module (func (export "answer") (result i32) i32.const 42)) */
static const unsigned char answer_module[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05,
    0x01, 0x60, 0x00, 0x01, 0x7f, 0x03, 0x02, 0x01, 0x00, 0x07,
    0x0a, 0x01, 0x06, 'a',  'n',  's',  'w',  'e',  'r',  0x00,
    0x00, 0x0a, 0x06, 0x01, 0x04, 0x00, 0x41, 0x2a, 0x0b,
};

static ipvm_status run_workflow(ipvm *vm, ipvm_workflow *workflow,
                                ipvm_error *error)
{
    ipvm_run *run;
    ipvm_output output = {0};
    ipvm_status status = ipvm_run_workflow(vm, workflow, NULL, &run, error);
    if (status != IPVM_OK)
        return status;
    status = ipvm_run_output(run, 0, &output, error);
    if (status == IPVM_OK &&
        (output.end[0] || strcmp(output.json, "42") != 0)) {
        snprintf(error->message, sizeof error->message, "%s%s%.150s",
                 output.end, output.end[0] ? ": " : "",
                 output.end[0] ? output.message : "a wrong answer");
        status = IPVM_HOST;
    }
    ipvm_run_free(run);
    return status;
}

static ipvm_status run_guest(const char *directory, ipvm_error *error)
{
    const ipvm_options options = {.store = directory, .workers = 1};
    ipvm *vm = NULL;
    ipvm_workflow *workflow;
    char cid[IPVM_CID_MAX];
    ipvm_status status = ipvm_open(&options, &vm, error);
    if (status == IPVM_OK)
        status = ipvm_add(vm, answer_module, sizeof answer_module, cid, error);
    if (status == IPVM_OK)
        status = ipvm_workflow_call(vm, cid, "answer", NULL, 0, NULL,
                                    &workflow, error);
    if (status == IPVM_OK) {
        status = run_workflow(vm, workflow, error);
        ipvm_workflow_free(workflow);
    }
    ipvm_close(vm);
    return status;
}

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    remove(path);
    return 0;
}

/* The modules that the store keeps compiled. */
static void look_at_cache(struct doctor *doctor)
{
    char path[4096 + 16];
    snprintf(path, sizeof path, "%s/modules", doctor->store);
    if (!doctor->has_store || access(path, F_OK) != 0)
        return;
    if (access(path, R_OK | W_OK | X_OK) == 0)
        doctor_found(doctor, HEALTH_FINE, "cache", NULL,
                     "compiled modules are kept in %s", path);
    else
        doctor_found(doctor, HEALTH_DOUBTFUL, "cache",
                     "see that you may write there, or remove it: it is made "
                     "again",
                     "modules are compiled each time: cannot use %s: %s", path,
                     strerror(errno));
}

void doctor_look_at_worker(struct doctor *doctor)
{
    const char *base = getenv("TMPDIR");
    char directory[4096], took[SHORT_TEXT_MAX];
    ipvm_error error = {0};
    snprintf(directory, sizeof directory, "%.4000s/ipvm-doctor.XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(directory)) {
        doctor_found(doctor, HEALTH_WRONG, "worker", "set TMPDIR",
                     "no place to try one: %s", strerror(errno));
        return;
    }
    const uint64_t began = clock_monotonic_ns();
    if (run_guest(directory, &error) == IPVM_OK)
        doctor_found(doctor, HEALTH_FINE, "worker", NULL,
                     "a guest was compiled and run in its sandbox in %s",
                     show_ns(clock_monotonic_ns() - began, took));
    else
        doctor_found(doctor, HEALTH_WRONG, "worker",
                     "see that ipvm-worker is installed beside this program "
                     "or in its libexec, or set IPVM_WORKER",
                     "no guest can run: %s", error.message);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    look_at_cache(doctor);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* document.h - tells what some bytes are, by a look at them. Thread: any. */
#ifndef IPVM_TASK_DOCUMENT_H
#define IPVM_TASK_DOCUMENT_H

#include "base/bytes.h"

enum document_kind {
    DOCUMENT_OTHER,
    DOCUMENT_MANIFEST,  /* ours, as people write it: YAML or JSON */
    DOCUMENT_WORKFLOW,  /* ours, the head block of the canonical form */
    DOCUMENT_HOMESTAR,  /* Homestar 0.2, JSON or DAG-CBOR */
    DOCUMENT_IPVM_0_1,  /* the envelope of IPVM Workflow 0.1.0, likewise */
    DOCUMENT_WASM,      /* a module */
    DOCUMENT_COMPONENT, /* a Wasm component */
    DOCUMENT_CAR        /* version 1 or 2 */
};

/* A guess from the outside that is right for whatever its reader accepts; what
 * merely resembles a document is left to that reader's message. Text with
 * "ipvm:" at the beginning of a line counts as a manifest. */
enum document_kind document_kind_of(Bytes bytes);

/* "manifest", "workflow", … for people. */
Text document_kind_name(enum document_kind kind);

#endif

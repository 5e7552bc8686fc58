/* SPDX-License-Identifier: Apache-2.0 */
/* reserve.h - disk space that a store keeps back, so that on a full disk it can
 * still be made smaller: leases and holds are taken, pins are removed, blocks
 * are collected. A file beside the tables that is cut, never written.
 * Thread: any, and any process. */
#ifndef IPVM_STORE_RESERVE_H
#define IPVM_STORE_RESERVE_H

#include <stdbool.h>

/* How much stays back for those further down. */
enum reserve_use { RESERVE_FOR_LEASES, RESERVE_FOR_REMOVING, RESERVE_FOR_GC };

/* Takes the space, if it is not there and the disk has plenty. */
void reserve_make(const char *directory);
/* Gives some of it back to the disk. False: nothing is left for this use, or
 * the store has no directory. */
bool reserve_give(const char *directory, enum reserve_use use);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - what each address has open and how often it asks. A bounded
 * table: who has nothing open and was quiet is forgotten. Addresses of IPv6
 * count by their network of 64 bits. Thread: any; does its own locking. */
#ifndef IPVM_HTTP_ADDRESS_H
#define IPVM_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct addresses;
struct address;

enum { ADDRESSES_MAX = 1 << 16 };

struct addresses *addresses_new(uint32_t connections_max,
                                uint32_t requests_per_second);
void addresses_free(struct addresses *addresses);

/* True for loopback: not counted. */
bool address_is_local(const struct sockaddr *from);
/* A connection comes. NULL: it has too many, or the table is full. */
struct address *address_open(struct addresses *addresses,
                             const struct sockaddr *from, uint64_t now_ns);
void address_close(struct addresses *addresses, struct address *address);
/* A request comes; false: too many. Two seconds' worth may come at once. */
bool address_may_ask(struct addresses *addresses, struct address *address,
                     uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "http/address.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"

/* Requests are counted by the time they are worth: an address may ask while its
 * clock, with that one, is at most BURST ahead of ours. */
#define BURST_NS ((uint64_t)2 * 1000000000)

struct address {
    uint8_t key[16];
    uint32_t connections;
    uint64_t paid_ns; /* its requests are paid for until then */
};

struct addresses {
    uint32_t connections_max;
    uint64_t request_ns; /* what one request is worth */
    pthread_mutex_t lock;
    struct map map; /* of key to struct address * */
};

struct addresses *addresses_new(uint32_t connections_max,
                                uint32_t requests_per_second)
{
    struct addresses *addresses = HEAP_NEW(struct addresses);
    addresses->connections_max = connections_max;
    addresses->request_ns =
        1000000000 / (requests_per_second ? requests_per_second : 1);
    pthread_mutex_init(&addresses->lock, NULL);
    return addresses;
}

static struct address *entry_address(uint64_t value)
{
    return (struct address *)(uintptr_t)value; // As address_of() put it there.
}

void addresses_free(struct addresses *addresses)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    if (!addresses)
        return;
    while ((entry = map_next(&addresses->map, &cursor)))
        free(entry_address(entry->value));
    map_deinit(&addresses->map);
    pthread_mutex_destroy(&addresses->lock);
    free(addresses);
}

/* IPv4 as ::ffff:a.b.c.d, IPv6 without its lower half. */
static void key_of(const struct sockaddr *from, uint8_t key[16])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memset(key, 0, 16);
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        key[10] = key[11] = 0xff;
        memcpy(key + 12, &v4.sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        memcpy(key, &v6.sin6_addr, is_v4 ? 16 : 8);
    }
}

bool address_is_local(const struct sockaddr *from)
{
    struct sockaddr_in6 v6;
    uint8_t key[16];
    if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
            return true;
    }
    key_of(from, key);
    return key[10] == 0xff && key[11] == 0xff && key[12] == 127;
}

/* Makes room by forgetting who is quiet. */
static void forget_quiet(struct addresses *addresses, uint64_t now_ns)
{
    const struct map_entry *entry;
    size_t cursor = 0;
    struct address **quiet = heap_array(addresses->map.count, sizeof *quiet);
    size_t count = 0;
    while ((entry = map_next(&addresses->map, &cursor))) {
        struct address *address = entry_address(entry->value);
        if (address->connections == 0 && address->paid_ns <= now_ns)
            quiet[count++] = address;
    }
    for (size_t index = 0; index < count; index++) {
        map_remove(&addresses->map,
                   bytes_of(quiet[index]->key, sizeof quiet[index]->key));
        free(quiet[index]);
    }
    free(quiet);
}

/* Under the lock. NULL: no room. */
static struct address *address_of(struct addresses *addresses,
                                  const uint8_t key[16], uint64_t now_ns)
{
    const Bytes name = bytes_of(key, 16);
    uint64_t *value = map_get(&addresses->map, name);
    if (value)
        return entry_address(*value);
    if (addresses->map.count >= ADDRESSES_MAX)
        forget_quiet(addresses, now_ns);
    if (addresses->map.count >= ADDRESSES_MAX)
        return NULL;
    struct address *address = HEAP_NEW(struct address);
    memcpy(address->key, key, 16);
    value = map_set(&addresses->map, bytes_of(address->key, 16), NULL);
    *value = (uintptr_t)address;
    return address;
}

struct address *address_open(struct addresses *addresses,
                             const struct sockaddr *from, uint64_t now_ns)
{
    uint8_t key[16];
    key_of(from, key);
    pthread_mutex_lock(&addresses->lock);
    struct address *address = address_of(addresses, key, now_ns);
    if (address && address->connections >= addresses->connections_max)
        address = NULL;
    if (address)
        address->connections++;
    pthread_mutex_unlock(&addresses->lock);
    return address;
}

void address_close(struct addresses *addresses, struct address *address)
{
    if (!address)
        return;
    pthread_mutex_lock(&addresses->lock);
    address->connections--;
    pthread_mutex_unlock(&addresses->lock);
}

bool address_may_ask(struct addresses *addresses, struct address *address,
                     uint64_t now_ns)
{
    if (!address)
        return true;
    pthread_mutex_lock(&addresses->lock);
    if (address->paid_ns < now_ns)
        address->paid_ns = now_ns;
    const bool may =
        address->paid_ns - now_ns + addresses->request_ns <= BURST_NS;
    if (may)
        address->paid_ns += addresses->request_ns;
    pthread_mutex_unlock(&addresses->lock);
    return may;
}

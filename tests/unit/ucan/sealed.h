/* SPDX-License-Identifier: Apache-2.0 */
/* sealed.h - for tests: keys that are always the same, and tokens that say
 * what no honest writer would say, signed all the same. */
#ifndef IPVM_TESTS_UNIT_UCAN_SEALED_H
#define IPVM_TESTS_UNIT_UCAN_SEALED_H

#include "ucan/token.h"

/* The key whose 32 bytes are all `byte`. */
struct secret_key *key_of_byte(KeyType type, uint8_t byte);
/* The DID of the Ed25519 key whose 32 bytes are all `byte`. */
Did did_of_byte(uint8_t byte);

/* DAG-JSON in which $1 … $9 stand for did_of_byte(1) … (9). */
Value value_of_json(const char *json, struct arena *arena);
/* The map with one field more, another, or (json NULL) none. */
Value value_with(const Value *map, const char *field, const char *json,
                 struct arena *arena);

/* A payload whose fields are right, by did_of_byte(1). */
Value good_payload(TokenKind kind, struct arena *arena);

/* An envelope around any value as [1], in a heap block of exactly its length:
 * exact_free(). */
Bytes seal_value(const struct secret_key *key, const Value *what);
/* The same around bytes. */
Bytes seal_bytes(const struct secret_key *key, Bytes inner);
/* {"h": varsig of the key, tag: payload}. */
Value signed_map(const struct secret_key *key, const char *tag,
                 const Value *payload, struct arena *arena);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - secrets of browsers, in memory only: a restart ends them all.
 *
 *     invitation, one use, 10 minutes ──▶ session, until idle for a week,
 *                                         or a month old
 *
 * A secret is 256 random bits as base64url. What is kept is its hash, and all
 * of them are compared, in constant time: neither memory nor time tells one. */
#include <pthread.h>
#include <stdlib.h>

#include "ipld/multibase.h"
#include "node/gate_parts.h"

enum { SECRET_LEN = 32 };

struct secret {
    bool is_used;
    Hash hash;
    int64_t made_s, seen_s;
};

struct sessions {
    pthread_mutex_t lock; /* guards what is below */
    struct secret invitations[INVITATIONS_MAX];
    struct secret sessions[SESSIONS_MAX];
};

struct sessions *sessions_new(void)
{
    struct sessions *sessions = HEAP_NEW(struct sessions);
    pthread_mutex_init(&sessions->lock, NULL);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    pthread_mutex_destroy(&sessions->lock);
    free(sessions);
}

static bool hashes_equal(const Hash *a, const Hash *b)
{
    volatile uint8_t differ = 0;
    for (size_t index = 0; index < sizeof a->bytes; index++)
        differ = differ | (uint8_t)(a->bytes[index] ^ b->bytes[index]);
    return differ == 0;
}

/* All are looked at, found or not. */
static struct secret *find(struct secret *secrets, size_t count, Text text)
{
    struct secret *found = NULL;
    Hash hash;
    hash_sha256(text_bytes(text), &hash);
    for (size_t index = 0; index < count; index++)
        if (secrets[index].is_used &&
            hashes_equal(&secrets[index].hash, &hash))
            found = &secrets[index];
    return found;
}

/* A free place, or that of the one seen least recently. */
static struct secret *place(struct secret *secrets, size_t count)
{
    struct secret *oldest = &secrets[0];
    for (size_t index = 0; index < count; index++) {
        if (!secrets[index].is_used)
            return &secrets[index];
        if (secrets[index].seen_s < oldest->seen_s)
            oldest = &secrets[index];
    }
    return oldest;
}

static void make(struct secret *secret, int64_t now_s,
                 char out[SECRET_TEXT_MAX])
{
    uint8_t bytes[SECRET_LEN];
    random_bytes(bytes, sizeof bytes);
    const size_t len =
        multibase_encode('u', bytes_of(bytes, sizeof bytes), out);
    // The letter of the base is for others than us.
    memmove(out, out + 1, len - 1);
    out[len - 1] = '\0';
    *secret =
        (struct secret){.is_used = true, .made_s = now_s, .seen_s = now_s};
    hash_sha256(text_bytes(text_of(out)), &secret->hash);
}

void sessions_invite(struct sessions *sessions, int64_t now_s,
                     char out[SECRET_TEXT_MAX])
{
    pthread_mutex_lock(&sessions->lock);
    make(place(sessions->invitations, INVITATIONS_MAX), now_s, out);
    pthread_mutex_unlock(&sessions->lock);
}

/* A clock that was set back makes nothing older, or valid for longer. */
static bool is_young(int64_t since_s, int64_t now_s, int64_t most_s)
{
    return now_s >= since_s && now_s - since_s <= most_s;
}

bool sessions_begin(struct sessions *sessions, Text invitation, int64_t now_s,
                    char out[SECRET_TEXT_MAX])
{
    pthread_mutex_lock(&sessions->lock);
    struct secret *secret =
        find(sessions->invitations, INVITATIONS_MAX, invitation);
    const bool good = secret && is_young(secret->made_s, now_s, INVITATION_S);
    if (secret)
        *secret = (struct secret){0};
    if (good)
        make(place(sessions->sessions, SESSIONS_MAX), now_s, out);
    pthread_mutex_unlock(&sessions->lock);
    return good;
}

bool sessions_has(struct sessions *sessions, Text cookie, int64_t now_s)
{
    pthread_mutex_lock(&sessions->lock);
    struct secret *secret = find(sessions->sessions, SESSIONS_MAX, cookie);
    const bool good = secret && is_young(secret->made_s, now_s, SESSION_S) &&
                      is_young(secret->seen_s, now_s, SESSION_IDLE_S);
    if (good)
        secret->seen_s = now_s;
    else if (secret)
        *secret = (struct secret){0};
    pthread_mutex_unlock(&sessions->lock);
    return good;
}

void sessions_end(struct sessions *sessions, Text cookie)
{
    pthread_mutex_lock(&sessions->lock);
    struct secret *secret = find(sessions->sessions, SESSIONS_MAX, cookie);
    if (secret)
        *secret = (struct secret){0};
    pthread_mutex_unlock(&sessions->lock);
}

/* --- The gate's ---------------------------------------------------------- */

void gate_invite(struct gate *gate, char out[SECRET_TEXT_MAX])
{
    sessions_invite(gate->sessions, gate_now(gate), out);
}

Status gate_begin_session(struct gate *gate, Text invitation,
                          char out[SECRET_TEXT_MAX], struct error *err)
{
    if (sessions_begin(gate->sessions, invitation, gate_now(gate), out))
        return STATUS_OK;
    return fail(err, STATUS_DENIED,
                "this link was used before, or is older than ten minutes; "
                "ask the node for a new one");
}

void gate_end_session(struct gate *gate, Text cookie)
{
    sessions_end(gate->sessions, cookie);
}

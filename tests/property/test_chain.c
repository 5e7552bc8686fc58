/* SPDX-License-Identifier: Apache-2.0 */
/* Random chains and invocations against a model that knows nothing of tokens:
 * authority is a set of things that may be done, and each link keeps some of
 * what its issuer was given.
 *
 *     IPVM_SEED=n   another seed     IPVM_ROUNDS=n   more rounds */
#include "random.h"

#include <string.h>

#include "ucan/chain.h"
#include "unit/ucan/actors.h"

enum {
    ACTORS = 4,
    COMMANDS = 6,
    NUMBERS = 4, /* args are {"n": 0 … 3} */
    TIMES = 5,
    LINKS_MAX = 4,
    CACHE_BYTES = 1 << 16,
};

static const char *const commands[COMMANDS] = {"/",      "/a",  "/a/b",
                                               "/a/b/c", "/ab", "/b"};

/* What `commands` cover, by hand: [parent][child]. */
static const bool covers[COMMANDS][COMMANDS] = {
    {1, 1, 1, 1, 1, 1}, {0, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 0, 0},
    {0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 0, 1},
};

struct link {
    unsigned iss, aud, sub; /* sub ACTORS: a powerline */
    unsigned cmd;
    unsigned n_max;    /* policy: n <= this; NUMBERS: none */
    unsigned from, to; /* valid then; to TIMES: for ever */
};

struct wish {
    unsigned iss, sub, cmd, n, now;
};

/* Everything that somebody may do, for each subject. */
struct power {
    bool may[ACTORS][COMMANDS][NUMBERS];
};

/* --- The model ----------------------------------------------------------- */

/* What a link lets through of what its issuer has. */
static void pass_on(struct power *power, const struct link *link, unsigned now)
{
    for (unsigned sub = 0; sub < ACTORS; sub++)
        for (unsigned cmd = 0; cmd < COMMANDS; cmd++)
            for (unsigned n = 0; n < NUMBERS; n++)
                power->may[sub][cmd][n] =
                    power->may[sub][cmd][n] &&
                    (link->sub == ACTORS || link->sub == sub) &&
                    covers[link->cmd][cmd] && n <= link->n_max &&
                    link->from <= now && now <= link->to;
}

/* A chain also narrows its commands at each link: what one says that its
 * issuer was not given makes it void. */
static bool model_allows(const struct link *links, size_t count,
                         const struct wish *wish)
{
    struct power power = {0};
    unsigned holder = wish->sub; // Everybody may do all with himself.
    memset(power.may[wish->sub], true, sizeof power.may[wish->sub]);
    if (count > 0 && links[0].sub == ACTORS)
        return false;
    for (size_t index = 0; index < count; index++) {
        if (links[index].iss != holder)
            return false;
        if (index > 0 && !covers[links[index - 1].cmd][links[index].cmd])
            return false;
        pass_on(&power, &links[index], wish->now);
        holder = links[index].aud;
    }
    return wish->iss == holder && power.may[wish->sub][wish->cmd][wish->n];
}

/* --- Ours ---------------------------------------------------------------- */

struct world {
    struct actor actors[ACTORS];
    struct chain_cache *cache;
    struct arena arena;
    struct bag bag;
    Cid proofs[LINKS_MAX];
};

static void mint_link(struct world *world, const struct link *link,
                      size_t index)
{
    const Value statement[] = {value_text(TEXT("<=")), value_text(TEXT(".n")),
                               value_uint(link->n_max)};
    const Value statements[] = {value_list(statement, 3)};
    const Value pol = value_list(statements, link->n_max < NUMBERS ? 1 : 0);
    struct token *token = mint(
        &world->actors[link->iss],
        (struct token_claims){
            .kind = TOKEN_DELEGATION,
            .aud = &world->actors[link->aud].did,
            .sub = link->sub == ACTORS ? NULL : &world->actors[link->sub].did,
            .cmd = text_of(commands[link->cmd]),
            .pol = &pol,
            .has_nbf = true,
            .nbf = link->from,
            .has_exp = link->to < TIMES,
            .exp = link->to,
        });
    world->proofs[index] = bag_add(&world->bag, token)->cid;
}

static bool ours_allows(struct world *world, size_t count,
                        const struct wish *wish)
{
    struct authorised *authorised;
    const Value args =
        value_map1(&world->arena, TEXT("n"), value_uint(wish->n));
    const struct chain_options options = {
        .now_s = wish->now,
        .proof = bag_find,
        .proof_context = &world->bag,
        .cache = world->cache,
    };
    struct token *invocation = mint(&world->actors[wish->iss],
                                    (struct token_claims){
                                        .kind = TOKEN_INVOCATION,
                                        .sub = &world->actors[wish->sub].did,
                                        .cmd = text_of(commands[wish->cmd]),
                                        .args = &args,
                                        .proofs = world->proofs,
                                        .proof_count = count,
                                    });
    const Status status =
        chain_authorise(invocation, &options, &authorised, NULL, NULL);
    if (status == STATUS_OK) {
        authorised_free(authorised);
        return true;
    }
    assert_int_equal(status, STATUS_DENIED);
    token_free(invocation);
    return false;
}

/* --- Random ones --------------------------------------------------------- */

/* Mostly a chain that holds, so that what breaks it is one thing. */
static size_t random_links(struct random *random, struct link *links,
                           unsigned sub)
{
    const size_t count = random_below(random, LINKS_MAX + 1);
    unsigned holder = sub, cmd = 0;
    for (size_t index = 0; index < count; index++) {
        struct link *link = &links[index];
        const bool wild = random_once_in(random, 12);
        *link = (struct link){
            .iss = wild ? random_below(random, ACTORS) : holder,
            .aud = random_below(random, ACTORS),
            .sub = random_once_in(random, 12) ? random_below(random, ACTORS)
                   : index > 0 && random_once_in(random, 3) ? ACTORS
                                                            : sub,
            .cmd = random_below(random, COMMANDS),
            .n_max = random_once_in(random, 2) ? NUMBERS
                                               : random_below(random, NUMBERS),
            .from =
                random_once_in(random, 4) ? random_below(random, TIMES) : 0,
            .to = random_once_in(random, 4) ? random_below(random, TIMES)
                                            : TIMES,
        };
        if (index == 0 && random_once_in(random, 20))
            link->sub = ACTORS;
        if (!random_once_in(random, 6) && !covers[cmd][link->cmd])
            link->cmd = cmd;
        cmd = link->cmd;
        holder = link->aud;
    }
    return count;
}

static struct wish random_wish(struct random *random, const struct link *links,
                               size_t count, unsigned sub)
{
    struct wish wish = {
        .iss = count > 0 ? links[count - 1].aud : sub,
        .sub = random_once_in(random, 12) ? random_below(random, ACTORS) : sub,
        .cmd = random_below(random, COMMANDS),
        .n = random_below(random, NUMBERS),
        .now = random_below(random, TIMES),
    };
    if (random_once_in(random, 8))
        wish.iss = random_below(random, ACTORS);
    if (count > 0 && random_once_in(random, 2))
        wish.cmd = links[count - 1].cmd;
    return wish;
}

static void check_round(struct world *world, uint64_t seed, size_t *allowed)
{
    struct random random = random_from(seed);
    struct link links[LINKS_MAX];
    const unsigned sub = random_below(&random, ACTORS);
    const size_t count = random_links(&random, links, sub);
    for (size_t index = 0; index < count; index++)
        mint_link(world, &links[index], index);
    for (int wishes = 0; wishes < 4; wishes++) {
        struct wish wish = random_wish(&random, links, count, sub);
        const bool ours = ours_allows(world, count, &wish);
        if (ours != model_allows(links, count, &wish))
            fail_msg("seed %llu: %zu links, the model says %s",
                     (unsigned long long)seed, count, ours ? "no" : "yes");
        *allowed += ours;
        // Whoever passed authority on could have done it himself.
        for (size_t above = count; ours && above-- > 0;) {
            wish.iss = links[above].iss;
            if (!ours_allows(world, above, &wish))
                fail_msg("seed %llu: link %zu has more than its issuer",
                         (unsigned long long)seed, above);
        }
    }
    bag_empty(&world->bag);
    arena_reset(&world->arena);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

static void delegated_authority_is_a_part_of_its_parents(void **state)
{
    (void)state;
    struct world world = {.cache = chain_cache_new(CACHE_BYTES)};
    const uint64_t first = number_of("IPVM_SEED", 1);
    const uint64_t rounds = number_of("IPVM_ROUNDS", 400);
    size_t allowed = 0;
    for (uint8_t index = 0; index < ACTORS; index++)
        world.actors[index] =
            actor_new((KeyType)(index % 3), (uint8_t)(index + 1));
    for (uint64_t seed = first; seed < first + rounds; seed++)
        check_round(&world, seed, &allowed);
    // Neither side of the question is rare.
    print_message("%zu of %llu allowed\n", allowed,
                  (unsigned long long)rounds * 4);
    assert_true(allowed > rounds / 2 && allowed < rounds * 3);
    for (size_t index = 0; index < ACTORS; index++)
        secret_key_free(world.actors[index].key);
    chain_cache_free(world.cache);
    arena_deinit(&world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delegated_authority_is_a_part_of_its_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Links of one use and the sessions they become, on a clock of our own. */
#include "unit/node/authority.h"

#include "node/gate_parts.h"

enum { NOW = 1767225600 };

static bool begin(struct sessions *sessions, const char *invitation,
                  int64_t now_s, char out[SECRET_TEXT_MAX])
{
    return sessions_begin(sessions, text_of(invitation), now_s, out);
}

static void a_link_is_good_for_ten_minutes_and_once(void **state)
{
    static const struct row {
        int64_t after_s;
        bool good;
    } rows[] = {
        {0, true}, {600, true}, {601, false}, {86400, false}, {-1, false},
    };
    char invitation[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct sessions *sessions = sessions_new();
        sessions_invite(sessions, NOW, invitation);
        const int64_t then = NOW + rows[index].after_s;
        assert_int_equal(begin(sessions, invitation, then, cookie),
                         rows[index].good);
        // Used up either way.
        assert_false(begin(sessions, invitation, NOW, cookie));
        sessions_free(sessions);
    }
}

static void a_session_ends_when_idle_or_old(void **state)
{
    char invitation[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
    struct sessions *sessions = sessions_new();
    (void)state;
    sessions_invite(sessions, NOW, invitation);
    assert_true(begin(sessions, invitation, NOW, cookie));
    const Text text = text_of(cookie);
    int64_t now = NOW;
    // Used every six days it lasts a month, and not longer.
    for (; now <= NOW + SESSION_S; now += 6 * 86400)
        assert_true(sessions_has(sessions, text, now));
    assert_false(sessions_has(sessions, text, NOW + SESSION_S + 1));
    assert_false(sessions_has(sessions, text, NOW));

    sessions_invite(sessions, NOW, invitation);
    assert_true(begin(sessions, invitation, NOW, cookie));
    assert_false(
        sessions_has(sessions, text_of(cookie), NOW + SESSION_IDLE_S + 1));
    sessions_free(sessions);
}

static void knows_a_whole_secret_and_no_part_of_one(void **state)
{
    char invitation[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
    struct sessions *sessions = sessions_new();
    (void)state;
    sessions_invite(sessions, NOW, invitation);
    assert_true(begin(sessions, invitation, NOW, cookie));
    const size_t len = strlen(cookie);
    for (size_t part = 0; part < len; part++) {
        const Bytes exact = exact_copy(bytes_of(cookie, part));
        assert_false(sessions_has(sessions, bytes_text(exact), NOW));
        exact_free(exact);
    }
    for (size_t at = 0; at < len; at++) {
        cookie[at] ^= 1;
        assert_false(sessions_has(sessions, text_of(cookie), NOW));
        cookie[at] ^= 1;
    }
    assert_true(sessions_has(sessions, text_of(cookie), NOW));
    // Nobody brings a session of his own making.
    sessions_end(sessions, text_of(cookie));
    assert_false(sessions_has(sessions, text_of(cookie), NOW));
    assert_false(sessions_has(sessions, TEXT(""), NOW));
    sessions_free(sessions);
}

static void keeps_the_sessions_that_are_used(void **state)
{
    char invitation[SECRET_TEXT_MAX], first[SECRET_TEXT_MAX];
    char cookie[SECRET_TEXT_MAX], second[SECRET_TEXT_MAX];
    struct sessions *sessions = sessions_new();
    (void)state;
    for (int64_t index = 0; index < SESSIONS_MAX + 1; index++) {
        sessions_invite(sessions, NOW + index, invitation);
        assert_true(begin(sessions, invitation, NOW + index, cookie));
        if (index == 0)
            memcpy(first, cookie, sizeof first);
        if (index == 1)
            memcpy(second, cookie, sizeof second);
        assert_true(sessions_has(sessions, text_of(first), NOW + index));
    }
    // One had to go: the second was never seen again.
    assert_true(sessions_has(sessions, text_of(first), NOW + SESSIONS_MAX));
    assert_true(sessions_has(sessions, text_of(cookie), NOW + SESSIONS_MAX));
    assert_false(sessions_has(sessions, text_of(second), NOW + SESSIONS_MAX));
    // So with links.
    sessions_invite(sessions, NOW, first);
    for (int64_t index = 1; index <= INVITATIONS_MAX; index++)
        sessions_invite(sessions, NOW + index, invitation);
    assert_false(begin(sessions, first, NOW + 20, cookie));
    assert_true(begin(sessions, invitation, NOW + 20, cookie));
    sessions_free(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_good_for_ten_minutes_and_once),
        cmocka_unit_test(a_session_ends_when_idle_or_old),
        cmocka_unit_test(knows_a_whole_secret_and_no_part_of_one),
        cmocka_unit_test(keeps_the_sessions_that_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - from a one-time link to a cookie that no script can read and no
 * other site can send. */
#include "http/node_page.h"
#include "ipld/dag_json.h"

RequestStep session_begin(struct request *request)
{
    char secret[SECRET_TEXT_MAX];
    struct error err = {0};
    Value body;
    Status status = dag_json_decode(buffer_bytes(&request->body),
                                    &request->arena, &body, &err);
    if (status != STATUS_OK)
        return respond_failure(request, "bad-json", status, &err);
    const Value *token = value_get(&body, TEXT("token"));
    if (!token || token->kind != VALUE_TEXT)
        return respond_problem(request, 400, "bad-json",
                               "token is what stands behind # in the link");
    status = gate_begin_session(node_gate(request->node), token->text, secret,
                                &err);
    if (status == STATUS_DENIED)
        return respond_problem(request, 403, "link-used",
                               "that link was used, or is older than ten "
                               "minutes: `ipvm node` and `ipvm doctor` "
                               "say where to get another");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    respond_header_format(request, "Set-Cookie",
                          "%s=%s; HttpOnly; SameSite=Strict; Path=/",
                          SESSION_COOKIE, secret);
    return respond_empty(request, 204);
}

/* Whoever has the secret may end it; the header against forgery is asked for
 * here, since nobody need be let in. */
RequestStep session_end(struct request *request)
{
    const Text cookie = request_cookie(request);
    if (!text_equal(request_header(request, "X-IPVM"), TEXT("1")))
        return respond_problem(request, 403, "forged",
                               "a session changes nothing without the header "
                               "X-IPVM: 1");
    if (cookie.len > 0)
        gate_end_session(node_gate(request->node), cookie);
    respond_header(request, "Set-Cookie",
                   TEXT(SESSION_COOKIE
                        "=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"));
    return respond_empty(request, 204);
}

/* A session is the owner's, so nobody else gives one away. */
RequestStep session_invite(struct request *request)
{
    char secret[SECRET_TEXT_MAX];
    if (!request->principal.is_owner)
        return respond_problem(request, 403, "denied",
                               "only the owner invites");
    gate_invite(node_gate(request->node), secret);
    const Text token = arena_copy_text(&request->arena, text_of(secret));
    const Value value =
        value_map1(&request->arena, TEXT("token"), value_text(token));
    return respond_value(request, 201, &value);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ucan/keyring_file.h"

#include "ipld/multibase.h"
#include "ucan/did.h"

static const Text head = TEXT_INIT("ipvm-sealed-key 1 ");

static Status write_sealed(const struct secret_key *key, Bytes sealed,
                           struct buffer *out, struct error *err)
{
    Did did;
    did_of(secret_key_public(key), &did);
    buffer_add_text(out, head);
    buffer_add_text(out, text_of(did.text));
    buffer_add_byte(out, '\n');
    const size_t len = base64_length(sealed.len);
    char *room = (char *)buffer_reserve(out, len);
    if (room) {
        base64_encode(sealed, room);
        buffer_advance(out, len);
    }
    buffer_add_byte(out, '\n');
    return buffer_status(out, "the key file", err);
}

Status key_file_write(const struct secret_key *key, Text passphrase,
                      struct buffer *out, struct error *err)
{
    struct buffer pem, sealed;
    if (passphrase.len == 0)
        return secret_key_to_pem(key, out, err);
    buffer_init(&pem, PEM_MAX);
    buffer_init(&sealed, KEY_FILE_MAX);
    Status status = secret_key_to_pem(key, &pem, err);
    if (status == STATUS_OK)
        status = passphrase_seal(buffer_bytes(&pem), passphrase, &sealed, err);
    if (status == STATUS_OK)
        status = write_sealed(key, buffer_bytes(&sealed), out, err);
    secret_buffer_wipe(&pem);
    buffer_deinit(&sealed);
    return status;
}

bool key_file_is_sealed(Text file)
{
    return text_starts_with(file, head);
}

/* Takes a line apart from the rest. */
static Text take_line(Text *rest)
{
    const char *newline = memchr(rest->data, '\n', rest->len);
    const size_t len = newline ? (size_t)(newline - rest->data) : rest->len;
    const size_t used = newline ? len + 1 : len;
    const Text line = {rest->data, len};
    *rest = (Text){rest->data + used, rest->len - used};
    return line;
}

/* Its first line's DID, and the base64 behind it. */
static Status read_sealed(Text file, Did *did, PublicKey *public, Text *body,
                          struct error *err)
{
    Text rest = {file.data + head.len, file.len - head.len};
    const Text name = take_line(&rest);
    const Status status = did_read(name, did, public, err);
    if (status != STATUS_OK)
        return fail_in(err, status, "the sealed key's first line");
    *body = take_line(&rest);
    if (body->len == 0 || rest.len > 0)
        return fail(err, STATUS_INVALID,
                    "the sealed key should be two lines, the second in "
                    "base64");
    return STATUS_OK;
}

static Status open_body(Bytes sealed, Text passphrase, const Did *did,
                        struct secret_key **out, struct error *err)
{
    struct buffer pem;
    Did found;
    buffer_init(&pem, KEY_FILE_MAX);
    Status status = passphrase_open(sealed, passphrase, &pem, err);
    if (status == STATUS_OK)
        status = secret_key_from_pem(bytes_text(buffer_bytes(&pem)), out, err);
    secret_buffer_wipe(&pem);
    TRY(status);
    did_of(secret_key_public(*out), &found);
    if (did_equal(&found, did))
        return STATUS_OK;
    secret_key_free(*out);
    return fail(err, STATUS_CORRUPT,
                "the sealed key is not the one that its first line names");
}

Status key_file_open(Text file, Text passphrase, struct secret_key **out,
                     struct error *err)
{
    Did did;
    Text body;
    uint8_t sealed[KEY_FILE_MAX];
    size_t len;
    ASSERT(key_file_is_sealed(file) && file.len <= KEY_FILE_MAX);
    TRY(read_sealed(file, &did, NULL, &body, err));
    TRY(base64_decode(body, sealed, &len, err));
    return open_body(bytes_of(sealed, len), passphrase, &did, out, err);
}

Status key_file_look(Text file, bool *is_sealed, PublicKey *out,
                     struct error *err)
{
    struct secret_key *key;
    Did did;
    Text body;
    *is_sealed = key_file_is_sealed(file);
    if (*is_sealed)
        return read_sealed(file, &did, out, &body, err);
    TRY(secret_key_from_pem(file, &key, err));
    *out = *secret_key_public(key);
    secret_key_free(key);
    return STATUS_OK;
}

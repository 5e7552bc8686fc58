/* SPDX-License-Identifier: Apache-2.0 */
/* program_peer.c - our codecs and CIDs, to be asked (questions.h):
 *
 *     convert FROM TO HEX   ok HEX     a block of one codec in another
 *     links CODEC HEX       ok CID…    as a walk would follow them
 *     cid TEXT              ok CID     in its canonical text
 *     name CODEC HASH HEX   ok CID     the CIDv1 of these bytes
 */
#include <stdlib.h>

#include "conformance/questions.h"
#include "ipld/codec.h"

static Status codec_of(const char *name, uint64_t *out, struct error *err)
{
    if (codec_from_name(text_of(name), out))
        return STATUS_OK;
    return (fail)(err, STATUS_INVALID, "no codec %s", name);
}

static Status convert(struct question *question, struct error *err)
{
    uint64_t from, to;
    Value value;
    struct buffer out;
    TRY(codec_of(question->fields[1], &from, err));
    TRY(codec_of(question->fields[2], &to, err));
    TRY(codec_decode(from, question_bytes(question, question->fields[3]),
                     &question->arena, &value, err));
    buffer_init(&out, QUESTION_ANSWER_MAX);
    Status status = codec_encode(to, &value, &out, err);
    if (status == STATUS_OK)
        question_add_hex(question, buffer_bytes(&out));
    buffer_deinit(&out);
    return status;
}

static Status add_link(void *context, Bytes cid, struct error *err)
{
    struct question *question = context;
    (void)err;
    if (question->answer.len > 0)
        buffer_add_byte(&question->answer, ' ');
    buffer_add_text(&question->answer,
                    cid_bytes_to_text(cid, &question->arena));
    return STATUS_OK;
}

static Status links(struct question *question, struct error *err)
{
    uint64_t codec;
    TRY(codec_of(question->fields[1], &codec, err));
    return codec_links(codec, question_bytes(question, question->fields[2]),
                       add_link, question, err);
}

static Status add_cid(struct question *question, const Cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    buffer_add_text(&question->answer, text_of(text));
    return STATUS_OK;
}

static Status read_cid(struct question *question, struct error *err)
{
    Cid cid;
    TRY(cid_from_text(text_of(question->fields[1]), &cid, err));
    return add_cid(question, &cid);
}

static Status name(struct question *question, struct error *err)
{
    uint64_t codec;
    Cid cid;
    TRY(codec_of(question->fields[1], &codec, err));
    TRY(cid_of_hashed(codec, strtoull(question->fields[2], NULL, 0),
                      question_bytes(question, question->fields[3]), &cid,
                      err));
    return add_cid(question, &cid);
}

int main(void)
{
    static const struct question_verb verbs[] = {
        {"convert", 4, convert},
        {"links", 3, links},
        {"cid", 2, read_cid},
        {"name", 4, name},
    };
    return questions_answer(verbs, sizeof verbs / sizeof *verbs);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* token_form.h - what token.c and token_mint.c share. Inside src/ucan only.
 * Thread: any. */
#ifndef IPVM_UCAN_TOKEN_FORM_H
#define IPVM_UCAN_TOKEN_FORM_H

#include "ucan/token.h"

enum { TOKEN_FORMS = 4 };

/* The tags of payloads: kinds and versions. */
struct token_form {
    Text tag;
    TokenKind kind;
    bool is_rc1;
};
extern const struct token_form token_forms[TOKEN_FORMS];

/* The varsig v1 header of signatures by such a key over DAG-CBOR. */
Bytes varsig_of(KeyType type);
/* STATUS_UNSUPPORTED: any other than those three. */
Status varsig_read(Bytes header, KeyType *out, struct error *err);

#endif

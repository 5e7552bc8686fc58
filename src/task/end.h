/* SPDX-License-Identifier: Apache-2.0 */
/* end.h - how a task stopped without a result (FORMATS section 3). Never
 * memoised. Thread: any. */
#ifndef IPVM_TASK_END_H
#define IPVM_TASK_END_H

#include "base/bytes.h"

typedef enum {
    END_NONE = 0, /* there is a result */
    END_REFUSED_MODULE,
    END_REFUSED_IMPORT,
    END_REFUSED_FUNCTION,
    END_REFUSED_ARGUMENT,
    END_REFUSED_PROFILE,
    END_REFUSED_COMMAND,
    END_LIMIT_FUEL,
    END_LIMIT_MEMORY,
    END_LIMIT_TIME,
    END_LIMIT_STACK,
    END_LIMIT_RESULT,
    END_LIMIT_COMPILE,
    END_UNAVAILABLE,
    END_UNAUTHORIZED,
    END_CANCELLED,
    END_BLOCKED,
    END_HOST
} End;

enum { END_COUNT = END_HOST + 1 };

/* Stable name: "refused/module", …; "" for END_NONE. */
Text end_name(End end);
/* By name; END_COUNT if there is none. */
End end_from_name(Text name);
/* A sentence for people, lower case, no full stop. */
Text end_sentence(End end);
/* True for the ends worth another try: unavailable and host. */
bool end_is_retried(End end);

#endif

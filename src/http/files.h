/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - files into the store, cut into blocks as they arrive. Thread: the
 * server's. */
#ifndef IPVM_HTTP_FILES_H
#define IPVM_HTTP_FILES_H

#include "http/request.h"

Step files_begin, files_post;
bool files_data(struct request *request, Bytes piece);

#endif

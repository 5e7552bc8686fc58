/* SPDX-License-Identifier: Apache-2.0 */
/* cars.h - CARs into the store: all of one or nothing. Thread: the server's.
 */
#ifndef IPVM_HTTP_CARS_H
#define IPVM_HTTP_CARS_H

#include "http/request.h"

Step cars_begin, cars_post;
bool cars_data(struct request *request, Bytes piece);

#endif

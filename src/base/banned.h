/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - C library calls that do not compile here.
 *
 * The Makefile includes this file in front of every source file. Each name
 * below overflows, truncates in silence, keeps hidden state shared between
 * threads, or cannot report a failure; the word after "use_" is the way out.
 * Thread: any.
 */
#ifndef IPVM_BASE_BANNED_H
#define IPVM_BASE_BANNED_H

// The declarations must be seen before the macros stand over them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No bound on what they write. */
#define strcpy(...) banned_use_memcpy_or_snprintf
#define strcat(...) banned_use_struct_buffer
#define sprintf(...) banned_use_snprintf
#define vsprintf(...) banned_use_vsnprintf

/* They cut or forget the final zero without a word. */
#define strncpy(...) banned_use_memcpy_or_snprintf
#define strncat(...) banned_use_struct_buffer

/* They cannot say that the input was bad. */
#define atoi(...) banned_use_text_to_number
#define atol(...) banned_use_text_to_number
#define atoll(...) banned_use_text_to_number
#define atof(...) banned_use_strtod

/* Hidden state: not safe with threads. */
#define strtok(...) banned_use_a_cursor
#define rand(...) banned_use_random_bytes
#define srand(...) banned_use_random_bytes
#define gmtime(...) banned_use_gmtime_r
#define localtime(...) banned_use_localtime_r
#define ctime(...) banned_use_strftime
#define asctime(...) banned_use_strftime

/* A name that somebody else can take first. */
#define tmpnam(...) banned_use_mkstemp
#define tempnam(...) banned_use_mkstemp
#define mktemp(...) banned_use_mkstemp

/* A shell in between. */
#define system(...) banned_use_posix_spawn
#define popen(...) banned_use_posix_spawn

#endif

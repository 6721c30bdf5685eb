/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_PASSWD_H
#define CTR_OCI_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The home directory of a uid in the text of a container's /etc/passwd (passwd(5)), which is hostile input:
 * only the uid, never a name, is looked up. The first matching line counts; a line with fewer than six
 * fields, a uid that is not a plain number, or a home that is not absolute or longer than `size` is passed
 * over. False when there is none; *ret is untouched then.
 */
bool passwd_home(const char *text, size_t n, uint32_t uid, char *ret, size_t size);

#endif

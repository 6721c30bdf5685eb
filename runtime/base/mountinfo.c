/* SPDX-License-Identifier: Apache-2.0 */
/* The text of mountinfo. It must not look at any file itself. */
#include "mountinfo.h"

#include <stdio.h>
#include <string.h>

/* Blanks, line ends and backslashes are written as three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to = (char)((s[1] & 7) << 6 | (s[2] & 7) << 3 | (s[3] & 7));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

bool mountinfo_next(const char **text, struct mountinfo_line *ret)
{
	while (**text) {
		const char *line = *text, *end = line + strcspn(line, "\n"), *dash = strstr(line, " - ");

		*text = end + (*end == '\n');
		if (!dash || dash > end ||
		    sscanf(line, "%*u %*u %*s %4095s %4095s", ret->root, ret->point) != 2 ||
		    sscanf(dash + 3, "%63s", ret->type) != 1)
			continue;
		unescape(ret->root);
		unescape(ret->point);
		if (ret->point[0] == '/')
			return true;
	}
	return false;
}

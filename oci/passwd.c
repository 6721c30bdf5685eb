/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of /etc/passwd for one question. Bounded by the text's length; allocates nothing. */
#include "passwd.h"

#include <string.h>

struct text {
	const char *p;
	size_t n;
};

/* Cuts the next part off, up to `end` or the end of the text. False when nothing is left. */
static bool cut(struct text *rest, char end, struct text *part)
{
	if (!rest->p)
		return false;
	const char *at = memchr(rest->p, end, rest->n);
	part->p = rest->p;
	part->n = at ? (size_t)(at - rest->p) : rest->n;
	if (at) {
		rest->n -= part->n + 1;
		rest->p = at + 1;
	} else {
		rest->p = NULL;
	}
	return true;
}

static bool is_number(struct text t, uint32_t want)
{
	uint64_t v = 0;

	if (t.n == 0 || t.n > 10)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t.p[i] - '0');
	}
	return v == want;
}

enum { FIELD_UID = 2, FIELD_HOME = 5, FIELDS };

static bool line_home(struct text line, uint32_t uid, struct text *home)
{
	struct text field[FIELDS] = { { 0 } };

	for (size_t i = 0; i < FIELDS; i++)
		if (!cut(&line, ':', &field[i]))
			return false;
	*home = field[FIELD_HOME];
	return is_number(field[FIELD_UID], uid) && home->n > 0 && home->p[0] == '/' && !memchr(home->p, '\0', home->n);
}

bool passwd_home(const char *text, size_t n, uint32_t uid, char *ret, size_t size)
{
	struct text rest = { text, n }, line, home;

	while (cut(&rest, '\n', &line)) {
		if (!line_home(line, uid, &home) || home.n >= size)
			continue;
		memcpy(ret, home.p, home.n);
		ret[home.n] = '\0';
		return true;
	}
	return false;
}

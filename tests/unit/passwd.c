/* SPDX-License-Identifier: Apache-2.0 */
#include "../../oci/passwd.h"

#include "tap.h"

static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
			   "broken:x:7\n"
			   "1000:x:0:0:a user called 1000:/elsewhere:/bin/sh\n"
			   "odd:x:7x:7::/wrong:\n"
			   "relative:x:8:8::home:/bin/sh\n"
			   "node:x:1000:1000::/home/node:/bin/sh\n"
			   "again:x:1000:1000::/home/again:/bin/sh\n"
			   "last:x:9:9::/home/last";

static void finds(void)
{
	char home[64] = "?";

	CHECK(passwd_home(text, strlen(text), 0, home, sizeof(home)));
	CHECK_STR(home, "/root");
	CHECK(passwd_home(text, strlen(text), 1000, home, sizeof(home)));
	CHECK_STR(home, "/home/node");
	CHECK(passwd_home(text, strlen(text), 9, home, sizeof(home)));
	CHECK_STR(home, "/home/last");
}

static void passes_over(void)
{
	char home[64] = "unchanged", small[6] = "same";

	CHECK(!passwd_home(text, strlen(text), 7, home, sizeof(home)));
	CHECK(!passwd_home(text, strlen(text), 8, home, sizeof(home)));
	CHECK(!passwd_home(text, strlen(text), 4294967295U, home, sizeof(home)));
	CHECK(!passwd_home(text, strlen(text), 1000, small, sizeof(small)));
	CHECK(!passwd_home("", 0, 0, home, sizeof(home)));
	CHECK(!passwd_home(":::::", 5, 0, home, sizeof(home)));
	CHECK_STR(home, "unchanged");
	CHECK_STR(small, "same");
}

/* Every prefix of the text, so that no read goes past the end (the sanitizer build sees that). */
static void prefixes(void)
{
	for (size_t n = 0; n <= strlen(text); n++) {
		char copy[sizeof(text)], home[64];
		memcpy(copy, text, n);
		CHECK(passwd_home(copy, n, 9, home, sizeof(home)) == (n >= strlen(text) - strlen("home/last")));
	}
}

static const struct tap_test tests[] = {
	{ "finds the home of a uid", finds },
	{ "passes over what is malformed", passes_over },
	{ "every prefix", prefixes },
};
TAP_MAIN("passwd", tests)

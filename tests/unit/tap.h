/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_TAP_H
#define CTR_TESTS_TAP_H

/* A unit test is a program of functions run by TAP_MAIN; each prints one TAP line. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tap_test {
	const char *name;
	void (*run)(void);
};

static int tap_bad; /* failed checks of the running test */
static const char *tap_why; /* what the running test needs and does not have */

/* For a test that cannot run here, before its first check. */
static inline void tap_skip(const char *why)
{
	tap_why = why;
}

#define CHECK(cond)                                                                     \
	do {                                                                            \
		if (!(cond)) {                                                          \
			tap_bad++;                                                      \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond);   \
		}                                                                       \
	} while (0)

#define CHECK_INT(got, want)                                                            \
	do {                                                                            \
		long long _g = (long long)(got), _w = (long long)(want);                \
		if (_g != _w) {                                                         \
			tap_bad++;                                                      \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, _g, _w); \
		}                                                                       \
	} while (0)

#define CHECK_STR(got, want)                                                            \
	do {                                                                            \
		const char *_g = (got), *_w = (want);                                   \
		if (!_g || strcmp(_g, _w) != 0) {                                       \
			tap_bad++;                                                      \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, _g ? _g : "(null)", _w); \
		}                                                                       \
	} while (0)

static inline int tap_run(const char *program, const struct tap_test *t, size_t n)
{
	int failed = 0;

	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		tap_bad = 0;
		tap_why = NULL;
		t[i].run();
		printf("%sok %zu - %s: %s%s%s\n", tap_bad ? "not " : "", i + 1, program, t[i].name,
		       tap_why ? " # SKIP " : "", tap_why ? tap_why : "");
		failed += tap_bad != 0;
	}
	return failed ? 1 : 0;
}

#define TAP_MAIN(program, tests)                                                        \
	int main(void)                                                                  \
	{                                                                               \
		return tap_run(program, tests, sizeof(tests) / sizeof((tests)[0]));     \
	}

#endif

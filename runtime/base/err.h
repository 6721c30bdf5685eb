/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_ERR_H
#define CTR_BASE_ERR_H

/*
 * The one error convention of the project.
 *
 * A fallible function returns int: 0 (or a documented non-negative value) on success, a negative
 * errno on failure, and takes a struct err * as its last argument. The deepest function says what was
 * attempted on which object; each level above may put its own context in front with err_in(). The
 * struct has a fixed size and needs no memory, so it works after the clone, when memory is short, and
 * travels over the sync socket as it is. Output parameters are never written on failure.
 *
 * Texts are interface: one line, lower case, in the wording that engines match (tests/errors.bats).
 */

#define ERR_TEXT_MAX 1000

struct err {
	int code; /* positive errno, 0 when nothing failed */
	char text[ERR_TEXT_MAX];
};

#define ERR_FORMAT(a, b) __attribute__((format(printf, a, b), cold))
#define MUST_CHECK __attribute__((warn_unused_result))

/* "FMT: no such file or directory"; returns -errnum. errnum may be given positive or negative. */
int err_sys(struct err *e, int errnum, const char *fmt, ...) ERR_FORMAT(3, 4);
/* The text alone, with a class for the caller (a positive errno); returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) ERR_FORMAT(3, 4);
/* The user's fault: err_set() with EINVAL. */
int err_bad(struct err *e, const char *fmt, ...) ERR_FORMAT(2, 3);
/* Puts "FMT: " in front of what is there; returns -e->code. */
int err_in(struct err *e, const char *fmt, ...) ERR_FORMAT(2, 3);

#if defined(__clang_analyzer__) || defined(CTR_ANALYZER)
/* The analyser sees one file at a time and cannot know that these are never 0 or more. */
#define err_sys(...) (err_sys(__VA_ARGS__), -1)
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_bad(...) (err_bad(__VA_ARGS__), -1)
#define err_in(...) (err_in(__VA_ARGS__), -1)
#endif

/* Text of an errno as engines expect it (lower case, independent of libc and locale). */
const char *err_text(int errnum);
/* Symbolic name of an errno ("ENOENT"), or NULL for one that is not in the table. */
const char *err_name(int errnum);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr-systemd: speaks to a systemd manager over its bus, so that ctr itself needs no library for it. See
 * cgroup/systemd.c, its only caller, for the other end.
 *
 *   ctr-systemd start  BUS TIMEOUT_MS UNIT SLICE DESCRIPTION
 *   ctr-systemd set    BUS TIMEOUT_MS UNIT
 *   ctr-systemd stop   BUS TIMEOUT_MS UNIT
 *   ctr-systemd attach BUS TIMEOUT_MS UNIT SUBCGROUP PID
 *
 * start and set read properties from standard input: rows "NAME SIGNATURE VALUE" ended by a NUL byte, an
 * empty row is the last. The answer is one line: "ok", for start "ok CGROUP", or "error ERRNO TEXT".
 *
 * A scope cannot be without a process, so start makes it around this very process, which after its answer
 * stays until its standard input ends. It never touches cgroupfs, reads no environment and decides nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/base/err.h"
#include "../../runtime/base/util.h"

#define INPUT_MAX (64 << 10)
#define ROWS_MAX 256
#define SIGNATURE_MAX 16
#define NEST_MAX 4
/* Pause before another attempt at a bus that turned us away, and between looks when a signal may be lost. */
#define RETRY_USEC UINT64_C(50000)
#define LOOK_USEC UINT64_C(300000)

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"

struct row {
	const char *name, *signature, *value;
};

struct request {
	const char *verb, *address, *unit;
	char **args; /* what follows UNIT */
	uint64_t deadline; /* microseconds of CLOCK_MONOTONIC */
	char input[INPUT_MAX];
	struct row rows[ROWS_MAX];
	size_t n;
	sd_bus *bus;
	/* The job that is waited for, and its result once it is known. */
	char *job;
	char result[32];
};

static uint64_t now_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t left_usec(const struct request *q)
{
	uint64_t now = now_usec();

	return now < q->deadline ? q->deadline - now : 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), l = strlen(end);

	return n >= l && strcmp(s + n - l, end) == 0;
}

/* ---- values as text -------------------------------------------------------------------------------------
 */

static const struct {
	const char *word;
	char type;
} type_words[] = {
	{ "byte", 'y' },   { "boolean", 'b' },	  { "int16", 'n' },	{ "uint16", 'q' },
	{ "int32", 'i' },  { "uint32", 'u' },	  { "int64", 'x' },	{ "uint64", 't' },
	{ "double", 'd' }, { "objectpath", 'o' }, { "signature", 'g' },
};

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\n");
}

/* The type that "uint64 ..." or "@as ..." names, with *s behind it; an empty text where there is no prefix.
 */
static void take_prefix(const char **s, char type[SIGNATURE_MAX])
{
	const char *p = *s;
	size_t n;

	type[0] = '\0';
	if (*p == '@') {
		n = strcspn(p, " ");
		if (n > 1 && n <= SIGNATURE_MAX && p[n]) {
			memcpy(type, p + 1, n - 1);
			type[n - 1] = '\0';
			*s = skip_blanks(p + n);
		}
		return;
	}
	n = strcspn(p, " ");
	for (size_t i = 0; i < ARRAY_SIZE(type_words); i++)
		if (p[n] && strlen(type_words[i].word) == n && memcmp(p, type_words[i].word, n) == 0) {
			type[0] = type_words[i].type;
			type[1] = '\0';
			*s = skip_blanks(p + n);
		}
}

/* What the value at `s` is, in D-Bus's terms: 0 or -EINVAL. Types are GVariant's defaults. */
static int guess_type(const char *s, char type[SIGNATURE_MAX])
{
	char inner[SIGNATURE_MAX];
	const char *plain = NULL;
	size_t nest = 0;

	for (; *s == '['; nest++)
		s = skip_blanks(s + 1);
	if (nest > NEST_MAX)
		return -EINVAL;
	take_prefix(&s, inner);
	if (*s == '\'' || *s == '"')
		plain = "s";
	else if (strncmp(s, "true", 4) == 0 || strncmp(s, "false", 5) == 0)
		plain = "b";
	else if (isdigit((unsigned char)*s) || *s == '-' || *s == '+')
		plain = strcspn(s, ".") < strcspn(s, ",] ") ? "d" : "i";
	if (!inner[0] && !plain)
		return -EINVAL;
	return snprintf(type, SIGNATURE_MAX, "%.*s%s", (int)nest, "aaaa", inner[0] ? inner : plain) <
			       SIGNATURE_MAX
		       ? 0
		       : -EINVAL;
}

static int take_string(const char **s, char *ret, size_t size)
{
	char quote = **s;
	const char *p = *s + 1;
	size_t n = 0;

	if (quote != '\'' && quote != '"')
		return -EINVAL;
	for (; *p && *p != quote && n + 1 < size; p++) {
		if (*p == '\\' && *++p == '\0')
			return -EINVAL;
		ret[n++] = *p;
	}
	if (*p != quote)
		return -EINVAL;
	ret[n] = '\0';
	*s = p + 1;
	return 0;
}

/* Digits, decimal or 0x..., with a sign when `negative` is not NULL. */
static int take_number(const char **s, uint64_t max, bool *negative, uint64_t *ret)
{
	const char *p = *s, *digits = "0123456789";
	unsigned int base = 10;
	uint64_t v = 0;

	if (negative)
		*negative = *p == '-';
	if (*p == '+' || (negative && *negative))
		p++;
	if (p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		digits = "0123456789abcdef";
		p += 2;
	}
	const char *begin = p, *d;
	for (; *p && (d = strchr(digits, tolower((unsigned char)*p))); p++) {
		uint64_t digit = (uint64_t)(d - digits);
		if (v > (max - digit) / base)
			return -ERANGE;
		v = v * base + digit;
	}
	if (p == begin)
		return -EINVAL;
	*s = p;
	*ret = v;
	return 0;
}

static const struct {
	char type;
	uint64_t max;
	bool is_signed;
} integers[] = {
	{ 'y', UINT8_MAX, false },  { 'n', INT16_MAX, true },	{ 'q', UINT16_MAX, false },
	{ 'i', INT32_MAX, true },   { 'u', UINT32_MAX, false }, { 'x', INT64_MAX, true },
	{ 't', UINT64_MAX, false },
};

static int append_integer(sd_bus_message *m, const char **s, char type)
{
	size_t i = 0;
	bool negative = false;
	uint64_t v;

	while (i < ARRAY_SIZE(integers) && integers[i].type != type)
		i++;
	if (i == ARRAY_SIZE(integers))
		return -EINVAL;
	/* One more is representable below zero. */
	uint64_t max = integers[i].max + (integers[i].is_signed && **s == '-');
	int r = take_number(s, max, integers[i].is_signed ? &negative : NULL, &v);
	if (r < 0)
		return r;
	v = negative ? 0 - v : v;
	union {
		uint8_t y;
		uint16_t q;
		uint32_t u;
		uint64_t t;
	} u;
	switch (type) {
	case 'y':
		u.y = (uint8_t)v;
		break;
	case 'n':
	case 'q':
		u.q = (uint16_t)v;
		break;
	case 'i':
	case 'u':
		u.u = (uint32_t)v;
		break;
	default:
		u.t = v;
	}
	return sd_bus_message_append_basic(m, type, &u);
}

static int append_word(sd_bus_message *m, const char **s)
{
	int v = strncmp(*s, "true", 4) == 0;

	if (!v && strncmp(*s, "false", 5) != 0)
		return -EINVAL;
	*s += v ? 4 : 5;
	return sd_bus_message_append_basic(m, 'b', &v);
}

static int append_string(sd_bus_message *m, const char **s, char type)
{
	char text[4096];
	int r = take_string(s, text, sizeof(text));

	return r < 0 ? r : sd_bus_message_append_basic(m, type, text);
}

static int append_double(sd_bus_message *m, const char **s)
{
	char *end;
	double v = strtod(*s, &end); /* the C locale: nothing here calls setlocale() */

	if (end == *s)
		return -EINVAL;
	*s = end;
	return sd_bus_message_append_basic(m, 'd', &v);
}

static int append_value(sd_bus_message *m, const char **s, const char *type);

static int append_array(sd_bus_message *m, const char **s, const char *type)
{
	int r = **s == '[' ? sd_bus_message_open_container(m, 'a', type) : -EINVAL;

	*s = r < 0 ? *s : skip_blanks(*s + 1);
	while (r >= 0 && **s != ']') {
		r = append_value(m, s, type);
		*s = skip_blanks(*s);
		if (r >= 0 && **s == ',')
			*s = skip_blanks(*s + 1);
		else if (r >= 0 && **s != ']')
			r = -EINVAL;
	}
	if (r < 0)
		return r;
	(*s)++;
	return sd_bus_message_close_container(m);
}

/* Recursion ends: every level takes a letter of the type, which is short. */
static int append_value(sd_bus_message *m, const char **s, const char *type)
{
	char named[SIGNATURE_MAX];

	take_prefix(s, named);
	if (named[0] && strcmp(named, type) != 0)
		return -EINVAL;
	switch (type[0]) {
	case 'a':
		return append_array(m, s, type + 1);
	case 'b':
		return append_word(m, s);
	case 'd':
		return append_double(m, s);
	case 's':
	case 'o':
	case 'g':
		return append_string(m, s, type[0]);
	default:
		return append_integer(m, s, type[0]);
	}
}

/* ---- properties ------------------------------------------------------------------------------------------
 */

/* Bytes in hexadecimal, as the contents of a variant. */
static int append_hex(sd_bus_message *m, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[2048];
	size_t n = strlen(hex);

	if (n % 2 || n / 2 > sizeof(bytes) || strspn(hex, digits) != n)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++)
		bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
				     (strchr(digits, hex[2 * i + 1]) - digits));
	return sd_bus_message_append_array(m, 'y', bytes, n / 2);
}

/* Unit files have seconds ("TimeoutStopSec"), the bus has microseconds ("TimeoutStopUSec"). */
static int seconds(const struct row *w, char name[64], char value[32])
{
	char type[SIGNATURE_MAX], *end;
	const char *s = skip_blanks(w->value);
	size_t n = strlen(w->name) - strlen("Sec");

	take_prefix(&s, type);
	double v = strtod(s, &end);
	if (end == s || *skip_blanks(end) || !(v >= 0 && v < 1e12) || n > 40)
		return -EINVAL;
	(void)snprintf(name, 64, "%.*sUSec", (int)n, w->name);
	(void)snprintf(value, 32, "uint64 %.0f", v * 1e6);
	return 0;
}

static int append_variant(sd_bus_message *m, const char *value, const char *type)
{
	const char *s = skip_blanks(value);
	int r = sd_bus_message_open_container(m, 'v', type);

	if (r >= 0)
		r = append_value(m, &s, type);
	if (r >= 0 && *skip_blanks(s))
		r = -EINVAL;
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_row(sd_bus_message *m, const struct row *w, struct err *e)
{
	char type[SIGNATURE_MAX], name[64], value[32];
	struct row u = *w;
	bool hex = strcmp(w->signature, "ay") == 0, text = strcmp(w->signature, "?") == 0;
	int r = 0;

	if (text && ends_with(w->name, "Sec") && !ends_with(w->name, "USec")) {
		r = seconds(w, name, value);
		u.name = name;
		u.value = value;
	}
	if (r >= 0 && text)
		r = guess_type(skip_blanks(u.value), type);
	else if (r >= 0)
		r = snprintf(type, sizeof(type), "%s", w->signature) < SIGNATURE_MAX ? 0 : -EINVAL;
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", u.name);
	if (r >= 0 && hex) {
		r = sd_bus_message_open_container(m, 'v', "ay");
		if (r >= 0)
			r = append_hex(m, u.value);
		if (r >= 0)
			r = sd_bus_message_close_container(m);
	} else if (r >= 0) {
		r = append_variant(m, u.value, type);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? err_bad(e, "property %s: '%.200s' is no value that is understood", w->name, w->value)
		     : 0;
}

static int append_rows(sd_bus_message *m, const struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->n; i++) {
		int r = append_row(m, &q->rows[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes a row apart in place. */
static int row_parse(struct request *q, char *text, struct err *e)
{
	char *signature = strchr(text, ' '), *value = signature ? strchr(signature + 1, ' ') : NULL;

	if (!value || q->n == ROWS_MAX)
		return err_bad(e, "property '%.100s' is malformed", text);
	*signature++ = '\0';
	*value++ = '\0';
	q->rows[q->n++] = (struct row){ text, signature, value };
	return 0;
}

static int rows_read(struct request *q, struct err *e)
{
	size_t n = 0, at = 0;

	for (;;) {
		char *end = memchr(q->input + at, '\0', n - at);
		if (end && end == q->input + at)
			return 0;
		if (end) {
			int r = row_parse(q, q->input + at, e);
			if (r < 0)
				return r;
			at = (size_t)(end + 1 - q->input);
			continue;
		}
		ssize_t got =
			n < sizeof(q->input) ? read(STDIN_FILENO, q->input + n, sizeof(q->input) - n) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_bad(e, "the list of properties is cut off");
		n += (size_t)got;
	}
}

/* ---- the bus
 * ----------------------------------------------------------------------------------------------- */

/* A bus that is busy or going away: worth another attempt. */
static bool is_transient(int r)
{
	return r == -EAGAIN || r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -ESHUTDOWN ||
	       r == -ENOBUFS;
}

static int err_late(const struct request *q, struct err *e)
{
	return err_set(e, ETIMEDOUT, "systemd did not answer in time (bus %s)", q->address);
}

static int bus_open(struct request *q, struct err *e)
{
	int r = sd_bus_new(&q->bus);

	if (r >= 0)
		r = sd_bus_set_address(q->bus, q->address);
	if (r >= 0)
		r = sd_bus_set_bus_client(q->bus, true);
	if (r >= 0)
		r = sd_bus_start(q->bus);
	/* By hand, because the library would wait for the greeting for as long as it takes. */
	while (r >= 0 && (r = sd_bus_is_ready(q->bus)) == 0) {
		r = sd_bus_process(q->bus, NULL);
		if (r != 0)
			continue;
		if (!left_usec(q))
			return err_late(q, e);
		r = sd_bus_wait(q->bus, left_usec(q));
	}
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(q->bus, left_usec(q) ? left_usec(q) : 1);
	return r < 0 ? err_sys(e, r, "connect to the bus of systemd (%s)", q->address) : 0;
}

static void bus_shut(struct request *q)
{
	q->bus = sd_bus_close_unref(q->bus);
	free(q->job);
	q->job = NULL;
	q->result[0] = '\0';
}

/* Sends the call (and releases it); the manager's own words are the error. */
static int bus_call(struct request *q, sd_bus_message *m, sd_bus_message **ret, struct err *e)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	uint64_t left = left_usec(q);
	int r = left ? sd_bus_call(q->bus, m, left, &error, ret) : -ETIMEDOUT;

	if (r == -ETIMEDOUT || sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY)) {
		r = err_late(q, e);
	} else if (r < 0) {
		if (sd_bus_error_has_name(&error, SD_BUS_ERROR_LIMITS_EXCEEDED))
			r = -EAGAIN;
		else if (sd_bus_error_has_name(&error, SERVICE ".NoSuchUnit"))
			r = -ENOENT;
		else if (sd_bus_error_has_name(&error, SERVICE ".UnitExists"))
			r = -EEXIST;
		else if (sd_bus_error_has_name(&error, SD_BUS_ERROR_PROPERTY_READ_ONLY) ||
			 sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_PROPERTY))
			r = -ENODATA;
		if (error.message)
			r = err_set(e, -r, "systemd: %s", error.message);
		else
			r = err_sys(e, r, "call systemd over %s", q->address);
	}
	sd_bus_error_free(&error);
	sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int err_message(struct err *e, int r)
{
	return err_sys(e, r, "compose a message to systemd");
}

static int call_new(struct request *q, sd_bus_message **ret, const char *member, struct err *e)
{
	int r = sd_bus_message_new_method_call(q->bus, ret, SERVICE, OBJECT, MANAGER, member);

	return r < 0 ? err_message(e, r) : 0;
}

/* A string property of the unit; "" when it cannot be had. The manager makes up an inactive unit if need be.
 */
static void unit_get(struct request *q, const char *interface, const char *property, char *ret, size_t size)
{
	sd_bus_message *m = NULL, *reply = NULL;
	const char *text = NULL;
	char *path = NULL;
	struct err ignored;

	ret[0] = '\0';
	int r = sd_bus_path_encode(OBJECT "/unit", q->unit, &path);
	if (r >= 0)
		r = sd_bus_message_new_method_call(q->bus, &m, SERVICE, path,
						   "org.freedesktop.DBus.Properties", "Get");
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", interface, property);
	if (r >= 0)
		r = bus_call(q, m, &reply, &ignored);
	if (r >= 0)
		r = sd_bus_message_read(reply, "v", "s", &text);
	if (r >= 0 && text)
		(void)snprintf(ret, size, "%s", text);
	sd_bus_message_unref(reply);
	free(path);
}

static void unit_state(struct request *q, char ret[32])
{
	unit_get(q, SERVICE ".Unit", "ActiveState", ret, 32);
}

/* ---- jobs
 * -------------------------------------------------------------------------------------------------- */

/* JobRemoved: id, job, unit, result. Others' jobs and repetitions pass by. */
static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct request *q = userdata;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) >= 0 && q->job &&
	    strcmp(job, q->job) == 0 && !q->result[0])
		(void)snprintf(q->result, sizeof(q->result), "%s", result);
	return 0;
}

static int jobs_watch(struct request *q, struct err *e)
{
	int r = sd_bus_match_signal(q->bus, NULL, SERVICE, OBJECT, MANAGER, "JobRemoved", on_job_removed, q);

	if (r == -ETIMEDOUT)
		return err_late(q, e);
	return r < 0 ? err_sys(e, r, "listen to systemd over %s", q->address) : 0;
}

static int job_take(struct request *q, sd_bus_message *reply, struct err *e)
{
	const char *job;
	int r = sd_bus_message_read(reply, "o", &job);

	if (r >= 0)
		q->job = strdup(job);
	sd_bus_message_unref(reply);
	if (r < 0)
		return err_sys(e, r, "read the answer of systemd");
	return q->job ? 0 : err_sys(e, ENOMEM, "remember a job");
}

/*
 * Waits for the job's end. Signals can be lost (a bus drops them when a queue is full), so after a while
 * without news the unit's state is asked for: `want` (or one of it, separated by blanks) is as good.
 */
static int job_wait(struct request *q, const char *want, struct err *e)
{
	uint64_t look = now_usec() + LOOK_USEC;

	while (!q->result[0]) {
		char state[32];
		int r = sd_bus_process(q->bus, NULL);

		if (r == 0) {
			uint64_t left = left_usec(q), now = now_usec();
			if (!left)
				return err_late(q, e);
			r = sd_bus_wait(q->bus, MIN(left, look > now ? look - now : 0));
		}
		if (r < 0)
			return err_sys(e, r, "wait for systemd");
		if (now_usec() < look || q->result[0])
			continue;
		unit_state(q, state);
		if (state[0] && strstr(want, state))
			(void)snprintf(q->result, sizeof(q->result), "done");
		look = now_usec() + LOOK_USEC;
	}
	if (strcmp(q->result, "done") != 0)
		return err_set(e, ECANCELED, "systemd's job for unit %s ended with '%s'", q->unit, q->result);
	return 0;
}

/* ---- verbs
 * ------------------------------------------------------------------------------------------------- */

static int simple_call(struct request *q, const char *member, const char *mode, sd_bus_message **ret,
		       struct err *e)
{
	sd_bus_message *m;
	int r = call_new(q, &m, member, e);

	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "s", q->unit);
	if (r >= 0 && mode)
		r = sd_bus_message_append(m, "s", mode);
	return r < 0 ? err_message(e, r) : bus_call(q, m, ret, e);
}

static int reset_failed(struct request *q, struct err *e)
{
	sd_bus_message *reply = NULL;
	int r = simple_call(q, "ResetFailedUnit", NULL, &reply, e);

	sd_bus_message_unref(reply);
	return r == -ENOENT ? 0 : r;
}

static bool is_scope(const struct request *q)
{
	return ends_with(q->unit, ".scope");
}

/* Our own cgroup when that is the unit's, as the kernel says it: proof that the unit is there and ours. */
static bool own_cgroup(const struct request *q, char *ret, size_t size)
{
	char text[8192];
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	fd_close(&fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	line = line ? strchr(line, '/') : NULL;
	if (!line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	const char *base = strrchr(line, '/') + 1;
	/* systemd puts "_" before what begins with one, or could be a file of the tree. */
	return (strcmp(base, q->unit) == 0 || (base[0] == '_' && strcmp(base + 1, q->unit) == 0)) && snprintf(ret, size, "%s", line) < (int)size;
}

static int append_base(sd_bus_message *m, const struct request *q)
{
	int r = sd_bus_message_append(m, "(sv)(sv)(sv)", "Description", "s", q->args[1],
				      "DefaultDependencies", "b", 0, "CollectMode", "s",
				      "inactive-or-failed");

	if (r < 0 || !is_scope(q)) /* a slice's place is in its name, and it holds no process of its own */
		return r;
	/* Process 0 is the sender, whom the bus knows, whatever number it has in the manager's namespace. */
	return sd_bus_message_append(m, "(sv)(sv)(sv)", "Slice", "s", q->args[0], "Delegate", "b", 1, "PIDs",
				     "au", 1, 0U);
}

static int start_transient(struct request *q, struct err *e)
{
	sd_bus_message *m, *reply = NULL;
	int r = call_new(q, &m, "StartTransientUnit", e);

	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "ss", q->unit, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = append_base(m, q);
	if (r < 0)
		return err_message(e, r);
	r = append_rows(m, q, e);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r < 0)
		return err_message(e, r);
	r = bus_call(q, m, &reply, e);
	return r < 0 ? r : job_take(q, reply, e);
}

/* Whether a process lives in the unit; true when the manager does not say. */
static bool unit_is_populated(struct request *q)
{
	sd_bus_message *reply = NULL;
	struct err ignored;
	int r = simple_call(q, "GetUnitProcesses", NULL, &reply, &ignored);

	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(sus)");
	if (r >= 0)
		r = !sd_bus_message_at_end(reply, 0);
	sd_bus_message_unref(reply);
	return r != 0;
}

/*
 * A unit of this name is there. One of ours that ended (failed and not yet collected, or about to go) is
 * cleared away; whatever lives, or is not ours, is left alone.
 */
static int clear_leftover(struct request *q, struct err *e)
{
	char state[32], description[256];

	for (;;) {
		bool going;

		unit_state(q, state);
		/* One without a process is collected as soon as the manager has noticed. */
		going = strcmp(state, "deactivating") == 0 ||
			(strcmp(state, "active") == 0 && !unit_is_populated(q));
		if (!going || !is_scope(q) || !left_usec(q))
			break;
		(void)usleep(RETRY_USEC);
	}
	if (strcmp(state, "failed") != 0 && strcmp(state, "inactive") != 0)
		return err_set(e, EEXIST, "unit %s exists already and is %s", q->unit,
			       state[0] ? state : "in use");
	unit_get(q, SERVICE ".Unit", "Description", description, sizeof(description));
	if (strcmp(state, "failed") == 0 && strcmp(description, q->args[1]) != 0)
		return err_set(e, EEXIST,
			       "unit %s exists already, is failed, and was not made by ctr (\"%s\")", q->unit,
			       description);
	return reset_failed(q, e);
}

/*
 * A manager that is older than a limit's property refuses it by name. The limit itself is written to the
 * cgroup's file by the caller, so only the manager's knowledge of it is lost. Annotations are never dropped.
 */
static bool drop_unknown(struct request *q, const char *text)
{
	for (size_t i = 0; i < q->n; i++) {
		const char *at = strstr(text, q->rows[i].name);
		size_t l = strlen(q->rows[i].name);

		if (!at || isalnum((unsigned char)at[l]) || q->rows[i].signature[0] == '?')
			continue;
		memmove(&q->rows[i], &q->rows[i + 1], (q->n - i - 1) * sizeof(q->rows[0]));
		q->n--;
		return true;
	}
	return false;
}

static int start_unit(struct request *q, struct err *e)
{
	bool cleared = false;

	for (;;) {
		int r = start_transient(q, e);

		if (r == -ENODATA && drop_unknown(q, e->text))
			continue;
		if (r != -EEXIST || cleared)
			return r;
		r = clear_leftover(q, e);
		if (r < 0)
			return r;
		cleared = true;
	}
}

static int verb_start(struct request *q, char *ret, size_t size, struct err *e)
{
	/* After a lost connection: perhaps it was only the answer that was lost. */
	if (is_scope(q) && own_cgroup(q, ret, size))
		return 0;
	int r = jobs_watch(q, e);
	if (r == 0)
		r = start_unit(q, e);
	if (r == 0)
		r = job_wait(q, "active", e);
	if (is_scope(q) && own_cgroup(q, ret, size))
		return 0;
	if (r == 0 && !is_scope(q))
		unit_get(q, SERVICE ".Slice", "ControlGroup", ret, size);
	if (r == 0 && !ret[0])
		r = err_set(e, EIO, "systemd started unit %s, but %s", q->unit,
			    is_scope(q) ? "did not move its process there" : "does not say where it is");
	return r;
}

static int verb_set(struct request *q, char *ret, size_t size, struct err *e)
{
	(void)ret;
	(void)size;
	for (;;) {
		sd_bus_message *m, *reply = NULL;
		int r = call_new(q, &m, "SetUnitProperties", e);

		if (r < 0)
			return r;
		r = sd_bus_message_append(m, "sb", q->unit, 1);
		if (r >= 0)
			r = sd_bus_message_open_container(m, 'a', "(sv)");
		if (r < 0)
			return err_message(e, r);
		r = append_rows(m, q, e);
		if (r < 0)
			return r;
		r = sd_bus_message_close_container(m);
		if (r < 0)
			return err_message(e, r);
		r = bus_call(q, m, &reply, e);
		sd_bus_message_unref(reply);
		if (r != -ENODATA || !drop_unknown(q, e->text))
			return r;
	}
}

static int verb_stop(struct request *q, char *ret, size_t size, struct err *e)
{
	sd_bus_message *reply = NULL;
	int r = jobs_watch(q, e);

	(void)ret;
	(void)size;
	if (r == 0)
		r = simple_call(q, "StopUnit", "replace", &reply, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = job_take(q, reply, e);
	if (r == 0)
		r = job_wait(q, "inactive failed", e);
	return r < 0 ? r : reset_failed(q, e);
}

static int verb_attach(struct request *q, char *ret, size_t size, struct err *e)
{
	sd_bus_message *m, *reply = NULL;
	const char *s = q->args[1];
	uint64_t pid;
	int r = take_number(&s, INT32_MAX, NULL, &pid);

	(void)ret;
	(void)size;
	if (r < 0 || *s)
		return err_bad(e, "'%s' is no process", q->args[1]);
	r = call_new(q, &m, "AttachProcessesToUnit", e);
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "ssau", q->unit, q->args[0], 1, (uint32_t)pid);
	if (r < 0)
		return err_message(e, r);
	r = bus_call(q, m, &reply, e);
	sd_bus_message_unref(reply);
	return r;
}

static const struct {
	const char *name;
	int n_args; /* after UNIT */
	bool rows;
	int (*run)(struct request *q, char *ret, size_t size, struct err *e);
} verbs[] = {
	{ "start", 2, true, verb_start },
	{ "set", 0, true, verb_set },
	{ "stop", 0, false, verb_stop },
	{ "attach", 2, false, verb_attach },
};

/* Repeats the whole conversation when the bus turned us away in the middle of it. */
static int converse(struct request *q, size_t verb, char *ret, size_t size, struct err *e)
{
	for (;;) {
		int r = bus_open(q, e);

		ret[0] = '\0';
		if (r == 0)
			r = verbs[verb].run(q, ret, size, e);
		bus_shut(q);
		if (!is_transient(r) || left_usec(q) <= RETRY_USEC)
			return r;
		(void)usleep(RETRY_USEC);
	}
}

static int request_parse(struct request *q, int argc, char **argv, size_t *ret_verb, struct err *e)
{
	size_t i = 0;
	uint64_t ms;

	while (i < ARRAY_SIZE(verbs) && (argc < 2 || strcmp(argv[1], verbs[i].name) != 0))
		i++;
	if (i == ARRAY_SIZE(verbs) || argc != 5 + verbs[i].n_args)
		return err_bad(e, "usage: ctr-systemd start|set|stop|attach BUS TIMEOUT_MS UNIT [ARGUMENTS]");
	const char *s = argv[3];
	if (take_number(&s, 3600000, NULL, &ms) < 0 || *s)
		return err_bad(e, "'%s' is no number of milliseconds", argv[3]);
	q->verb = argv[1];
	q->address = argv[2];
	q->unit = argv[4];
	q->args = argv + 5;
	q->deadline = now_usec() + ms * 1000;
	*ret_verb = i;
	return verbs[i].rows ? rows_read(q, e) : 0;
}

int main(int argc, char **argv)
{
	static struct request q;
	struct err e = { 0 };
	char answer[4096] = "", byte;
	size_t verb = 0;
	int r = request_parse(&q, argc, argv, &verb, &e);

	if (r == 0)
		r = converse(&q, verb, answer, sizeof(answer), &e);
	if (r < 0)
		(void)printf("error %d %s\n", e.code, e.text);
	else
		(void)printf("ok%s%s\n", answer[0] ? " " : "", answer);
	if (fflush(stdout) != 0 || r < 0)
		return 1;
	if (strcmp(q.verb, "start") == 0 && is_scope(&q))
		while ((r = (int)read(STDIN_FILENO, &byte, 1)) > 0 || (r < 0 && errno == EINTR))
			;
	return 0;
}

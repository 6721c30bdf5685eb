/* SPDX-License-Identifier: Apache-2.0 */
/* The packed form of a plan: what goes in comes out, and nothing damaged gets through or does harm. */
#include <errno.h>
#include <stdlib.h>

#include "../../runtime/base/util.h"
#include "plan_walk.h"
#include "tap.h"

/* One step of each kind of member, lists empty, full and absent. */
static char *args[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "", (char *)(uintptr_t) "a b", NULL };
static char *none[] = { NULL };
static const uint32_t groups[] = { 0, 5, 4294967294u };
static const uint8_t bytes[] = { 1, 2, 3, 0, 255 };

static const struct step_time time_step = { .offsets = NULL };
static const struct step_fork fork_step = { 0x20000000, true, false };
static const struct step_netlink netlink = { { bytes, sizeof(bytes) }, "what" };
static const struct step_mount mount_step = {
	.destination = "/proc",
	.fstype = "proc",
	.slot = PLAN_NO_SLOT,
	.idmap = 3,
	.flags = 1,
	.attr_set = ~0ULL,
	.data = { args, 3 },
	.label = NULL,
};
static const struct step_credentials credentials = {
	.uid = 7, .groups = { groups, 3 }, .bounding = 1ULL << 40, .cwd = "/"
};
static const struct step_hook hook = { "/bin/true", { NULL, 0 }, { none, 0 }, -1, 2 };
static const struct step_exec exec_step = { { args, 3 }, { none, 0 }, true, true, 4, 1ULL << 40 };
static const struct step_gate gate = { 0 };

static struct step list[] = {
	{ STEP_TIME, &time_step },   { STEP_FORK, &fork_step },		 { STEP_NETLINK, &netlink },
	{ STEP_MOUNT, &mount_step }, { STEP_CREDENTIALS, &credentials }, { STEP_HOOK, &hook },
	{ STEP_GATE, &gate },	     { STEP_EXEC, &exec_step },
};
static const struct plan_steps steps = { list, ARRAY_SIZE(list) };

/* Exactly as large as the message, so that a sanitizer sees every byte too far. */
static uint8_t *packed(size_t *ret_size)
{
	size_t size = plan_packed_size(&steps);
	uint8_t *p = calloc(1, size);

	if (p)
		plan_pack(&steps, 1, 4, p, size);
	*ret_size = size;
	return p;
}

static void test_round_trip(void)
{
	size_t size, sum = 0;
	uint8_t *p = packed(&size);
	struct plan_cursor c = { 0 };
	struct step s[ARRAY_SIZE(list) + 1];
	struct err e;
	size_t n = 0;

	CHECK_INT(size % 8, 0);
	CHECK_INT(plan_unpack(p, size, &e), 0);
	CHECK_INT(walk_plan(p, &sum), ARRAY_SIZE(list));
	while (n < ARRAY_SIZE(s) && plan_next(p, &c, &s[n]))
		n++;
	CHECK_INT(n, ARRAY_SIZE(list));
	for (size_t i = 0; i < n; i++)
		CHECK_INT(s[i].op, list[i].op);
	CHECK(((const struct step_time *)s[0].arg)->offsets == NULL);
	CHECK(((const struct step_fork *)s[1].arg)->maps);
	const struct step_netlink *nl = s[2].arg;
	CHECK(nl->messages.n == sizeof(bytes) && memcmp(nl->messages.v, bytes, sizeof(bytes)) == 0);
	const struct step_mount *m = s[3].arg;
	CHECK_STR(m->destination, "/proc");
	CHECK(m->slot == PLAN_NO_SLOT && m->idmap == 3 && m->attr_set == ~0ULL && !m->label && !m->source);
	CHECK(m->data.n == 3 && m->data.v[3] == NULL);
	CHECK_STR(m->data.v[1], "");
	CHECK_STR(m->data.v[2], "a b");
	const struct step_credentials *k = s[4].arg;
	CHECK(k->groups.n == 3 && k->groups.v[2] == 4294967294u && k->bounding == 1ULL << 40);
	const struct step_hook *h = s[5].arg;
	CHECK(h->args.v == NULL && h->args.n == 0 && h->env.v != NULL && h->env.v[0] == NULL &&
	      h->timeout_ms == -1);
	const struct step_exec *x = s[7].arg;
	CHECK(x->supervise && x->die_with_caller && x->keep_fds == 4 && x->ignored == 1ULL << 40 && x->args.v[3] == NULL && x->env.v[0] == NULL);
	free(p);
}

static void test_nothing_in_it(void)
{
	const struct plan_steps empty = { NULL, 0 };
	struct plan_header h;
	struct plan_cursor c = { 0 };
	struct step s;
	struct err e;

	CHECK_INT(plan_packed_size(&empty), sizeof(h));
	plan_pack(&empty, 0, 0, &h, sizeof(h));
	CHECK_INT(plan_unpack(&h, sizeof(h), &e), 0);
	CHECK(!plan_next(&h, &c, &s));
}

/* Every length but the right one, with the header's own word for it adjusted and not. */
static void test_cut_short(void)
{
	size_t size;
	uint8_t *whole = packed(&size);
	int taken = 0;
	struct err e;

	for (size_t n = 0; n < size; n++)
		for (int adjust = 0; adjust < 2; adjust++) {
			uint8_t *p = malloc(n ? n : 1);
			uint64_t claim = n;
			memcpy(p, whole, n);
			if (adjust && n >= sizeof(struct plan_header))
				memcpy(p + offsetof(struct plan_header, size), &claim, sizeof(claim));
			/* Cut within the padding at the end all the data is still there. */
			if (plan_unpack(p, n, &e) == 0 && !(adjust && n + 8 > size))
				taken++;
			free(p);
		}
	CHECK_INT(taken, 0);
	free(whole);
}

static void refused(const char *what, size_t at, const void *value, size_t n)
{
	size_t size;
	uint8_t *p = packed(&size);
	struct err e = { 0 };

	memcpy(p + at, value, n);
	if (plan_unpack(p, size, &e) != -EPROTO || !e.text[0]) {
		printf("# taken: %s\n", what);
		tap_bad++;
	}
	free(p);
}

/* Where the argument of the step with that index starts. */
static size_t place(size_t index)
{
	size_t at = sizeof(struct plan_header);

	for (size_t i = 0; i < index; i++)
		at += sizeof(struct plan_record) + ((plan_step_types[list[i].op].size + 7) & ~(size_t)7);
	return at + sizeof(struct plan_record);
}

#define REFUSE(what, at, type, v)                                                                            \
	do {                                                                                                 \
		type _v = (v);                                                                               \
		refused(what, at, &_v, sizeof(_v));                                                          \
	} while (0)

static void test_damage(void)
{
	size_t size = plan_packed_size(&steps);
	size_t mount_at = place(3), exec_at = place(7),
	       groups_at = place(4) + offsetof(struct step_credentials, groups);

	REFUSE("magic", 0, uint32_t, 1);
	REFUSE("version", offsetof(struct plan_header, version), uint32_t, 2);
	REFUSE("size", offsetof(struct plan_header, size), uint64_t, size + 8);
	REFUSE("too many steps", offsetof(struct plan_header, n_steps), uint32_t, UINT32_MAX);
	REFUSE("too many slots", offsetof(struct plan_header, n_slots), uint32_t, PLAN_SLOTS_MAX + 1);
	REFUSE("more open than slots", offsetof(struct plan_header, n_open), uint32_t, 5);
	REFUSE("fewer slots than used", offsetof(struct plan_header, n_slots), uint32_t, 3);
	REFUSE("unknown kind", mount_at - sizeof(struct plan_record), uint32_t, STEP_COUNT);
	REFUSE("wrong size", mount_at - sizeof(struct plan_record) + 4, uint32_t, 8);
	REFUSE("a bool of 2", place(1) + offsetof(struct step_fork, maps), uint8_t, 2);
	REFUSE("a slot of -2", mount_at + offsetof(struct step_mount, slot), int32_t, -2);
	REFUSE("a slot too far", mount_at + offsetof(struct step_mount, idmap), int32_t, 4);
	REFUSE("a string in the records", mount_at + offsetof(struct step_mount, destination), uint64_t, 8);
	REFUSE("a string at the end", mount_at + offsetof(struct step_mount, destination), uint64_t, size);
	REFUSE("a string far away", mount_at + offsetof(struct step_mount, destination), uint64_t,
	       UINT64_MAX);
	REFUSE("a list too long", exec_at + offsetof(struct step_exec, args.n), uint64_t, 4);
	REFUSE("a list too short", exec_at + offsetof(struct step_exec, args.n), uint64_t, 2);
	REFUSE("a list of 2^64-1", exec_at + offsetof(struct step_exec, args.n), uint64_t, UINT64_MAX);
	REFUSE("a list without array", place(5) + offsetof(struct step_hook, args.n), uint64_t, 1);
	REFUSE("numbers too many", groups_at + offsetof(struct plan_u32s, n), uint64_t, UINT64_MAX / 4 + 2);
	REFUSE("bytes too many", place(2) + offsetof(struct step_netlink, messages.n), uint64_t, size);
}

/* Whatever bytes change: refused, or a plan all of whose references are inside. */
static void test_random_bytes(void)
{
	size_t size, sum = 0, taken = 0;
	uint8_t *whole = packed(&size), *p = malloc(size);
	uint32_t seed = 12345;
	struct err e;

	for (int round = 0; round < 20000; round++) {
		memcpy(p, whole, size);
		for (int k = 0; k <= round % 4; k++) {
			seed = seed * 1664525u + 1013904223u;
			p[(seed >> 8) % size] ^= (uint8_t)(1u << (seed >> 5) % 8);
		}
		if (plan_unpack(p, size, &e) == 0) {
			(void)walk_plan(p, &sum);
			taken++;
		}
	}
	/* Most of a plan is numbers and text, any value of which is as good as another. */
	CHECK(taken > 0 && taken < 20000);
	free(p);
	free(whole);
}

static const struct tap_test tests[] = {
	{ "what is packed is unpacked", test_round_trip },   { "a plan without steps", test_nothing_in_it },
	{ "a plan cut short is refused", test_cut_short },   { "damaged plans are refused", test_damage },
	{ "random damage does no harm", test_random_bytes },
};

TAP_MAIN("plan", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry and interpreter. argv[1] is the number of the first inherited descriptor: the sync socket, behind
 * it the plan and the open slots; an argv[2] asks for a trace. The environment is empty. Whatever fails is sent
 * to the host side as one error, and the process ends with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "init.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) /* clang's word for it */
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's leak check attaches to the process, which is not allowed here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=0:exitcode=99";
}
#endif

static int run_step(struct init *in, const struct step *s, struct err *e)
{
	switch ((enum step_op)s->op) {
#define X(OP, name)                                                                                          \
	case STEP_##OP:                                                                                      \
		return init_##name(in, s->arg, e);
		PLAN_STEPS(X)
#undef X
	case STEP_COUNT:
		break;
	}
	return err_set(e, EPROTO, "plan: unknown step %u", s->op);
}

static int parse_number(const char *s)
{
	int v = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > 1000000)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

/* The plan as private memory; its file is done with. */
static int map_plan(struct init *in, int fd, void **ret, size_t *ret_size, struct err *e)
{
	static _Alignas(16) char usual[16384];
	struct stat st;
	ssize_t n = pread(fd, usual, sizeof(usual), 0);

	if (n > 0 && (size_t)n < sizeof(usual)) {
		init_leave(in, &fd);
		*ret = usual;
		*ret_size = (size_t)n;
		return plan_unpack(usual, (size_t)n, e);
	}
	if (n < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "examine the plan");
	size_t size = (size_t)st.st_size;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "map the plan");
	init_leave(in, &fd);
	*ret = p;
	*ret_size = size;
	return plan_unpack(p, size, e);
}

/* Zeroed memory: what is there for the usual number, or as much as it takes. */
static void *room(size_t size, void *few, size_t few_size)
{
	if (size <= few_size)
		return few;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* The steps at the end that earlier ones have to know. */
static int look_ahead(struct init *in, const void *plan, struct err *e)
{
	static struct init_place few_places[32];
	struct plan_cursor cursor = { 0 };
	struct step step;
	size_t places = 1;

	in->plan = plan;

	while (plan_next(plan, &cursor, &step)) {
		if (step.op == STEP_EXEC)
			in->exec = step.arg;
		if (step.op == STEP_VERIFY)
			in->verify = step.arg;
		in->forks |= step.op == STEP_FORK;
		if (step.op == STEP_INSPECT)
			in->inspects = ((const struct step_inspect *)step.arg)->namespaces.n > 0;
		places += step.op == STEP_MASK || step.op == STEP_READONLY;
	}
	in->places = room(places * sizeof(*in->places), few_places, sizeof(few_places));
	if (!in->places)
		return err_sys(e, errno, "make room for what is masked");
	if (!in->exec || in->exec->keep_fds > (uint32_t)in->first - 3)
		return err_set(e, EPROTO,
			       "plan: it has no exec, or one that keeps descriptors of the plan itself");
	return 0;
}

/* What the caller of the host side left open is closed at once: it might be a directory of the host (D9). */
static int keep_only_ours(const struct init *in, uint32_t n_open)
{
	unsigned int first = (unsigned int)in->first, kept = 3 + in->exec->keep_fds;
	int r = kept < first ? sys_close_range(kept, first - 1, 0) : 0;

	if (r == 0)
		r = sys_close_range(first + 2 + n_open, ~0U, 0);
	return r < 0 ? r : sys_close_range(first, ~0U, SYS_CLOSE_RANGE_CLOEXEC);
}

static int set_up(struct init *in, const struct plan_header *h, struct err *e)
{
	static int few_slots[64];
	size_t size = (h->n_slots + 1) * sizeof(int);
	int r = look_ahead(in, h, e);

	if (r < 0)
		return r;
	if (in->slots) /* it is what takes the place of another plan (init_rest) */
		return h->n_slots ? err_set(e, EPROTO, "plan: the rest of one brings descriptors") : 0;
	in->n_slots = h->n_slots;
	/* Shared: what the part before a fork opens for the one behind it is noted here. */
	in->slots = !in->forks ? room(size, few_slots, sizeof(few_slots)) :
				 mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!in->slots || in->slots == MAP_FAILED)
		return err_sys(e, errno, "make room for descriptors");
	for (uint32_t i = 0; i < h->n_slots; i++)
		in->slots[i] = i < h->n_open ? in->first + 2 + (int)i : -1;
	r = keep_only_ours(in, h->n_open);
	if (r < 0)
		return err_sys(e, r, "close inherited descriptors");
	/* Our own namespaces can be seen in it also where the container has no /proc, or another pid namespace. */
	if (in->inspects && (in->proc = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(e, errno, "open /proc");
	return 0;
}

/* ---- trace ---------------------------------------------------------------------------------------------- */

void init_send_stamps(struct init *in)
{
	if (in->n_stamps)
		sync_send_stamps(in->sync, in->stamps, in->n_stamps);
	in->n_stamps = 0;
}

void init_stamp(struct init *in, uint32_t op, uint32_t index)
{
	struct timespec t;

	if (!in->tracing)
		return;
	if (in->n_stamps == SYNC_STAMPS_MAX)
		init_send_stamps(in);
	(void)clock_gettime(CLOCK_REALTIME, &t);
	in->stamps[in->n_stamps++] =
		(struct sync_stamp){ (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec, op, index };
}

/* A caller may allow few descriptors: then none is kept longer than it takes. */
static void keep_few(struct init *in)
{
	if (sys_prlimit_get(RLIMIT_NOFILE, &in->files) == 0 && in->files.soft >= (uint64_t)in->first + (uint64_t)4 * INIT_LEFT_MAX)
		in->left_max = INIT_LEFT_MAX;
}

/* Steps that leave the directory open for the next: they say themselves when what they did makes it another one. */
static bool is_of_a_row(uint32_t op)
{
	return op == STEP_DEVICE || op == STEP_SYMLINK || op == STEP_MASK || op == STEP_READONLY || op == STEP_MOUNT ||
	       op == STEP_SOURCE || op == STEP_NETWORK;
}

int init_run(struct init *in, int fd, struct err *e)
{
	struct plan_cursor cursor = { 0 };
	struct step step;
	size_t size;
	void *plan = NULL;
	int r = map_plan(in, fd, &plan, &size, e);

	if (r == 0)
		r = set_up(in, plan, e);
	init_stamp(in, SYNC_STAMP_PLAN, 0);
	while (r == 0 && plan_next(plan, &cursor, &step)) {
		if (!is_of_a_row(step.op))
			init_forget_dir(in);
		r = run_step(in, &step, e);
		init_stamp(in, step.op, cursor.index - 1);
	}
	return r < 0 ? r : err_set(e, EPROTO, "plan: it ends without an exec");
}

/* While host descriptors are open, who shares the pid namespace must not reach them by way of us (D8). */
void init_guard(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

int main(int argc, char **argv)
{
	struct sync_stamp stamps[SYNC_STAMPS_MAX];
	struct init in = { .root = -1, .place = -1, .dir = -1, .null = -1, .empty = -1, .state = -1, .landlock = -1, .proc = -1, .cgroup = -1, .stamps = stamps };
	struct err e = { 0 };

	init_guard();
	(void)prctl(PR_SET_NAME, "ctr-init", 0, 0, 0); /* instead of the memfd's */
	in.tracing = argc == 3;
	init_stamp(&in, SYNC_STAMP_ENTERED, 0);
	in.first = argc == 2 || argc == 3 ? parse_number(argv[1]) : -1;
	if (in.first < 3)
		return 2;
	in.sync = in.first;
	in.umask = umask(0);
	keep_few(&in);
	if (init_run(&in, in.first + 1, &e) < 0) {
		init_send_stamps(&in);
		sync_send_error(in.sync, &e);
	}
	return 1;
}

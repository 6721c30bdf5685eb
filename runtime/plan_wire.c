/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of plan.h and the packed form of a plan. Linked into both halves: no heap, no output.
 *
 * Packed: a header, then one record per step (the step's struct as it is in memory), then the data that
 * their pointers refer to. In the message a pointer is the offset of its target from the start of the
 * message. Both halves are built together for one machine, so sizes and byte order are shared; what is
 * checked on arrival is that nothing points outside, and that every string ends.
 */
#include "plan.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

#define F(step, kind, member) { #member, PLAN_##kind, offsetof(struct step_##step, member) }

static const struct plan_field join_fields[] = { F(join, SLOT, ns), F(join, U32, type), F(join, U32, pid) };
static const struct plan_field rest_fields[] = { F(rest, SLOT, plan), F(rest, SLOT, cgroup) };
static const struct plan_field unshare_fields[] = { F(unshare, HEX, flags) };
static const struct plan_field time_fields[] = { F(time, STR, offsets), F(time, BOOL, alone) };
static const struct plan_field fork_fields[] = { F(fork, HEX, flags), F(fork, BOOL, maps),
						 F(fork, BOOL, trees) };
static const struct plan_field become_fields[] = { F(become, U32, uid), F(become, U32, gid) };
static const struct plan_field session_fields[] = { F(session, BOOL, keyring), F(session, STR, key_label) };
static const struct plan_field network_fields[] = { F(network, U32, unused) };
static const struct plan_field netlink_fields[] = { F(netlink, BYTES, messages), F(netlink, STR, what) };
static const struct plan_field propagation_fields[] = { F(propagation, HEX, flags), F(propagation, BOOL, chroot) };
static const struct plan_field root_fields[] = { F(root, STR, path), F(root, SLOT, slot),
						 F(root, BOOL, new_ns), F(root, HEX, alone) };
static const struct plan_field overlay_fields[] = { F(overlay, STR, dir), F(overlay, BOOL, userxattr) };
static const struct plan_field source_fields[] = { F(source, STR, path), F(source, SLOT, slot),
						   F(source, HEX, flags), F(source, HEX, propagation),
						   F(source, STR, device) };
static const struct plan_field tree_fields[] = {
	F(tree, STR, path),	   F(tree, SLOT, slot),	   F(tree, SLOT, idmap),  F(tree, HEX, flags),	 F(tree, HEX, idmap_flags),
	F(tree, HEX, attr_set), F(tree, HEX, attr_clr), F(tree, HEX, rec_set), F(tree, HEX, rec_clr),
};
static const struct plan_field mount_fields[] = {
	F(mount, STR, destination), F(mount, STR, fstype),     F(mount, STR, source),
	F(mount, SLOT, slot),	    F(mount, SLOT, idmap),     F(mount, HEX, flags),
	F(mount, HEX, attr_set),    F(mount, HEX, attr_clr),   F(mount, HEX, rec_set),
	F(mount, HEX, rec_clr),	    F(mount, HEX, idmap_flags), F(mount, HEX, propagation),
	F(mount, HEX, ms_flags),    F(mount, HEX, ms_clear),   F(mount, STRV, data),
	F(mount, STR, label),
};
static const struct plan_field device_fields[] = {
	F(device, STR, path), F(device, U32, mode), F(device, U32, major), F(device, U32, minor),
	F(device, U32, uid),  F(device, U32, gid),  F(device, SLOT, slot), F(device, BOOL, is_default),
};
static const struct plan_field symlink_fields[] = { F(symlink, STR, target), F(symlink, STR, path),
						    F(symlink, BOOL, if_exists) };
static const struct plan_field hook_point_fields[] = { F(hook_point, BOOL, dumpable) };
static const struct plan_field hook_fields[] = { F(hook, STR, path), F(hook, STRV, args), F(hook, STRV, env),
						 F(hook, I64, timeout_ms), F(hook, U32, index) };
static const struct plan_field pivot_fields[] = { F(pivot, U32, mode), F(pivot, STRV, hidden) };
static const struct plan_field console_fields[] = { F(console, U32, width), F(console, U32, height),
						    F(console, U32, uid), F(console, BOOL, bind) };
static const struct plan_field root_attr_fields[] = { F(root_attr, BOOL, readonly),
						      F(root_attr, HEX, propagation) };
static const struct plan_field hostname_fields[] = { F(hostname, STR, name) };
static const struct plan_field domainname_fields[] = { F(domainname, STR, name) };
static const struct plan_field sysctl_fields[] = { F(sysctl, STR, path), F(sysctl, STR, value),
						   F(sysctl, STR, key) };
static const struct plan_field readonly_fields[] = { F(readonly, STR, path) };
static const struct plan_field mask_fields[] = { F(mask, STR, path) };
static const struct plan_field cwd_make_fields[] = { F(cwd_make, STR, path) };
static const struct plan_field rlimit_fields[] = { F(rlimit, U32, resource), F(rlimit, U64, soft),
						   F(rlimit, U64, hard), F(rlimit, STR, name) };
static const struct plan_field scheduler_fields[] = {
	F(scheduler, U32, policy),  F(scheduler, HEX, flags),	 F(scheduler, I32, nice),   F(scheduler, U32, priority),
	F(scheduler, U64, runtime), F(scheduler, U64, deadline), F(scheduler, U64, period),
};
static const struct plan_field io_priority_fields[] = { F(io_priority, U32, value) };
static const struct plan_field memory_policy_fields[] = { F(memory_policy, U32, mode),
							  F(memory_policy, BYTES, nodes) };
static const struct plan_field personality_fields[] = { F(personality, HEX, persona) };
static const struct plan_field affinity_fields[] = { F(affinity, BYTES, mask) };
static const struct plan_field umask_fields[] = { F(umask, U32, mask) };
static const struct plan_field label_fields[] = { F(label, BOOL, apparmor), F(label, STR, label) };
static const struct plan_field landlock_fields[] = { F(landlock, HEX, fs), F(landlock, HEX, net),
						     F(landlock, HEX, scoped) };
static const struct plan_field landlock_path_fields[] = { F(landlock_path, STR, path),
							  F(landlock_path, HEX, access) };
static const struct plan_field landlock_port_fields[] = { F(landlock_port, HEX, access),
							  F(landlock_port, U32, port) };
static const struct plan_field inspect_fields[] = { F(inspect, U32S, namespaces), F(inspect, HEX, fresh) };
static const struct plan_field no_new_privs_fields[] = { F(no_new_privs, U32, unused) };
static const struct plan_field seccomp_fields[] = { F(seccomp, BYTES, filter), F(seccomp, HEX, flags) };
static const struct plan_field credentials_fields[] = {
	F(credentials, U32, uid),	  F(credentials, U32, gid),	    F(credentials, U32S, groups),
	F(credentials, BOOL, set_groups), F(credentials, HEX, bounding),    F(credentials, HEX, effective),
	F(credentials, HEX, permitted),	  F(credentials, HEX, inheritable), F(credentials, HEX, ambient),
	F(credentials, U32, last_cap),	  F(credentials, STR, cwd),
};
static const struct plan_field verify_fields[] = { F(verify, STR, apparmor), F(verify, STR, selinux),
						   F(verify, BOOL, no_new_privs), F(verify, BOOL, seccomp) };
static const struct plan_field lookup_fields[] = { F(lookup, STR, program), F(lookup, STR, search) };
static const struct plan_field gate_fields[] = { F(gate, SLOT, listener) };
static const struct plan_field start_hook_fields[] = {
	F(start_hook, STR, path), F(start_hook, STRV, args), F(start_hook, STRV, env),
	F(start_hook, I64, timeout_ms), F(start_hook, U32, index),
};
static const struct plan_field exec_fields[] = { F(exec, STRV, args), F(exec, STRV, env),
						 F(exec, BOOL, supervise), F(exec, BOOL, die_with_caller), F(exec, U32, keep_fds),
						 F(exec, HEX, ignored) };

const struct plan_step_type plan_step_types[STEP_COUNT] = {
#define X(OP, name) { #name, sizeof(struct step_##name), name##_fields, ARRAY_SIZE(name##_fields) },
	PLAN_STEPS(X)
#undef X
};

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

/* ---- packing (host side) ------------------------------------------------------------------------------ */

/* With `base` NULL only the size is counted, so that both passes are one piece of code. */
struct packer {
	uint8_t *base;
	size_t at;
};

static uintptr_t put(struct packer *p, const void *data, size_t n)
{
	size_t at = p->at;

	if (p->base)
		memcpy(p->base + at, data, n);
	p->at = ALIGN8(at + n);
	return (uintptr_t)at;
}

static uintptr_t put_strv(struct packer *p, const struct plan_strv *list)
{
	if (!list->v)
		return 0;
	size_t at = p->at;
	p->at += (list->n + 1) * sizeof(uintptr_t);
	for (uint64_t i = 0; i < list->n; i++) {
		uintptr_t s = put(p, list->v[i], strlen(list->v[i]) + 1);
		if (p->base)
			memcpy(p->base + at + i * sizeof(s), &s, sizeof(s));
	}
	return (uintptr_t)at;
}

/* The list structs all start with the pointer; `where` is its place in the packed struct. */
static void put_field(struct packer *p, const struct plan_field *f, const void *arg, size_t where)
{
	const void *member = (const char *)arg + f->offset;
	uintptr_t target;

	switch (f->kind) {
	case PLAN_STR: {
		const char *s = *(const char *const *)member;
		target = s ? put(p, s, strlen(s) + 1) : 0;
		break;
	}
	case PLAN_STRV:
		target = put_strv(p, member);
		break;
	case PLAN_U32S: {
		const struct plan_u32s *l = member;
		target = l->n ? put(p, l->v, l->n * sizeof(uint32_t)) : 0;
		break;
	}
	case PLAN_BYTES: {
		const struct plan_bytes *l = member;
		target = l->n ? put(p, l->v, l->n) : 0;
		break;
	}
	default:
		return;
	}
	if (p->base)
		memcpy(p->base + where + f->offset, &target, sizeof(target));
}

static size_t pack(const struct plan_steps *steps, uint8_t *base)
{
	struct packer p = { base, sizeof(struct plan_header) };

	for (size_t i = 0; i < steps->n; i++) {
		uint32_t size = plan_step_types[steps->v[i].op].size;
		struct plan_record r = { steps->v[i].op, (uint32_t)ALIGN8(size) };

		put(&p, &r, sizeof(r));
		put(&p, steps->v[i].arg, size);
	}
	size_t record = sizeof(struct plan_header);
	for (size_t i = 0; i < steps->n; i++) {
		const struct plan_step_type *t = &plan_step_types[steps->v[i].op];
		size_t where = record + sizeof(struct plan_record);

		for (uint32_t k = 0; k < t->n_fields; k++)
			put_field(&p, &t->fields[k], steps->v[i].arg, where);
		record = where + ALIGN8(t->size);
	}
	return p.at;
}

size_t plan_packed_size(const struct plan_steps *steps)
{
	return pack(steps, NULL);
}

void plan_pack(const struct plan_steps *steps, uint32_t n_open, uint32_t n_slots, void *out, size_t size)
{
	struct plan_header h = { .magic = PLAN_MAGIC,
				 .version = PLAN_VERSION,
				 .size = size,
				 .n_steps = (uint32_t)steps->n,
				 .n_open = n_open,
				 .n_slots = n_slots };

	memcpy(out, &h, sizeof(h));
	(void)pack(steps, out);
}

/* ---- unpacking (container side) ------------------------------------------------------------------------ */

struct unpacker {
	char *base;
	size_t size;	/* of the message */
	size_t data;	/* where the records end */
	uint32_t slots;
};

static int bad(struct err *e, const char *what, const char *step, const char *field)
{
	return err_set(e, EPROTO, "plan: %s in %s.%s", what, step, field);
}

/* A region of n elements of `size` bytes at `offset`, inside the data part and aligned. */
static bool in_data(const struct unpacker *u, uintptr_t offset, uint64_t n, size_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(n, (uint64_t)size, &bytes))
		return false;
	return offset >= u->data && offset <= u->size && bytes <= u->size - offset &&
	       (size == 1 || offset % size == 0);
}

static char *get_string(const struct unpacker *u, uintptr_t offset)
{
	if (!in_data(u, offset, 1, 1) || !memchr(u->base + offset, '\0', u->size - offset))
		return NULL;
	return u->base + offset;
}

static bool get_strv(const struct unpacker *u, struct plan_strv *list)
{
	uintptr_t offset, entry;

	memcpy(&offset, &list->v, sizeof(offset));
	if (offset == 0)
		return list->n == 0;
	if (list->n == UINT64_MAX || !in_data(u, offset, list->n + 1, sizeof(uintptr_t)))
		return false;
	char **v = (char **)(void *)(u->base + offset);
	for (uint64_t i = 0; i < list->n; i++) {
		memcpy(&entry, &v[i], sizeof(entry));
		v[i] = get_string(u, entry);
		if (!v[i])
			return false;
	}
	if (v[list->n] != NULL)
		return false;
	list->v = v;
	return true;
}

static bool get_array(const struct unpacker *u, void *member, uint64_t n, size_t size)
{
	uintptr_t offset;

	memcpy(&offset, member, sizeof(offset));
	if (offset == 0)
		return n == 0;
	if (!in_data(u, offset, n, size))
		return false;
	const char *p = u->base + offset;
	memcpy(member, &p, sizeof(p));
	return true;
}

static bool get_field(const struct unpacker *u, const struct plan_field *f, char *arg)
{
	void *member = arg + f->offset;

	switch (f->kind) {
	case PLAN_BOOL: /* any other byte in a bool is undefined behaviour later */
		return *(const uint8_t *)member <= 1;
	case PLAN_SLOT: {
		plan_slot slot = *(const plan_slot *)member;
		return slot == PLAN_NO_SLOT || (slot >= 0 && (uint32_t)slot < u->slots);
	}
	case PLAN_STR: {
		uintptr_t offset;
		memcpy(&offset, member, sizeof(offset));
		char *s = offset ? get_string(u, offset) : NULL;
		memcpy(member, &s, sizeof(s));
		return offset == 0 || s != NULL;
	}
	case PLAN_STRV:
		return get_strv(u, member);
	case PLAN_U32S:
		return get_array(u, member, ((const struct plan_u32s *)member)->n, sizeof(uint32_t));
	case PLAN_BYTES:
		return get_array(u, member, ((const struct plan_bytes *)member)->n, 1);
	default:
		return true;
	}
}

/* First walk: the records fit and their kinds are known. Leaves u->data at their end. */
static int check_records(struct unpacker *u, uint32_t n_steps, struct err *e)
{
	size_t at = sizeof(struct plan_header);

	for (uint32_t i = 0; i < n_steps; i++) {
		struct plan_record r;
		if (u->size - at < sizeof(r))
			return err_set(e, EPROTO, "plan: cut short at step %u of %u", i, n_steps);
		memcpy(&r, u->base + at, sizeof(r));
		at += sizeof(r);
		if (r.op >= STEP_COUNT || r.size != ALIGN8(plan_step_types[r.op].size) || r.size > u->size - at)
			return err_set(e, EPROTO, "plan: step %u has kind %u and size %u", i, r.op, r.size);
		at += r.size;
	}
	u->data = at;
	return 0;
}

int plan_unpack(void *message, size_t size, struct err *e)
{
	struct plan_header h;
	struct unpacker u = { .base = message, .size = size };

	if (size < sizeof(h))
		return err_set(e, EPROTO, "plan: only %zu bytes", size);
	memcpy(&h, message, sizeof(h));
	if (h.magic != PLAN_MAGIC || h.version != PLAN_VERSION || h.size != size || h.n_slots > PLAN_SLOTS_MAX ||
	    h.n_open > h.n_slots)
		return err_set(e, EPROTO, "plan: header does not fit");
	u.slots = h.n_slots;
	int r = check_records(&u, h.n_steps, e);
	if (r < 0)
		return r;

	size_t at = sizeof(h);
	for (uint32_t i = 0; i < h.n_steps; i++) {
		struct plan_record rec;
		memcpy(&rec, u.base + at, sizeof(rec));
		at += sizeof(rec);
		const struct plan_step_type *t = &plan_step_types[rec.op];
		for (uint32_t k = 0; k < t->n_fields; k++)
			if (!get_field(&u, &t->fields[k], u.base + at))
				return bad(e, "bad value", t->name, t->fields[k].name);
		at += rec.size;
	}
	return 0;
}

bool plan_next(const void *message, struct plan_cursor *c, struct step *ret)
{
	const struct plan_header *h = message;
	const char *base = message;

	if (c->index >= h->n_steps)
		return false;
	if (c->index == 0)
		c->at = sizeof(*h);
	const struct plan_record *r = (const struct plan_record *)(const void *)(base + c->at);
	ret->op = r->op;
	ret->arg = r + 1;
	c->index++;
	c->at += sizeof(*r) + r->size;
	return true;
}

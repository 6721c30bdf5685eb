/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the device program to the kernel and ties it to a cgroup. Ours is told from others (systemd's) by
 * its name, so that an update replaces it in one step and there is never a moment without a program.
 */
#include "internal.h"

#include <linux/bpf.h>

#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"

static const char program_name[] = "ctr_devices";

/* More programs than this on one cgroup are not looked at (the kernel's own bound is 64). */
#define ATTACHED_MAX 64

static int load(const struct cgroup_device_program *p, struct err *e)
{
	union bpf_attr attr = { 0 };
	int fd;

	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)p->v;
	attr.insn_cnt = (uint32_t)p->n;
	attr.license = (uintptr_t) "Apache-2.0"; /* no helper is called that would care */
	memcpy(attr.prog_name, program_name, sizeof(program_name));
	do /* EAGAIN: the verifier was interrupted by a signal */
		fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	while (fd == -EAGAIN);
	return fd < 0 ? err_sys(e, fd, "load the device program") : fd;
}

/* The descriptor of a program by its number when it is one of ours, else -ENOENT. */
static int open_ours(uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { 0 };
	auto_close int fd = -EBADF;
	int r;

	attr.prog_id = id;
	fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (r < 0)
		return r;
	return strncmp(info.name, program_name, sizeof(info.name)) == 0 ? TAKE_FD(fd) : -ENOENT;
}

/* The program of ours that the cgroup has: a descriptor, or -ENOENT. */
static int find_ours(int cgroup, struct err *e)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	union bpf_attr attr = { 0 };
	int r;

	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = ARRAY_SIZE(ids);
	r = sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	if (r < 0)
		return err_sys(e, r, "list the device programs of the cgroup");
	for (uint32_t i = 0; i < MIN(attr.query.prog_cnt, ARRAY_SIZE(ids)); i++) {
		r = open_ours(ids[i]);
		if (r >= 0)
			return r;
		if (r != -ENOENT)
			return err_sys(e, r, "open a device program of the cgroup");
	}
	return -ENOENT;
}

int cgroup_attach_devices(int fd, const struct cgroup_device_program *p, bool fresh, struct err *e)
{
	auto_close int old = -EBADF, new = -EBADF;
	union bpf_attr attr = { 0 };
	int r;

	if (p->n == 0)
		return 0;
	new = load(p, e);
	if (new < 0)
		return new;
	old = fresh ? -ENOENT : find_ours(fd, e);
	if (old < 0 && old != -ENOENT)
		return old;
	attr.target_fd = (uint32_t)fd;
	attr.attach_bpf_fd = (uint32_t)new;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	r = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
	return r < 0 ? err_sys(e, r, "attach the device program to the cgroup") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for QEMU's emulator: counts the instructions that a guest executes, in a file that others may look at meanwhile
 * (counts=FILE: one number of 64 bits). A string instruction counts once for each of its rounds. The interface is declared
 * here as far as it is used, since not every distribution has its header (docs/devel/tcg-plugins.rst, version 1).
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id_t;
enum { INLINE_ADD_U64 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr, uint64_t imm);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

static uint64_t *count;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, count, qemu_plugin_tb_n_insns(tb));
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	static const char word[] = "counts=";
	int fd = argc == 1 && strncmp(argv[0], word, sizeof(word) - 1) == 0 ? open(argv[0] + sizeof(word) - 1, O_RDWR | O_CLOEXEC) : -1;

	(void)info;
	if (fd < 0 || ftruncate(fd, sizeof(*count)) < 0)
		return 1;
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (count == MAP_FAILED)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}

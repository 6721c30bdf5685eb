/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's limits on micro-VMs: files in a directory of the test's own, and what they answer. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../oci/annotations.h"
#include "../../runtime/base/fd.h"
#include "../../runtime/base/util.h"
#include "../../runtime/vm.h"
#include "tap.h"

static char dir[] = "/tmp/ctr-limits.XXXXXX";
static const char *const names[] = { "vm.conf", "vm.conf.d/10-a.conf", "vm.conf.d/20-b.conf", "vm.conf.d/other" };

static const char *at(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* `texts`: of the files above, NULL for one that is not there; apostrophes stand for quotation marks. */
static int read_all(struct arena *a, const char *const *texts, struct vm_limits *l, struct err *e)
{
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)unlink(at(names[i]));
		if (!texts[i])
			continue;
		(void)snprintf(text, sizeof(text), "%s", texts[i]);
		for (char *p = text; *p; p++)
			*p = *p == '\'' ? '"' : *p;
		CHECK_INT(file_replace(AT_FDCWD, at(names[i]), text, strlen(text), 0644), 0);
	}
	return vm_limits_read(a, dir, l, e);
}

static void begin(struct arena *a)
{
	struct err e;

	CHECK_INT(arena_init(a, 1 << 20, &e), 0);
	(void)mkdir(at("vm.conf.d"), 0755);
}

/* Without the directory in front, which has another name every time. */
static const char *said(const struct err *e)
{
	return str_starts(e->text, dir) ? e->text + strlen(dir) : e->text;
}

static void test_none(void)
{
	static const struct isolation_choice strong = { ISOLATION_VM, true };
	struct vm_limits l = { 0 };
	struct arena a;
	struct err e;

	begin(&a);
	CHECK_INT(read_all(&a, (const char *const[]){ NULL, NULL, NULL, "nonsense" }, &l, &e), 0);
	CHECK_INT(vm_limits_isolation(&l, &strong, &e), 0);
	CHECK_INT(vm_limits_kernel(&l, "k", "/x", &e), 0);
	CHECK_INT(vm_limits_size(&l, UINT64_MAX, UINT64_MAX, &e), 0);
	CHECK_INT(vm_limits_read(&a, "/nonexistent", &l, &e), 0);
	arena_done(&a);
}

static void test_wrong(void)
{
	static const struct { const char *text, *want; } wrong[] = {
		{ "{'isolation':['vm','strong']}", "/vm.conf:1:20: isolation[1]: unknown isolation \"strong\"" },
		{ "{'isolation':[]}", "/vm.conf:1:14: isolation: must not be empty: nothing could be started" },
		{ "{'kernel_s':[]}", "/vm.conf:1:2: [\"kernel_s\"]: no such member" },
		{ "{'memory':{'limit':5}}", "/vm.conf:1:12: memory[\"limit\"]: no such member" },
		{ "{'memory':{'max':'5'}}", "/vm.conf:1:18: memory.max: must be an integer, not a string" },
		{ "{'vcpus':{'max':1},'vcpus':{'max':9}}", "/vm.conf:1:20: vcpus: given twice" },
		{ "{'kernels':['boot']}", "/vm.conf:1:13: kernels[0]: must be an absolute path, or a pattern of such" },
		{ "{'kernel':'boot'}", "/vm.conf:1:11: kernel: must be an absolute path" },
		{ "{'annotations':['ctr.init']}",
		  "/vm.conf:1:17: annotations[0]: must be ctr.isolation or one of ctr.vm.*" },
		{ "{} {}", "/vm.conf:1:4: not JSON: parse error: trailing garbage" },
		{ "", "/vm.conf:1:1: not JSON: parse error: premature EOF" },
	};
	struct vm_limits l = { 0 };
	struct arena a;
	struct err e;

	begin(&a);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CHECK_INT(read_all(&a, (const char *const[]){ wrong[i].text, NULL, NULL, NULL }, &l, &e), -EINVAL);
		CHECK_STR(said(&e), wrong[i].want);
	}
	CHECK_INT(read_all(&a, (const char *const[]){ "{'memory':{'default':9}}", "{'memory':{'max':8}}", NULL, NULL }, &l, &e),
		  -EINVAL);
	(void)unlink(at(names[1]));
	CHECK_INT(mkdir(at("vm.conf.d/50.conf"), 0755), 0);
	CHECK_INT(read_all(&a, (const char *const[]){ NULL, NULL, NULL, NULL }, &l, &e), -EISDIR);
	CHECK_INT(rmdir(at("vm.conf.d/50.conf")), 0);
	arena_done(&a);
}

static void test_later_wins(void)
{
	static const struct isolation_choice none = { ISOLATION_NAMESPACES, false }, vm = { ISOLATION_VM, false },
					     emulate = { ISOLATION_VM, true };
	struct vm_limits l = { 0 };
	struct arena a;
	struct err e;

	begin(&a);
	CHECK_INT(read_all(&a, (const char *const[]){
				       "{'isolation':['namespaces'],'memory':{'default':7,'max':100},'kernels':['/a'],'kernel':'/k'}",
				       "{'isolation':['vm','namespaces'],'vcpus':{'max':2}}", "{'memory':{'max':50},'kernels':[]}", NULL },
			   &l, &e), 0);
	CHECK_INT(vm_limits_isolation(&l, &none, &e), 0);
	CHECK_INT(vm_limits_isolation(&l, &vm, &e), 0);
	CHECK_INT(vm_limits_isolation(&l, &emulate, &e), -EPERM);
	CHECK(strstr(e.text, "isolation \"vm,emulate\" is not allowed by /tmp/") && strstr(e.text, "/vm.conf.d/10-a.conf"));
	CHECK_INT(l.memory.usual.v, 7);
	CHECK_INT(vm_limits_size(&l, 50, 2, &e), 0);
	CHECK_INT(vm_limits_size(&l, 51, 2, &e), -EPERM);
	CHECK(strstr(e.text, "/vm.conf.d/20-b.conf"));
	CHECK_INT(vm_limits_size(&l, 50, 3, &e), -EPERM);
	CHECK_STR(l.kernel, "/k");
	CHECK_INT(vm_limits_kernel(&l, "vm.kernel.path", "/a", &e), -EPERM); /* an empty list allows none */
	arena_done(&a);
}

static void test_patterns(void)
{
	static const struct { const char *path; int want; } paths[] = {
		{ "/boot/vmlinuz-6.1", 0 }, { "/boot/vmlinuz-", 0 }, { "/boot/other", -EPERM }, { "/boot/vmlinuz-a/b", -EPERM },
		{ "/opt/x/kernel", 0 }, { "/opt/../kernel", -EPERM }, { "/opt/x/../x/kernel", -EPERM }, { "/opt/.x/kernel", -EPERM },
		{ "boot/vmlinuz-6.1", -EPERM },
	};
	struct vm_limits l = { 0 };
	struct arena a;
	struct err e;

	begin(&a);
	CHECK_INT(read_all(&a, (const char *const[]){ "{'kernels':['/boot/vmlinuz-*','/opt/*/kernel']}", NULL, NULL, NULL }, &l, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		CHECK_INT(vm_limits_kernel(&l, "vm.kernel.path", paths[i].path, &e), paths[i].want);
	CHECK_INT(vm_limits_hypervisor(&l, "vm.hypervisor.path", "/usr/bin/x", &e), 0);
	arena_done(&a);
}

static void test_annotations(void)
{
	struct map_entry m[] = { { "com.example", "1" }, { ANNOTATION_INIT, "true" }, { ANNOTATION_VM_MEMORY, "128m" } };
	const struct config two = { .annotations = { m, 2 } }, three = { .annotations = { m, 3 } };
	struct vm_limits l = { 0 };
	struct arena a;
	struct err e;

	begin(&a);
	CHECK_INT(vm_limits_annotations(&l, &three, &e), 0);
	CHECK_INT(read_all(&a, (const char *const[]){ "{'annotations':['ctr.isolation']}", NULL, NULL, NULL }, &l, &e), 0);
	CHECK_INT(vm_limits_annotations(&l, &two, &e), 0);
	CHECK_INT(vm_limits_annotations(&l, &three, &e), -EPERM);
	CHECK(str_starts(e.text, "annotations[\"ctr.vm.memory\"]: not allowed by /tmp/"));
	arena_done(&a);
}

static void test_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(at(names[i]));
	CHECK_INT(rmdir(at("vm.conf.d")), 0);
	CHECK_INT(rmdir(dir), 0);
}

static void test_begin(void)
{
	CHECK(mkdtemp(dir) != NULL);
}

static const struct tap_test tests[] = {
	{ "a directory", test_begin },
	{ "no file is no limit", test_none },
	{ "what is wrong is an error, and where", test_wrong },
	{ "a later file's member counts", test_later_wins },
	{ "patterns of paths", test_patterns },
	{ "annotations", test_annotations },
	{ "nothing stays", test_end },
};
TAP_MAIN("vm_limits", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the record reader: bytes -> record or one clean line. What is read prints as a record that
 * reads back and prints the same, and every printed public state is one line of JSON.
 */
#include <errno.h>

#include "../../oci/json.h"
#include "../../oci/state.h"
#include "fuzz.h"

/* The rules that the commands rely on, read off the result once more. */
static void check_record(const struct state *s)
{
	must(s->version == STATE_VERSION && s->id[0] && !strchr(s->id, '/'), "id", s->id);
	must(s->bundle[0] == '/' && s->rootfs[0] == '/', "paths", s->bundle);
	must(s->pid >= 0 && s->pid <= INT32_MAX && s->creator_pid >= 0, "pid", s->status);
	must(str_eq(s->status, "creating") || (s->pid > 0 && s->start_time > 0), "no pid", s->status);
	if (s->cgroup_path) {
		must(s->cgroup_path[0] == '/', "cgroup", s->cgroup_path);
		must(s->cgroup_path[strspn(s->cgroup_path, "/")], "cgroup", s->cgroup_path);
		must(!strstr(s->cgroup_path, "/../"), "cgroup", s->cgroup_path);
	}
	for (size_t i = 0; s->hooks && i < s->hooks->poststop.n; i++)
		must(s->hooks->poststop.v[i].path[0] == '/', "hook", s->hooks->poststop.v[i].path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct strbuf first = { 0 }, second = { 0 }, shown = { 0 };
	struct state *s = NULL, *back = NULL;
	struct err e = { 0 };
	char *text = exact_copy(data, size);
	int r = state_parse(arena, text, size, &s, &e);
	free(text);
	if (r < 0) {
		must(!s && e.code == -r && e.text[0] && !strchr(e.text, '\n'), "error", e.text);
		return 0;
	}
	check_record(s);
	state_print(&first, s);
	must(!first.failed && !memchr(first.p, '\n', first.n), "one line", first.p);
	must(state_parse(arena, first.p, first.n, &back, &e) == 0, e.text, first.p);
	state_print(&second, back);
	must(second.n == first.n && memcmp(first.p, second.p, first.n) == 0, second.p, first.p);
	state_print_public(&shown, s, "running", s->pid, 0);
	must(!shown.failed && shown.p[0] == '{' && !memchr(shown.p, '\n', shown.n), "public state", shown.p);
	strbuf_done(&first);
	strbuf_done(&second);
	strbuf_done(&shown);
	return 0;
}

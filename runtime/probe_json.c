/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe for programs, as contrib/probe-schema.json documents it. Members are only ever added; an answer
 * that is not known is null.
 */
#include "probe_priv.h"

#include "base/util.h"

/* `,"name":` unless it is the first one behind a brace. */
static void key(struct strbuf *b, const char *name)
{
	char last = b->n ? b->p[b->n - 1] : '{';

	if (last != '{')
		strbuf_puts(b, ",");
	strbuf_json(b, name);
	strbuf_puts(b, ":");
}

static void put_string(struct strbuf *b, const char *name, const char *v)
{
	key(b, name);
	if (v && *v)
		strbuf_json(b, v);
	else
		strbuf_puts(b, "null");
}

static void put_number(struct strbuf *b, const char *name, int64_t v)
{
	key(b, name);
	if (v < 0)
		strbuf_puts(b, "null");
	else
		strbuf_printf(b, "%lld", (long long)v);
}

static void put_bool(struct strbuf *b, const char *name, bool v)
{
	key(b, name);
	strbuf_puts(b, v ? "true" : "false");
}

static void put_answer(struct strbuf *b, const char *name, enum probe_answer a)
{
	key(b, name);
	strbuf_puts(b, a == PROBE_YES ? "true" : a == PROBE_NO ? "false" : "null");
}

static void put_errno(struct strbuf *b, const char *name, int errnum)
{
	const char *text = errnum ? err_name(errnum) : NULL;

	put_string(b, name, errnum && !text ? "EOTHER" : text);
}

/* An array of the words of `text`. */
static void put_words(struct strbuf *b, const char *name, const char *text)
{
	char word[96];
	bool first = true;

	key(b, name);
	strbuf_puts(b, "[");
	while (*text) {
		size_t n = strcspn(text, " ,");
		if (n > 0 && n < sizeof(word)) {
			memcpy(word, text, n);
			word[n] = '\0';
			strbuf_puts(b, first ? "" : ",");
			strbuf_json(b, word);
			first = false;
		}
		text += n;
		text += strspn(text, " ,");
	}
	strbuf_puts(b, "]");
}

static void open_object(struct strbuf *b, const char *name)
{
	key(b, name);
	strbuf_puts(b, "{");
}

static void close_object(struct strbuf *b)
{
	strbuf_puts(b, "}");
}

static void put_layers(struct strbuf *b, const char *name, const struct probe_layer *list, size_t n)
{
	key(b, name);
	strbuf_puts(b, "[");
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(b, i ? ",{" : "{");
		put_string(b, "id", list[i].id);
		put_string(b, "name", list[i].name);
		put_string(b, "evidence", list[i].evidence);
		close_object(b);
	}
	strbuf_puts(b, "]");
}

static void put_inside(struct strbuf *b, const struct probe_inside *in)
{
	open_object(b, "inside");
	put_string(b, "vm", in->vm_count ? in->vms[0].id : NULL);
	put_string(b, "container", in->container_count ? in->containers[0].id : NULL);
	put_string(b, "type", probe_type_text(in->vm_type));
	put_string(b, "method", probe_method_text(in->vm_method));
	put_string(b, "xenRole", in->xen_role);
	put_string(b, "xenGuest", in->xen_guest);
	put_bool(b, "paravirtualDevices", in->paravirtual_devices);
	put_answer(b, "initialNamespaces", in->initial_namespaces);
	put_answer(b, "chroot", in->chroot);
	put_string(b, "staleMark", in->stale);
	put_layers(b, "vmSigns", in->vms, in->vm_count);
	put_layers(b, "containerSigns", in->containers, in->container_count);
	close_object(b);
}

static void put_cpu(struct strbuf *b, const struct probe_cpu *c)
{
	open_object(b, "cpu");
	put_string(b, "vendor", c->vendor);
	put_string(b, "model", c->model);
	put_string(b, "extensionName", c->extension_name);
	put_answer(b, "extension", c->extension);
	put_bool(b, "firmwareOff", c->firmware_off);
	put_string(b, "pagingName", c->paging_name);
	put_answer(b, "paging", c->paging);
	put_bool(b, "hypervisorBit", c->hypervisor_bit);
	put_words(b, "features", c->features);
	close_object(b);
}

static void put_device(struct strbuf *b, const char *name, const struct probe_device *d)
{
	open_object(b, name);
	put_bool(b, "exists", d->exists);
	put_answer(b, "usable", d->usable);
	close_object(b);
}

static void put_kvm(struct strbuf *b, const struct probe_kvm *k)
{
	static const char *const stages[] = {
		[PROBE_KVM_NOT_TRIED] = "not-tried",	     [PROBE_KVM_OPEN_FAILED] = "open-failed",
		[PROBE_KVM_API_WRONG] = "api-wrong",	     [PROBE_KVM_CREATE_FAILED] = "create-failed",
		[PROBE_KVM_VCPU_FAILED] = "vcpu-failed",     [PROBE_KVM_RUN_FAILED] = "run-failed",
		[PROBE_KVM_LONG_FAILED] = "long-mode-failed", [PROBE_KVM_RAN] = "ran",
		[PROBE_KVM_TIMEOUT] = "timeout",
	};

	open_object(b, "kvm");
	put_device(b, "device", &k->dev);
	put_string(b, "group", k->group);
	put_string(b, "module", k->module);
	put_answer(b, "nested", k->nested);
	put_string(b, "stage", stages[k->stage]);
	put_errno(b, "error", k->error);
	put_number(b, "api", k->api ? k->api : -1);
	put_bool(b, "software", k->software);
	put_device(b, "vhostVsock", &k->vhost_vsock);
	put_device(b, "vhostNet", &k->vhost_net);
	put_device(b, "tun", &k->tun);
	put_number(b, "iommus", k->iommus);
	put_number(b, "iommuGroups", k->iommu_groups);
	close_object(b);
}

static void put_kernel(struct strbuf *b, const struct probe_kernel *k)
{
	open_object(b, "kernel");
	put_string(b, "release", k->release);
	open_object(b, "calls");
	for (size_t i = 0; i < PROBE_CALL_COUNT; i++)
		put_answer(b, probe_call_name((enum probe_call)i), k->calls[i]);
	close_object(b);
	put_number(b, "landlockAbi", k->landlock_abi);
	put_words(b, "lsm", k->lsm);
	put_answer(b, "seccomp", k->seccomp);
	put_answer(b, "seccompNotify", k->seccomp_notify);
	put_words(b, "seccompActions", k->seccomp_actions);
	put_bool(b, "seccompActive", k->seccomp_active);
	close_object(b);
}

static void put_namespaces(struct strbuf *b, const struct probe_namespaces *n)
{
	static const char *const tries[] = {
		[PROBE_TRY_NOT_DONE] = "not-tried", [PROBE_TRY_USER_FAILED] = "refused",
		[PROBE_TRY_CAPS_FAILED] = "no-capabilities", [PROBE_TRY_OK] = "ok",
	};

	open_object(b, "namespaces");
	put_answer(b, "builtIn", n->built_in);
	put_string(b, "tried", tries[n->tried]);
	put_errno(b, "error", n->error);
	put_number(b, "maxUserNamespaces", n->max_user);
	put_number(b, "unprivilegedUsernsClone", n->unprivileged_clone);
	put_number(b, "apparmorRestrictUnprivilegedUserns", n->apparmor_restrict);
	put_answer(b, "overlay", n->overlay);
	put_errno(b, "overlayError", n->overlay_error);
	put_answer(b, "idmap", n->idmap);
	put_string(b, "user", n->user);
	put_number(b, "subuids", (int64_t)n->subuids);
	put_number(b, "subgids", (int64_t)n->subgids);
	close_object(b);
}

static void put_cgroup(struct strbuf *b, const struct probe_cgroup *c)
{
	static const char *const modes[] = { "none", "legacy", "hybrid", "unified" };

	open_object(b, "cgroup");
	put_string(b, "mode", modes[c->mode]);
	put_string(b, "path", c->path);
	put_words(b, "controllers", c->controllers);
	put_words(b, "delegated", c->delegated);
	put_string(b, "delegatedAt", c->delegated_at);
	put_answer(b, "kill", c->kill);
	close_object(b);
}

static void put_programs(struct strbuf *b, const struct probe *p)
{
	open_object(b, "programs");
	for (size_t i = 0; i < PROBE_HELPER_COUNT; i++)
		put_string(b, probe_helper_name((enum probe_helper)i), p->programs[i].path);
	close_object(b);
}

static void put_checks(struct strbuf *b, const struct probe *p)
{
	open_object(b, "checks");
	for (size_t i = 0; i < p->check_count; i++) {
		const struct probe_check *c = &p->checks[i];
		open_object(b, c->name);
		put_answer(b, "ok", c->answer);
		put_bool(b, "optional", c->optional);
		put_string(b, "value", c->value);
		put_string(b, "advice", c->answer == PROBE_YES ? NULL : c->advice);
		close_object(b);
	}
	close_object(b);
}

void probe_print_json(const struct probe *p, struct strbuf *out)
{
	strbuf_puts(out, "{");
	put_number(out, "formatVersion", PROBE_FORMAT_VERSION);
	put_string(out, "arch", p->arch);
	put_number(out, "uid", p->uid);
	put_string(out, "verdict", p->verdict);
	put_number(out, "microseconds", p->micros);
	put_inside(out, &p->inside);
	put_cpu(out, &p->cpu);
	put_kvm(out, &p->kvm);
	put_kernel(out, &p->kernel);
	put_namespaces(out, &p->ns);
	put_cgroup(out, &p->cgroup);
	put_programs(out, p);
	put_checks(out, p);
	strbuf_puts(out, "}\n");
}

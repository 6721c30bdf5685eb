/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of the containers that faults are tried on: prints everything about itself that a runtime sets, so
 * that two runs can be compared, and with "stay" waits to be killed. Static; needs /proc.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

/* Lines of /proc/self/status that do not change from run to run. */
static void status_lines(void)
{
	static const char *const names[] = { "Umask", "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp",
					     "SigBlk", "SigIgn", "SigCgt" };
	FILE *f = fopen("/proc/self/status", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (strncmp(line, names[i], strlen(names[i])) == 0) {
				(void)fputs(line, stdout);
				break;
			}
	if (f)
		(void)fclose(f);
}

/* Without the numbers of the mounts and their groups, which the kernel chooses. */
static void mount_lines(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], rest[4096];

	while (f && fgets(line, sizeof(line), f)) {
		int at = 0;
		if (sscanf(line, "%*d %*d %*s %n", &at) < 0 || !at)
			continue;
		(void)snprintf(rest, sizeof(rest), "%s", line + at);
		for (char *p = rest; *p; p++)
			if (strncmp(p, "shared:", 7) == 0 || strncmp(p, "master:", 7) == 0)
				for (p += 7; *p >= '0' && *p <= '9'; p++)
					*p = 'N';
		/*
		 * Of a sysfs the mount counts, not the file system: where no new one may be mounted it is a read-only
		 * clone of the one that is there.
		 */
		char *sysfs = strstr(rest, " - sysfs ");
		if (sysfs)
			(void)snprintf(sysfs, sizeof(rest) - (size_t)(sysfs - rest), " - sysfs\n");
		/* The root's own place on the host. */
		char *space = strchr(rest, ' ');
		(void)printf("mount %s", space && strncmp(rest, "/ ", 2) != 0 ? space + 1 : rest);
	}
	if (f)
		(void)fclose(f);
}

static void names_in(const char *path, int skip)
{
	struct dirent **v;
	int n = scandir(path, &v, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (v[i]->d_name[0] != '.' && atoi(v[i]->d_name) != skip)
			(void)printf("%s/%s\n", path, v[i]->d_name);
		free(v[i]);
	}
}

static void file_text(const char *path)
{
	char text[4096];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	(void)printf("%s: %s\n", path, f ? text : "not readable");
	if (f)
		(void)fclose(f);
}

static void limits(void)
{
	struct rlimit l;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit((__rlimit_resource_t)i, &l) == 0)
			(void)printf("limit %d: %lu %lu\n", i, (unsigned long)l.rlim_cur, (unsigned long)l.rlim_max);
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "/proc/self/oom_score_adj", "/proc/self/cgroup", "/proc/self/attr/current",
					     "/proc/sys/net/ipv4/ip_forward", "/proc/self/uid_map", "/proc/self/gid_map",
					     "/proc/net/dev_snmp6/lo", "/proc/self/timens_offsets" };
	struct utsname u;
	char cwd[4096];

	status_lines();
	mount_lines();
	limits();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (i != 6)
			file_text(files[i]);
	names_in("/proc/self/fd", 3);
	names_in("/dev", -1);
	(void)uname(&u);
	(void)printf("host %s domain %s cwd %s persona %x scheduler %d nice %d pid %s session %s\n", u.nodename,
		     u.domainname, getcwd(cwd, sizeof(cwd)) ? cwd : "?", personality(0xffffffff),
		     sched_getscheduler(0), getpriority(PRIO_PROCESS, 0), getpid() == 1 ? "1" : "other",
		     getsid(0) == getpid() ? "own" : "other");
	for (char **e = environ; *e; e++)
		(void)printf("env %s\n", *e);
	for (int i = 0; i < argc; i++)
		(void)printf("arg %s\n", argv[i]);
	(void)puts("done");
	(void)fflush(stdout);
	while (argc > 1 && strcmp(argv[1], "stay") == 0)
		(void)pause();
	return 0;
}

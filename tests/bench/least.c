/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a micro-VM's start and exec can be: the first process of a guest that has nothing to do with ctr. Loads
 * the modules, mounts the share, executes a program of it with its output to the host; then, for each byte from the host,
 * forks, executes another one, waits for its end and answers with a byte. No container, no protocol, no check: what
 * this takes is the emulator's, the kernel's and the program's. Must do nothing that is not needed for that.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT "/dev/vport0p1"
#define MODULE_COMPRESSED 4

static void load_modules(void)
{
	char path[32];

	for (int i = 0, fd; snprintf(path, sizeof(path), "/modules/%02d", i), (fd = open(path, O_RDONLY)) >= 0; i++) {
		if (syscall(SYS_finit_module, fd, "", 0) < 0)
			(void)syscall(SYS_finit_module, fd, "", MODULE_COMPRESSED);
		(void)close(fd);
	}
}

/* The kernel makes it when the host has said that it is there: a little later than the module. */
static int open_port(void)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	struct pollfd p = { .events = POLLOUT };
	int fd;

	while ((fd = open(PORT, O_RDWR)) < 0)
		(void)nanosleep(&moment, NULL);
	/* Until the kernel has heard that the host's end is open, it says that it is not. */
	for (p.fd = fd; poll(&p, 1, -1) > 0 && p.revents & POLLHUP;)
		(void)nanosleep(&moment, NULL);
	return fd;
}

/* `out`: what the program writes to, or -1 for nothing. */
static int run(char *const argv[], int out)
{
	static char *const env[] = { "PATH=/bin", NULL };
	int status = -1;
	pid_t pid = vfork();

	if (pid == 0) {
		if (out >= 0)
			(void)dup2(out, STDOUT_FILENO);
		(void)execve(argv[0], argv, env);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return status;
}

/* The host's side, as short: asks on its standard input, and waits for the answer. */
static int ask(void)
{
	char byte = 0;

	return write(STDIN_FILENO, &byte, 1) == 1 && read(STDIN_FILENO, &byte, 1) == 1 ? byte : 2;
}

int main(int argc, char **argv)
{
	static char *const first[] = { "/bin/sh", "-c", "echo started", NULL }, *const each[] = { "/bin/true", NULL };
	char byte;

	if (argc > 1 && strcmp(argv[1], "ask") == 0)
		return ask();
	(void)mkdir("/dev", 0755);
	(void)mkdir("/share", 0755);
	(void)mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	if (mount("root", "/share", "virtiofs", 0, NULL) < 0)
		perror("least: mount the share");
	int port = open_port();
	if (chroot("/share") < 0 || chdir("/") < 0)
		perror("least: change the root");
	(void)run(first, port);
	while (read(port, &byte, 1) == 1) {
		byte = (char)(run(each, -1) != 0);
		if (write(port, &byte, 1) != 1)
			break;
	}
	return reboot(RB_AUTOBOOT);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange A B [A B ...]: swaps each pair of names, over and over, as fast as the kernel does it, until it is told to
 * end (SIGTERM); then prints how often. Whoever looks a name up in between gets the one or the other.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

int main(int argc, char **argv)
{
	unsigned long long n = 0;

	if (argc < 3 || argc % 2 == 0)
		return 2;
	(void)signal(SIGTERM, on_term);
	while (!over)
		for (int i = 1; i + 1 < argc; i += 2)
			n += syscall(SYS_renameat2, AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], 2 /* RENAME_EXCHANGE */) == 0;
	return printf("%llu\n", n) < 0;
}

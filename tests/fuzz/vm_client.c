/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of a micro-VM's client on the host: what a guest may say to it, by way of the monitor -> output within its
 * window, an exit status, or one clean error.
 */
#include <sys/eventfd.h>
#include <unistd.h>

static int null = -1;
#undef STDIN_FILENO
#undef STDOUT_FILENO
#undef STDERR_FILENO
#define STDIN_FILENO null
#define STDOUT_FILENO null
#define STDERR_FILENO null
#include "../../runtime/vm_client.c"
#include "vm_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] = "{}";
	const struct vm_command k = { size && data[0] & 1, false, document, 2 };
	struct err e = { 0 };
	int line[2], signals = eventfd(0, EFD_NONBLOCK);

	if (null < 0)
		null = open("/dev/null", O_RDWR);
	open_line(data, size, line);
	(void)shutdown(line[1], SHUT_WR);
	int r = vm_client(line[0], signals, &k, &e);
	must(r <= 255, "a status that is none", "");
	if (r < 0)
		must_be_error(&e);
	(void)close(signals);
	(void)close(line[0]);
	(void)close(line[1]);
	return 0;
}

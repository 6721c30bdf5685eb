/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of a micro-VM's monitor, the part that reads what a guest says: its messages, of which clients get no more
 * than they gave room for, and the text of its serial line, of which one line is quoted.
 */
#include "../../runtime/vm_monitor.c"
#include "vm_frames.h"

#define CLIENTS 4

static void hear(const uint8_t *data, size_t size)
{
	static struct mux m;
	int line[2], clients[CLIENTS][2], r = 1;
	struct err e = { 0 };

	memset(&m, 0, sizeof(m));
	m.listener = m.serial = -EBADF;
	for (size_t i = 0; i < VM_STREAMS_MAX; i++)
		m.streams[i].fd = -EBADF;
	open_line(data, size, line);
	m.port = line[0];
	for (int i = 0; i < CLIENTS; i++) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, clients[i]) == 0, "no socket pair", "");
		(void)fcntl(clients[i][1], F_SETFL, O_NONBLOCK);
		must(stream_open(&m, clients[i][0]) == 0, "no stream", "");
	}
	for (struct pollfd p = { .fd = m.port, .events = POLLIN }; r >= 0 && poll(&p, 1, 0) > 0;) {
		r = from_guest(&m, &e);
		for (size_t i = 0; i < CLIENTS; i++)
			must(m.streams[i].out.b.n - m.streams[i].out.at <= (size_t)4 * VM_WINDOW, "a queue without bounds", "");
		flush_clients(&m);
		if (size & 1) /* else they read nothing */
			for (int i = 0; i < CLIENTS; i++)
				drain(clients[i][1]);
	}
	if (r < 0)
		must_be_error(&e);
	for (size_t i = 0; i < VM_STREAMS_MAX; i++)
		stream_close(&m.streams[i]);
	for (int i = 0; i < CLIENTS; i++)
		(void)close(clients[i][1]);
	vm_queue_done(&m.out);
	(void)close(line[0]);
	(void)close(line[1]);
}

static void read_text(const uint8_t *data, size_t size)
{
	static struct tail t;
	int line[2];

	memset(&t, 0, sizeof(t));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, line) == 0, "no socket pair", "");
	(void)fcntl(line[0], F_SETFL, O_NONBLOCK);
	must(size == 0 || write(line[1], data, size) == (ssize_t)size, "a line without room", "");
	for (size_t i = 0; i <= size / 1024; i++)
		tail_read(&t, &line[0]);
	const char *said = telling(&t);
	must(!said || (*said && !strpbrk(said, "\r\n")), "a line that is none", said ? said : "");
	(void)close(line[0]);
	(void)close(line[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 60000)
		return 0;
	if (data[0] & 1)
		hear(data + 1, size - 1);
	else
		read_text(data + 1, size - 1);
	return 0;
}

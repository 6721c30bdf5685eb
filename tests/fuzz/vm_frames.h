/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_FUZZ_VM_FRAMES_H
#define CTR_TESTS_FUZZ_VM_FRAMES_H

/* Bytes of a fuzzer as what comes over a micro-VM's line: mostly whole frames, so that what is behind their table is reached. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../runtime/vm_frame.h"
#include "fuzz.h"

/* What is embedded in ctr, for objects that ask for it; nothing is started here. */
extern const uint8_t ctr_init_image[];
extern const uint64_t ctr_init_image_size;
const uint8_t ctr_init_image[1] = { 0 };
const uint64_t ctr_init_image_size = 1;

#define LINE_MAX_BYTES 150000 /* what a socket pair holds without a reader */

/*
 * Per frame: kind (bits 0-4), 256 times as much data (bit 6), eight bytes as they are (bit 7); stream; bytes of data,
 * which are repeated where the input ends.
 */
static inline size_t make_frames(const uint8_t *data, size_t size, char *out)
{
	size_t n = 0;

	while (size >= 3) {
		const uint8_t kind = data[0], *body = data + 3;
		const uint32_t want = kind & 0x40 ? data[2] * 256U : data[2];
		const struct vm_head h = { want, kind & 0x1f, data[1] };
		const size_t have = size - 3 < want ? size - 3 : want;
		if (n + sizeof(h) + want > LINE_MAX_BYTES)
			break;
		if (kind & 0x80 && size >= 8) {
			memcpy(out + n, data, 8);
			n += 8;
			data += 8;
			size -= 8;
			continue;
		}
		memcpy(out + n, &h, sizeof(h));
		n += sizeof(h);
		for (uint32_t i = 0; i < want; i++)
			out[n++] = have ? (char)body[i % have] : 'x';
		data += 3 + have;
		size -= 3 + have;
	}
	return n;
}

/* A line with all of it waiting at [0]; [1] is who sent it. */
static inline void open_line(const uint8_t *data, size_t size, int line[2])
{
	static char frames[LINE_MAX_BYTES];
	const size_t n = make_frames(data, size, frames);
	const int room = 1 << 20;

	(void)signal(SIGPIPE, SIG_IGN); /* as main.c does */
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, line) == 0, "no socket pair", "");
	(void)setsockopt(line[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	(void)fcntl(line[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(line[1], F_SETFL, O_NONBLOCK);
	must(n == 0 || write(line[1], frames, n) == (ssize_t)n, "a line without room", "");
}

/* What was said meanwhile is of no interest. */
static inline void drain(int fd)
{
	char data[65536];

	while (read(fd, data, sizeof(data)) > 0)
		;
}

#endif

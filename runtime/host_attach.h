/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_ATTACH_H
#define CTR_HOST_ATTACH_H

#include "base/err.h"
#include "host_notify.h"

/* A program in the foreground. */
struct attach {
	int pidfd;   /* of our own child */
	int signals; /* from signals_take() */
	int console; /* master of its terminal, or -1: it has our standard streams */
	struct notify *notify; /* what it says to a service manager is passed on; or NULL */
	void (*ended)(int status); /* told before it is reaped; or NULL */
};

/*
 * Gives a new terminal (its master; -1: nothing happens) the size of ours. Before the program starts: it may ask
 * for the size as the first thing it does.
 */
void host_window_size(int console);

/*
 * Passes signals, input, output and window size on until the program ends; our terminal is raw meanwhile
 * and restored in any case. Returns its exit status (128 + signal when killed).
 */
int host_attach(const struct attach *a, struct err *e) MUST_CHECK;

#endif

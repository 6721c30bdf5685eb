/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_BPF_SIM_H
#define CTR_TESTS_BPF_SIM_H

/*
 * An interpreter for the classic BPF of seccomp filters. It refuses what the kernel's checker refuses
 * (net/core/filter.c, kernel/seccomp.c), as far as filters of this project can go wrong.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Every jump lands inside, forward; every instruction is one of those below; the last one returns. */
static inline bool bpf_valid(const struct sock_filter *v, size_t n)
{
	if (n == 0 || n > BPF_MAXINSNS || BPF_CLASS(v[n - 1].code) != BPF_RET)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &v[i];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 || f->k >= sizeof(struct seccomp_data))
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			if (f->k >= n - i - 1)
				return false;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (f->jt >= n - i - 1 || f->jf >= n - i - 1)
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

static inline bool bpf_test(uint16_t op, uint32_t a, uint32_t k)
{
	switch (op) {
	case BPF_JEQ: return a == k;
	case BPF_JGT: return a > k;
	case BPF_JGE: return a >= k;
	default: return (a & k) != 0;
	}
}

/*
 * The answer of a valid program. *ret_looked is set when the way to it loads an argument: if it is not, no
 * argument can change the answer, since all decisions up to there were without one.
 */
static inline uint32_t bpf_run(const struct sock_filter *v, const struct seccomp_data *d, bool *ret_looked)
{
	uint32_t a = 0;

	for (size_t i = 0;; i++) {
		const struct sock_filter *f = &v[i];

		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			memcpy(&a, (const char *)d + f->k, sizeof(a));
			if (f->k >= offsetof(struct seccomp_data, args))
				*ret_looked = true;
			break;
		case BPF_ALU:
			a &= f->k;
			break;
		case BPF_RET:
			return f->k;
		default:
			if (BPF_OP(f->code) == BPF_JA)
				i += f->k;
			else
				i += bpf_test(BPF_OP(f->code), a, f->k) ? f->jt : f->jf;
		}
	}
}

#endif

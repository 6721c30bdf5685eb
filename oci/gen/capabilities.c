/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs at build time: libcap's names of the capabilities, by number, as a table in C. At run time libcap would ask the
 * kernel six questions before main(), also where no name is looked up, and a program that starts in a third of a
 * millisecond notices that.
 */
#include <ctype.h>
#include <stdio.h>
#include <sys/capability.h>

int main(void)
{
	if (printf("/* Made by oci/gen/capabilities.c: libcap's names. */\n#include \"oci/names.h\"\n\n"
		   "const char *const cap_names[] = {\n") < 0)
		return 1;
	for (cap_value_t i = 0; i <= CAP_LAST_CAP; i++) {
		char *name = cap_to_name(i);
		/* A number in place of a name: the library is older than the kernel's headers. */
		if (!name || name[0] != 'c')
			return fprintf(stderr, "libcap has no name for capability %d\n", i) < 0 ? 2 : 1;
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (printf("\t[%d] = \"%s\",\n", i, name) < 0)
			return 1;
		(void)cap_free(name);
	}
	return printf("};\nconst int cap_names_count = %d;\n", CAP_LAST_CAP + 1) < 0 || fflush(stdout) != 0;
}

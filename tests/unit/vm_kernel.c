/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels' images and modules: one that is put together here, and what is cut, wrong or of another kind. */
#include "../../runtime/vm_kernel.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../runtime/base/util.h"
#include "tap.h"

#define IMAGE_MAX 4096
#define PAYLOAD 0x300
#define BLOCK 400 /* bytes of the ELF program that is packed */

static char image[IMAGE_MAX], program[BLOCK];
static size_t image_n;

static void put_u32(char *at, uint32_t v) { memcpy(at, &v, sizeof(v)); }

/* An ELF program with one note, and a run of one letter that compresses. */
static void make_program(const char *note)
{
	const Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_phoff = sizeof(h), .e_phnum = 1 };
	const Elf64_Phdr p = { .p_type = PT_NOTE, .p_offset = sizeof(h) + sizeof(p), .p_filesz = 20 };
	const Elf64_Nhdr n = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 };

	memset(program, 'a', sizeof(program));
	memcpy(program, &h, sizeof(h));
	memcpy(program + sizeof(h), &p, sizeof(p));
	memcpy(program + p.p_offset, &n, sizeof(n));
	memcpy(program + p.p_offset + sizeof(n), note, 4);
	put_u32(program + p.p_offset + sizeof(n) + 4, 0x1000000);
}

/* As the kernel's build packs it: literals up to the run, the run as a match of itself, the last bytes as literals. */
static void make_image(void)
{
	const size_t literals = 150, match = BLOCK - literals - 5;
	char *p = image + (1 + 1) * 512 + PAYLOAD, *begin = p, *block;

	memset(image, 0, sizeof(image));
	image[0x1f1] = 1;
	memcpy(image + 0x202, "HdrS", 4);
	put_u32(p, 0x184c2102);
	block = p + 8;
	p = block;
	*p++ = (char)0xff;
	*p++ = (char)(literals - 15);
	memcpy(p, program, literals);
	p += literals;
	*p++ = 1;
	*p++ = 0;
	*p++ = (char)(match - 4 - 15);
	*p++ = 0x50;
	memcpy(p, program + BLOCK - 5, 5);
	p += 5;
	put_u32(begin + 4, (uint32_t)(p - block));
	put_u32(p, BLOCK);
	p += 4;
	put_u32(image + 0x248, PAYLOAD);
	put_u32(image + 0x24c, (uint32_t)(p - begin));
	image_n = (size_t)(p - image);
}

static bool unpacks(const char *p, size_t n)
{
	auto_strbuf struct strbuf b = { 0 };
	/* In memory that ends where it ends. */
	auto_free char *copy = malloc(n + 1);

	if (!copy)
		return false;
	memcpy(copy, p, n);
	return vm_kernel_unpack(copy, n, &b) && b.n == BLOCK && memcmp(b.p, program, BLOCK) == 0;
}

static void test_good(void)
{
	make_program("Xen");
	make_image();
	CHECK(unpacks(image, image_n));
}

static void test_kinds(void)
{
	make_program("GNU"); /* no entry without firmware: stays an image */
	make_image();
	CHECK(!unpacks(image, image_n));
	make_program("Xen");
	make_image();
	put_u32(image + 2 * 512 + PAYLOAD, 0xfd2fb528); /* another compression */
	CHECK(!unpacks(image, image_n));
	CHECK(!unpacks("", 0));
	CHECK(!unpacks(program, BLOCK));
}

/* Whatever is cut or changed is refused, or still a program; nothing is read beyond the end. */
static void test_broken(void)
{
	make_program("Xen");
	make_image();
	for (size_t n = 0; n < image_n; n++)
		CHECK(!unpacks(image, n));
	for (size_t i = 0x1f0; i < image_n; i++)
		for (int bit = 0; bit < 8; bit++) {
			auto_strbuf struct strbuf b = { 0 };
			image[i] = (char)(image[i] ^ 1 << bit);
			if (vm_kernel_unpack(image, image_n, &b))
				CHECK_INT(b.n, BLOCK);
			image[i] = (char)(image[i] ^ 1 << bit);
		}
	CHECK(unpacks(image, image_n));
}

static void test_compression(void)
{
	char *payload = image + (1 + 1) * 512 + PAYLOAD;

	make_program("Xen");
	make_image();
	CHECK(str_eq(vm_kernel_compression(image, image_n), "lz4"));
	memcpy(payload, "\x28\xb5\x2f\xfd", 4);
	CHECK(str_eq(vm_kernel_compression(image, image_n), "zstd"));
	memcpy(payload, "\xfd" "7zXZ", 5);
	CHECK(str_eq(vm_kernel_compression(image, image_n), "xz"));
	CHECK(!vm_kernel_compression(image, (size_t)(payload - image) + 2));
	put_u32(image + 0x248, 0xffffffff);
	CHECK(!vm_kernel_compression(image, image_n));
	CHECK(!vm_kernel_compression(program, sizeof(program)));
}

static void test_modules(void)
{
	static const char mark[] = "~Module signature appended~\n";
	char m[200] = "module";

	memset(m + 6, 's', 20); /* the signature, then its description */
	memset(m + 26, 0, 12);
	m[37] = 20;
	memcpy(m + 38, mark, sizeof(mark) - 1);
	const size_t n = 38 + sizeof(mark) - 1;
	CHECK_INT(vm_elf_trim(m, n), 6);
	CHECK_INT(vm_elf_trim(m, n - 1), n - 1);
	CHECK_INT(vm_elf_trim(m, 6), 6);
	m[34] = 1; /* longer than all of it */
	CHECK_INT(vm_elf_trim(m, n), n);
}

/* A header, two sections and their names; the second section is called .BTF. */
static size_t make_module(char *p, Elf64_Half type)
{
	static const char names[] = "\0.names\0.BTF";
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_type = type, .e_shentsize = sizeof(Elf64_Shdr) };
	const Elf64_Shdr s[2] = { { .sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = sizeof(h), .sh_size = sizeof(names) },
				  { .sh_name = 8, .sh_type = SHT_PROGBITS, .sh_offset = sizeof(h), .sh_size = 4 } };

	h.e_shoff = sizeof(h) + sizeof(names);
	h.e_shnum = 2;
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), names, sizeof(names));
	memcpy(p + h.e_shoff, s, sizeof(s));
	return h.e_shoff + sizeof(s);
}

static void test_types(void)
{
	char m[400], before[400];
	const char *names = m + sizeof(Elf64_Ehdr);
	Elf64_Shdr s;
	size_t n = make_module(m, ET_REL);

	CHECK_INT(vm_elf_trim(m, n), n);
	CHECK(str_eq(names + 1, ".names") && str_eq(names + 8, "-BTF"));
	/* Another type of file, a table that is cut, and names outside. */
	n = make_module(m, ET_CORE);
	memcpy(before, m, n);
	CHECK(vm_elf_trim(m, n) == n && memcmp(m, before, n) == 0);
	n = make_module(m, ET_REL);
	CHECK(vm_elf_trim(m, n - sizeof(s)) == n - sizeof(s) && str_eq(names + 8, ".BTF"));
	memcpy(&s, m + n - sizeof(s), sizeof(s));
	s.sh_name = 9;
	memcpy(m + n - sizeof(s), &s, sizeof(s));
	CHECK(vm_elf_trim(m, n) == n && str_eq(names + 8, ".BTF"));
	memcpy(&s, m + n - 2 * sizeof(s), sizeof(s));
	s.sh_offset = n;
	memcpy(m + n - 2 * sizeof(s), &s, sizeof(s));
	CHECK_INT(vm_elf_trim(m, n), n);
}

static void test_programs(void)
{
	char p[400] = "";
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_type = ET_DYN, .e_phoff = sizeof(h), .e_phnum = 1,
			 .e_phentsize = sizeof(Elf64_Phdr), .e_shoff = 300, .e_shnum = 1, .e_shentsize = sizeof(Elf64_Shdr) };
	Elf64_Phdr load = { .p_type = PT_LOAD, .p_offset = 0, .p_filesz = 200 };

	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), &load, sizeof(load));
	CHECK_INT(vm_elf_trim(p, sizeof(p)), 200);
	memcpy(&h, p, sizeof(h));
	CHECK(h.e_shoff == 0 && h.e_shnum == 0);
	CHECK_INT(vm_elf_trim(p, 100), 100); /* cut: as it is */
	load.p_filesz = UINT64_MAX;
	memcpy(p + sizeof(h), &load, sizeof(load));
	CHECK_INT(vm_elf_trim(p, sizeof(p)), sizeof(p));
}

static const struct tap_test tests[] = {
	{ "an image of LZ4", test_good },
	{ "other kinds stay as they are", test_kinds },
	{ "cut and changed images", test_broken },
	{ "the compression of an image", test_compression },
	{ "signatures of modules", test_modules },
	{ "types in modules", test_types },
	{ "programs without what is not loaded", test_programs },
};
TAP_MAIN("vm_kernel", tests)

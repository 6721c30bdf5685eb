/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_kernel.h. What is in an image is taken by its bounds: at worst it is not understood, and stays as it is. */
#include "vm_kernel.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

#define UNPACKED_MAX ((size_t)512 << 20)
#define LZ4_LEGACY 0x184c2102U /* magic of the format that the kernel uses (lz4's frame description, legacy frame) */
#define LZ4_BLOCK ((size_t)8 << 20)
#define XEN_NOTE_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY: where a machine without firmware begins */

static uint32_t u32_at(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* ---- LZ4: sequences of literals and of what was there before (lz4's block description) ---------------------------- */

/* A length that goes on in further bytes when its four bits are all set. False: the input ends. */
static bool read_length(const unsigned char **in, const unsigned char *end, size_t *n)
{
	unsigned char more = 255;

	if (*n != 15)
		return true;
	while (more == 255) {
		if (*in == end)
			return false;
		more = *(*in)++;
		*n += more;
	}
	return true;
}

/* Appends what one block holds; it refers to nothing before itself. */
static bool unpack_block(const unsigned char *in, size_t n, struct strbuf *out)
{
	const unsigned char *end = in + n;
	const size_t begin = out->n;

	while (in < end) {
		size_t literals = *in >> 4, match = *in & 15;
		in++;
		if (!read_length(&in, end, &literals) || literals > (size_t)(end - in))
			return false;
		strbuf_add(out, (const char *)in, literals);
		in += literals;
		if (in == end)
			break; /* the last sequence has no match */
		if (end - in < 2)
			return false;
		size_t back = in[0] | (size_t)in[1] << 8;
		in += 2;
		if (!read_length(&in, end, &match) || back == 0 || back > out->n - begin)
			return false;
		match += 4;
		if (out->failed || out->n - begin + match > LZ4_BLOCK)
			return false;
		while (match) { /* it may reach into what it makes */
			size_t piece = match < back ? match : back;
			char copy[256];
			piece = piece < sizeof(copy) ? piece : sizeof(copy);
			memcpy(copy, out->p + out->n - back, piece);
			strbuf_add(out, copy, piece);
			match -= piece;
		}
	}
	return !out->failed;
}

static bool unpack(const char *p, size_t n, struct strbuf *out)
{
	if (n < 12 || u32_at(p) != LZ4_LEGACY)
		return false;
	const uint32_t size = u32_at(p + n - 4); /* the kernel's build puts it behind the last block */
	for (size_t at = 4; at + 8 <= n;) {
		uint32_t block = u32_at(p + at);
		at += 4;
		if (block == 0 || block > n - 4 - at || out->n > UNPACKED_MAX ||
		    !unpack_block((const unsigned char *)p + at, block, out))
			return false;
		at += block;
	}
	return out->n == size;
}

/* ---- ELF ----------------------------------------------------------------------------------------------------- */

static bool has_entry(const char *p, size_t n)
{
	for (size_t at = 0; n - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr h;
		memcpy(&h, p + at, sizeof(h));
		at += sizeof(h);
		size_t name = ((size_t)h.n_namesz + 3) & ~(size_t)3, data = ((size_t)h.n_descsz + 3) & ~(size_t)3;
		if (name > n - at || data > n - at - name)
			return false;
		if (h.n_type == XEN_NOTE_ENTRY && h.n_namesz == 4 && memcmp(p + at, "Xen", 4) == 0)
			return true;
		at += name + data;
	}
	return false;
}

static bool can_be_entered(const char *p, size_t n)
{
	Elf64_Ehdr h;
	Elf64_Phdr ph;

	if (n < sizeof(h) || memcmp(p, ELFMAG, SELFMAG) != 0 || p[EI_CLASS] != ELFCLASS64)
		return false;
	memcpy(&h, p, sizeof(h));
	for (size_t i = 0; i < h.e_phnum; i++) {
		if (h.e_phoff > n || n - h.e_phoff < (i + 1) * sizeof(ph))
			return false;
		memcpy(&ph, p + h.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_NOTE && ph.p_offset <= n && ph.p_filesz <= n - ph.p_offset &&
		    has_entry(p + ph.p_offset, ph.p_filesz))
			return true;
	}
	return false;
}

/* Where the compressed program is; false: this is no such image. */
static bool find_payload(const char *image, size_t n, size_t *begin, size_t *size)
{
	if (n < 0x260 || memcmp(image + 0x202, "HdrS", 4) != 0)
		return false;
	*begin = ((size_t)(unsigned char)image[0x1f1] + 1) * 512 + u32_at(image + 0x248);
	*size = u32_at(image + 0x24c);
	return *begin <= n;
}

bool vm_kernel_unpack(const char *image, size_t n, struct strbuf *ret)
{
	size_t begin, size;

	return find_payload(image, n, &begin, &size) && size <= n - begin && unpack(image + begin, size, ret) &&
	       can_be_entered(ret->p, ret->n);
}

/* Of the kernel's scripts/extract-vmlinux: how each kind begins. */
const char *vm_kernel_compression(const char *image, size_t n)
{
	static const struct { const char *name, *magic; size_t n; } kinds[] = {
		{ "gzip", "\x1f\x8b", 2 },	{ "bzip2", "BZh", 3 },		   { "lzma", "\x5d\0\0", 3 },
		{ "xz", "\xfd" "7zXZ", 5 },	{ "lzo", "\x89LZO", 4 },	   { "lz4", "\x02\x21\x4c\x18", 4 },
		{ "zstd", "\x28\xb5\x2f\xfd", 4 },
	};
	size_t begin, size;

	for (size_t i = 0; find_payload(image, n, &begin, &size) && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (n - begin >= kinds[i].n && memcmp(image + begin, kinds[i].magic, kinds[i].n) == 0)
			return kinds[i].name;
	return NULL;
}

/* ---- modules (scripts/sign-file.c: the signature, its description, the mark) ----------------------------------------- */

static size_t without_signature(const char *module, size_t n)
{
	static const char mark[] = "~Module signature appended~\n";
	const size_t tail = sizeof(mark) - 1, head = 12;

	if (n < tail + head || memcmp(module + n - tail, mark, tail) != 0)
		return n;
	const unsigned char *l = (const unsigned char *)module + n - tail - 4; /* big-endian, the last of the description */
	const size_t signature = (size_t)l[0] << 24 | (size_t)l[1] << 16 | (size_t)l[2] << 8 | l[3];
	return signature <= n - tail - head ? n - tail - head - signature : n;
}

/* Section i of a file of n bytes, which has its header where it says and its content in the file. */
static bool section_at(const char *p, size_t n, const Elf64_Ehdr *h, size_t i, Elf64_Shdr *ret)
{
	if (h->e_shentsize != sizeof(*ret) || i >= h->e_shnum || h->e_shoff > n || n - h->e_shoff < (i + 1) * sizeof(*ret))
		return false;
	memcpy(ret, p + h->e_shoff + i * sizeof(*ret), sizeof(*ret));
	return ret->sh_offset <= n && (ret->sh_type == SHT_NOBITS || ret->sh_size <= n - ret->sh_offset);
}

/*
 * What a kernel does when it loads a module and these are there: it checks the types; looks, with a decoder of instructions,
 * at each place that returns or jumps by way of a thunk, to see whether this processor can do without; sorts the tables for
 * tracing its own stack; looks for the name of each function that could be traced. Without them the code stays as it was
 * compiled, which is right for any processor.
 */
static const char *const dear[] = { ".BTF",	    ".return_sites",  ".retpoline_sites", ".orc_unwind",
				    ".orc_unwind_ip", "__mcount_loc" };

static void hide_sections(char *p, size_t n, const Elf64_Ehdr *h)
{
	Elf64_Shdr names, s;

	if (!section_at(p, n, h, h->e_shstrndx, &names) || names.sh_type == SHT_NOBITS)
		return;
	for (size_t i = 0; section_at(p, n, h, i, &s); i++) {
		char *name = p + names.sh_offset + s.sh_name;
		for (size_t k = 0; s.sh_name < names.sh_size && k < sizeof(dear) / sizeof(dear[0]); k++)
			if (names.sh_size - s.sh_name > strlen(dear[k]) && memcmp(name, dear[k], strlen(dear[k]) + 1) == 0)
				*name = '-';
	}
}

/* Up to the end of what is loaded, and of the table that says so; the sections are behind that, if at all. */
static size_t loaded_size(char *p, size_t n, Elf64_Ehdr *h)
{
	size_t end = sizeof(*h);
	Elf64_Phdr ph;

	if (h->e_phentsize != sizeof(ph) || !h->e_phnum || h->e_phoff > n || n - h->e_phoff < h->e_phnum * sizeof(ph))
		return n;
	end = MAX(end, h->e_phoff + h->e_phnum * sizeof(ph));
	for (size_t i = 0; i < h->e_phnum; i++) {
		memcpy(&ph, p + h->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_offset > n || ph.p_filesz > n - ph.p_offset)
			return n;
		end = MAX(end, ph.p_offset + ph.p_filesz);
	}
	h->e_shoff = h->e_shnum = h->e_shstrndx = 0;
	memcpy(p, h, sizeof(*h));
	return end;
}

size_t vm_elf_trim(char *file, size_t n)
{
	Elf64_Ehdr h;

	n = without_signature(file, n);
	if (n < sizeof(h) || memcmp(file, ELFMAG, SELFMAG) != 0 || file[EI_CLASS] != ELFCLASS64)
		return n;
	memcpy(&h, file, sizeof(h));
	if (h.e_type == ET_EXEC || h.e_type == ET_DYN)
		return loaded_size(file, n, &h);
	if (h.e_type == ET_REL)
		hide_sections(file, n, &h);
	return n;
}
